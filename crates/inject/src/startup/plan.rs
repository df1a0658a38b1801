//! The files that make WinPE do things by itself.

use std::fs;

use similar::{Algorithm, DiffTag, capture_diff_slices};
use winpe_registry::KeyPath;
use winpe_san::chap_script;
use winpe_wim::{Arch, Archive, Content, FileChange};

use super::script::{self, CHAP, CONNECT, ChapFrom, EARLY, FOLDER};
use super::startnet::{self, Calls};
use super::text::Text;
use super::winpeshl::{self, Launches};
use super::{DriverReport, Startup, StartupError, StartupReport, TextReport};
use crate::driver::Package;
use crate::error::{AdditionError, InjectError};
use crate::files::{FilePlan, compare, hash_bytes, hash_file};
use crate::hives::HiveRoots;
use crate::path::ImagePath;
use crate::registry::{open_hive, value_name};
use crate::report::FileReport;
use crate::tree::Tree;

const SYSTEM32: &str = r"Windows\System32";
const SHELL: &str = "winpeshl";
/// No script that people write comes near.
const LONGEST_SCRIPT: u64 = 256 << 10;
/// The first build of Windows 11.
const WINDOWS_11: u32 = 22_000;

/// Adds the files of the startup to those of the rest of the job. `None` if there are none.
pub(crate) fn plan(
    (archive, image): (&Archive, u32),
    arch: Option<Arch>,
    startup: &Startup,
    files: &mut FilePlan,
    warnings: &mut Vec<String>,
) -> Result<Option<StartupReport>, InjectError> {
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
    let mut planner = Planner { archive, image, files, warnings, report };
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
    if let Some(chap) = &startup.chap {
        planner.put(ours(CHAP), chap_script(chap), "the CHAP name and secret")?;
        planner.warn(
            "the CHAP secret is in the image as plain text; whoever can read the image has it",
        );
    } else if startup.chap_at_boot && planner.read_if_present(&ours(CHAP))?.is_some() {
        let why = "takes the place of a CHAP secret that an earlier run put in";
        planner.put(ours(CHAP), script::NO_SECRET.to_vec(), why)?;
    }
    for uri in startup.targets.iter().filter(|uri| uri.lun() != 0) {
        planner.warn(format!("{uri}: the initiator logs in to a target and shows all its LUNs"));
    }
    if calls.early || calls.connect {
        planner.hook(calls)?;
    }
    Ok(Some(planner.report))
}

/// Names what keeps the initiator of Windows 11 from starting in WinPE, unless it is dealt with.
pub(crate) fn event_log_warning(build: Option<u32>, startup: &Startup) -> Option<String> {
    let build = build?;
    (build >= WINDOWS_11 && !startup.event_log).then(|| {
        format!(
            "build {build} is Windows 11, whose initiator service is reported not to start in WinPE \
             (access denied) until the event log service really writes; the event log workaround \
             starts that again before the network"
        )
    })
}

struct Planner<'a> {
    archive: &'a Archive,
    image: u32,
    files: &'a mut FilePlan,
    warnings: &'a mut Vec<String>,
    report: StartupReport,
}

