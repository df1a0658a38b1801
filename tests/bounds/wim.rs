//! WIMs with metadata that no tool writes.

use std::fs;
use std::path::Path;

use winpe_wim::{Compression, NewImage, create};

use crate::random::Random;

/// A file or folder of the metadata to be written.
#[derive(Default)]
struct Node {
    name: String,
    is_dir: bool,
    link_group: u64,
    /// SHA-1 of its data; zeros without data.
    sha1: [u8; 20],
    streams: Vec<String>,
    children: Vec<usize>,
}

/// The metadata of an image.
pub(crate) struct Metadata {
    descriptors: Vec<Vec<u8>>,
    nodes: Vec<Node>,
}

const ROOT: usize = 0;

impl Metadata {
    fn new() -> Self {
        let root = Node { is_dir: true, ..Node::default() };
        Self { descriptors: Vec::new(), nodes: vec![root] }
    }

    /// Metadata of exactly `size` bytes, a multiple of 8.
    pub(crate) fn of_size(size: usize) -> Self {
        let mut metadata = Self::new();
        metadata.add(ROOT, "file", false);
        let rest = size - metadata.to_bytes().len() - 8;
        metadata.descriptors.push(vec![7; rest]);
        metadata
    }

    fn add(&mut self, folder: usize, name: impl Into<String>, is_dir: bool) -> usize {
        self.nodes.push(Node { name: name.into(), is_dir, ..Node::default() });
        let id = self.nodes.len() - 1;
        self.nodes[folder].children.push(id);
        id
    }

    /// Folders within each other.
    fn way(&mut self, names: &[&str]) -> usize {
        names.iter().fold(ROOT, |folder, name| self.add(folder, *name, true))
    }

