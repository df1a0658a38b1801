//! What is in the images of the menu.

use std::path::Path;

use winpe_media::{BootFile, BootFiles, MediaError};
use winpe_netboot::config::{self, Config, Content, Entry, Origin, Target, is_url};
use winpe_wim::Archive;

use crate::failure::Failure;
use crate::kind::Kind;

/// The WinPE of an installation disc.
const BOOT_WIM: &str = "sources/boot.wim";

/// Looks into each image on this machine's disk, so that an administrator need not unpack it.
pub(super) fn look_into(config: &mut Config) -> Result<(), Failure> {
    for entry in &mut config.entries {
        if let Some((path, files)) = find(entry).transpose()? {
            entry.files = files.files.into_iter().map(|file| boot_file(&path, file)).collect();
        }
    }
    Ok(())
}

fn find(entry: &Entry) -> Option<Result<(String, BootFiles), Failure>> {
    let (path, found) = match entry.target()? {
        Target::Wim { image, index } if !is_url(image) => {
            (image, BootFiles::of_wim(Path::new(image), index))
        }
        Target::Windows { disc, index } => (disc, BootFiles::of_iso(Path::new(disc), index)),
        _ => return None,
    };
    let found = found.map_err(|error: MediaError| {
        Failure::new(format!("entry {:?}: {error}", entry.name)).hint(
            match Kind::of(Path::new(path)) {
                Some(Kind::Disc) => {
                    "a Windows disc has sources/boot.wim; 7z l lists what is on this one".to_owned()
                }
                Some(Kind::Wim) => format!("see what it holds: winpe-iscsi info {path}"),
                _ => format!("{path} is neither a WIM nor the image of a disc"),
            },
        )
    });
    Some(found.map(|files| (path.to_owned(), files)))
}

/// Why images of the menu on this machine's disk do not start. What cannot be read is reported elsewhere.
pub(super) fn boot_warnings(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in &config.entries {
        let opened = match entry.target() {
            Some(Target::Wim { image, index }) if !is_url(image) => {
                (Archive::open(Path::new(image)), index)
            }
            Some(Target::Windows { disc, index }) => {
                (Archive::open_in_iso(Path::new(disc), BOOT_WIM), index)
            }
            _ => continue,
        };
        let (Ok(archive), index) = opened else { continue };
        let index = index.or(archive.header().boot_index).unwrap_or(1);
        let warnings = winpe_inject::boot_warnings(&archive, index).unwrap_or_default();
        lines.extend(warnings.iter().map(|warning| format!("entry {:?}: {warning}", entry.name)));
    }
    lines
}

fn boot_file(path: &str, file: BootFile) -> config::BootFile {
    config::BootFile {
        name: file.name.to_owned(),
        origin: match file.origin {
            winpe_media::Origin::Image => Origin::Image,
            winpe_media::Origin::Disc => Origin::Disc,
            winpe_media::Origin::Made => Origin::Made,
        },
        content: match file.content {
            winpe_media::Content::Bytes(bytes) => Content::Bytes(bytes.into()),
            winpe_media::Content::Disc(range) => Content::Disk {
                path: path.into(),
                start: range.start,
                length: range.end - range.start,
            },
        },
    }
}
