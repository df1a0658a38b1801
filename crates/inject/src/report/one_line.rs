//! Names in a report that has a line for each.

use std::fmt::{self, Display, Write};

/// Shows line breaks of the inner text as `\n` and `\r`, so that it stays one line. Everything else is as it
/// is: whoever prints a report to a terminal escapes the rest.
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(['\n', '\r']) {
            self.0.write_str(&rest[..at])?;
            self.0.write_str(if rest[at..].starts_with('\n') { r"\n" } else { r"\r" })?;
            rest = &rest[at + 1..];
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_line() {
        for (text, shown) in [
            ("a\nb\r\n", r"a\nb\r\n"),
            ("\n\n", r"\n\n"),
            ("a\u{1b}[m\tb\\", "a\u{1b}[m\tb\\"),
            ("", ""),
        ] {
            assert_eq!(OneLine(text).to_string(), shown);
        }
    }
}
