//! Plans the files by which WinPE does things at its start.
//!
//! What earlier runs put in stays: the scripts are made of what the image has and of what this job adds.

use std::collections::{HashMap, HashSet};
use std::fs;

use similar::{Algorithm, DiffTag, capture_diff_slices};
use winpe_san::chap_script;
use winpe_wim::Content;

use super::driver::{self, MAX_INF, System, Target};
use super::installed::{check_size, installed, other_shell, read_if_present, system32};
use super::packages::{Packages, Replaces, place_of};
use super::script::{self, CONNECT, ChapFrom, EARLY};
use super::startnet::{self, Calls};
use super::text::Text;
use super::winpeshl::{self, Launches};
use super::{Startup, StartupError, merge};
use crate::files::own::{self, secret_file};
use crate::files::{DRIVERS, FilePlan, Record, Started};
use crate::image::{ImagePath, ImageView, Sha256, TreeError};
use crate::report::{DriverReport, SkippedDriver, StartupReport, TextReport, Warning};

/// The first build of Windows 11.
const WINDOWS_11: u32 = 22_000;

/// What WinPE does at its start, once the planned files are in the image.
pub(crate) struct Planned {
    pub(crate) report: StartupReport,
    /// What the record keeps.
    pub(crate) started: Started,
}

/// Adds the files of the startup to those of the rest of the job. `None` if the job concerns none.
pub(crate) fn plan<'i>(
    image: ImageView<'i>,
    system: System,
    startup: &Startup,
    record: Option<&Record>,
    files: &mut FilePlan<'i>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Planned>, StartupError> {
    if !startup.concerns_files() {
        return Ok(None);
    }
    let had = installed(image, record)?;
    let mut next = merge::merged(&had, startup)?;
    if next == had && had == Started::default() && startup.drivers.is_empty() {
        return Ok(None);
    }
    let report = StartupReport {
        started_by: None,
        targets: next.targets.clone(),
        chap: next.chap || next.chap_at_boot,
        drivers: vec![],
        skipped_drivers: vec![],
        texts: vec![],
    };
    let mut planner = Planner { image, record, files, warnings, report };
    planner.drivers(startup, system, &had, &mut next)?;
    planner.scripts(&next)?;
    planner.chap(startup, &next)?;
    for uri in startup.targets.iter().filter(|uri| uri.lun() != 0) {
        planner.warn(Warning::AllLuns { uri: uri.clone() });
    }
    let calls = Calls { early: next.is_early(), connect: next.autostart };
    if calls != Calls::default() {
        planner.hook(calls)?;
    } else if had.is_early() || had.autostart {
        planner.unhook()?;
    }
    if startup.whole {
        planner.warnings.extend(merge::lost(&had, &next));
    }
    Ok(Some(Planned { report: planner.report, started: next }))
}

/// The warning that the initiator of Windows 11 does not start in WinPE, unless the workaround is on.
pub(crate) fn event_log_warning(build: Option<u32>, has_workaround: bool) -> Option<Warning> {
    let build = build.filter(|build| *build >= WINDOWS_11 && !has_workaround)?;
    Some(Warning::EventLog { build })
}

struct Planner<'p, 'i> {
    image: ImageView<'i>,
    record: Option<&'p Record>,
    files: &'p mut FilePlan<'i>,
    warnings: &'p mut Vec<Warning>,
    report: StartupReport,
}

impl Planner<'_, '_> {
    fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// Adds the driver packages to the files and to what WinPE loads. Deletes those that it no longer loads.
    fn drivers(
        &mut self,
        startup: &Startup,
        system: System,
        had: &Started,
        next: &mut Started,
    ) -> Result<(), StartupError> {
        if system.arch.is_none() && !startup.drivers.is_empty() {
            self.warn(Warning::DriversUnchecked);
        }
        let mut packages = Packages::new(self.image, had);
        let mut replaced = Vec::new();
        let mut put = HashSet::new();
        let mut described = HashMap::new();
        for package in self.packages(startup, system)? {
            self.warnings.extend(package.warnings.iter().cloned());
            let place = packages.place(&package)?;
            if place.replaces == Some(Replaces::OtherVersion) {
                let (package, by) = (place.name.clone(), package.path.clone());
                self.warn(Warning::DriverReplaced { package, by });
            }
            replaced.extend(place.replaces.map(|_| place.name.clone()));
            let infs = package.infs.into_iter().map(|inf| {
                let path = place_of(&place.name, &inf.name);
                described.insert(path.clone(), (inf.class, inf.version));
                path
            });
            merge::load(next, &place.name, infs.collect());
            let why = format!("driver package {}", package.path.display());
            for (content, to) in package.files {
                let to = own::file(place_of(&place.name, to.as_str()).as_str());
                put.insert(to.clone());
                self.files.put(to, content, &why)?;
            }
        }
        let is_gone = |name: &&str| next.infs_of(name).next().is_none();
        let gone = had.packages().into_iter().filter(is_gone).map(str::to_owned);
        for name in gone.chain(replaced) {
            self.delete_package(&name, &put)?;
        }
        for inf in &next.drivers {
            let path = own::file(inf.as_str());
            let (class, version) = match described.remove(inf) {
                Some(known) => known,
                None => self.describe(&path)?,
            };
            self.report.drivers.push(DriverReport { inf: path, class, version });
        }
        Ok(())
    }

