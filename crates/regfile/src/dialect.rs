//! The dialect of a file (header version and code page), which decides what quoted text and
//! `hex(n):` bytes mean.

use winpe_registry::{NtString, ValueType};

use crate::encoding::{Encoding, encode, push_utf16le};
use crate::lexer::{is_text, skip_blanks, unescape};
use crate::render::Layout;
use crate::wtf8;

/// The version that the header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `REGEDIT4`: the bytes of text values are in a code page.
    V4,
    /// `Windows Registry Editor Version 5.00`: the bytes of text values are UTF-16.
    V5,
}

impl Version {
    /// The header line.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::V4 => "REGEDIT4",
            Self::V5 => "Windows Registry Editor Version 5.00",
        }
    }

    /// The version of which this line is the header. Case, white space around the line, and a
    /// comment after it do not matter.
    pub(crate) fn of_header(line: &[u8]) -> Option<Self> {
        let line = &line[skip_blanks(line, 0)..];
        [Self::V4, Self::V5].into_iter().find(|version| {
            line.strip_prefix(version.header().as_bytes())
                .is_some_and(|after| matches!(after.get(skip_blanks(after, 0)), None | Some(b';')))
        })
    }
}

/// The properties of a file that decide what its text means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) version: Version,
    pub(crate) encoding: Encoding,
    pub(crate) codepage: &'static encoding_rs::Encoding,
}

impl Dialect {
    /// What a file in this dialect can represent, with line breaks of this kind.
    pub(crate) fn layout(self) -> Layout {
        let surrogates = matches!(self.encoding, Encoding::Utf16Le | Encoding::Utf16Be);
        Layout {
            line_break: if surrogates { b"\r\n" } else { b"\n" },
            surrogates,
            codepage: (self.version == Version::V4).then_some(self.codepage),
            marks_exact: true,
        }
    }

    /// Appends the code units of a text.
    pub(crate) fn push_units(self, text: &[u8], units: &mut Vec<u16>) {
        if text.is_ascii() {
            units.extend(text.iter().map(|&byte| u16::from(byte)));
            return;
        }
        if let Encoding::Ansi(codepage) = self.encoding
            && !wtf8::is_utf8(text)
        {
            let mut bytes = Vec::with_capacity(text.len());
            if encode(text, self.encoding, &mut bytes).is_ok() {
                units.extend(codepage.decode_without_bom_handling(&bytes).0.encode_utf16());
                return;
            }
        }
        units.extend(wtf8::units(text));
    }

    /// Appends the code units of the text between two quotes.
    pub(crate) fn push_string(self, quoted: &[u8], units: &mut Vec<u16>) {
        if quoted.contains(&b'\\') {
            self.push_units(&unescape(quoted), units);
        } else {
            self.push_units(quoted, units);
        }
    }

    /// Appends the data that regedit stores for the text between two quotes.
    pub(crate) fn push_sz(self, quoted: &[u8], data: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Ansi(_) if !quoted.is_ascii() => {
                let mut units = vec![];
                self.push_string(quoted, &mut units);
                data.extend_from_slice(&NtString::from_units(units).to_utf16le());
            }
            _ if quoted.contains(&b'\\') => push_utf16le(&unescape(quoted), data),
            _ => push_utf16le(quoted, data),
        }
        data.extend_from_slice(&[0, 0]);
    }

    /// Turns the bytes of `hex(ty):` into the data that regedit stores for them.
    pub(crate) fn complete(self, ty: ValueType, data: &mut Vec<u8>) {
        if !is_text(ty.0) || data.is_empty() {
            return;
        }
        match self.version {
            Version::V4 => {
                if data.last() != Some(&0) {
                    data.push(0);
                }
                let (text, _) = self.codepage.decode_without_bom_handling(data);
                *data = NtString::from(&*text).to_utf16le();
            }
            Version::V5 => {
                if data.len() % 2 == 1 {
                    data.push(0);
                }
                if !data.ends_with(&[0, 0]) {
                    data.extend_from_slice(&[0, 0]);
                }
            }
        }
    }
}

/// Whether regedit stores other data for `hex(ty):` with these bytes.
pub(crate) fn is_completed(ty: ValueType, data: &[u8]) -> bool {
    is_text(ty.0) && !data.is_empty() && (data.len() % 2 == 1 || !data.ends_with(&[0, 0]))
}
