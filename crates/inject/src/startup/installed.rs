//! What an image does at its start, and whether it still does all of it.

use winpe_registry::{KeyPath, ValueName};

use super::StartupError;
use super::script::{self, CONNECT, ChapFrom, EARLY};
use super::startnet::{self, Calls};
use super::text::Text;
use super::winpeshl::{self, Launches};
use crate::files::own;
use crate::files::{Record, Started};
use crate::hives::{HiveError, HiveRoots, open_hive};
use crate::image::{ImagePath, ImageView, TreeError};

const SYSTEM32: &str = r"Windows\System32";
const SHELL: &str = "winpeshl";
/// The longest script that is read, in bytes. Real ones have some hundred.
pub(super) const MAX_SCRIPT: u64 = 256 << 10;

/// What WinPE does at its start according to the record of the image. If that says nothing of it, according
/// to our scripts in the image.
pub(super) fn installed(
    image: ImageView<'_>,
    record: Option<&Record>,
) -> Result<Started, StartupError> {
    let mut started = match record.and_then(|record| record.startup.clone()) {
        Some(started) => started,
        None => by_scripts(image)?,
    };
    let is_held = || super::secret::holds_secret(image.archive, image.image);
    started.chap = started.chap && is_held().map_err(TreeError::from)?;
    Ok(started)
}

fn by_scripts(image: ImageView<'_>) -> Result<Started, StartupError> {
    let mut started = Started::default();
    if let Some(early) = read_if_present(image, &own::file(EARLY))? {
        (started.event_log, started.drivers) = script::read_early(&early);
    }
    if let Some(connect) = read_if_present(image, &own::file(CONNECT))? {
        let (targets, ChapFrom { image: chap, server }) = script::read_connect(&connect);
        started.targets = targets;
        (started.chap, started.chap_at_boot) = (chap, server);
        started.autostart = caller(image)?.calls.connect;
    }
    Ok(started)
}

/// The file that WinPE starts, and which of our scripts it calls.
pub(super) struct Caller {
    pub(super) path: ImagePath,
    pub(super) calls: Calls,
}

/// The file that WinPE starts.
pub(super) fn caller(image: ImageView<'_>) -> Result<Caller, StartupError> {
    let ini = system32("winpeshl.ini");
    let bytes = read_if_present(image, &ini)?;
    let text = Text::parse(bytes.as_deref().unwrap_or_default());
    if winpeshl::launches(&text) == Launches::Programs {
        return Ok(Caller { path: ini, calls: winpeshl::calls(&text) });
    }
    let path = system32("startnet.cmd");
    let bytes = read_if_present(image, &path)?;
    let text = Text::parse(bytes.as_deref().unwrap_or(startnet::DEFAULT));
    Ok(Caller { path, calls: startnet::calls(&text) })
}

/// What the image starts instead of `winpeshl.exe`, which alone reads `winpeshl.ini` and `startnet.cmd`.
pub(super) fn other_shell(image: ImageView<'_>) -> Result<Option<String>, HiveError> {
    let key: KeyPath = r"HKEY_LOCAL_MACHINE\SYSTEM\Setup".parse().expect("a plain path");
    let setup = HiveRoots::standard().locate(&key).expect("a standard root covers it");
    let failed = |source| HiveError::Read { hive: setup.file.clone(), source };
    let Some(opened) = open_hive(image.tree(), &setup.file)? else { return Ok(None) };
    let Some(key) = opened.hive.key(&setup.key).map_err(failed)? else { return Ok(None) };
    let name = ValueName::new("CmdLine").expect("a short name");
    let value = key.value(&name).map_err(failed)?;
    let command = value.and_then(|value| value.as_text()).map(|text| text.to_string());
    let command = command.unwrap_or_default();
    Ok(Some(command).filter(|it| !it.trim().is_empty() && !startnet::runs(it, SHELL)))
}

/// What the image starts instead of the program that calls our scripts, if it should call any.
pub(crate) fn check_shell(
    image: ImageView<'_>,
    record: &Record,
) -> Result<Option<String>, HiveError> {
    let started = record.startup.as_ref();
    match started.is_some_and(|started| started.is_early() || started.autostart) {
        true => other_shell(image),
        false => Ok(None),
    }
}

/// Something that WinPE should do at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    /// In words.
    pub(crate) what: String,
    /// Whether the image does it.
    pub(crate) holds: bool,
}

/// Whether everything that the record says is really called, loaded and logged in to.
pub(crate) fn hooks(image: ImageView<'_>, record: &Record) -> Result<Vec<Hook>, StartupError> {
    let started = installed(image, Some(record))?;
    let mut hooks = Vec::new();
    let mut add = |what: String, holds| hooks.push(Hook { what, holds });
    let (early, connect) = (own::file(EARLY), own::file(CONNECT));
    if started.is_early() || started.autostart {
        let Caller { path, calls } = caller(image)?;
        for (is_needed, script, holds) in [
            (started.is_early(), &early, calls.early),
            (started.autostart, &connect, calls.connect),
        ] {
            if is_needed {
                add(format!("the call of {script} in {path}"), holds);
            }
        }
    }
    let bytes = read_if_present(image, &early)?.unwrap_or_default();
    let (event_log, drivers) = script::read_early(&bytes);
    if started.event_log {
        add(format!("the restart of the event log in {early}"), event_log);
    }
    for inf in &started.drivers {
        add(
            format!("the loading of {} in {early}", own::file(inf.as_str())),
            drivers.contains(inf),
        );
    }
    let bytes = read_if_present(image, &connect)?.unwrap_or_default();
    let (targets, _) = script::read_connect(&bytes);
    for uri in &started.targets {
        add(format!("the login to {uri} in {connect}"), targets.contains(uri));
    }
    Ok(hooks)
}

/// The content of a script of the image.
pub(super) fn read_if_present(
    image: ImageView<'_>,
    path: &ImagePath,
) -> Result<Option<Vec<u8>>, StartupError> {
    let Some(entry) = image.file(path).map_err(TreeError::from)? else { return Ok(None) };
    check_size(path, entry.size)?;
    Ok(Some(image.read(path).map_err(TreeError::from)?))
}

pub(super) fn check_size(path: &ImagePath, size: u64) -> Result<(), StartupError> {
    match size {
        0..=MAX_SCRIPT => Ok(()),
        size => Err(StartupError::TooLong { file: path.clone(), size, limit: MAX_SCRIPT }),
    }
}

pub(super) fn system32(name: &str) -> ImagePath {
    ImagePath::new(SYSTEM32).join(name)
}
