//! Plans the files by which WinPE does things at its start.

use std::fs;

use similar::{Algorithm, DiffTag, capture_diff_slices};
use winpe_registry::{KeyPath, ValueName};
use winpe_san::chap_script;
use winpe_wim::{Arch, Content};

use super::driver::Package;
use super::script::{self, CONNECT, ChapFrom, EARLY};
use super::startnet::{self, Calls};
use super::text::Text;
use super::winpeshl::{self, Launches};
use super::{Startup, StartupError};
use crate::files::FilePlan;
use crate::files::own::{self, secret_file};
use crate::hives::{HiveError, HiveRoots, open_hive};
use crate::image::{ImagePath, ImageView, TreeError};
use crate::report::{DriverReport, StartupReport, TextReport, Warning};

const SYSTEM32: &str = r"Windows\System32";
const SHELL: &str = "winpeshl";
/// The longest script that is read, in bytes. Real ones have some hundred.
const MAX_SCRIPT: u64 = 256 << 10;
/// The first build of Windows 11.
const WINDOWS_11: u32 = 22_000;

/// Adds the files of the startup to those of the rest of the job. `None` if there are none.
pub(crate) fn plan<'i>(
    image: ImageView<'i>,
    arch: Option<Arch>,
    startup: &Startup,
    files: &mut FilePlan<'i>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<StartupReport>, StartupError> {
    if !startup.has_files() {
        return Ok(None);
    }
    let report = StartupReport {
        started_by: None,
        targets: startup.targets.clone(),
        chap: startup.chap.is_some() || startup.chap_at_boot,
        drivers: vec![],
        texts: vec![],
    };
    let mut planner = Planner { image, files, warnings, report };
    let drivers = planner.drivers(startup, arch)?;
    let calls =
        Calls { early: startup.event_log || !drivers.is_empty(), connect: startup.autostart };
    if calls.early {
        planner.script(EARLY, script::early(startup.event_log, &drivers))?;
    }
    if startup.autostart || !startup.targets.is_empty() {
        let chap = ChapFrom { image: startup.chap.is_some(), server: startup.chap_at_boot };
        planner.script(CONNECT, script::connect(&startup.targets, chap))?;
    }
    planner.chap(startup)?;
    for uri in startup.targets.iter().filter(|uri| uri.lun() != 0) {
        planner.warn(Warning::AllLuns { uri: uri.clone() });
    }
    if calls.early || calls.connect {
        planner.hook(calls)?;
    }
    Ok(Some(planner.report))
}

/// The warning that the initiator of Windows 11 does not start in WinPE, unless the workaround is on.
pub(crate) fn event_log_warning(build: Option<u32>, startup: &Startup) -> Option<Warning> {
    let build = build.filter(|build| *build >= WINDOWS_11 && !startup.event_log)?;
    Some(Warning::EventLog { build })
}

struct Planner<'p, 'i> {
    image: ImageView<'i>,
    files: &'p mut FilePlan<'i>,
    warnings: &'p mut Vec<Warning>,
    report: StartupReport,
}

impl Planner<'_, '_> {
    fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// Adds the driver packages. Returns the paths of their INFs below our folder.
    fn drivers(
        &mut self,
        startup: &Startup,
        arch: Option<Arch>,
    ) -> Result<Vec<String>, StartupError> {
        if arch.is_none() && !startup.drivers.is_empty() {
            self.warn(Warning::DriversUnchecked);
        }
        let mut names: Vec<String> = Vec::new();
        let mut infs = Vec::new();
        for dir in &startup.drivers {
            let package = Package::read(dir, arch)?;
            self.warnings.extend(package.warnings);
            let name = unused(&package.name, &names);
            let folder = format!(r"drivers\{name}");
            names.push(name);
            let why = format!("driver package {}", dir.display());
            for (from, to) in package.files {
                let to = own::file(&folder).join(to.as_str());
                self.files.put(to, Content::File(from), &why)?;
            }
            for inf in package.infs {
                let path = format!(r"{folder}\{}", inf.name);
                let (class, version) = (inf.class, inf.version);
                self.report.drivers.push(DriverReport { inf: own::file(&path), class, version });
                infs.push(path);
            }
        }
        Ok(infs)
    }