impl Planner<'_> {
    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Puts the driver packages in; the places of their INFs below our folder.
    fn drivers(
        &mut self,
        startup: &Startup,
        arch: Option<Arch>,
    ) -> Result<Vec<String>, InjectError> {
        if arch.is_none() && !startup.drivers.is_empty() {
            self.warn("nothing says for which processor the image is; drivers are not checked");
        }
        let mut names: Vec<String> = Vec::new();
        let mut infs = Vec::new();
        for dir in &startup.drivers {
            let package = Package::read(dir, arch)?;
            self.warnings.extend(package.warnings);
            let mut name = package.name.clone();
            for number in 2.. {
                if !names.iter().any(|taken| taken.eq_ignore_ascii_case(&name)) {
                    break;
                }
                name = format!("{}-{number}", package.name);
            }
            let folder = format!(r"drivers\{name}");
            names.push(name);
            for (from, to) in package.files {
                let to = ours(&folder).join(to.as_str());
                let why = format!("driver package {}", dir.display());
                let (size, hash) = hash_file(&from)
                    .map_err(|source| InjectError::Read { path: from.clone(), source })?;
                self.untaken(&to)?;
                let action = compare(self.archive, self.image, &to, size, hash)?;
                self.files.put(to, action, size, &why, || Content::File(from));
            }
            for inf in package.infs {
                let path = format!(r"{folder}\{}", inf.name);
                let (class, version) = (inf.class, inf.version);
                self.report.drivers.push(DriverReport { inf: ours(&path), class, version });
                infs.push(path);
            }
        }
        Ok(infs)
    }

    /// Puts a script of ours in and shows its lines.
    fn script(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), InjectError> {
        let path = ours(name);
        let old = self.read_if_present(&path)?.unwrap_or_default();
        self.show(&path, &old, &bytes);
        self.put(path, bytes, "what WinPE does when it starts")
    }

    fn put(&mut self, path: ImagePath, bytes: Vec<u8>, why: &str) -> Result<(), InjectError> {
        self.untaken(&path)?;
        let (size, hash) = hash_bytes(&bytes);
        let action = compare(self.archive, self.image, &path, size, hash)?;
        self.files.put(path, action, size, why, || Content::Bytes(bytes));
        Ok(())
    }

    /// Makes whatever the image starts call ours.
    fn hook(&mut self, calls: Calls) -> Result<(), InjectError> {
        self.check_shell(calls)?;
        let (ini, cmd) = (system32("winpeshl.ini"), system32("startnet.cmd"));
        let bytes = self.script_if_present(&ini)?;
        let mut text = Text::parse(bytes.as_deref().unwrap_or_default());
        winpeshl::strip(&mut text);
        if winpeshl::launches(&text) == Launches::Programs {
            let edited = winpeshl::edit(&mut text, calls);
            if edited.late {
                self.warn(format!(
                    "{ini} starts the program of [LaunchApp] first; ours run when that has ended"
                ));
            }
            if !edited.wpeinit {
                self.warn(format!(
                    "{ini} does not start wpeinit, so the network is started for it"
                ));
            }
            return self.start_by(ini, bytes, &text);
        }
        let bytes = self.script_if_present(&cmd)?;
        let mut text = Text::parse(bytes.as_deref().unwrap_or(startnet::DEFAULT));
        let wpeinit = startnet::edit(&mut text, calls)
            .map_err(|at| StartupError::Unended { file: cmd.clone(), line: at.0 })?;
        if !wpeinit {
            self.warn(format!("{cmd} does not run wpeinit, so the network is started for it"));
        }
        if let Some(why) = text.unfit_for_cmd() {
            self.warn(format!("{cmd}: {why}"));
        }
        if self.has_file(r"setup.exe")? || self.has_file(r"sources\setup.exe")? {
            self.warn(format!(
                "this image has a setup.exe, which WinPE may start instead of {cmd}; a winpeshl.ini \
                 decides what is started"
            ));
        }
        self.start_by(cmd, bytes, &text)
    }

    /// Only `winpeshl.exe` looks for `winpeshl.ini` and `startnet.cmd`.
    fn check_shell(&mut self, calls: Calls) -> Result<(), InjectError> {
        let key: KeyPath = r"HKEY_LOCAL_MACHINE\SYSTEM\Setup".parse().expect("a plain path");
        let setup = HiveRoots::standard().locate(&key).expect("a standard root covers it");
        let failed = |source| InjectError::ReadHive { hive: setup.file.clone(), source };
        let Some(opened) = open_hive(Tree::Image(self.archive, self.image), &setup.file)? else {
            return Ok(());
        };
        let Some(key) = opened.hive.key(&setup.key).map_err(failed)? else { return Ok(()) };
        let value = key.value(&value_name("CmdLine")).map_err(failed)?;
        let command = value.and_then(|value| value.as_text()).map(|text| text.to_string());
        let command = command.unwrap_or_default();
        if command.trim().is_empty() || startnet::runs(&command, SHELL) {
            return Ok(());
        }
        let script = ours(if calls.connect { CONNECT } else { EARLY });
        Err(StartupError::OtherShell { command, script }.into())
    }

    fn start_by(
        &mut self,
        path: ImagePath,
        old: Option<Vec<u8>>,
        text: &Text,
    ) -> Result<(), InjectError> {
        let bytes = text.to_bytes();
        // What the image has now is what changes, also where an addition gave the text.
        let shown = self.read_if_present(&path)?.unwrap_or_default();
        self.show(&path, &shown, &bytes);
        let given = self.files.withdraw(&path);
        let why = match given {
            Some(FileReport { why, .. }) => format!("{why}, with calls of our scripts"),
            None if old.is_none() => "calls our scripts when WinPE starts".to_owned(),
            None => "what WinPE starts, with calls of our scripts".to_owned(),
        };
        self.report.started_by = Some(path.clone());
        self.put(path, bytes, &why)
    }

    fn show(&mut self, file: &ImagePath, old: &[u8], new: &[u8]) {
        if old == new {
            return;
        }
        let (old, new) = (Text::parse(old), Text::parse(new));
        let lines = |text: &Text| text.lines().collect::<Vec<_>>();
        let ops = capture_diff_slices(Algorithm::Myers, &lines(&old), &lines(&new));
        let mut diff = Vec::new();
        for op in ops {
            let (tag, gone, come) = op.as_tag_tuple();
            if tag == DiffTag::Equal {
                diff.extend(come.map(|index| format!(" {}", new.shown(index))));
                continue;
            }
            diff.extend(gone.map(|index| format!("-{}", old.shown(index))));
            diff.extend(come.map(|index| format!("+{}", new.shown(index))));
        }
        self.report.texts.push(TextReport { file: file.clone(), diff });
    }

    /// The text that another part of the job gives a file, or else the one that the image has.
    fn script_if_present(&self, path: &ImagePath) -> Result<Option<Vec<u8>>, InjectError> {
        let given = self.files.changes.iter().find_map(|change| match change {
            FileChange::Put { path: to, content } if ImagePath::new(to) == *path => Some(content),
            _ => None,
        });
        let bytes = match given {
            Some(Content::Bytes(bytes)) => Some(bytes.clone()),
            Some(Content::File(from)) => Some(
                fs::read(from)
                    .map_err(|source| InjectError::Read { path: from.clone(), source })?,
            ),
            None | Some(Content::Blob(_)) => return self.read_if_present(path),
        };
        if let Some(bytes) = &bytes {
            check_size(path, bytes.len() as u64)?;
        }
        Ok(bytes)
    }

    fn read_if_present(&self, path: &ImagePath) -> Result<Option<Vec<u8>>, InjectError> {
        match self.archive.entry(self.image, path.as_str())? {
            Some(entry) if !entry.is_dir => {
                check_size(path, entry.size)?;
                Ok(Some(self.archive.read(self.image, path.as_str())?))
            }
            _ => Ok(None),
        }
    }

    fn has_file(&self, path: &str) -> Result<bool, InjectError> {
        Ok(self.archive.entry(self.image, path)?.is_some())
    }

    /// What is ours comes from nowhere else.
    fn untaken(&self, path: &ImagePath) -> Result<(), InjectError> {
        match self.files.reports.iter().find(|file| file.path == *path) {
            None => Ok(()),
            Some(file) => {
                let (first, second) = (file.why.clone(), "what WinPE does at its start".to_owned());
                Err(AdditionError::Twice { path: path.clone(), first, second }.into())
            }
        }
    }
}

fn check_size(path: &ImagePath, size: u64) -> Result<(), StartupError> {
    match size {
        0..=LONGEST_SCRIPT => Ok(()),
        size => Err(StartupError::TooLong { file: path.clone(), size, limit: LONGEST_SCRIPT }),
    }
}

fn system32(name: &str) -> ImagePath {
    ImagePath::new(SYSTEM32).join(name)
}

/// The file of an image that holds the CHAP secret.
pub(crate) fn secret_file() -> ImagePath {
    ours(CHAP)
}

fn ours(name: &str) -> ImagePath {
    system32(FOLDER).join(name)
}