    /// The uncompressed resource. All entries have the first descriptor.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0; 8];
        for descriptor in &self.descriptors {
            out.extend((descriptor.len() as u64).to_le_bytes());
        }
        out.extend(self.descriptors.concat());
        out.resize(out.len().next_multiple_of(8), 0);
        let head = [out.len(), self.descriptors.len()].map(|number| (number as u32).to_le_bytes());
        out[..8].copy_from_slice(&head.concat());
        let root_size = self.entry(ROOT, 0).len();
        let mut next = out.len() + root_size + 8;
        let mut places = vec![0; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.is_dir) {
            places[id] = next;
            next += node.children.iter().map(|child| self.entry(*child, 0).len()).sum::<usize>();
            next += 8;
        }
        out.extend(self.entry(ROOT, places[ROOT]));
        out.extend([0; 8]);
        for node in self.nodes.iter().filter(|node| node.is_dir) {
            for child in &node.children {
                out.extend(self.entry(*child, places[*child]));
            }
            out.extend([0; 8]);
        }
        out
    }

    fn entry(&self, id: usize, children: usize) -> Vec<u8> {
        let node = &self.nodes[id];
        let name = utf16(&node.name);
        let nul: &[u8] = if name.is_empty() { &[] } else { &[0, 0] };
        let length = (102 + name.len() + nul.len()).next_multiple_of(8);
        let attributes: u32 = if node.is_dir { 0x10 } else { 0x20 };
        let security: i32 = if self.descriptors.is_empty() { -1 } else { 0 };
        let mut out = (length as u64).to_le_bytes().to_vec();
        out.extend(attributes.to_le_bytes());
        out.extend(security.to_le_bytes());
        out.extend((children as u64).to_le_bytes());
        out.extend([0; 40]);
        out.extend(node.sha1);
        out.extend([0; 4]);
        out.extend(node.link_group.to_le_bytes());
        out.extend((node.streams.len() as u16).to_le_bytes());
        out.extend([0; 2]);
        out.extend((name.len() as u16).to_le_bytes());
        out.extend(name);
        out.extend(nul);
        out.resize(length, 0);
        for stream in &node.streams {
            let start = out.len();
            let name = utf16(stream);
            let length = (38 + name.len() + 2).next_multiple_of(8);
            out.extend((length as u64).to_le_bytes());
            out.extend([0; 28]);
            out.extend((name.len() as u16).to_le_bytes());
            out.extend(name);
            out.resize(start + length, 0);
        }
        out
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The kinds of hostile metadata.
pub(crate) const KINDS: [&str; 6] = ["descriptor", "deep", "wide", "streams", "lookups", "folders"];

/// The metadata of a kind, of at most `budget` bytes.
pub(crate) fn metadata(kind: &str, random: &mut Random, budget: usize) -> Metadata {
    let mut metadata = Metadata::new();
    match kind {
        // Entries that share one large descriptor.
        "descriptor" => {
            let size = random.size(20, budget / 2);
            metadata.descriptors.push(vec![7; size]);
            for number in 0..(budget - size - 200) / 120 {
                metadata.add(ROOT, format!("{number}"), false);
            }
        }
        // Folders within folders, and files in the last: long paths, many times.
        "deep" => {
            let (units, depth) = (random.size(1, 4000), random.size(1, 4000));
            let depth = depth.min(30_000 / (units + 1)).min(budget / (2 * units + 130) / 2).max(1);
            let name = "n".repeat(units);
            let folder = metadata.way(&vec![&*name; depth]);
            let rest = (budget - depth * (2 * units + 120)) / 120;
            let files = rest.min(30_000_000 / (depth * (units + 1)));
            for number in 0..files {
                metadata.add(folder, format!("{number}"), false);
            }
        }
        // The maximum number of entries, with a random mixture of hard links and equal names.
        "wide" => {
            let (names, links) = (random.size(1, 80_000), random.size(1, 80_000));
            for number in 0..(budget - 200) / 120 {
                let id = metadata.add(ROOT, format!("{}", number % names), false);
                metadata.nodes[id].link_group = (number % links) as u64 * random.below(2) as u64;
            }
        }
        // Alternate streams, which are shown with the path of their file.
        "streams" => {
            let (each, depth) = (random.size(1, 60_000), random.size(1, 200));
            let each = each.min(budget / 56 - depth * 4 - 10);
            let folder = metadata.way(&vec!["folder"; depth]);
            let files = ((budget - depth * 140) / (each * 48 + 160)).max(1);
            for number in 0..files.min(15_000_000 / (each * depth * 7)).max(1) {
                let file = metadata.add(folder, format!("{number}"), false);
                metadata.nodes[file].streams = vec!["s".to_owned(); each];
            }
        }
        // Folders and files that the profile's patterns look for.
        "lookups" => {
            let file = random.pick(&["iscsi.inf", "msiscsi.sys", "x.cat"]);
            let (way, prefix): (&[&str], _) = match random.below(3) {
                0 => {
                    (&["Windows", "System32", "DriverStore", "FileRepository"], "iscsi.inf_amd64_")
                }
                1 => (&["Windows", "WinSxS"], "amd64_iscsi.inf_31bf3856ad364e35_10.0.1.1_none_"),
                _ => {
                    (&["Windows", "System32", "CatRoot"], "{F750E6C3-38EE-11D1-85E5-00C04FC295EE}")
                }
            };
            let folder = metadata.way(way);
            let one_each = random.below(2) == 0;
            for number in 0..budget / (240 + 2 * prefix.len()) - 10 {
                let within = metadata.add(folder, format!("{prefix}{number}"), one_each);
                if one_each {
                    metadata.add(within, file, false);
                }
            }
        }
        // Each folder contains one.
        _ => {
            let fan = random.size(1, 300);
            let mut open = vec![ROOT];
            let mut left = (budget - 200) / 128;
            while let (Some(folder), true) = (open.pop(), left > 0) {
                for number in 0..fan.min(left) {
                    open.insert(0, metadata.add(folder, format!("{number}"), true));
                    left -= 1;
                }
                open.truncate(1000);
            }
        }
    }
    metadata
}

/// Writes a WIM of one image with that metadata.
///
/// The metadata is added as a file, so that it is compressed; then the blob table is changed so
/// that it names that file as the metadata of the image.
pub(crate) fn write(path: &Path, metadata: &Metadata, compression: Compression) {
    let bytes = metadata.to_bytes();
    let mut image = NewImage::new("PE");
    let size = bytes.len() as u64;
    image.files.push(("metadata".to_owned(), bytes));
    make(path, compression, image);
    let mut wim = fs::read(path).expect("the WIM");
    let number = |wim: &[u8], at: usize| {
        u64::from_le_bytes(wim[at..at + 8].try_into().expect("eight bytes"))
    };
    const SIZE: u64 = (1 << 56) - 1;
    const METADATA: u8 = 2;
    let table = usize::try_from(number(&wim, 56)).expect("an offset");
    let table_size = usize::try_from(number(&wim, 48) & SIZE).expect("a size");
    let mut own = None;
    for at in (table..table + table_size).step_by(50) {
        if wim[at + 7] & METADATA != 0 {
            // Every metadata resource must belong to an image.
            wim[at + 26..at + 30].fill(0);
        } else if number(&wim, at + 16) == size {
            wim[at + 7] |= METADATA;
            own = Some(wim[at..at + 24].to_vec());
        }
    }
    wim[96..120].copy_from_slice(&own.expect("the file is in the table"));
    fs::write(path, wim).expect("the WIM");
}

/// Replaces a WIM by another with one image.
pub(crate) fn make(path: &Path, compression: Compression, image: NewImage) {
    // The functions that write WIMs replace no file.
    let _ = fs::remove_file(path);
    create(path, compression, &[image]).expect("a new WIM");
}

/// XML data of an image of a kind, at the limits for XML data or below them.
pub(crate) fn xml(random: &mut Random, budget: usize) -> String {
    let size = random.size(1, budget);
    let filler = match random.below(6) {
        0 => "<a/>".repeat(size / 4),
        1 => {
            let attributes: String =
                (0..random.size(1, 63)).map(|number| format!(" a{number}=''")).collect();
            let element = format!("<b{attributes}/>");
            element.repeat(size / element.len())
        }
        2 => {
            let depth = random.size(1, 60);
            let element = "<a>".repeat(depth) + &"</a>".repeat(depth);
            element.repeat(size / element.len())
        }
        3 => {
            let spaces: String =
                (0..random.size(1, 15)).map(|number| format!(" xmlns:n{number}='u'")).collect();
            let inside = "<n0:a n0:b='' c=''/>".repeat(size.saturating_sub(400) / 20);
            format!("<b{spaces}>{inside}</b>")
        }
        4 => "&amp;".repeat(size / 5),
        _ => "<![CDATA[x]]>y".repeat(size / 14),
    };
    format!("<WIM><IMAGE INDEX=\"1\"><NAME>PE</NAME>{filler}</IMAGE></WIM>")
}

/// Gives a WIM other XML data, at its end.
pub(crate) fn replace_xml(path: &Path, xml: &str) {
    let mut wim = fs::read(path).expect("the WIM");
    let data: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16(xml)).collect();
    let (at, size) = (wim.len() as u64, data.len() as u64);
    wim.extend(data);
    let header = [size, at, size].map(u64::to_le_bytes).concat();
    wim[72..96].copy_from_slice(&header);
    fs::write(path, wim).expect("the WIM");
}
