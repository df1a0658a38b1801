//! The XML data: names, counts and Windows versions of the images. They are edited as text:
//! everything that an edit does not concern keeps every character.

mod references;
mod scan;

use std::fmt::Write as _;
use std::ops::Range;

use roxmltree::{Document, Node};

use crate::image::{Arch, Image, Stats, Version};

/// Maximum size of XML data in bytes: installation media have below 100 KB.
pub(crate) const LONGEST: u64 = 4 << 20;

/// The XML data as text.
#[derive(Debug, Clone)]
pub(crate) struct Xml {
    text: String,
}

/// Why XML data cannot be read.
#[derive(Debug)]
pub(crate) struct BadXml {
    pub(crate) expected: String,
    pub(crate) actual: String,
}

impl BadXml {
    fn new(expected: &str, actual: impl Into<String>) -> Self {
        Self { expected: expected.to_owned(), actual: actual.into() }
    }
}

const BYTE_ORDER_MARK: u16 = 0xfeff;

impl Xml {
    /// Takes the resource: UTF-16LE with a byte order mark.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadXml> {
        let (units, rest) = bytes.as_chunks::<2>();
        let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
        let units = units.skip_while(|unit| *unit == BYTE_ORDER_MARK);
        let text: Result<String, _> = char::decode_utf16(units).collect();
        match text {
            Ok(text) if rest.is_empty() => {
                // Some writers append a NUL.
                Ok(Self { text: text.trim_end_matches('\0').to_owned() })
            }
            _ => Err(BadXml::new("UTF-16LE", "something else")),
        }
    }

    /// The resource. It has no numeric references, which wimlib does not read.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let text = references::named(&self.text);
        std::iter::once(BYTE_ORDER_MARK)
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect()
    }

    /// The images in the order of their numbers, and whether the WIM is marked as encrypted.
    pub(crate) fn read(&self) -> Result<(Vec<Image>, bool), BadXml> {
        scan::check(&self.text)?;
        let document = self.parse()?;
        let root = document.root_element();
        let encrypted = find(root, &["ESD", "ENCRYPTED"]).is_some();
        let mut images = Vec::new();
        for node in root.children().filter(|node| node.has_tag_name("IMAGE")) {
            let index = node.attribute("INDEX").and_then(|index| index.trim().parse().ok());
            let Some(index) = index else {
                let actual = format!("{:?}", node.attribute("INDEX"));
                return Err(BadXml::new("a number as the INDEX of each image", actual));
            };
            images.push(image(node, index, &self.text));
        }
        images.sort_by_key(|image| image.index);
        let wrong = (1..).zip(&images).find(|(number, image)| image.index != *number);
        if let Some((number, image)) = wrong {
            let actual = format!("number {} in the place of {number}", image.index);
            return Err(BadXml::new("images numbered from 1", actual));
        }
        Ok((images, encrypted))
    }

    /// Adds to the counts of an image, and sets its time of last modification (Windows time).
    pub(crate) fn update_image(
        &mut self,
        index: u32,
        change: &StatsChange,
        time: u64,
    ) -> Result<(), BadXml> {
        let edits = {
            let document = self.parse()?;
            let wanted = index.to_string();
            let image = document.root_element().children().find(|node| {
                node.has_tag_name("IMAGE")
                    && node.attribute("INDEX").map(str::trim) == Some(&wanted)
            });
            let Some(image) = image else {
                return Err(BadXml::new("an element of the image", wanted));
            };
            let counts = [
                ("DIRCOUNT", change.dirs),
                ("FILECOUNT", change.files),
                ("TOTALBYTES", change.bytes),
                ("HARDLINKBYTES", change.link_bytes),
            ];
            let mut edits: Vec<_> = counts
                .into_iter()
                .map(|(name, (before, after))| {
                    let old = number(image, &[name]);
                    // Writers differ in what they count (with or without the root), but differences
                    // are the same.
                    let new = old.map_or(after, |old| {
                        old.saturating_sub(before.saturating_sub(after))
                            .saturating_add(after.saturating_sub(before))
                    });
                    self.element(image, name, &new.to_string())
                })
                .collect();
            edits.push(self.element(image, "LASTMODIFICATIONTIME", &time_text(time)));
            edits
        };
        self.splice(edits);
        Ok(())
    }

    /// Sets the size of the WIM: header, resources and blob table.
    pub(crate) fn set_total_bytes(&mut self, bytes: u64) -> Result<(), BadXml> {
        let edit = {
            let document = self.parse()?;
            self.element(document.root_element(), "TOTALBYTES", &bytes.to_string())
        };
        self.splice(vec![edit]);
        Ok(())
    }

    /// Adds an image by copying its `<IMAGE>` element from another WIM, with another number and, if
    /// given, another name.
    pub(crate) fn add_image(
        &mut self,
        element: &str,
        index: u32,
        name: Option<&str>,
    ) -> Result<(), BadXml> {
        let mut image = Self { text: element.to_owned() };
        let edits = {
            let document = image.parse()?;
            let root = document.root_element();
            let number = root.attribute_node("INDEX").map(|number| number.range_value());
            let Some(number) = number else {
                return Err(BadXml::new("a number as the INDEX of each image", "none"));
            };
            let name = name.map(|name| image.element(root, "NAME", &escape(name)));
            std::iter::once((number, index.to_string())).chain(name).collect()
        };
        image.splice(edits);
        let Some(end) = self.text.rfind("</") else {
            return Err(BadXml::new("an element that holds the images", "an empty one"));
        };
        self.text.insert_str(end, &image.text);
        scan::check(&self.text)
    }

    /// The XML data of new images.
    pub(crate) fn new(images: &[Image], times: &[u64]) -> Self {
        let mut text = "<WIM><TOTALBYTES>0</TOTALBYTES>".to_owned();
        for (image, time) in images.iter().zip(times) {
            write_image(&mut text, image, *time);
        }
        text.push_str("</WIM>");
        Self { text }
    }

    fn parse(&self) -> Result<Document<'_>, BadXml> {
        Document::parse(&self.text)
            .map_err(|error| BadXml::new("well-formed XML", error.to_string()))
    }

    /// The range of a child element, and its new text; at the end of `parent` if the element is
    /// missing.
    fn element(&self, parent: Node<'_, '_>, name: &str, content: &str) -> (Range<usize>, String) {
        let new = format!("<{name}>{content}</{name}>");
        if let Some(child) = find(parent, &[name]) {
            return (child.range(), new);
        }
        let range = parent.range();
        match self.text[range.clone()].rfind("</") {
            Some(end) => (range.start + end..range.start + end, new),
            // The parent is an empty element `<X/>`: nothing is added.
            None => (range.end..range.end, String::new()),
        }
    }

    fn splice(&mut self, mut edits: Vec<(Range<usize>, String)>) {
        // From the end, so that earlier ranges stay valid.
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, new) in edits {
            self.text.replace_range(range, &new);
        }
    }
}