    /// Adds a script of ours and reports its lines.
    fn script(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), StartupError> {
        let path = own::file(name);
        let old = self.read_if_present(&path)?.unwrap_or_default();
        self.show(&path, &old, &bytes);
        Ok(self.files.put(path, Content::Bytes(bytes), "what WinPE does when it starts")?)
    }

    /// Adds the file with the CHAP name and secret, or removes the secret of an earlier run.
    fn chap(&mut self, startup: &Startup) -> Result<(), StartupError> {
        let path = secret_file();
        if let Some(chap) = &startup.chap {
            let content = Content::Bytes(chap_script(chap));
            self.files.put(path, content, "the CHAP name and secret")?;
            self.warn(Warning::PlainSecret);
        } else if startup.chap_at_boot && self.read_if_present(&path)?.is_some() {
            let why = "takes the place of a CHAP secret that an earlier run put in";
            self.files.put(path, Content::Bytes(script::NO_SECRET.to_vec()), why)?;
        }
        Ok(())
    }

    /// Makes the file that the image starts call our scripts.
    fn hook(&mut self, calls: Calls) -> Result<(), StartupError> {
        self.check_shell(calls)?;
        let ini = system32("winpeshl.ini");
        let bytes = self.script_if_present(&ini)?;
        let mut text = Text::parse(bytes.as_deref().unwrap_or_default());
        winpeshl::strip(&mut text);
        if winpeshl::launches(&text) == Launches::Programs {
            let edited = winpeshl::edit(&mut text, calls);
            if edited.late {
                self.warn(Warning::LaunchAppFirst { ini: ini.clone() });
            }
            if !edited.wpeinit {
                self.warn(Warning::NoWpeinit { script: ini.clone() });
            }
            return self.start_by(ini, bytes.is_some(), &text);
        }
        let script = system32("startnet.cmd");
        let bytes = self.script_if_present(&script)?;
        let mut text = Text::parse(bytes.as_deref().unwrap_or(startnet::DEFAULT));
        let wpeinit = startnet::edit(&mut text, calls)
            .map_err(|at| StartupError::Unended { file: script.clone(), line: at.0 })?;
        if !wpeinit {
            self.warn(Warning::NoWpeinit { script: script.clone() });
        }
        if let Some(why) = text.unfit_for_cmd() {
            self.warn(Warning::UnfitForCmd { script: script.clone(), why });
        }
        if self.has_entry(r"setup.exe")? || self.has_entry(r"sources\setup.exe")? {
            self.warn(Warning::SetupExe { script: script.clone() });
        }
        self.start_by(script, bytes.is_some(), &text)
    }

    /// Refuses an image that starts another program than `winpeshl.exe`, which alone reads `winpeshl.ini`
    /// and `startnet.cmd`.
    fn check_shell(&mut self, calls: Calls) -> Result<(), StartupError> {
        let key: KeyPath = r"HKEY_LOCAL_MACHINE\SYSTEM\Setup".parse().expect("a plain path");
        let setup = HiveRoots::standard().locate(&key).expect("a standard root covers it");
        let failed = |source| HiveError::Read { hive: setup.file.clone(), source };
        let Some(opened) = open_hive(self.image.tree(), &setup.file)? else { return Ok(()) };
        let Some(key) = opened.hive.key(&setup.key).map_err(failed)? else { return Ok(()) };
        let name = ValueName::new("CmdLine").expect("a short name");
        let value = key.value(&name).map_err(failed)?;
        let command = value.and_then(|value| value.as_text()).map(|text| text.to_string());
        let command = command.unwrap_or_default();
        if command.trim().is_empty() || startnet::runs(&command, SHELL) {
            return Ok(());
        }
        let script = own::file(if calls.connect { CONNECT } else { EARLY });
        Err(StartupError::OtherShell { command, script })
    }

