//! The drivers that were put into an image, read from the image.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::driver::inf::Inf;
use super::driver::{MAX_INF, System};
use super::installed::MAX_SCRIPT;
use super::script::{EARLY, read_early};
use crate::files::{Record, own};
use crate::image::{ImagePath, ImageView, TreeError};

/// A driver that was put into an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PresentDriver {
    /// Its INF in the image.
    pub inf: ImagePath,
    /// Whether WinPE loads it when it starts.
    pub loaded: bool,
    /// The class of its devices, for example `Net`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Its date and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The IDs of the devices that it drives in the image's Windows, for example
    /// `PCI\VEN_8086&DEV_15F3`. Not all are listed if there are very many.
    pub hardware_ids: Vec<String>,
    /// Why its INF was not read, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The most INFs that are listed.
const MAX_DRIVERS: usize = 1024;
/// The most bytes of all INFs that are read. An image may have one large file under many names.
const MAX_TOTAL: u64 = 32 << 20;
/// The most hardware IDs of all INFs.
const MAX_IDS: usize = 16_384;

/// The drivers that the early script of an image loads, and those that the record names besides.
pub(crate) fn drivers(
    image: ImageView<'_>,
    system: System,
    record: Option<&Record>,
) -> Result<Vec<PresentDriver>, TreeError> {
    let early = own::file(EARLY);
    let script = match image.file(&early)? {
        Some(entry) if entry.size <= MAX_SCRIPT => image.read(&early)?,
        _ => vec![],
    };
    let (_, loaded) = read_early(&script);
    let loaded = loaded.into_iter().map(|inf| own::file(inf.as_str()));
    let folder = own::file("drivers");
    let is_ours = |path: &ImagePath| {
        let is_inf = path.file_name().to_ascii_lowercase().ends_with(".inf");
        is_inf && path.folder().folder() == folder
    };
    let recorded = record.iter().flat_map(|record| &record.files).map(|file| &file.path);
    let recorded = recorded.filter(|path| is_ours(path)).cloned();
    let all = loaded.map(|inf| (inf, true)).chain(recorded.map(|inf| (inf, false)));

    let mut reader = Reader { image, system, bytes: MAX_TOTAL, ids: MAX_IDS };
    let mut known = BTreeSet::new();
    let mut drivers = Vec::new();
    for (inf, loaded) in all.take(2 * MAX_DRIVERS) {
        if drivers.len() < MAX_DRIVERS && known.insert(inf.clone()) {
            drivers.extend(reader.driver(inf, loaded)?);
        }
    }
    Ok(drivers)
}

struct Reader<'i> {
    image: ImageView<'i>,
    system: System,
    /// How many bytes may still be read.
    bytes: u64,
    /// How many hardware IDs may still be listed.
    ids: usize,
}

impl Reader<'_> {
    /// Describes a driver; `None` if nothing loads it and the image does not have it any more.
    fn driver(
        &mut self,
        path: ImagePath,
        loaded: bool,
    ) -> Result<Option<PresentDriver>, TreeError> {
        let entry = self.image.file(&path)?;
        let unread = |path, problem: &str| PresentDriver {
            inf: path,
            loaded,
            class: None,
            version: None,
            hardware_ids: vec![],
            problem: Some(problem.to_owned()),
        };
        let Some(entry) = entry else {
            return Ok(loaded.then(|| unread(path, "the image does not have it")));
        };
        if entry.size > MAX_INF.min(self.bytes) {
            return Ok(Some(unread(path, "it was not read, since it is too large")));
        }
        self.bytes -= entry.size;
        let Ok(inf) = Inf::parse(&self.image.read(&path)?) else {
            return Ok(Some(unread(path, "it is not an INF")));
        };
        let mut hardware_ids = inf.hardware_ids(self.system);
        hardware_ids.truncate(self.ids);
        self.ids -= hardware_ids.len();
        let (class, version) = (inf.class(), inf.driver_version());
        Ok(Some(PresentDriver { inf: path, loaded, class, version, hardware_ids, problem: None }))
    }
}
