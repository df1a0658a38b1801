//! Scanner for lists of bytes (`hex(n):01,02,\`), their continuation lines, and `dword:` numbers.

use super::{Fault, at_line_end, line_end, next_line, rest_of_line, skip_blanks};
use crate::Reason;

/// The digits of a 32-bit number.
pub(super) const MAX_DIGITS: usize = 8;

/// The result of scanning a list of bytes.
pub(super) struct Scanned {
    /// The end of its last line or, after a fault, of the line with the fault.
    pub(super) line_end: usize,
    /// The position after the last byte and its comma.
    pub(super) after: usize,
    /// The number of bytes.
    pub(super) count: usize,
    pub(super) fault: Option<Fault>,
    pub(super) strict: Option<Fault>,
}

/// Scans bytes from `at` on, with all their continuation lines.
pub(super) fn scan(text: &[u8], at: usize, sink: &mut impl Sink) -> Scanned {
    let mut scan = Scan { text, at, sink, count: 0, strict: None };
    let (line_end, fault) = match scan.bytes() {
        Ok(line_end) => (line_end, None),
        Err(fault) => (line_end(text, fault.at), Some(fault)),
    };
    Scanned { line_end, after: scan.at, fault, count: scan.count, strict: scan.strict }
}

/// Receives the bytes.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A sink for callers that only check the syntax.
pub(crate) struct NoBytes;

impl Sink for NoBytes {
    fn put(&mut self, _: &[u8]) {}
}

struct Scan<'a, S> {
    text: &'a [u8],
    at: usize,
    sink: &'a mut S,
    count: usize,
    strict: Option<Fault>,
}

impl<S: Sink> Scan<'_, S> {
    fn bytes(&mut self) -> Result<usize, Fault> {
        loop {
            self.pairs_with_commas();
            let comma = self.at;
            self.at = skip_blanks(self.text, comma);
            match self.text.get(self.at) {
                Some(b'\\') => {
                    rest_of_line(self.text, self.at + 1, Reason::AfterBackslash)?;
                    if !self.go_to_next_line()? {
                        self.at = self.text.len();
                        return Ok(self.at);
                    }
                }
                None | Some(b'\r' | b'\n' | b';') => {
                    if self.count > 0 {
                        self.strict.get_or_insert(Fault::new(self.at, Reason::TrailingComma));
                    }
                    return rest_of_line(self.text, self.at, Reason::HexByte);
                }
                _ => {
                    if self.at > comma && self.text[..comma].ends_with(b",") {
                        self.doubt(comma);
                    }
                    self.byte()?;
                    if self.text.get(self.at) != Some(&b',') {
                        return rest_of_line(self.text, self.at, Reason::HexComma);
                    }
                    self.at += 1;
                }
            }
        }
    }

    /// The form of nearly all bytes: two digits and a comma.
    fn pairs_with_commas(&mut self) {
        let (triples, _) = self.text[self.at..].as_chunks::<3>();
        let (blocks, _) = triples.as_chunks::<8>();
        let mut done = 0;
        for block in blocks {
            let (mut bytes, mut all) = ([0; 8], 0);
            for (byte, &triple) in bytes.iter_mut().zip(block) {
                let pair = pair_with_comma(triple);
                all |= pair;
                *byte = pair as u8;
            }
            if all > 0xff {
                break;
            }
            self.sink.put(&bytes);
            done += 8;
        }
        for &triple in &triples[done..] {
            let Ok(byte) = u8::try_from(pair_with_comma(triple)) else { break };
            self.sink.put(&[byte]);
            done += 1;
        }
        self.count += done;
        self.at += done * 3;
    }

    fn byte(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let mut byte = 0;
        while let Some(digit) = self.text.get(self.at).copied().and_then(digit) {
            if self.at - start == 2 {
                return Err(Fault::new(start, Reason::HexByte));
            }
            byte = byte << 4 | digit;
            self.at += 1;
        }
        match self.at - start {
            0 => return Err(Fault::new(start, Reason::HexByte)),
            1 => self.doubt(start),
            _ => {}
        }
        self.sink.put(&[byte]);
        self.count += 1;
        Ok(())
    }

    /// After a backslash: moves to the first line that is neither blank nor a comment.
    fn go_to_next_line(&mut self) -> Result<bool, Fault> {
        let backslash = self.at;
        loop {
            let start = next_line(self.text, line_end(self.text, self.at));
            if start == self.text.len() {
                self.strict.get_or_insert(Fault::new(backslash, Reason::Continuation));
                return Ok(false);
            }
            self.at = skip_blanks(self.text, start);
            if at_line_end(self.text, self.at) || self.text[self.at] == b';' {
                continue;
            }
            if digit(self.text[self.at]).is_none() {
                return Err(Fault::new(self.at, Reason::Continuation));
            }
            return Ok(true);
        }
    }

    /// Records bytes in a form that Wine accepts; how Windows treats it is not known.
    fn doubt(&mut self, at: usize) {
        self.strict.get_or_insert(Fault::new(at, Reason::HexByte));
    }
}

/// The byte that two digits and a comma encode, or a number above 255 for anything else.
#[inline]
fn pair_with_comma([high, low, comma]: [u8; 3]) -> u16 {
    let (high, low) = (PAIRS[usize::from(high)].0, PAIRS[usize::from(low)].1);
    high | low | u16::from(comma ^ b',') << 8
}

/// The value of each byte as the first and as the second hexadecimal digit; 256 if it is no digit.
static PAIRS: [(u16, u16); 256] = {
    let mut pairs = [(256, 256); 256];
    let mut byte = 0;
    while byte < 256 {
        if let Some(digit) = digit(byte as u8) {
            pairs[byte] = ((digit as u16) << 4, digit as u16);
        }
        byte += 1;
    }
    pairs
};

/// Reads a hexadecimal number of any length, and returns where it ends; `None` if it has no digits
/// or does not fit 32 bits.
pub(super) fn number(text: &[u8], start: usize) -> (Option<u32>, usize) {
    let mut number = Some(0u32);
    let mut at = start;
    while let Some(digit) = text.get(at).copied().and_then(digit) {
        number =
            number.filter(|number| number >> 28 == 0).map(|number| number << 4 | u32::from(digit));
        at += 1;
    }
    (number.filter(|_| at > start), at)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