    /// Gives the file that starts our scripts its new text. `is_present` is whether the image or another
    /// part of the job has the file.
    fn start_by(
        &mut self,
        path: ImagePath,
        is_present: bool,
        text: &Text,
    ) -> Result<(), StartupError> {
        let bytes = text.to_bytes();
        // The report compares with the image, also if an addition gives the text.
        let shown = self.read_if_present(&path)?.unwrap_or_default();
        self.show(&path, &shown, &bytes);
        let why = match self.files.why(&path) {
            Some(why) => format!("{why}, with calls of our scripts"),
            None if is_present => "what WinPE starts, with calls of our scripts".to_owned(),
            None => "calls our scripts when WinPE starts".to_owned(),
        };
        self.report.started_by = Some(path.clone());
        Ok(self.files.replace(path, Content::Bytes(bytes), &why)?)
    }

    /// Reports the lines of a file that change.
    fn show(&mut self, file: &ImagePath, old: &[u8], new: &[u8]) {
        if old == new {
            return;
        }
        let (old, new) = (Text::parse(old), Text::parse(new));
        let lines = |text: &Text| text.lines().collect::<Vec<_>>();
        let ops = capture_diff_slices(Algorithm::Myers, &lines(&old), &lines(&new));
        let mut diff = Vec::new();
        for op in ops {
            let (tag, removed, added) = op.as_tag_tuple();
            if tag == DiffTag::Equal {
                diff.extend(added.map(|index| format!(" {}", new.shown(index))));
                continue;
            }
            diff.extend(removed.map(|index| format!("-{}", old.shown(index))));
            diff.extend(added.map(|index| format!("+{}", new.shown(index))));
        }
        self.report.texts.push(TextReport { file: file.clone(), diff });
    }

    /// The text that another part of the job gives a file, or else the image's.
    fn script_if_present(&self, path: &ImagePath) -> Result<Option<Vec<u8>>, StartupError> {
        let bytes = match self.files.content(path) {
            Some(Content::Bytes(bytes)) => bytes.clone(),
            Some(Content::File(from)) => {
                fs::read(from).map_err(|source| TreeError::Read { path: from.clone(), source })?
            }
            None | Some(Content::Blob(_)) => return self.read_if_present(path),
        };
        check_size(path, bytes.len() as u64)?;
        Ok(Some(bytes))
    }

    fn read_if_present(&self, path: &ImagePath) -> Result<Option<Vec<u8>>, StartupError> {
        let Some(entry) = self.image.file(path).map_err(TreeError::from)? else { return Ok(None) };
        check_size(path, entry.size)?;
        Ok(Some(self.image.read(path).map_err(TreeError::from)?))
    }

    fn has_entry(&self, path: &str) -> Result<bool, TreeError> {
        Ok(self.image.entry(&ImagePath::new(path))?.is_some())
    }
}

/// A name that is not among `taken`: this one, or with a number.
fn unused(name: &str, taken: &[String]) -> String {
    let is_taken = |name: &String| taken.iter().any(|taken| taken.eq_ignore_ascii_case(name));
    let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
    let mut names = [name.to_owned()].into_iter().chain(numbered);
    names.find(|name| !is_taken(name)).expect("the list of taken names is finite")
}

fn check_size(path: &ImagePath, size: u64) -> Result<(), StartupError> {
    match size {
        0..=MAX_SCRIPT => Ok(()),
        size => Err(StartupError::TooLong { file: path.clone(), size, limit: MAX_SCRIPT }),
    }
}

fn system32(name: &str) -> ImagePath {
    ImagePath::new(SYSTEM32).join(name)
}
