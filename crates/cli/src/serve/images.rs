//! What is in the images of the menu.

use std::path::Path;

use winpe_media::{BootFile, BootFiles, MediaError};
use winpe_netboot::config::{self, Config, Content, Entry, Origin, Target, is_url};

use crate::failure::Failure;

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
        Failure::new(format!("entry {:?}: {error}", entry.name))
            .hint(format!("see what it holds: winpe-iscsi info {path}"))
    });
    Some(found.map(|files| (path.to_owned(), files)))
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
