//! Texts that become words of scripts, URLs and menus.

use super::error::{Checked, Reason};

/// Whether a character is part of one word of a script and has no special meaning there.
pub(super) fn is_plain_in_scripts(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '$' | ';' | '#' | '"' | '\'')
}

/// Names are used in URLs, scripts and menus. `name` is the key of the table that has it.
pub(super) fn check_name(table: &'static str, name: &str, checked: &mut Checked<'_>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
        checked.key("name").report(Reason::Name { table, name: name.to_owned() });
    }
}

/// Whether a text is a URL rather than a path.
#[must_use]
pub fn is_url(text: &str) -> bool {
    text.contains("://")
}
