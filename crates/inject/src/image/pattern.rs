//! Name patterns with `*`, which profiles use for files and keys.

use winpe_registry::upcase;

/// Whether a name matches a pattern in which `*` matches any text. Case is ignored.
pub(crate) fn fits(pattern: &[u16], name: &[u16]) -> bool {
    const STAR: u16 = b'*' as u16;
    let (mut at, mut seen) = (0, 0);
    // Where to resume after a mismatch: after the last star, which then matches one more unit. Earlier
    // stars never need to match more, so this takes at most `pattern * name` steps.
    let mut retry: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(&STAR) => {
                at += 1;
                retry = Some((at, seen));
            }
            Some(&unit) if upcase(unit) == upcase(name[seen]) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((after_star, taken)) = retry else { return false };
                retry = Some((after_star, taken + 1));
                (at, seen) = (after_star, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|&unit| unit == STAR)
}

/// As [`fits`], for text.
pub(crate) fn text_fits(pattern: &str, name: &str) -> bool {
    let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
    fits(&units(pattern), &units(name))
}

/// Whether the text is a pattern rather than a plain name.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_text() {
        for (pattern, name) in [
            ("iscsi.inf_*", "iscsi.inf_amd64_c089962740ea1f84"),
            ("*.PNF", "iscsi.pnf"),
            ("*", ""),
            ("**", "x"),
            ("a*b*c", "aXbYbZc"),
            ("MSISCSI.sys", "msiscsi.SYS"),
        ] {
            assert!(text_fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("", "x"), ("*.PNF", "iscsi.inf"), ("a*b*c", "aXbYbZ"), ("a", "ab"), ("a*", "b")]
        {
            assert!(!text_fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_with_many_stars_is_matched_quickly() {
        let pattern = "*a".repeat(200);
        assert!(!text_fits(&pattern, &format!("{}b", "a".repeat(5000))));
    }
}
