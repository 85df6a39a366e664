//! Cursors: opaque to the caller, and useless anywhere but in the list that issued them (CONTRACT §2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use subtle::ConstantTimeEq as _;

/// Longest position a cursor carries: an id.
const POSITION_BYTES_MAX: usize = 64;

/// Bytes of the MAC kept in a cursor: beyond guessing, and short in a URL.
const MAC_BYTES: usize = 16;

/// What seals cursors; the same on every node that shares the encryption key.
pub struct CursorKey(hmac::Key);

impl CursorKey {
    /// Derives the key from the service's encryption key.
    pub fn derive(encryption_key: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, encryption_key);
        Self(hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, b"sellvik cursor").as_ref()))
    }

    /// The cursor for going on behind `position` in the list that `list` names: its route, shop and filter.
    pub fn seal(&self, list: &str, position: &[u8]) -> String {
        let mut bytes = position.to_vec();
        bytes.extend_from_slice(&self.mac(list, position).as_ref()[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor that [`CursorKey::seal`] made for the same list; none for any other text.
    pub fn open(&self, list: &str, cursor: &str) -> Option<Vec<u8>> {
        if cursor.len() > 2 * (POSITION_BYTES_MAX + MAC_BYTES) {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (position, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let expected = self.mac(list, position);
        bool::from(mac.ct_eq(&expected.as_ref()[..MAC_BYTES])).then(|| position.to_vec())
    }

    fn mac(&self, list: &str, position: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(list.as_bytes());
        context.update(b"\0");
        context.update(position);
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_opens_only_its_own_list() {
        let key = CursorKey::derive(&[1; 32]);
        let cursor = key.seal("deliveries/wh_1?status=failed", b"position");
        assert_eq!(key.open("deliveries/wh_1?status=failed", &cursor).as_deref(), Some(&b"position"[..]));
        assert_eq!(key.open("deliveries/wh_2?status=failed", &cursor), None);
        assert_eq!(CursorKey::derive(&[2; 32]).open("deliveries/wh_1?status=failed", &cursor), None);
    }

    proptest! {
        #[test]
        fn no_other_text_opens(text in "\\PC{0,120}", flip in 0..30_usize) {
            let key = CursorKey::derive(&[1; 32]);
            let cursor = key.seal("list", &[7; 16]);
            prop_assert!(text == cursor || key.open("list", &text).is_none());
            let mut bytes = cursor.into_bytes();
            bytes[flip] = if bytes[flip] == b'A' { b'B' } else { b'A' };
            prop_assert_eq!(key.open("list", &String::from_utf8_lossy(&bytes)), None);
        }
    }
}
