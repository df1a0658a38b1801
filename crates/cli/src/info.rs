//! `winpe-iscsi info`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_inject::{
    Extent, Presence, PresentDriver, Profile, Warning, boot_warnings, presence, present_drivers,
};
use winpe_wim::{Archive, Image};

use crate::failure::Failure;
use crate::images::Images;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Show what a WIM holds, and whether the initiator is in
///
/// Examples:
///   winpe-iscsi info winpe.wim
///   winpe-iscsi info boot.wim --image 2
///   winpe-iscsi info boot.wim --json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The WIM
    wim: PathBuf,
    /// Only this image, by number or name, or `all` of them [default: all]
    #[arg(long, value_name = "N|NAME|all")]
    image: Option<Images>,
    /// Whose files and services to look for
    #[arg(long, value_name = "NAME|DIR", default_value = "iscsi")]
    profile: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Info {
    wim: String,
    compression: String,
    chunk_size: u32,
    boot_index: Option<u32>,
    integrity: bool,
    pipable: bool,
    solid: bool,
    read_only: bool,
    interrupted_write: bool,
    /// Why no boot manager reads the WIM.
    boot_obstacles: Vec<String>,
    part: u16,
    parts: u16,
    image_count: usize,
    /// Those that were asked for.
    images: Vec<ImageInfo>,
}

#[derive(Serialize, JsonSchema)]
struct ImageInfo {
    index: u32,
    name: String,
    description: String,
    architecture: Option<String>,
    version: Option<String>,
    edition: Option<String>,
    languages: Vec<String>,
    files: u64,
    folders: u64,
    bytes: u64,
    /// Why the image does not start when it is booted by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    boot_findings: Vec<String>,
    #[serde(flatten)]
    initiator: Initiator,
    #[serde(flatten)]
    drivers: Drivers,
}

/// The drivers that inject has put in.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Drivers {
    Drivers(Vec<PresentDriver>),
    DriversUnknown(String),
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Initiator {
    Initiator(Presence),
    InitiatorUnknown(String),
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let profile = Profile::find(&args.profile)?;
    let archive = Archive::open(&args.wim)?;
    let only = match &args.image {
        Some(Images::One(image)) => Some(archive.select(image)?),
        Some(Images::All) | None => None,
    };
    let images =
        archive.images().iter().filter(|image| only.is_none_or(|only| only == image.index));
    let header = archive.header();
    let info = Info {
        wim: args.wim.display().to_string(),
        compression: header.compression.to_string(),
        chunk_size: header.chunk_size,
        boot_index: header.boot_index,
        integrity: header.integrity,
        pipable: header.pipable,
        solid: header.solid,
        read_only: header.readonly,
        interrupted_write: header.write_in_progress,
        boot_obstacles: header.boot_obstacles().iter().map(ToString::to_string).collect(),
        part: header.part,
        parts: header.parts,
        image_count: archive.images().len(),
        images: images.map(|image| describe(&archive, image, &profile)).collect(),
    };
    if printer.is_json() {
        printer.json(&info)?;
    } else {
        show(&info, printer)?;
    }
    Ok(Exit::Done)
}

fn describe(archive: &Archive, image: &Image, profile: &Profile) -> ImageInfo {
    // A damaged hive is worth telling and no reason to say nothing of the rest.
    let initiator = match presence(archive, image.index, profile) {
        Ok(presence) => Initiator::Initiator(presence),
        Err(error) => Initiator::InitiatorUnknown(Failure::new(error).message()),
    };
    let drivers = match present_drivers(archive, image.index) {
        Ok(drivers) => Drivers::Drivers(drivers),
        Err(error) => Drivers::DriversUnknown(Failure::new(error).message()),
    };
    let boot_findings = match boot_warnings(archive, image.index) {
        Ok(warnings) => {
            let of_image = warnings.iter().filter(|it| !matches!(it, Warning::NotBootable { .. }));
            of_image.map(ToString::to_string).collect()
        }
        Err(error) => vec![format!("whether it starts is unknown: {error}")],
    };
    ImageInfo {
        index: image.index,
        name: image.name.clone(),
        description: image.description.clone(),
        architecture: image.arch.map(|arch| arch.to_string()),
        version: image.version.map(|version| version.to_string()),
        edition: image.edition.clone(),
        languages: image.languages.clone(),
        files: image.stats.files,
        folders: image.stats.dirs,
        bytes: image.stats.bytes,
        boot_findings,
        initiator,
        drivers,
    }
}

