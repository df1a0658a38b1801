//! `[serve.login]`, and `login` of a `[[client]]`: the name and secrets for iSCSI targets.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use winpe_san::IscsiName;

use super::error::{Checked, Reason};
use super::text::MAC;

/// `[serve.login]` and `login` of a `[[client]]`, whose keys come before those of `[serve.login]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LoginConfig {
    /// The initiator's name; `{mac}` in it is the machine's hardware address. Without one, iPXE makes its own.
    #[schemars(example = &"iqn.2026-11.com.example:{mac}")]
    pub initiator_name: Option<String>,
    /// A file that other users cannot read: two lines, the CHAP name and the secret; or a line for each
    /// machine, `MAC NAME SECRET`.
    #[schemars(example = &"/etc/winpe-iscsi/chap")]
    pub chap_secret_file: Option<PathBuf>,
    /// The same for what the target has to prove to iPXE.
    #[schemars(example = &"/etc/winpe-iscsi/nas")]
    pub mutual_chap_secret_file: Option<PathBuf>,
}

impl LoginConfig {
    /// Reads the files of secrets from `folder`, where their paths are relative.
    pub(super) fn read_paths_from(&mut self, folder: &Path) {
        let paths = [&mut self.chap_secret_file, &mut self.mutual_chap_secret_file];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    /// Whether no key is given.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// `table` says whose login it is.
    pub(super) fn check(&self, table: &str, checked: &mut Checked<'_>) {
        let Some(name) = &self.initiator_name else { return };
        let example = name.replace(MAC, "52-54-00-12-34-56");
        if let Err(error) = example.parse::<IscsiName>() {
            let (table, why) = (table.to_owned(), error.to_string());
            checked.key("initiator-name").report(Reason::InitiatorName { table, why });
        }
    }
}
