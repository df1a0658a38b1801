//! `wim du`: what makes an image large.

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;
use winpe_wim::{Archive, Entry};

use super::place::Place;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Show what makes an image large, folder by folder, and what wim optimize would give back
///
/// Examples:
///   winpe-iscsi wim du winpe.wim
///   winpe-iscsi wim du winpe.wim:Windows/System32 --depth 1
///   winpe-iscsi wim du boot.wim:2 --json
///
/// Two sizes are shown: that in the WIM, compressed, which a machine that boots it loads and keeps in
/// memory, and that of the files. Data that several files share counts once, at the first of them.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The image, or a folder of it
    #[arg(value_name = "WIM[:IMAGE][:PATH]")]
    place: Place,
    /// How many levels of folders to show
    #[arg(long, value_name = "N", default_value_t = 2)]
    depth: usize,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Usage {
    wim: String,
    image: u32,
    /// Of the opened file.
    wim_bytes: u64,
    /// Bytes of it to which no image refers.
    unused_bytes: u64,
    /// By their size in the WIM, the largest first.
    folders: Vec<Folder>,
}

#[derive(Serialize, JsonSchema)]
struct Folder {
    path: String,
    #[serde(flatten)]
    sum: Sum,
}

#[derive(Default, Clone, Copy, Serialize, JsonSchema)]
struct Sum {
    /// Files in it and below it.
    files: u64,
    /// Of the files, in bytes.
    size: u64,
    /// In the WIM, compressed, in bytes.
    stored: u64,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let found = args.place.open()?;
    let archive = &found.archive;
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut seen = HashSet::new();
    let above = found.path.split('/').filter(|name| !name.is_empty()).count();
    for entry in archive.below(found.image, &found.path)? {
        let sum = of_entry(archive, &entry, &mut seen);
        let names = entry.path.names();
        let folders = if entry.is_dir { names.len() } else { names.len().saturating_sub(1) };
        for depth in above..=folders.min(above + args.depth) {
            sums.entry(names[..depth.min(names.len())].join("/")).or_default().add(sum);
        }
    }
    let folders = sums.into_iter().map(|(path, sum)| Folder { path, sum });
    let mut usage = Usage {
        wim: archive.path().display().to_string(),
        image: found.image,
        wim_bytes: archive.size(),
        unused_bytes: archive.unused()?,
        folders: folders.collect(),
    };
    // Equal ones stay in the order of their paths.
    usage.folders.sort_by_key(|folder| std::cmp::Reverse(folder.sum.stored));
    if printer.is_json() {
        printer.json(&usage)?;
    } else {
        show(&usage, printer)?;
    }
    Ok(Exit::Done)
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.size += other.size;
        self.stored += other.stored;
    }
}

/// What an entry takes, without data that was counted before.
fn of_entry(archive: &Archive, entry: &Entry, seen: &mut HashSet<[u8; 20]>) -> Sum {
    let mut sum = Sum { files: u64::from(!entry.is_dir), ..Sum::default() };
    let streams = entry.streams.iter().map(|stream| (stream.size, stream.sha1));
    for (size, sha1) in streams.chain([(entry.size, entry.sha1.or(entry.reparse_sha1))]) {
        if let Some(sha1) = sha1.filter(|sha1| seen.insert(*sha1)) {
            sum.size += size;
            sum.stored += archive.stored_size(&sha1).unwrap_or(0);
        }
    }
    sum
}

fn show(usage: &Usage, printer: &mut Printer) -> std::io::Result<()> {
    printer.heading(format_args!("{:>14} {:>14} {:>8}  folder", "in the WIM", "size", "files"))?;
    for Folder { path, sum } in &usage.folders {
        let path = if path.is_empty() { "/" } else { path };
        let Sum { files, size, stored } = sum;
        printer.line(format_args!("{stored:>14} {size:>14} {files:>8}  {path}"))?;
    }
    let Usage { wim, wim_bytes, unused_bytes, .. } = usage;
    printer.line(format_args!("{wim}: {wim_bytes} bytes, of which {unused_bytes} are unused"))?;
    if *unused_bytes > 0 {
        printer.status(format_args!("winpe-iscsi wim optimize {wim} gives them back"));
    }
    Ok(())
}