fn show(info: &Info, printer: &mut Printer) -> Result<(), Failure> {
    printer.heading(&info.wim)?;
    let boot = info.boot_index.map_or("none".to_owned(), |index| index.to_string());
    let images = info.image_count;
    printer.line(format_args!(
        "  {images} image{}, boot image {boot}, compression {}",
        if images == 1 { "" } else { "s" },
        info.compression
    ))?;
    for (is_so, note) in [
        (info.integrity, "has an integrity table"),
        (info.solid, "solid (ESD): can be a source, not a target"),
        (info.pipable, "pipable: can be a source, not a target"),
        (info.parts > 1, "part of a split WIM: can be a source, not a target"),
        (info.read_only, "marked read-only"),
        (info.interrupted_write, "an earlier write was interrupted"),
    ] {
        if is_so {
            printer.line(format_args!("  {note}"))?;
        }
    }
    for why in &info.boot_obstacles {
        printer.line(format_args!("  no boot manager reads it: {why}"))?;
    }
    for image in &info.images {
        printer.line("")?;
        printer.heading(format_args!("image {}: {}", image.index, image.name))?;
        show_image(image, printer)?;
    }
    Ok(())
}

fn show_image(image: &ImageInfo, printer: &mut Printer) -> Result<(), Failure> {
    let unknown = || "unknown".to_owned();
    for (name, value) in [
        ("description", Some(image.description.clone()).filter(|text| !text.is_empty())),
        ("architecture", Some(image.architecture.clone().unwrap_or_else(unknown))),
        ("Windows", Some(image.version.clone().unwrap_or_else(unknown))),
        ("edition", image.edition.clone()),
        ("languages", Some(image.languages.join(", ")).filter(|text| !text.is_empty())),
        ("files", Some(image.files.to_string())),
    ] {
        if let Some(value) = value {
            printer.line(format_args!("  {name:13} {value}"))?;
        }
    }
    for finding in &image.boot_findings {
        printer.line(format_args!("  {:13} {finding}", "boot"))?;
    }
    match &image.initiator {
        Initiator::Initiator(presence) => show_presence(presence, printer)?,
        Initiator::InitiatorUnknown(why) => {
            printer.line(format_args!("  {:13} unknown: {why}", "initiator"))?;
        }
    }
    show_drivers(&image.drivers, printer)
}

/// Each driver and the devices that it is for.
fn show_drivers(drivers: &Drivers, printer: &mut Printer) -> Result<(), Failure> {
    let drivers = match drivers {
        Drivers::Drivers(drivers) => drivers,
        Drivers::DriversUnknown(why) => {
            return Ok(printer.line(format_args!("  {:13} unknown: {why}", "drivers"))?);
        }
    };
    for (index, driver) in drivers.iter().enumerate() {
        let heading = if index == 0 { "drivers" } else { "" };
        let loaded = if driver.loaded { "" } else { "not loaded" };
        let known = [&driver.class, &driver.version].map(|it| it.as_deref().unwrap_or_default());
        let problem = driver.problem.as_deref().unwrap_or_default();
        let notes: Vec<_> = [known[0], known[1], loaded, problem].into();
        let notes: Vec<_> = notes.into_iter().filter(|note| !note.is_empty()).collect();
        match notes.is_empty() {
            true => printer.line(format_args!("  {heading:13} {}", driver.inf))?,
            false => {
                let notes = notes.join(", ");
                printer.line(format_args!("  {heading:13} {} ({notes})", driver.inf))?;
            }
        }
        for id in &driver.hardware_ids {
            printer.line(format_args!("  {:13}   {id}", ""))?;
        }
    }
    Ok(())
}

fn show_presence(presence: &Presence, printer: &mut Printer) -> Result<(), Failure> {
    let verdict = match (presence.is_complete(), presence.is_absent()) {
        (true, _) => "in",
        (_, true) => "not in",
        _ => "in part",
    };
    let (present, missing) = (presence.files_present.len(), presence.files_missing.len());
    let files = match present + missing {
        0 => String::new(),
        needed => format!("{present} of {needed} files; "),
    };
    let services = services(presence);
    let services = match services.is_empty() {
        true => services,
        false => format!("services {services}"),
    };
    let details = format!("{files}{services}");
    let details = details.trim_end_matches("; ");
    printer.line(format_args!("  {:13} {verdict}: {details}", label(&presence.profile)))?;
    for part in &presence.parts {
        let extent = match part.extent {
            Extent::Whole => "there",
            Extent::Some => "there in part",
            Extent::None => "not there",
        };
        printer.line(format_args!("  {:13}   {:15} {extent}", "", part.name))?;
        for missing in part.missing.iter().filter(|_| part.extent == Extent::Some) {
            printer.line(format_args!("  {:13}     missing: {missing}", ""))?;
        }
    }
    if !presence.is_absent() {
        for path in &presence.files_missing {
            printer.line(format_args!("  {:13} missing: {path}", ""))?;
        }
    }
    Ok(())
}

/// What a profile puts in: the built-in ones the initiator, any other something that its name says.
fn label(profile: &str) -> &str {
    if Profile::builtin_names().contains(&profile) { "initiator" } else { profile }
}

fn services(presence: &Presence) -> String {
    let present = presence.services_present.iter().map(|name| format!("{name} present"));
    let missing = presence.services_missing.iter().map(|name| format!("{name} absent"));
    present.chain(missing).collect::<Vec<_>>().join(", ")
}