    /// The packages of the job that fit the image. The others are reported.
    fn packages(
        &mut self,
        startup: &Startup,
        system: System,
    ) -> Result<Vec<driver::Package>, StartupError> {
        let target = Target { image: self.image, system, strict: startup.strict_drivers };
        let mut usable = Vec::new();
        for path in &startup.drivers {
            let packages = driver::Packages::read(path, target)?;
            for skipped in packages.skipped {
                let (inf, why) = (skipped.inf.display().to_string(), skipped.why.to_string());
                if !skipped.why.is_foreign() {
                    self.warn(Warning::DriverSkipped { why: why.clone() });
                }
                self.report.skipped_drivers.push(SkippedDriver { inf, why });
            }
            usable.extend(packages.usable);
        }
        Ok(usable)
    }

    /// Deletes the files that earlier runs put into the folder of a package, except those that it gets now.
    fn delete_package(&mut self, name: &str, put: &HashSet<ImagePath>) -> Result<(), StartupError> {
        let folder = own::file(DRIVERS).join(name);
        let recorded = self.record.iter().flat_map(|record| &record.files);
        let old = recorded.map(|file| &file.path).filter(|path| path.is_below(&folder));
        let old: Vec<_> = old.filter(|path| !put.contains(path)).cloned().collect();
        for path in old {
            self.take_out(path, "WinPE no longer loads this driver")?;
        }
        Ok(())
    }

    /// The class and the version of a driver of an earlier run.
    fn describe(&self, inf: &ImagePath) -> Result<(Option<String>, Option<String>), StartupError> {
        match self.image.file(inf).map_err(TreeError::from)? {
            Some(entry) if entry.size <= MAX_INF => {
                Ok(driver::described(&self.image.read(inf).map_err(TreeError::from)?))
            }
            _ => Ok((None, None)),
        }
    }

    /// Adds the scripts, and deletes those that have nothing to do.
    fn scripts(&mut self, next: &Started) -> Result<(), StartupError> {
        match next.is_early() {
            true => self.script(EARLY, script::early(next.event_log, &next.drivers))?,
            false => self.take_out(own::file(EARLY), "it has nothing to do")?,
        }
        let chap = ChapFrom { image: next.chap, server: next.chap_at_boot };
        match next.has_login() {
            true => self.script(CONNECT, script::connect(&next.targets, chap)),
            false => self.take_out(own::file(CONNECT), "it has nothing to do"),
        }
    }

    /// Adds a script of ours and reports its lines.
    fn script(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), StartupError> {
        let path = own::file(name);
        let old = read_if_present(self.image, &path)?;
        let recorded = self.record.and_then(|record| record.file(&path));
        if let (Some(recorded), Some(old)) = (recorded, &old)
            && *old != bytes
            && Sha256::of(old) != recorded.sha256
        {
            self.warn(Warning::ScriptChanged { path: path.clone() });
        }
        self.show(&path, &old.unwrap_or_default(), &bytes);
        Ok(self.files.put(path, Content::Bytes(bytes), "what WinPE does when it starts")?)
    }

    /// Adds the file with the CHAP name and secret, or deletes it where no login uses it.
    fn chap(&mut self, startup: &Startup, next: &Started) -> Result<(), StartupError> {
        let path = secret_file();
        if let Some(chap) = &startup.chap {
            let content = Content::Bytes(chap_script(chap));
            self.files.put(path, content, "the CHAP name and secret")?;
        } else if !next.chap {
            self.take_out(path, "no login uses this CHAP secret")?;
        }
        if next.chap {
            self.warn(Warning::PlainSecret);
        }
        Ok(())
    }

    /// Deletes a file that an earlier run put in, or restores what was there before.
    fn take_out(&mut self, path: ImagePath, why: &str) -> Result<(), StartupError> {
        let recorded = self.record.and_then(|record| record.file(&path));
        if let Some(kept) = recorded.and_then(|file| file.kept.as_ref())
            && let Some(kept) = self.image.file(kept).map_err(TreeError::from)?
        {
            let content = kept.sha1.map_or(Content::Bytes(vec![]), Content::Blob);
            return Ok(self.files.put(path, content, "what it was before")?);
        }
        Ok(self.files.delete(path, why)?)
    }

    /// Makes the file that the image starts call our scripts.
    fn hook(&mut self, calls: Calls) -> Result<(), StartupError> {
        if let Some(command) = other_shell(self.image)? {
            let script = own::file(if calls.connect { CONNECT } else { EARLY });
            return Err(StartupError::OtherShell { command, script });
        }
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

    /// Removes the calls of our scripts from the files that may have them.
    fn unhook(&mut self) -> Result<(), StartupError> {
        let ini = system32("winpeshl.ini");
        let script = system32("startnet.cmd");
        for path in [ini, script] {
            let Some(old) = self.script_if_present(&path)? else { continue };
            let mut text = Text::parse(&old);
            if path.file_name().ends_with(".ini") {
                winpeshl::strip(&mut text);
            } else {
                startnet::strip(&mut text)
                    .map_err(|at| StartupError::Unended { file: path.clone(), line: at.0 })?;
            }
            let new = text.to_bytes();
            if new != old {
                let shown = read_if_present(self.image, &path)?.unwrap_or_default();
                self.show(&path, &shown, &new);
                let why = "what WinPE starts, without calls of our scripts";
                self.files.replace(path, Content::Bytes(new), why)?;
            }
        }
        Ok(())
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
        let shown = read_if_present(self.image, &path)?.unwrap_or_default();
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
            None | Some(Content::Blob(_)) => return read_if_present(self.image, path),
        };
        check_size(path, bytes.len() as u64)?;
        Ok(Some(bytes))
    }

    fn has_entry(&self, path: &str) -> Result<bool, TreeError> {
        Ok(self.image.entry(&ImagePath::new(path))?.is_some())
    }
}
