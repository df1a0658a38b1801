//! What regedit does with a file as a whole: encodings and headers that it does not take, and we do.

use crate::lexer::{line_end, skip_blanks};
use crate::span::locate;
use crate::{Document, Encoding, Finding, Reason, Version};

impl Document {
    /// Why regedit refuses the whole file, or misreads its text, though it is read here. It is `None` for what
    /// lenient mode finds too, such as a file without a header.
    ///
    /// A finding with [`is_skipped`](Finding::is_skipped) is of a file of which regedit imports nothing.
    ///
    /// ```
    /// use winpe_regfile::{Document, ParseOptions};
    /// let text = b"\xef\xbb\xbfWindows Registry Editor Version 5.00\n";
    /// let document = Document::parse(text, &ParseOptions::default())?;
    /// assert!(document.regedit_finding().expect("regedit refuses it").is_skipped);
    /// # Ok::<(), winpe_regfile::ParseError>(())
    /// ```
    #[must_use]
    pub fn regedit_finding(&self) -> Option<Finding> {
        if !self.importable {
            return None;
        }
        let (at, reason, is_skipped) = self.misread()?;
        let span = locate(&self.text, 0, 1, at);
        Some(Finding::new(&self.text, span, reason, is_skipped))
    }

    fn misread(&self) -> Option<(usize, Reason, bool)> {
        match self.encoding() {
            encoding @ (Encoding::Utf8Bom | Encoding::Utf16Be) => {
                return Some((0, Reason::MarkRefused { encoding: encoding.name() }, true));
            }
            // Its bytes are characters of the code page of the machine on which regedit runs.
            Encoding::Utf8 => {
                if let Some(at) = self.text.iter().position(|byte| !byte.is_ascii()) {
                    return Some((at, Reason::NotAscii, false));
                }
            }
            Encoding::Utf16Le | Encoding::Ansi(_) => {}
        }
        let header = self.version().header().len();
        let start = skip_blanks(&self.text, 0);
        let end = line_end(&self.text, start);
        // With a comment or blanks after the header of version 4, Windows' own tests have a file that is void.
        (start + header < end).then(|| {
            let is_skipped = self.version() == Version::V4;
            (start + header, Reason::AfterHeader, is_skipped)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParseOptions;

    fn finding(bytes: &[u8]) -> Option<Finding> {
        Document::parse(bytes, &ParseOptions::lenient()).unwrap().regedit_finding()
    }

    #[test]
    fn files_that_regedit_takes_have_no_finding() {
        for bytes in [
            &b"Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\a]\r\n"[..],
            b"REGEDIT4\n\n[HKEY_CURRENT_USER\\\xe9]\n",
            b"\xff\xfeR\0E\0G\0E\0D\0I\0T\x004\0\n\0;\0\xe9\0",
            b"  REGEDIT4\r\n",
            // Lenient mode finds these by itself.
            b"REGEDIT 4\n",
            b"",
        ] {
            assert_eq!(finding(bytes), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn files_that_regedit_refuses_or_misreads_have_one() {
        for (bytes, column, is_skipped) in [
            (&b"\xef\xbb\xbfWindows Registry Editor Version 5.00\n"[..], 1, true),
            (b"\xef\xbb\xbfREGEDIT4\n", 1, true),
            (b"\xfe\xff\0R\0E\0G\0E\0D\0I\0T\x004\0\n", 1, true),
            (b"Windows Registry Editor Version 5.00 ;\xc3\xa9\n", 39, false),
            (b"Windows Registry Editor Version 5.00 \n", 37, false),
            (b"Windows Registry Editor Version 5.00\t; x\n", 37, false),
            (b"REGEDIT4 \r\n", 9, true),
        ] {
            let found = finding(bytes).unwrap_or_else(|| panic!("{}", bytes.escape_ascii()));
            assert_eq!(
                (found.span.line, found.span.column, found.is_skipped),
                (1, column, is_skipped),
                "{found}"
            );
        }
        let found =
            finding(b"Windows Registry Editor Version 5.00\n\n[HKEY_CURRENT_USER\\\xc3\xa4]\n");
        assert_eq!(found.map(|found| (found.span.line, found.span.column)), Some((3, 20)));
    }
}
