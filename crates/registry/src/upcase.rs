//! Case-insensitive comparison as the NT kernel does it.
//!
//! NT maps each UTF-16 code unit by a fixed table, one unit to one unit: `ß` and `ı` stay as they
//! are, surrogates are never joined, and no locale plays a part.

use std::cmp::Ordering;

use crate::upcase_table::RUNS;

/// Upcases one UTF-16 code unit by NT's table.
///
/// ```
/// use winpe_registry::upcase;
/// assert_eq!(upcase(u16::from(b'a')), u16::from(b'A'));
/// assert_eq!(upcase(0x00ff), 0x0178);      // ÿ
/// assert_eq!(upcase(0x00df), 0x00df);      // ß has no single-unit upper case
/// ```
#[inline]
#[must_use]
pub fn upcase(unit: u16) -> u16 {
    TABLE[unit as usize]
}

/// Orders two names as NT orders the subkeys of a key: by upcased code unit, then by length.
///
/// ```
/// use std::cmp::Ordering;
/// use winpe_registry::cmp_ignore_case;
/// let units = |s: &str| s.encode_utf16().collect::<Vec<_>>();
/// assert_eq!(cmp_ignore_case(&units("Tcpip"), &units("TCPIP")), Ordering::Equal);
/// assert_eq!(cmp_ignore_case(&units("a_b"), &units("aab")), Ordering::Greater); // '_' > 'A'
/// ```
#[must_use]
pub fn cmp_ignore_case(a: &[u16], b: &[u16]) -> Ordering {
    a.iter().map(|&u| upcase(u)).cmp(b.iter().map(|&u| upcase(u)))
}

/// Whether two names are the same name to NT.
#[must_use]
pub fn eq_ignore_case(a: &[u16], b: &[u16]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| a == b || upcase(a) == upcase(b))
}

static TABLE: [u16; 0x1_0000] = build();

const fn build() -> [u16; 0x1_0000] {
    let mut table = [0u16; 0x1_0000];
    let mut unit = 0usize;
    while unit < table.len() {
        table[unit] = unit as u16;
        unit += 1;
    }
    let mut run = 0;
    while run < RUNS.len() {
        let (first, last, step, delta) = RUNS[run];
        let mut unit = first as i32;
        while unit <= last as i32 {
            table[unit as usize] = (unit + delta) as u16;
            unit += step as i32;
        }
        run += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from the published table, chosen at the edges of its runs.
    #[test]
    fn known_units() {
        for (unit, upper) in [
            (0x0061, 0x0041),
            (0x007a, 0x005a),
            (0x007b, 0x007b),
            (0x00b5, 0x00b5), // µ stays, though Unicode maps it to Μ
            (0x00f7, 0x00f7), // ÷ is inside a run of letters
            (0x00e0, 0x00c0),
            (0x00ff, 0x0178),
            (0x0131, 0x0131), // ı stays
            (0x03c9, 0x03a9),
            (0x0451, 0x0401),
            (0xff41, 0xff21),
            (0xd83d, 0xd83d), // surrogates are plain units
        ] {
            assert_eq!(upcase(unit), upper, "unit {unit:#06x}");
        }
    }

    #[test]
    fn upcasing_twice_changes_nothing() {
        for unit in 0..=u16::MAX {
            assert_eq!(upcase(upcase(unit)), upcase(unit), "unit {unit:#06x}");
        }
    }
}
