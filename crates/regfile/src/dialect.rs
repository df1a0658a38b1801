use std::borrow::Cow;

use winpe_registry::{NtString, ValueType};

use crate::encoding::{Encoding, encode, utf16le};
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

    /// The version for which a line is the header: case counts, white space around it and a comment
    /// behind it do not.
    pub(crate) fn of_header(line: &[u8]) -> Option<Self> {
        let line = &line[skip_blanks(line, 0)..];
        [Self::V4, Self::V5].into_iter().find(|version| {
            line.strip_prefix(version.header().as_bytes()).is_some_and(|behind| {
                matches!(behind.get(skip_blanks(behind, 0)), None | Some(b';'))
            })
        })
    }
}

/// What one file's text means, beyond the text itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) version: Version,
    pub(crate) encoding: Encoding,
    pub(crate) codepage: &'static encoding_rs::Encoding,
}

impl Dialect {
    /// What a file in this dialect can hold, with the line breaks of its kind.
    pub(crate) fn layout(self) -> Layout {
        let surrogates = matches!(self.encoding, Encoding::Utf16Le | Encoding::Utf16Be);
        Layout {
            line_break: if surrogates { b"\r\n" } else { b"\n" },
            surrogates,
            codepage: (self.version == Version::V4).then_some(self.codepage),
        }
    }

    /// The code units of a text.
    pub(crate) fn units(self, text: &[u8]) -> Vec<u16> {
        if text.is_ascii() {
            return text.iter().map(|&byte| byte.into()).collect();
        }
        if let Encoding::Ansi(codepage) = self.encoding
            && !wtf8::is_utf8(text)
        {
            let mut bytes = Vec::with_capacity(text.len());
            if encode(text, self.encoding, &mut bytes).is_ok() {
                return codepage.decode_without_bom_handling(&bytes).0.encode_utf16().collect();
            }
        }
        wtf8::units(text).collect()
    }

    /// The code units of what stands between quotes.
    pub(crate) fn string(self, quoted: &[u8]) -> Vec<u16> {
        if quoted.contains(&b'\\') { self.units(&unescape(quoted)) } else { self.units(quoted) }
    }

    /// The data that regedit stores for what stands between quotes.
    pub(crate) fn sz(self, quoted: &[u8]) -> Vec<u8> {
        let plain = if quoted.contains(&b'\\') {
            Cow::Owned(unescape(quoted))
        } else {
            Cow::Borrowed(quoted)
        };
        let mut data = match self.encoding {
            Encoding::Ansi(_) if !plain.is_ascii() => {
                NtString::from_units(self.units(&plain)).to_utf16le()
            }
            _ => utf16le(&plain),
        };
        data.extend([0, 0]);
        data
    }

    /// The data that regedit stores for the bytes of `hex(ty):`.
    pub(crate) fn stored(self, ty: ValueType, mut bytes: Vec<u8>) -> Vec<u8> {
        if !is_text(ty.0) || bytes.is_empty() {
            return bytes;
        }
        match self.version {
            Version::V4 => {
                if bytes.last() != Some(&0) {
                    bytes.push(0);
                }
                let (text, _) = self.codepage.decode_without_bom_handling(&bytes);
                NtString::from(&*text).to_utf16le()
            }
            Version::V5 => {
                if bytes.len() % 2 == 1 {
                    bytes.push(0);
                }
                if !bytes.ends_with(&[0, 0]) {
                    bytes.extend([0, 0]);
                }
                bytes
            }
        }
    }
}

/// Whether regedit would store other data than these for `hex(ty):` with these bytes.
pub(crate) fn is_completed(ty: ValueType, data: &[u8]) -> bool {
    is_text(ty.0) && !data.is_empty() && (data.len() % 2 == 1 || !data.ends_with(&[0, 0]))
}
