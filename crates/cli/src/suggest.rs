//! What was probably meant by a key that is unknown.

use crate::foreign;

/// What may help with a key that the parser of TOML refuses: what it is here, if another boot server has such a
/// key, or else the known key that is spelt like it. A file of another server is often no TOML, and then `line`,
/// in which the parser stopped, begins with the key.
pub(crate) fn help_with_key(message: &str, line: &str) -> Option<String> {
    let unknown = unknown_word(message);
    let of_line = || if unknown.is_none() { foreign::hint_of_line(line) } else { None };
    let of_form = || help_with_form(message).map(str::to_owned);
    unknown
        .and_then(foreign::hint)
        .or_else(|| did_you_mean(message))
        .or_else(of_line)
        .or_else(of_form)
}

/// What may help with a value of another form than its key has.
fn help_with_form(message: &str) -> Option<&'static str> {
    if message.contains("expected a sequence") {
        Some("a list is written in brackets: key = [\"one\", \"two\"]")
    } else if message.contains("must be quoted") || message.contains("invalid float") {
        Some("texts are written in quotes: key = \"text\"")
    } else {
        None
    }
}

/// Keys that people look for, and the key here whose spelling is not near.
const MEANT: &[(&str, &str)] = &[("entry", "default"), ("image", "index"), ("target", "san")];

/// What serde found and does not know.
fn unknown_word(message: &str) -> Option<&str> {
    message.split_once("unknown ")?.1.split('`').nth(1)
}

/// The word that was probably meant, from the words of serde on an unknown one: what was found and
/// what was expected, each in backticks.
fn did_you_mean(message: &str) -> Option<String> {
    let (_, message) = message.split_once("unknown ")?;
    let mut words = message.split('`').skip(1).step_by(2);
    let found = words.next()?;
    let words: Vec<_> = words.collect();
    let meant = MEANT.iter().find(|(other, here)| *other == found && words.contains(here));
    if let Some((_, here)) = meant {
        return Some(format!("did you mean {here}?"));
    }
    let distance = |word: &str| {
        // People mix up the two most, and neither is further from being right.
        strsim::damerau_levenshtein(&found.to_lowercase().replace('_', "-"), word)
    };
    let meant = words.into_iter().min_by_key(|word| distance(word))?;
    let close = distance(meant) <= (meant.chars().count() / 3).max(1);
    close.then(|| format!("did you mean {meant}?"))
}

/// The word that is nearest to one that was not found, if it is near enough to be meant.
pub(crate) fn nearest_word(found: &str, words: impl Iterator<Item = String>) -> Option<String> {
    let distance =
        |word: &str| strsim::damerau_levenshtein(&found.to_lowercase(), &word.to_lowercase());
    let (distance, meant) = words.map(|word| (distance(&word), word)).min()?;
    (distance <= (meant.chars().count() / 3).max(1)).then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_is_known() {
        let hint = |found: &str| {
            let expected = "expected one of `wim`, `connect`, `http-port`, `chap-secret-file`";
            did_you_mean(&format!("a.toml:2:1: unknown field `{found}`, {expected}"))
        };
        assert_eq!(hint("conect").as_deref(), Some("did you mean connect?"));
        assert_eq!(hint("http_port").as_deref(), Some("did you mean http-port?"));
        assert_eq!(hint("chap-secret").as_deref(), Some("did you mean chap-secret-file?"));
        assert_eq!(hint("Wim").as_deref(), Some("did you mean wim?"));
        assert_eq!(hint("nonsense"), None);
        let meant = did_you_mean("unknown field `entry`, expected one of `menu`, `default`");
        assert_eq!(meant.as_deref(), Some("did you mean default?"));
        for (message, help) in [
            ("invalid type: string \"x\", expected a sequence", "a list is written in brackets"),
            (
                "string values must be quoted, expected literal string",
                "texts are written in quotes",
            ),
        ] {
            assert!(
                help_with_key(message, "").is_some_and(|hint| hint.starts_with(help)),
                "{message}"
            );
        }
        assert_eq!(did_you_mean("unknown field `x`, there are no fields"), None);
        assert_eq!(did_you_mean("invalid type"), None);
    }

    #[test]
    fn a_key_of_another_server_is_known_before_one_that_is_spelt_like_it() {
        let help = |found: &str, line: &str| {
            help_with_key(&format!("unknown field `{found}`, expected `interface` or `pxe`"), line)
        };
        assert!(help("filename", "").unwrap().contains("boot-files in [serve]"));
        assert!(help("interfaces", "").unwrap().contains("Kea"));
        assert_eq!(help("interfac", "").as_deref(), Some("did you mean interface?"));
        // The key is known to be another one than the line begins with.
        assert_eq!(help("nonsense", "range = { nonsense = 1 }"), None);

        let broken = |line| help_with_key("invalid unquoted key", line);
        assert!(broken("next-server 10.0.0.1;").unwrap().contains("http-base"));
        assert_eq!(broken("nonsense 10.0.0.1;"), None);
        assert_eq!(broken(""), None);
    }
}
