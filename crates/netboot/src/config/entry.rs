//! `[[entry]]`: what the menu offers.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::boot_file::BootFile;
use winpe_san::SanUri;

use super::error::{Checked, Reason};
use super::text::{is_plain_in_scripts, is_url};

/// `[[entry]]`: a name, a title, and exactly one thing to boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Entry {
    /// Its name in scripts and URLs.
    #[schemars(example = &"win7")]
    pub name: String,
    /// What people see in the menu; the name, where none is given.
    #[schemars(example = &"Windows 7 on the NAS")]
    pub title: Option<String>,
    /// The disk of the machine itself.
    #[schemars(example = true)]
    pub local: bool,
    /// An iSCSI disk, as RFC 4173 spells it: `iscsi:<host>:<protocol>:<port>:<lun>:<name>`.
    #[schemars(example = &"iscsi:192.168.0.20::::iqn.2011-12.com.example:win7")]
    pub san: Option<String>,
    /// A WinPE image on the server's disk, or its URL.
    #[schemars(example = &"winpe.wim")]
    pub wim: Option<String>,
    /// A Windows disc: an ISO image on the server's disk, whose `sources/boot.wim` is booted.
    #[schemars(example = &"Windows.iso")]
    pub windows: Option<String>,
    /// Which image of the WIM file; the one marked for boot, where none is given.
    #[schemars(example = 2, range(min = 1))]
    pub index: Option<u32>,
    /// An ISO image on the server's disk, or its URL, as a disc of the machine's.
    #[schemars(example = &"http://files.example.org/rescue.iso")]
    pub iso: Option<String>,
    /// A network boot program among the files served, as `windows.pe/pxeboot.n12`.
    #[schemars(example = &"windows.pe/pxeboot.n12")]
    pub pxe: Option<String>,
    /// The files that boot the image of `wim` or `windows`. Empty for an image that was not inspected.
    #[serde(skip)]
    pub files: Vec<BootFile>,
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

    /// What people see in the menu.
    #[must_use]
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// The image that the server serves for it: its name there, and its path on the disk.
    #[must_use]
    pub fn served_image(&self) -> Option<(String, &str)> {
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
    fn check(&self, checked: &mut Checked<'_>) {
        let entry = || self.name.clone();
        checked.check_name("entry", &self.name);
        let title = |c: char| c.is_control() || r#"$|&;#"'\"#.contains(c);
        if self.title.is_some() && (self.title().is_empty() || self.title().contains(title)) {
            checked.key("title").report(Reason::Title(entry()));
        }
        let Some(target) = self.target() else {
            checked.report(Reason::Targets(entry()));
            return;
        };
        if self.index.is_some() && !matches!(target, Target::Wim { .. } | Target::Windows { .. }) {
            checked.key("index").report(Reason::Index(entry()));
        }
        if let Some(reason) = self.check_target(target) {
            checked.key(target.key()).report(reason);
        }
    }

    fn check_target(&self, target: Target<'_>) -> Option<Reason> {
        let entry = || self.name.clone();
        let word = match target {
            Target::Local => return None,
            Target::Windows { disc, .. } => {
                return (disc.is_empty() || is_url(disc)).then(|| Reason::Disc(entry()));
            }
            Target::Wim { image: path, .. } | Target::Iso(path) if !is_url(path) => {
                return path.is_empty().then(|| Reason::Path(entry()));
            }
            Target::San(word) | Target::Iso(word) | Target::Pxe(word) => word,
            Target::Wim { image, .. } => image,
        };
        if let (Target::San(uri), true) =
            (target, !word.is_empty() && word.chars().all(is_plain_in_scripts))
        {
            let error = uri.parse::<SanUri>().err()?;
            return Some(Reason::San { entry: entry(), why: error.to_string() });
        }
        let wrong = word.is_empty() || !word.chars().all(is_plain_in_scripts);
        wrong.then(|| Reason::Word { entry: entry(), found: word.to_owned() })
    }
}

impl Target<'_> {
    /// The key of `[[entry]]` that says so.
    fn key(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::San(_) => "san",
            Self::Wim { .. } => "wim",
            Self::Windows { .. } => "windows",
            Self::Iso(_) => "iso",
            Self::Pxe(_) => "pxe",
        }
    }
}