/// Counts of an image in the XML data, `(before, after)`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StatsChange {
    pub(crate) dirs: (u64, u64),
    pub(crate) files: (u64, u64),
    pub(crate) bytes: (u64, u64),
    pub(crate) link_bytes: (u64, u64),
}

fn image(node: Node<'_, '_>, index: u32, text: &str) -> Image {
    let windows = |name: &str| string(node, &["WINDOWS", name]);
    let version = |name: &str| number(node, &["WINDOWS", "VERSION", name]);
    let part = |name: &str| version(name).and_then(|number| u32::try_from(number).ok());
    let languages = find(node, &["WINDOWS", "LANGUAGES"])
        .into_iter()
        .flat_map(|languages| languages.children())
        .filter(|language| language.has_tag_name("LANGUAGE"))
        .filter_map(|language| language.text().map(|text| text.trim().to_owned()))
        .collect();
    Image {
        index,
        name: string(node, &["NAME"]).unwrap_or_default(),
        description: string(node, &["DESCRIPTION"]).unwrap_or_default(),
        arch: number(node, &["WINDOWS", "ARCH"]).map(Arch::from_number),
        version: part("MAJOR").map(|major| Version {
            major,
            minor: part("MINOR").unwrap_or(0),
            build: part("BUILD").unwrap_or(0),
            service_pack_build: part("SPBUILD").unwrap_or(0),
        }),
        languages,
        edition: windows("EDITIONID").filter(|edition| !edition.is_empty()),
        installation_type: windows("INSTALLATIONTYPE").filter(|kind| !kind.is_empty()),
        stats: Stats {
            files: number(node, &["FILECOUNT"]).unwrap_or(0),
            dirs: number(node, &["DIRCOUNT"]).unwrap_or(0),
            bytes: number(node, &["TOTALBYTES"]).unwrap_or(0),
            link_bytes: number(node, &["HARDLINKBYTES"]).unwrap_or(0),
        },
        xml: text[node.range()].to_owned(),
    }
}

