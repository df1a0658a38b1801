//! What the booted WinPE does by itself: load drivers, start the initiator, log in to its targets.
//!
//! ```text
//!  winpeshl.exe ─► winpeshl.ini, or startnet.cmd
//!                    ├─► early.cmd      event log, drivers      (before the network)
//!                    ├─► wpeinit        network
//!                    └─► connect.cmd    service, portals, logins
//!                          └─► chap.cmd   name and secret: the image's, or the boot server's
//! ```
//! The scripts are files of our own in `Windows\System32\winpe-iscsi`. What the image starts anyway
//! gets nothing but a call of them, so that whatever stands there is kept.

#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod plan;
mod script;
mod startnet;
mod text;
mod winpeshl;

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;
use winpe_registry::{Edit, Op, Value};

use crate::one_line::OneLine;
use crate::path::ImagePath;
use crate::reg::{SourcedEdit, parse_reg};

pub(crate) use plan::{event_log_warning, plan, secret_file};
pub(crate) use script::{NO_SECRET, OUR_FOLDER};
pub use winpe_san::{Chap, ChapError, IscsiName, IscsiNameError, SanUri, SanUriError, Secret};

/// What WinPE is to do when it starts. Without anything, nothing of it is changed.
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
    targets: Vec<SanUri>,
    initiator: Option<IscsiName>,
    chap: Option<Chap>,
    chap_at_boot: bool,
    autostart: bool,
    event_log: bool,
    drivers: Vec<PathBuf>,
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

    /// The initiator's name; without one, Windows makes one from the computer's name.
    #[must_use]
    pub fn initiator(mut self, name: IscsiName) -> Self {
        self.initiator = Some(name);
        self
    }

    /// Logs in with this name and secret. They are in the image then, as plain text.
    #[must_use]
    pub fn chap(mut self, chap: Chap) -> Self {
        self.chap = Some(chap);
        self
    }

    /// Whether the script takes the CHAP name and secret from [`winpe_san::CHAP_AT_BOOT`] in
    /// `Windows\System32`, which a boot server adds for each machine as it boots. They are in no image then.
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

    /// Whether the event log service is started again as if this were no WinPE, which the initiator
    /// of Windows 11 needs. Never tried in Windows by the makers of this program.
    #[must_use]
    pub fn event_log_workaround(mut self, workaround: bool) -> Self {
        self.event_log = workaround;
        self
    }

    /// Puts the driver packages in these folders into the image, and loads them before the network
    /// starts.
    #[must_use]
    pub fn drivers(mut self, dirs: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        self.drivers.extend(dirs.into_iter().map(|dir| dir.as_ref().to_path_buf()));
        self
    }

    /// Whether files of the image change.
    fn has_files(&self) -> bool {
        let Self { targets, initiator: _, chap: _, chap_at_boot: _, autostart, event_log, drivers } =
            self;
        !targets.is_empty() || *autostart || *event_log || !drivers.is_empty()
    }

    /// The edits that give the initiator its name.
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

/// What was done so that WinPE does things by itself.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StartupReport {
    /// The file that starts ours, if any must: `startnet.cmd` or `winpeshl.ini`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<ImagePath>,
    /// The targets to which WinPE logs in.
    #[schemars(with = "Vec<String>")]
    pub targets: Vec<SanUri>,
    /// Whether it logs in with a CHAP name and secret.
    pub chap: bool,
    /// The drivers that are loaded before the network starts.
    pub drivers: Vec<DriverReport>,
    /// The lines of text files that change. The file with the CHAP secret is never among them.
    pub texts: Vec<TextReport>,
}

/// A driver that WinPE loads.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DriverReport {
    /// Its INF in the image.
    pub inf: ImagePath,
    /// The class of its devices, as `Net`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Its date and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A text file that changes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TextReport {
    /// Its path in the image.
    pub file: ImagePath,
    /// What goes and what comes, line by line: `-` and `+`, and a space where a line stays.
    pub diff: Vec<String>,
}

/// For people. No line begins with a sign, so that the signs of the hives' diff stay alone.
impl fmt::Display for StartupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for driver in &self.drivers {
            let known = [&driver.class, &driver.version].map(Option::as_deref);
            let known: Vec<_> = known.into_iter().flatten().collect();
            write!(f, "\nloads {}", OneLine(&driver.inf))?;
            if !known.is_empty() {
                write!(f, " ({})", OneLine(known.join(", ")))?;
            }
        }
        if !self.drivers.is_empty() {
            writeln!(f)?;
        }
        for text in &self.texts {
            writeln!(f, "\n{}:", OneLine(&text.file))?;
            for line in &text.diff {
                writeln!(f, "  {}", OneLine(line))?;
            }
        }
        Ok(())
    }
}

/// Why WinPE cannot be made to start ours.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartupError {
    /// The image does not start `winpeshl.exe`, so neither of its files counts.
    #[error(
        "this image starts {command:?} instead of winpeshl.exe, so nothing would call {script}"
    )]
    OtherShell {
        /// What `Setup\CmdLine` says.
        command: String,
        /// What would have to be called.
        script: ImagePath,
    },
    /// An own block was damaged by hand.
    #[error("{file}, line {line}: a block of winpe-iscsi begins here and does not end")]
    Unended {
        /// The file in the image.
        file: ImagePath,
        /// Where it begins, from 1.
        line: usize,
    },
    /// A script is too long to be one.
    #[error("{file} has {size} bytes: expected a script of at most {limit}")]
    TooLong {
        /// The file in the image.
        file: ImagePath,
        /// Its size, in bytes.
        size: u64,
        /// What is read.
        limit: u64,
    },
}

#[cfg(test)]
mod tests {
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