/// Checks each entry. Gives the names of all.
pub(super) fn check_entries<'a>(
    entries: &'a [Entry],
    checked: &mut Checked<'_>,
) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let checked = &mut checked.index(index);
        entry.check(checked);
        if !names.insert(entry.name.as_str()) {
            let reason = Reason::NameTwice { tables: "entries", name: entry.name.clone() };
            checked.key("name").report(reason);
        }
    }
    names
}

/// Checks that the default entry of a table is one of the menu.
pub(super) fn check_default(
    default: Option<&str>,
    entries: &BTreeSet<&str>,
    checked: &mut Checked<'_>,
) {
    if let Some(default) = default.filter(|name| !entries.contains(name)) {
        checked.key("default").report(Reason::Default(default.to_owned()));
    }
}

/// An image of a WIM file, as a command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WimImage {
    /// The file, or its URL.
    pub path: String,
    /// Which image of the file, from 1; the one marked for boot, where none is given.
    pub index: Option<u32>,
}

/// The menu of a server that has no configuration but images and disks: these in their order, then the
/// machine's own disk.
#[must_use]
pub fn quick_menu(wims: &[WimImage], discs: &[String], targets: &[String]) -> Vec<Entry> {
    let numbered = |name: &str, index: usize| match index {
        0 => name.to_owned(),
        _ => format!("{name}{}", index + 1),
    };
    let wims = wims.iter().enumerate().map(|(index, wim)| Entry {
        name: numbered("winpe", index),
        title: Some(numbered("Windows PE ", index).trim_end().to_owned()),
        wim: Some(wim.path.clone()),
        index: wim.index,
        ..Entry::default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigErrors};

    fn entry(text: &str) -> Result<Entry, ConfigErrors> {
        let config: Config = format!("[[entry]]\n{text}").parse()?;
        Ok(config.entries.into_iter().next().unwrap())
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
        for (uri, says) in [
            ("iscsi:h", "expected a colon after the host"),
            ("iscsi:server:iqn.x", "character 14: expected a colon after the protocol"),
            ("iscsi:h:x:::iqn.a:b", "expected the protocol 6"),
            ("iscsi:h::0::iqn.2011-12.com.example:a", "expected a port"),
            ("iscsi:h::::disk", "character 12: expected"),
            ("", "has characters that scripts do not take"),
        ] {
            let error = entry(&format!("name = 'a'\nsan = '{uri}'")).unwrap_err().to_string();
            assert!(error.contains(says), "{uri}: {error}");
        }
        assert!(entry("name = 'a'\nsan = 'iscsi:h::::iqn.2011-12.com.example:a'").is_ok());
        assert!(entry("name = 'a'\niso = 'http://h/${user}'").is_err());
        assert!(entry("name = 'a b'\nlocal = true").is_err());
    }

    #[test]
    fn the_quick_menu_is_valid() {
        let targets = ["iscsi:h::::iqn.a:b".to_owned(), "iscsi:h::::iqn.a:c".to_owned()];
        let discs = ["Windows.iso".to_owned()];
        let wim = WimImage { path: "winpe.wim".to_owned(), index: Some(2) };
        let entries = quick_menu(&[wim], &discs, &targets);
        assert_eq!((entries[0].wim.as_deref(), entries[0].index), (Some("winpe.wim"), Some(2)));
        let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["winpe", "windows", "san", "san2", "local"]);
        assert_eq!(entries[3].title(), "iSCSI disk 2");
        assert_eq!(Config { entries, ..Config::default() }.check(), Ok(()));
    }

    #[test]
    fn a_path_is_served_and_a_url_is_not() {
        let disk = entry("name = 'pe'\nwim = '/srv/my winpe.wim'").unwrap();
        assert_eq!(disk.served_image(), Some(("images/pe.wim".to_owned(), "/srv/my winpe.wim")));
        let url = entry("name = 'pe'\nwim = 'http://h/winpe.wim'").unwrap();
        assert_eq!(url.served_image(), None);
    }
}