fn write_image(text: &mut String, image: &Image, time: u64) {
    let _ = write!(text, "<IMAGE INDEX=\"{}\">", image.index);
    let stats = image.stats;
    let counts = [
        ("DIRCOUNT", stats.dirs),
        ("FILECOUNT", stats.files),
        ("TOTALBYTES", stats.bytes),
        ("HARDLINKBYTES", stats.link_bytes),
    ];
    for (name, count) in counts {
        let _ = write!(text, "<{name}>{count}</{name}>");
    }
    for name in ["CREATIONTIME", "LASTMODIFICATIONTIME"] {
        let _ = write!(text, "<{name}>{}</{name}>", time_text(time));
    }
    write_windows(text, image);
    let named = [("NAME", &image.name), ("DESCRIPTION", &image.description)];
    for (name, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(text, "<{name}>{}</{name}>", escape(value));
    }
    text.push_str("</IMAGE>");
}

fn write_windows(text: &mut String, image: &Image) {
    let Some(arch) = image.arch else { return };
    let _ = write!(text, "<WINDOWS><ARCH>{}</ARCH>", arch.number());
    let named = [("EDITIONID", &image.edition), ("INSTALLATIONTYPE", &image.installation_type)];
    for (name, value) in named {
        if let Some(value) = value {
            let _ = write!(text, "<{name}>{}</{name}>", escape(value));
        }
    }
    if let Some(default) = image.languages.first() {
        text.push_str("<LANGUAGES>");
        for language in &image.languages {
            let _ = write!(text, "<LANGUAGE>{}</LANGUAGE>", escape(language));
        }
        let _ = write!(text, "<DEFAULT>{}</DEFAULT></LANGUAGES>", escape(default));
    }
    if let Some(version) = &image.version {
        let _ = write!(
            text,
            "<VERSION><MAJOR>{}</MAJOR><MINOR>{}</MINOR><BUILD>{}</BUILD><SPBUILD>{}</SPBUILD></VERSION>",
            version.major, version.minor, version.build, version.service_pack_build
        );
    }
    text.push_str("</WINDOWS>");
}

fn time_text(time: u64) -> String {
    let (high, low) = (time >> 32, time & u64::from(u32::MAX));
    format!("<HIGHPART>0x{high:08X}</HIGHPART><LOWPART>0x{low:08X}</LOWPART>")
}

/// Characters that XML cannot represent are omitted.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\t' | '\n' | '\r' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => {}
            character if character.is_ascii_control() => {}
            character => escaped.push(character),
        }
    }
    escaped
}

fn find<'a, 'i>(mut node: Node<'a, 'i>, path: &[&str]) -> Option<Node<'a, 'i>> {
    for name in path {
        node = node.children().find(|child| child.has_tag_name(*name))?;
    }
    Some(node)
}

fn string(node: Node<'_, '_>, path: &[&str]) -> Option<String> {
    find(node, path).map(|found| found.text().unwrap_or_default().trim().to_owned())
}

