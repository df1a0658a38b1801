//! Parts of a file (RFC 9110, section 14).

/// Which part of a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    /// All of it.
    Whole,
    /// `length` bytes from `start`; never none.
    Part { start: u64, length: u64 },
    /// A part that the file does not have.
    Unsatisfiable,
}

/// Reads a `Range` field for a file of `length` bytes.
///
/// What is malformed, counts in other units than bytes or asks for several ranges selects the whole
/// file, as RFC 9110 lets a server do.
pub(super) fn select(field: &str, length: u64) -> Selection {
    let Some((unit, range)) = field.split_once('=') else { return Selection::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    let Some((first, last)) = range.trim().split_once('-') else { return Selection::Whole };
    let (start, end) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(length)),
        (Some(first), None) if last.is_empty() => (first, length),
        (None, Some(suffix)) if first.is_empty() => (length - suffix.min(length), length),
        _ => return Selection::Whole,
    };
    if start < end {
        Selection::Part { start, length: end - start }
    } else {
        Selection::Unsatisfiable
    }
}

/// Decimal digits only: `parse` alone would take a leading plus. More digits than fit are as good as
/// the greatest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn single_ranges() {
        let part = |start, length| Selection::Part { start, length };
        for (field, selection) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=10-19", part(10, 10)),
            ("bytes=90-", part(90, 10)),
            ("bytes=90-1000", part(90, 10)),
            ("bytes=90-99999999999999999999999", part(90, 10)),
            ("bytes=-5", part(95, 5)),
            ("bytes=-1000", part(0, 100)),
            ("Bytes = 1-2", part(1, 2)),
            ("bytes=100-", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=0-1,5-6", Selection::Whole),
            ("bytes=5-1", Selection::Whole),
            ("bytes=+1-2", Selection::Whole),
            ("bytes=-", Selection::Whole),
            ("lines=0-1", Selection::Whole),
            ("bytes", Selection::Whole),
        ] {
            assert_eq!(select(field, 100), selection, "{field}");
        }
        assert_eq!(select("bytes=0-", 0), Selection::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file(field in "bytes=[0-9]{0,20}-[0-9]{0,20}", length: u64) {
            if let Selection::Part { start, length: part } = select(&field, length) {
                prop_assert!(part > 0 && start.checked_add(part).unwrap() <= length);
            }
        }
    }
}
