//! Encodings of `.reg` files: byte order marks, decoding to WTF-8, and lossless encoding back.

use std::borrow::Cow;
use std::io;

use crate::wtf8;

/// How the bytes of a `.reg` file encode text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-16, little-endian, with a byte order mark, as regedit writes it.
    Utf16Le,
    /// UTF-16, big-endian, with a byte order mark.
    Utf16Be,
    /// UTF-8 with a byte order mark.
    Utf8Bom,
    /// UTF-8 without a byte order mark.
    Utf8,
    /// A Windows code page, as in `REGEDIT4` files.
    Ansi(&'static encoding_rs::Encoding),
}

impl Encoding {
    /// The byte order mark.
    #[must_use]
    pub fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf16Le => &[0xff, 0xfe],
            Self::Utf16Be => &[0xfe, 0xff],
            Self::Utf8Bom => &[0xef, 0xbb, 0xbf],
            Self::Utf8 | Self::Ansi(_) => &[],
        }
    }

    /// The usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Utf8Bom | Self::Utf8 => "UTF-8",
            Self::Ansi(codepage) => codepage.name(),
        }
    }

    /// The encoding whose byte order mark the bytes start with.
    pub(crate) fn marked(bytes: &[u8]) -> Option<Self> {
        [Self::Utf16Le, Self::Utf16Be, Self::Utf8Bom]
            .into_iter()
            .find(|encoding| bytes.starts_with(encoding.mark()))
    }
}

/// A decoded text, and the bytes that could not be decoded.
pub(crate) struct Decoded {
    /// The text in WTF-8. In UTF-8 and in code pages, each undecodable byte is kept as the unpaired
    /// surrogate U+DC00 + byte.
    pub(crate) text: Vec<u8>,
    /// Where in `text` the first such byte is, and its value.
    pub(crate) stray: Option<(usize, u8)>,
    /// The last byte of UTF-16 of odd length.
    pub(crate) odd: Option<u8>,
}

/// Decodes UTF-16 after its byte order mark piece by piece, so that not all bytes are in memory at
/// a time.
pub(crate) fn read_utf16(reader: impl io::Read, encoding: Encoding) -> io::Result<Decoded> {
    // One monomorphic function for each byte order, since it is called for each unit.
    match encoding {
        Encoding::Utf16Be => read_units(reader, u16::from_be_bytes),
        _ => read_units(reader, u16::from_le_bytes),
    }
}

