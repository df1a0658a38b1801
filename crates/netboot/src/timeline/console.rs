//! Lines of iPXE's console.

use super::step::StepKind;

/// What a line is about.
pub(super) fn kind_of(line: &str) -> StepKind {
    let san = ["SAN device", "san device", "SAN boot", "sanboot"];
    if san.iter().any(|words| line.contains(words)) { StepKind::San } else { StepKind::Console }
}

/// The number of an error that iPXE names as `https://ipxe.org/1d704039`.
pub(super) fn error_number(line: &str) -> Option<&str> {
    let (_, after) = line.split_once("ipxe.org/")?;
    let number = after.get(..8)?;
    number.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_known_by_its_number() {
        let line = "Could not open SAN device: Input/output error (https://ipxe.org/1d704039)";
        assert_eq!(error_number(line), Some("1d704039"));
        assert_eq!(kind_of(line), StepKind::San);
        assert_eq!(error_number("see ipxe.org/err/short"), None);
        assert_eq!(error_number("http://ipxe.org/äöü"), None);
        assert_eq!(kind_of("Configuring (net0)... ok"), StepKind::Console);
    }
}
