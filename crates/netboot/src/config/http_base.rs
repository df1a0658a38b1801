//! Files that another web server has, or an object store: `http-base`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{Checked, Reason};
use super::serve::Serve;
use super::text::is_url;

/// Kinds of files that another server may have.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MirroredKind {
    /// Images of entries, and what is taken out of them.
    Images,
    /// Boot programs, where they are loaded by HTTP.
    Programs,
    /// Scripts and menus that are made from the configuration: they must be exported again when it changes.
    Scripts,
}

/// The kinds that another server has by default: those that do not change with the configuration.
pub(super) fn default_mirrored() -> BTreeSet<MirroredKind> {
    BTreeSet::from([MirroredKind::Images, MirroredKind::Programs])
}

pub(super) fn check_http_base(serve: &Serve, checked: &mut Checked<'_>) {
    let Some(base) = &serve.http_base else {
        if serve.http_base_holds != default_mirrored() {
            checked.key("http-base-holds").report(Reason::HeldNowhere);
        }
        return;
    };
    let plain = base.chars().all(|c| c.is_ascii_graphic() && !"?#$\"'\\".contains(c));
    if !is_url(base) || !base.starts_with("http") || !base.ends_with('/') || !plain {
        checked.key("http-base").report(Reason::HttpBase(base.clone()));
    }
    if serve.http_base_holds.is_empty() {
        checked.key("http-base-holds").report(Reason::HeldNothing);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_base_is_a_url_that_ends_in_a_slash() {
        let check = |serve: &str| format!("[serve]\n{serve}").parse::<Config>();
        for base in ["http://h", "ftp://h/", "h/", "http://h/a b/", "http://h/?x/", "http://${x}/"]
        {
            assert!(check(&format!("http-base = '{base}'")).is_err(), "{base}");
        }
        assert!(check("http-base = 'https://h:8443/a/'").is_ok());
        assert!(check("http-base-holds = ['scripts']").is_err());
        assert!(check("http-base = 'http://h/'\nhttp-base-holds = []").is_err());
        assert!(check("http-base = 'http://h/'\nhttp-base-holds = ['all']").is_err());
    }
}
