//! What the menu offers.

use serde::Deserialize;

use super::config::{check_name, is_of_words};
use super::part::{BOOT_WIM, Part};

/// `[[entry]]`: a name, a title, and exactly one thing to boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Entry {
    /// How scripts and URLs call it.
    pub name: String,
    /// How people see it; the name, where none is given.
    pub title: Option<String>,
    /// The disk of the machine itself.
    pub local: bool,
    /// An iSCSI disk, as RFC 4173 spells it: `iscsi:<host>:<protocol>:<port>:<lun>:<name>`.
    pub san: Option<String>,
    /// A WinPE image on the server's disk, or its URL.
    pub wim: Option<String>,
    /// A Windows disc: an ISO image on the server's disk, whose `sources/boot.wim` is booted.
    pub windows: Option<String>,
    /// Which image of the WIM file; the one marked for boot, where none is given.
    pub index: Option<u32>,
    /// An ISO image on the server's disk, or its URL, as a disc of the machine's.
    pub iso: Option<String>,
    /// A network boot program among the files served, as `windows.pe/pxeboot.n12`.
    pub pxe: Option<String>,
    /// What is in the image of `wim` or `windows`, where somebody has looked into it.
    #[serde(skip)]
    pub parts: Vec<Part>,
}

/// The one thing that an entry boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The disk of the machine itself.
    Local,
    /// An iSCSI disk.
    San(&'a str),
    /// A WinPE image, through wimboot.
    Wim {
        /// Path on the server's disk, or URL.
        image: &'a str,
        /// Which image of the file.
        index: Option<u32>,
    },
    /// The `sources/boot.wim` of a Windows disc, through wimboot.
    Windows {
        /// Path of the ISO image on the server's disk.
        disc: &'a str,
        /// Which image of the file.
        index: Option<u32>,
    },
    /// An ISO image: path on the server's disk, or URL.
    Iso(&'a str),
    /// A network boot program among the files served.
    Pxe(&'a str),
}

impl Entry {
    /// What it boots; none where it is nothing or more than one thing.
    #[must_use]
    pub fn target(&self) -> Option<Target<'_>> {
        let targets = [
            self.local.then_some(Target::Local),
            self.san.as_deref().map(Target::San),
            self.wim.as_deref().map(|image| Target::Wim { image, index: self.index }),
            self.windows.as_deref().map(|disc| Target::Windows { disc, index: self.index }),
            self.iso.as_deref().map(Target::Iso),
            self.pxe.as_deref().map(Target::Pxe),
        ];
        let mut targets = targets.into_iter().flatten();
        let target = targets.next();
        target.filter(|_| targets.next().is_none())
    }

    /// How people see it.
    #[must_use]
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// The name that the image it boots is served under; none where it is elsewhere.
    #[must_use]
    pub(super) fn image_path(&self) -> Option<String> {
        match self.target()? {
            Target::Windows { .. } => Some(self.part_path(BOOT_WIM)),
            _ => self.file().map(|(name, _)| name),
        }
    }

    /// The file that the server serves for it: its name there, and its path on the disk.
    #[must_use]
    pub fn file(&self) -> Option<(String, &str)> {
        match self.target()? {
            Target::Wim { image, .. } if !is_url(image) => {
                Some((format!("images/{}.wim", self.name), image))
            }
            Target::Iso(image) if !is_url(image) => {
                Some((format!("images/{}.iso", self.name), image))
            }
            _ => None,
        }
    }

    /// Texts go into scripts and menus line by line and word by word.
    pub(super) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        check_name("entry", name)?;
        let Some(target) = self.target() else {
            return Err(format!(
                "entry {name:?} needs exactly one of local, san, wim, windows, iso and pxe"
            ));
        };
        if self.index.is_some() && !matches!(target, Target::Wim { .. } | Target::Windows { .. }) {
            return Err(format!("entry {name:?}: index belongs to wim and windows"));
        }
        let of_scripts = |c: char| c.is_control() || r#"$|&;#"'\"#.contains(c);
        if self.title().is_empty() || self.title().contains(of_scripts) {
            return Err(format!(
                "entry {name:?}: the title has characters that scripts do not take"
            ));
        }
        let word = match target {
            Target::Local => return Ok(()),
            Target::Windows { disc, .. } if disc.is_empty() || is_url(disc) => {
                return Err(format!("entry {name:?}: expected the path of an ISO image"));
            }
            Target::Windows { .. } => return Ok(()),
            Target::San(uri) if !uri.starts_with("iscsi:") => {
                return Err(format!("entry {name:?}: expected a URI of iscsi:, found {uri:?}"));
            }
            Target::Wim { image: path, .. } | Target::Iso(path) if !is_url(path) => {
                return (!path.is_empty()).then_some(()).ok_or(format!("entry {name:?}: no path"));
            }
            Target::San(word) | Target::Iso(word) | Target::Pxe(word) => word,
            Target::Wim { image, .. } => image,
        };
        if word.is_empty() || !word.chars().all(is_of_words) {
            return Err(format!(
                "entry {name:?}: {word:?} has characters that scripts do not take"
            ));
        }
        Ok(())
    }
}

