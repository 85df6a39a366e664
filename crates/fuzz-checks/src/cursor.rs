//! `cursor`: a line of any text, and a list, a position and a change to make to a genuine cursor.

use sellvik_domain::CursorKey;

use crate::input::Input;

/// Longest position that any list has need of.
const POSITION_BYTES_MAX: usize = 64;

pub(crate) fn check(data: &[u8]) {
    let key = CursorKey::derive(&[7; 32]);
    let list = "deliveries/wh_1?status=failed";
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(position) = key.open(list, text)
    {
        assert_eq!(key.seal(list, &position), text, "opened, but not issued");
    }
    let mut input = Input::new(data);
    let (change, place, bit) = (input.byte(), usize::from(input.byte()), input.byte() % 8);
    let list = String::from_utf8_lossy(input.line()).into_owned();
    let position = input.rest();
    let position = &position[..position.len().min(POSITION_BYTES_MAX)];
    let cursor = key.seal(&list, position);
    assert_eq!(key.open(&list, &cursor).as_deref(), Some(position));
    assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{cursor}");
    opens_nothing_else(&key, &list, &cursor);
    let changed = changed(&cursor, change, place, bit);
    if changed != cursor {
        assert_eq!(key.open(&list, &changed), None, "{cursor} became {changed}");
    }
}

/// Another list, another service.
fn opens_nothing_else(key: &CursorKey, list: &str, cursor: &str) {
    for other in [format!("{list}x"), format!("x{list}"), format!("{list}\0"), String::new()] {
        assert!(other == list || key.open(&other, cursor).is_none(), "{list:?} opened as {other:?}");
    }
    assert_eq!(CursorKey::derive(&[8; 32]).open(list, cursor), None);
}

fn changed(cursor: &str, change: u8, place: usize, bit: u8) -> String {
    let mut bytes = cursor.as_bytes().to_vec();
    let place = place % bytes.len();
    match change % 6 {
        0 => bytes[place] ^= 1 << bit,
        1 => bytes.truncate(place),
        2 => bytes.insert(place, b'A' + bit),
        3 => drop(bytes.remove(place)),
        4 => bytes.rotate_left(place),
        _ => bytes.extend_from_slice(&b"====AAAA"[..=usize::from(bit)]),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
