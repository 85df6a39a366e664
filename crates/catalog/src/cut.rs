//! Text that may hold someone else's data, cut to a length fit for a log line or an answer.

use std::fmt::{self, Display, Write};

/// Long enough for any sentence about a schema, short enough that a page of them stays readable.
pub const TEXT_MAX_CHARS: usize = 300;

/// What `value` displays, at most [`TEXT_MAX_CHARS`] characters of it and then an ellipsis.
///
/// Formatting stops at the bound: a value of megabytes is never written out to be thrown away.
pub fn cut(value: impl Display) -> String {
    let mut writer = Writer { text: String::new(), chars_left: TEXT_MAX_CHARS };
    if write!(writer, "{value}").is_err() {
        writer.text.push('…');
    }
    writer.text
}

struct Writer {
    text: String,
    chars_left: usize,
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.chars_left = self.chars_left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(character);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{TEXT_MAX_CHARS, cut};

    #[test]
    fn short_text_is_left_alone() {
        assert_eq!(cut("Kadıköy"), "Kadıköy");
        let exact = "ş".repeat(TEXT_MAX_CHARS);
        assert_eq!(cut(&exact), exact);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = cut("ğ".repeat(TEXT_MAX_CHARS + 1));
        assert_eq!(text.chars().count(), TEXT_MAX_CHARS + 1);
        assert!(text.ends_with("ğ…"));
    }
}
