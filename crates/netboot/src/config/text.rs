//! Texts that become words of scripts, URLs and menus.

/// What a name of an initiator may hold in place of the hardware address, as `52-54-00-12-34-56`.
pub(crate) const MAC: &str = "{mac}";

/// Whether a character is part of one word of a script and has no special meaning there.
pub(super) fn is_plain_in_scripts(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '$' | ';' | '#' | '"' | '\'')
}

/// Whether a text can be a name in URLs, scripts and menus.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=32).contains(&text.len()) && text.chars().all(plain)
}

/// Whether a text is a URL rather than a path.
#[must_use]
pub fn is_url(text: &str) -> bool {
    text.contains("://")
}