fn read_units(
    mut reader: impl io::Read,
    unit: impl Fn([u8; 2]) -> u16 + Copy,
) -> io::Result<Decoded> {
    let mut text = vec![];
    let mut piece = vec![0; PIECE];
    let mut held = 0;
    loop {
        let end = match reader.read(&mut piece[held..]) {
            Ok(0) => break,
            Ok(length) => held + length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // An odd byte waits for the second byte of its unit, a leading surrogate for the trailing
        // one.
        let mut whole = end - end % 2;
        let last = piece[..whole].last_chunk::<2>();
        if last.is_some_and(|&last| (0xd800..0xdc00).contains(&unit(last))) {
            whole -= 2;
        }
        decode_utf16(&piece[..whole], unit, &mut text);
        piece.copy_within(whole..end, 0);
        held = end - whole;
    }
    let odd = decode_utf16(&piece[..held], unit, &mut text);
    Ok(Decoded { text, stray: None, odd })
}

/// Bytes per read.
const PIECE: usize = 256 << 10;

/// Decodes bytes after their byte order mark.
pub(crate) fn decode(bytes: &[u8], encoding: Encoding) -> Decoded {
    let mut text = Vec::with_capacity(match encoding {
        Encoding::Utf16Le | Encoding::Utf16Be => bytes.len() / 2,
        _ => bytes.len(),
    });
    let mut decoded = Decoded { text: vec![], stray: None, odd: None };
    match encoding {
        Encoding::Utf16Le => decoded.odd = decode_utf16(bytes, u16::from_le_bytes, &mut text),
        Encoding::Utf16Be => decoded.odd = decode_utf16(bytes, u16::from_be_bytes, &mut text),
        Encoding::Utf8 | Encoding::Utf8Bom => {
            for chunk in bytes.utf8_chunks() {
                text.extend_from_slice(chunk.valid().as_bytes());
                decoded.keep(&mut text, chunk.invalid());
            }
        }
        Encoding::Ansi(codepage) => {
            for line in bytes.split_inclusive(|&byte| byte == b'\n') {
                decode_ansi(line, codepage, &mut decoded, &mut text);
            }
        }
    }
    decoded.text = text;
    decoded
}

impl Decoded {
    fn keep(&mut self, text: &mut Vec<u8>, strays: &[u8]) {
        for &byte in strays {
            self.stray.get_or_insert((text.len(), byte));
            wtf8::push_surrogate(text, STRAY + u16::from(byte));
        }
    }
}

/// The unpaired surrogate that represents the byte 0.
const STRAY: u16 = 0xdc00;

/// Units checked in one step: enough for the compiler to vectorise the loop.
const BLOCK: usize = 64;

fn decode_utf16(
    bytes: &[u8],
    unit: impl Fn([u8; 2]) -> u16 + Copy,
    text: &mut Vec<u8>,
) -> Option<u8> {
    let (mut rest, odd) = bytes.as_chunks::<2>();
    while !rest.is_empty() {
        // Fast path for ASCII, which is nearly all of nearly every file.
        while let Some(block) = rest.first_chunk::<BLOCK>() {
            let (mut ascii, mut all) = ([0; BLOCK], 0);
            for (byte, &pair) in ascii.iter_mut().zip(block) {
                all |= unit(pair);
                *byte = unit(pair) as u8;
            }
            if all >= 0x80 {
                break;
            }
            text.extend_from_slice(&ascii);
            rest = &rest[BLOCK..];
        }
        let ascii = rest.iter().take(BLOCK).take_while(|&&pair| unit(pair) < 0x80).count();
        text.extend(rest[..ascii].iter().map(|&pair| unit(pair) as u8));
        rest = &rest[ascii..];
        let other = rest.iter().take_while(|&&pair| unit(pair) >= 0x80).count();
        wtf8::push_units(text, rest[..other].iter().map(|&pair| unit(pair)));
        rest = &rest[other..];
    }
    odd.first().copied()
}

/// Code pages are decoded so that encoding gives the same bytes: a sequence that has no character,
/// or that shares its character with another sequence, is kept as stray bytes.
fn decode_ansi(
    bytes: &[u8],
    codepage: &'static encoding_rs::Encoding,
    decoded: &mut Decoded,
    text: &mut Vec<u8>,
) {
    if let Some(whole) = exactly(bytes, codepage) {
        text.extend_from_slice(whole.as_bytes());
        return;
    }
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        if first.is_ascii() {
            text.push(*first);
            rest = &rest[1..];
            continue;
        }
        // The longest sequences of the supported code pages, those of GB 18030, have four bytes.
        let character = (1..=rest.len().min(4)).find_map(|length| {
            let character = exactly(&rest[..length], codepage)?;
            Some((length, character))
        });
        match character {
            Some((length, character)) => {
                text.extend_from_slice(character.as_bytes());
                rest = &rest[length..];
            }
            None => {
                // A sequence that shares its character with another sequence is valid text, so it
                // is no error.
                let known = (1..=rest.len().min(4)).find(|&length| {
                    codepage
                        .decode_without_bom_handling_and_without_replacement(&rest[..length])
                        .is_some()
                });
                let stray = decoded.stray;
                decoded.keep(text, &rest[..known.unwrap_or(1)]);
                if known.is_some() {
                    decoded.stray = stray;
                }
                rest = &rest[known.unwrap_or(1)..];
            }
        }
    }
}

fn exactly<'a>(bytes: &'a [u8], codepage: &'static encoding_rs::Encoding) -> Option<Cow<'a, str>> {
    let text = codepage.decode_without_bom_handling_and_without_replacement(bytes)?;
    let (back, _, unmappable) = codepage.encode(&text);
    (!unmappable && *back == *bytes).then_some(text)
}

/// Appends the bytes of a text, without byte order mark; the reverse of [`decode`].
///
/// Fails with the first character that the encoding does not have.
pub(crate) fn encode(text: &[u8], encoding: Encoding, bytes: &mut Vec<u8>) -> Result<(), String> {
    match encoding {
        Encoding::Utf16Le => encode_utf16(text, u16::to_le_bytes, bytes),
        Encoding::Utf16Be => encode_utf16(text, u16::to_be_bytes, bytes),
        Encoding::Utf8 | Encoding::Utf8Bom => {
            for (valid, surrogate) in wtf8::segments(text) {
                bytes.extend_from_slice(valid.as_bytes());
                bytes.extend(surrogate.map(unkeep).transpose()?);
            }
        }
        Encoding::Ansi(codepage) => {
            for (valid, surrogate) in wtf8::segments(text) {
                let (encoded, _, unmappable) = codepage.encode(valid);
                if unmappable {
                    return Err(first_unmappable(valid, codepage));
                }
                bytes.extend_from_slice(&encoded);
                bytes.extend(surrogate.map(unkeep).transpose()?);
            }
        }
    }
    Ok(())
}

