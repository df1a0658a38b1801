//! Text within HTML.

use std::fmt::{self, Display, Write};

/// Text that adds no element, attribute or control character to a page.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|letter| self.write_char(letter))
    }

    fn write_char(&mut self, letter: char) -> fmt::Result {
        match letter {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            letter if hides(letter) => write!(self.0, "{}", letter.escape_unicode()),
            letter => self.0.write_char(letter),
        }
    }
}

/// Whether a letter is not seen, but changes how others are seen: control characters, and those that turn the
/// direction of writing.
fn hides(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_adds_no_markup() {
        for (text, expected) in [
            ("<b a='\"'>&", "&lt;b a=&#39;&quot;&#39;&gt;&amp;"),
            ("a\u{1b}\n\u{202e}b", r"a\u{1b}\u{a}\u{202e}b"),
            ("Ä ok", "Ä ok"),
        ] {
            assert_eq!(Escaped(text).to_string(), expected);
        }
    }
}
