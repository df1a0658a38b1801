//! "Did you mean …?"

/// The word that was probably meant, from the words of serde on an unknown one: what was found and
/// what was expected, each in backticks.
pub(crate) fn did_you_mean(message: &str) -> Option<String> {
    let (_, message) = message.split_once("unknown ")?;
    let mut words = message.split('`').skip(1).step_by(2);
    let found = words.next()?;
    let distance = |word: &str| {
        // People mix up the two most, and neither is further from being right.
        strsim::damerau_levenshtein(&found.to_lowercase().replace('_', "-"), word)
    };
    let meant = words.min_by_key(|word| distance(word))?;
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
        assert_eq!(did_you_mean("unknown field `x`, there are no fields"), None);
        assert_eq!(did_you_mean("invalid type"), None);
    }
}
