//! Text inside this crate is WTF-8: UTF-8 in which an unpaired surrogate is encoded as three bytes.
//!
//! So a UTF-16 file is preserved unit for unit, syntax is plain ASCII bytes, and a usual file takes
//! one byte for a character.

/// Appends UTF-16 code units.
pub(crate) fn push_units(text: &mut Vec<u8>, units: impl IntoIterator<Item = u16>) {
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(character) => push_char(text, character),
            Err(lone) => push_surrogate(text, lone.unpaired_surrogate()),
        }
    }
}

/// Appends one character.
pub(crate) fn push_char(text: &mut Vec<u8>, character: char) {
    if character.is_ascii() {
        text.push(character as u8);
    } else {
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Appends a surrogate without its partner.
pub(crate) fn push_surrogate(text: &mut Vec<u8>, unit: u16) {
    let low = |bits: u16| 0x80 | (bits & 0x3f) as u8;
    text.extend([0xe0 | (unit >> 12) as u8, low(unit >> 6), low(unit)]);
}

/// The code units of a WTF-8 text.
pub(crate) fn units(text: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let mut second_half = None;
    let mut at = 0;
    std::iter::from_fn(move || {
        if let Some(unit) = second_half.take() {
            return Some(unit);
        }
        let (code, length) = code_point(text.get(at..)?)?;
        at += length;
        Some(match u16::try_from(code) {
            Ok(unit) => unit,
            Err(_) => {
                let above = code - 0x1_0000;
                second_half = Some(0xdc00 | (above & 0x3ff) as u16);
                0xd800 | (above >> 10 & 0x3ff) as u16
            }
        })
    })
}

/// The first code point, surrogates included, and its length in bytes.
pub(crate) fn code_point(text: &[u8]) -> Option<(u32, usize)> {
    let first = u32::from(*text.first()?);
    let tail = |index: usize| u32::from(text.get(index).copied().unwrap_or(0)) & 0x3f;
    Some(match first {
        0..=0x7f => (first, 1),
        0x80..=0xdf => ((first & 0x1f) << 6 | tail(1), 2),
        0xe0..=0xef => ((first & 0x0f) << 12 | tail(1) << 6 | tail(2), 3),
        _ => (((first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)).max(0x1_0000), 4),
    })
}

/// Splits the text into pieces of valid UTF-8; each but the last is followed by an unpaired
/// surrogate.
pub(crate) fn segments(text: &[u8]) -> impl Iterator<Item = (&str, Option<u16>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let valid_up_to = std::str::from_utf8(text).err().map(|error| error.valid_up_to());
        let (valid, surrogate) = text.split_at(valid_up_to.unwrap_or(text.len()));
        rest = valid_up_to.and(surrogate.get(3..));
        let surrogate = code_point(surrogate).and_then(|(code, _)| u16::try_from(code).ok());
        Some((std::str::from_utf8(valid).unwrap_or_default(), surrogate))
    })
}

/// The first characters of a text, about `length` bytes.
pub(crate) fn chunk(text: &[u8], length: usize) -> &[u8] {
    let is_start = |&at: &usize| text[at] & 0xc0 != 0x80;
    let end = (length..text.len()).find(is_start).unwrap_or(text.len());
    &text[..end]
}

/// The number of characters; an unpaired surrogate counts as one.
pub(crate) fn count(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

/// For people: an unpaired surrogate shows as U+FFFD.
pub(crate) fn lossy(text: &[u8]) -> String {
    char::decode_utf16(units(text))
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Whether UTF-8 can hold the text.
pub(crate) fn is_utf8(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn units_come_back(original in prop::collection::vec(
            prop_oneof![any::<u16>(), 0xd7f0u16..0xe010],
            0..40,
        )) {
            let mut text = vec![];
            push_units(&mut text, original.iter().copied());
            prop_assert_eq!(units(&text).collect::<Vec<_>>(), &original[..]);
            prop_assert_eq!(lossy(&text), String::from_utf16_lossy(&original));
            prop_assert_eq!(count(&text), lossy(&text).chars().count());
            prop_assert_eq!(is_utf8(&text), String::from_utf16(&original).is_ok());
        }
    }
}