fn encode_utf16(text: &[u8], bytes_of: impl Fn(u16) -> [u8; 2] + Copy, bytes: &mut Vec<u8>) {
    let mut rest = text;
    while !rest.is_empty() {
        let (ascii, further) = rest.split_at(ascii_len(rest));
        for part in ascii.chunks(BLOCK) {
            let mut units = [[0; 2]; BLOCK];
            for (unit, &byte) in units.iter_mut().zip(part) {
                *unit = bytes_of(byte.into());
            }
            bytes.extend_from_slice(units[..part.len()].as_flattened());
        }
        let other = further.iter().take_while(|byte| !byte.is_ascii()).count();
        let (other, further) = further.split_at(other);
        bytes.extend(wtf8::units(other).flat_map(bytes_of));
        rest = further;
    }
}

fn ascii_len(text: &[u8]) -> usize {
    let (blocks, _) = text.as_chunks::<BLOCK>();
    let whole = blocks.iter().take_while(|block| block.is_ascii()).count() * BLOCK;
    whole + text[whole..].iter().take_while(|byte| byte.is_ascii()).count()
}

/// Appends the text as little-endian UTF-16.
pub(crate) fn push_utf16le(text: &[u8], bytes: &mut Vec<u8>) {
    encode_utf16(text, u16::to_le_bytes, bytes);
}

/// The stray byte that a surrogate represents.
fn unkeep(surrogate: u16) -> Result<u8, String> {
    surrogate
        .checked_sub(STRAY)
        .and_then(|byte| u8::try_from(byte).ok())
        .ok_or_else(|| format!("\\u{{{surrogate:x}}}"))
}

fn first_unmappable(text: &str, codepage: &'static encoding_rs::Encoding) -> String {
    text.chars()
        .map(String::from)
        .find(|character| codepage.encode(character).2)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_KR, GB18030, GBK, SHIFT_JIS, WINDOWS_1252, WINDOWS_1253};
    use proptest::prelude::*;

    use super::*;

    fn any_encoding() -> impl Strategy<Value = Encoding> {
        prop::sample::select(vec![
            Encoding::Utf16Le,
            Encoding::Utf16Be,
            Encoding::Utf8,
            Encoding::Utf8Bom,
            Encoding::Ansi(WINDOWS_1252),
            Encoding::Ansi(WINDOWS_1253),
            Encoding::Ansi(SHIFT_JIS),
            Encoding::Ansi(GBK),
            Encoding::Ansi(GB18030),
            Encoding::Ansi(BIG5),
            Encoding::Ansi(EUC_KR),
        ])
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>, encoding in any_encoding()) {
            let decoded = decode(&bytes, encoding);
            let mut back = vec![];
            prop_assert_eq!(encode(&decoded.text, encoding, &mut back), Ok(()));
            back.extend(decoded.odd);
            prop_assert_eq!(back, bytes);
        }
    }

    #[test]
    fn a_trail_byte_5c_is_not_taken_for_a_backslash() {
        // U+8868 is 95 5C in Shift JIS.
        let decoded = decode(b"\x95\\\\", Encoding::Ansi(SHIFT_JIS));
        assert_eq!(decoded.text, "\u{8868}\\".as_bytes());
        assert_eq!(decoded.stray, None);
    }

    #[test]
    fn undecodable_bytes_are_reported() {
        assert_eq!(decode(b"ab\xffc", Encoding::Utf8).stray, Some((2, 0xff)));
        assert_eq!(decode(b"\xd2", Encoding::Ansi(WINDOWS_1253)).stray, Some((0, 0xd2)));
        assert_eq!(decode(b"a\0b", Encoding::Utf16Le).odd, Some(b'b'));
    }

    #[test]
    fn a_character_missing_from_the_encoding_is_named_in_the_error() {
        let missing = encode("a\u{3b1}".as_bytes(), Encoding::Ansi(WINDOWS_1252), &mut vec![]);
        assert_eq!(missing, Err("\u{3b1}".into()));
    }
}