fn number(node: Node<'_, '_>, path: &[&str]) -> Option<u64> {
    string(node, path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<WIM><TOTALBYTES>9</TOTALBYTES><!-- kept -->\
        <IMAGE INDEX=\"1\"><NAME>A &amp; B</NAME><DIRCOUNT>5</DIRCOUNT><FLAGS>x</FLAGS></IMAGE>\
        <IMAGE INDEX=\"2\"><NAME>B</NAME><FILECOUNT>7</FILECOUNT></IMAGE></WIM>";

    fn xml(text: &str) -> Xml {
        Xml { text: text.to_owned() }
    }

    #[test]
    fn an_update_touches_only_its_image() {
        let mut updated = xml(TEXT);
        let change = StatsChange { dirs: (3, 4), files: (9, 8), ..StatsChange::default() };
        updated.update_image(1, &change, 0x1_0000_0002).expect("an image");
        let (images, _) = updated.read().expect("still XML");
        assert_eq!(images[0].stats.dirs, 6, "the difference is added");
        assert_eq!(images[0].stats.files, 8, "missing, so it is set");
        let second = "<IMAGE INDEX=\"2\"><NAME>B</NAME><FILECOUNT>7</FILECOUNT></IMAGE>";
        assert!(updated.text.ends_with(&format!("{second}</WIM>")), "{}", updated.text);
        assert!(
            updated.text.contains("<!-- kept -->") && updated.text.contains("<FLAGS>x</FLAGS>")
        );
        assert!(
            updated.text.contains("<HIGHPART>0x00000001</HIGHPART><LOWPART>0x00000002</LOWPART>")
        );
    }

    #[test]
    fn the_bytes_survive_the_round_trip() {
        let bytes = xml("<WIM>\u{1f600}</WIM>").encode();
        assert_eq!(bytes[..2], [0xff, 0xfe]);
        assert_eq!(Xml::decode(&bytes).expect("own bytes").text, "<WIM>\u{1f600}</WIM>");
        assert!(Xml::decode(&bytes[..5]).is_err());
    }

    #[test]
    fn names_are_unescaped_and_numbers_counted() {
        let (images, encrypted) = xml(TEXT).read().expect("XML");
        assert_eq!(images[0].name, "A & B");
        assert!(!encrypted);
        for bad in ["<WIM>", "<WIM><IMAGE/></WIM>", "<WIM><IMAGE INDEX=\"2\"/></WIM>"] {
            assert!(xml(bad).read().is_err(), "{bad}");
        }
        let esd = "<WIM><ESD><ENCRYPTED/></ESD></WIM>";
        assert!(xml(esd).read().expect("XML").1);
    }

    #[test]
    fn an_image_is_copied_with_another_number_and_name() {
        let (images, _) = xml(TEXT).read().expect("XML");
        let mut other = Xml::new(&[], &[]);
        other.add_image(images[1].xml(), 1, Some("<B>")).expect("an image");
        other.add_image(images[0].xml(), 2, None).expect("an image");
        let (read, _) = other.read().expect("still XML");
        let names: Vec<_> = read.iter().map(|image| image.name.as_str()).collect();
        assert_eq!(names, ["<B>", "A & B"]);
        assert_eq!(read[0].stats.files, 7);
        assert!(other.text.contains("<FLAGS>x</FLAGS>"), "{}", other.text);
    }

    #[test]
    fn a_new_document_reads_back() {
        let image = Image {
            index: 1,
            name: "Windows <PE>".to_owned(),
            description: "x & y".to_owned(),
            arch: Some(Arch::Amd64),
            version: Some(Version { major: 10, minor: 0, build: 22621, service_pack_build: 1 }),
            languages: vec!["en-US".to_owned(), "de-DE".to_owned()],
            edition: Some("WindowsPE".to_owned()),
            installation_type: Some("WindowsPE".to_owned()),
            stats: Stats { files: 1, dirs: 2, bytes: 3, link_bytes: 4 },
            xml: String::new(),
        };
        let (read, _) = Xml::new(std::slice::from_ref(&image), &[5]).read().expect("own XML");
        assert_eq!(read, [Image { xml: read[0].xml.clone(), ..image }]);
    }
}