/// The menu of a server that was given nothing but images and disks: these in their order, then the
/// machine's own disk.
#[must_use]
pub fn quick_menu(wims: &[String], discs: &[String], targets: &[String]) -> Vec<Entry> {
    let numbered = |name: &str, index: usize| match index {
        0 => name.to_owned(),
        _ => format!("{name}{}", index + 1),
    };
    let wims = wims.iter().enumerate().map(|(index, wim)| {
        let (wim, image) = split_image(wim);
        Entry {
            name: numbered("winpe", index),
            title: Some(numbered("Windows PE ", index).trim_end().to_owned()),
            wim: Some(wim.to_owned()),
            index: image,
            ..Entry::default()
        }
    });
    let discs = discs.iter().enumerate().map(|(index, disc)| Entry {
        name: numbered("windows", index),
        title: Some(numbered("Windows disc ", index).trim_end().to_owned()),
        windows: Some(disc.clone()),
        ..Entry::default()
    });
    let targets = targets.iter().enumerate().map(|(index, target)| Entry {
        name: numbered("san", index),
        title: Some(numbered("iSCSI disk ", index).trim_end().to_owned()),
        san: Some(target.clone()),
        ..Entry::default()
    });
    let local = Entry {
        name: "local".to_owned(),
        title: Some("Boot from the local disk".to_owned()),
        local: true,
        ..Entry::default()
    };
    wims.chain(discs).chain(targets).chain([local]).collect()
}

/// `winpe.wim:2` is the second image of `winpe.wim`.
fn split_image(text: &str) -> (&str, Option<u32>) {
    match text.rsplit_once(':').map(|(wim, image)| (wim, image.parse())) {
        Some((wim, Ok(image))) => (wim, Some(image)),
        _ => (text, None),
    }
}

/// Whether a text is a URL rather than a path.
#[must_use]
pub fn is_url(text: &str) -> bool {
    text.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Result<Entry, String> {
        let entry: Entry = toml::from_str(text).map_err(|error| error.to_string())?;
        entry.check().map(|()| entry)
    }

    #[test]
    fn an_entry_boots_exactly_one_thing() {
        assert!(entry("name = 'a'\nlocal = true").is_ok());
        assert!(entry("name = 'a'").is_err());
        assert!(entry("name = 'a'\nlocal = true\niso = 'a.iso'").is_err());
        assert!(entry("name = 'a'\niso = 'a.iso'\nindex = 1").is_err());
    }

    #[test]
    fn no_text_of_an_entry_becomes_a_line_of_a_script() {
        assert!(entry("name = 'a'\ntitle = \"b\\nshell\"\nlocal = true").is_err());
        assert!(entry("name = 'a'\ntitle = 'b && shell'\nlocal = true").is_err());
        assert!(entry("name = 'a'\nsan = 'iscsi:h::::iqn;shell'").is_err());
        assert!(entry("name = 'a'\nsan = 'iscsi:h::::iqn shell'").is_err());
        assert!(entry("name = 'a'\nsan = 'http://a'").is_err());
        assert!(entry("name = 'a'\niso = 'http://h/${user}'").is_err());
        assert!(entry("name = 'a b'\nlocal = true").is_err());
    }

    #[test]
    fn the_quick_menu_is_valid() {
        let targets = ["iscsi:h::::iqn.a:b".to_owned(), "iscsi:h::::iqn.a:c".to_owned()];
        let discs = ["Windows.iso".to_owned()];
        let entries = quick_menu(&["winpe.wim:2".to_owned()], &discs, &targets);
        assert_eq!((entries[0].wim.as_deref(), entries[0].index), (Some("winpe.wim"), Some(2)));
        let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["winpe", "windows", "san", "san2", "local"]);
        assert_eq!(entries[3].title(), "iSCSI disk 2");
        assert!(entries.iter().all(|entry| entry.check().is_ok()));
    }

    #[test]
    fn a_path_is_served_and_a_url_is_not() {
        let disk = entry("name = 'pe'\nwim = '/srv/my winpe.wim'").unwrap();
        assert_eq!(disk.file(), Some(("images/pe.wim".to_owned(), "/srv/my winpe.wim")));
        let url = entry("name = 'pe'\nwim = 'http://h/winpe.wim'").unwrap();
        assert_eq!(url.file(), None);
    }
}
