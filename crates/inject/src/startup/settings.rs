//! The options of the startup.

use std::path::{Path, PathBuf};

use winpe_registry::{Edit, Op, Value};
use winpe_san::{Chap, IscsiName, SanUri};

use crate::hives::{SourcedEdit, parse_reg};

/// What WinPE does at its start. The default changes nothing.
///
/// ```
/// use winpe_inject::Startup;
/// let startup = Startup::new()
///     .connect(["iscsi:192.168.0.20::::iqn.2011-12.com.example:win7".parse()?])
///     .autostart(true);
/// # let _ = startup;
/// # Ok::<(), winpe_inject::SanUriError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Startup {
    pub(super) targets: Vec<SanUri>,
    initiator: Option<IscsiName>,
    pub(super) chap: Option<Chap>,
    pub(super) chap_at_boot: bool,
    pub(super) autostart: bool,
    pub(super) event_log: bool,
    pub(super) drivers: Vec<PathBuf>,
    pub(super) strict_drivers: bool,
    pub(super) whole: bool,
    pub(super) without: Removal,
}

/// What WinPE no longer does at its start: a part of what `inject` put in.
///
/// ```
/// use winpe_inject::Removal;
/// let removal = Removal::new().drivers(["netkvm"]).autostart(true);
/// # let _ = removal;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    pub(super) drivers: Vec<String>,
    pub(super) targets: Vec<SanUri>,
    pub(super) autostart: bool,
    pub(super) event_log: bool,
}

impl Removal {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes these driver packages, by the names of their folders in the image.
    #[must_use]
    pub fn drivers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.drivers.extend(names.into_iter().map(Into::into));
        self
    }

    /// Removes the logins to these targets. With the last one, the CHAP name and secret go too.
    #[must_use]
    pub fn targets(mut self, targets: impl IntoIterator<Item = SanUri>) -> Self {
        self.targets.extend(targets);
        self
    }

    /// Whether the initiator is no longer started when WinPE starts. The login script stays.
    #[must_use]
    pub fn autostart(mut self, autostart: bool) -> Self {
        self.autostart = autostart;
        self
    }

    /// Whether the event log service is no longer restarted.
    #[must_use]
    pub fn event_log_workaround(mut self, workaround: bool) -> Self {
        self.event_log = workaround;
        self
    }

    /// Whether nothing is to be removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Startup {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a script into the image that starts the service and logs in to these targets.
    #[must_use]
    pub fn connect(mut self, targets: impl IntoIterator<Item = SanUri>) -> Self {
        self.targets.extend(targets);
        self
    }

    /// The initiator's name. By default Windows derives one from the computer's name.
    #[must_use]
    pub fn initiator(mut self, name: IscsiName) -> Self {
        self.initiator = Some(name);
        self
    }

    /// Logs in with this name and secret, which the image then holds as plain text.
    #[must_use]
    pub fn chap(mut self, chap: Chap) -> Self {
        self.chap = Some(chap);
        self
    }

    /// Whether the script takes the CHAP name and secret from [`winpe_san::CHAP_AT_BOOT`] in
    /// `Windows\System32`, which a boot server adds for each machine as it boots. No image holds them then.
    #[must_use]
    pub fn chap_at_boot(mut self, at_boot: bool) -> Self {
        self.chap_at_boot = at_boot;
        self
    }

    /// Whether the script is called when WinPE starts; without targets it starts the service.
    #[must_use]
    pub fn autostart(mut self, autostart: bool) -> Self {
        self.autostart = autostart;
        self
    }

    /// Whether the event log service is restarted as in an installed Windows, which the initiator of
    /// Windows 11 needs. The makers of this program have not tried it in Windows.
    #[must_use]
    pub fn event_log_workaround(mut self, workaround: bool) -> Self {
        self.event_log = workaround;
        self
    }

    /// Adds driver packages to the image, and loads them before the network starts. Each path is a folder
    /// with a package; a folder without an INF, of which all packages below are taken; an INF; or a `.zip` or
    /// `.cab` file. Packages for other processors or builds are skipped if there are others.
    #[must_use]
    pub fn drivers(mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        self.drivers.extend(paths.into_iter().map(|path| path.as_ref().to_path_buf()));
        self
    }

    /// Whether a package of a tree or an archive that cannot be used is an error. By default it is skipped.
    #[must_use]
    pub fn strict_drivers(mut self, strict: bool) -> Self {
        self.strict_drivers = strict;
        self
    }

    /// Whether these options are all that WinPE does at its start: what earlier runs put in and is not among
    /// them is removed, with a warning. By default the image keeps it, and gets these options in addition.
    #[must_use]
    pub fn whole(mut self, whole: bool) -> Self {
        self.whole = whole;
        self
    }

    /// The options that only remove something.
    pub(crate) fn without(removal: Removal) -> Self {
        Self { without: removal, ..Self::default() }
    }

    /// Whether files of the image may have to change.
    pub(super) fn concerns_files(&self) -> bool {
        let Self {
            targets,
            initiator: _,
            chap,
            chap_at_boot,
            autostart,
            event_log,
            drivers,
            strict_drivers: _,
            whole,
            without,
        } = self;
        let is_set = *chap_at_boot || *autostart || *event_log || *whole || chap.is_some();
        is_set || !targets.is_empty() || !drivers.is_empty() || !without.is_empty()
    }

    /// The edits that set the initiator's name.
    pub(crate) fn edits(&self) -> Vec<SourcedEdit> {
        const TEXT: &str = include_str!("../../startup/initiator-name.reg");
        let Some(name) = &self.initiator else { return vec![] };
        let mut edits = parse_reg(Path::new("initiator-name.reg"), TEXT.as_bytes())
            .expect("the text is compiled in, and a test reads it");
        for SourcedEdit { edit: Edit { op, .. }, .. } in &mut edits {
            if let Op::SetValue { value, .. } = op {
                *value = Value::sz(name.as_str());
            }
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use winpe_san::Secret;

    use super::*;

    #[test]
    fn the_name_of_the_initiator_is_one_value() {
        assert!(Startup::new().edits().is_empty());
        let name = "iqn.2011-12.com.example:lab";
        let edits = Startup::new().initiator(name.parse().unwrap()).edits();
        let values: Vec<_> = edits
            .iter()
            .filter_map(|sourced| match &sourced.edit.op {
                Op::SetValue { value, .. } => value.as_text().map(|text| text.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(values, [name]);
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let chap = Chap::new("lab", Secret::new("secret-of-lab")).unwrap();
        assert!(!format!("{:?}", Startup::new().chap(chap)).contains("secret-of"));
    }
}
