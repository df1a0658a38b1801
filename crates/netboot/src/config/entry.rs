//! `[[entry]]`: what the menu offers.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use winpe_san::SanUri;

use super::boot_file::BootFile;
use super::client::Matcher;
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
    /// A Linux kernel on the server's disk, or its URL.
    #[schemars(example = &"vmlinuz")]
    pub kernel: Option<String>,
    /// The initial RAM disks of `kernel`, in order.
    #[schemars(example = &"initrd.img")]
    pub initrd: Option<Matcher>,
    /// The command line of `kernel`.
    #[schemars(example = &"console=ttyS0 ip=dhcp")]
    pub args: Option<String>,
    /// An EFI program on the server's disk, or its URL; for UEFI only.
    #[schemars(example = &"memtest.efi")]
    pub efi: Option<String>,
    /// Your own lines in iPXE's script, before the entry loads anything.
    #[schemars(example = vec!["set net0/mtu 9000"])]
    pub before: Vec<String>,
    /// Your own lines in iPXE's script, after the entry has failed or come back.
    #[schemars(example = vec!["echo Ask the help desk."])]
    pub after: Vec<String>,
    /// The files that boot the image of `wim` or `windows`. Empty for an image that was not inspected.
    #[serde(skip)]
    pub files: Vec<BootFile>,
}

/// The names under which files of an entry are served.
pub(crate) const KERNEL: &str = "kernel";
/// The same of an EFI program.
pub(crate) const PROGRAM: &str = "program.efi";

/// The same of an initial RAM disk, counted from 0.
pub(crate) fn initrd_name(at: usize) -> String {
    format!("initrd{}", at + 1)
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
    /// A Linux kernel.
    Linux {
        /// Path on the server's disk, or URL.
        kernel: &'a str,
        /// The same of each initial RAM disk.
        initrds: &'a [String],
        /// The command line.
        args: &'a str,
    },
    /// An EFI program: path on the server's disk, or URL.
    Efi(&'a str),
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
            self.kernel.as_deref().map(|kernel| Target::Linux {
                kernel,
                initrds: self.initrd.as_ref().map_or(&[], Matcher::values),
                args: self.args.as_deref().unwrap_or_default(),
            }),
            self.efi.as_deref().map(Target::Efi),
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

    /// Every file of the server's disk that is served for it: its name there, and its path on the disk.
    #[must_use]
    pub fn served_files(&self) -> Vec<(String, &str)> {
        let path = |name: &str| format!("images/{}/{name}", self.name);
        match self.target() {
            Some(Target::Linux { kernel, initrds, .. }) => {
                let initrds = initrds.iter().enumerate();
                let initrds = initrds.map(|(at, file)| (path(&initrd_name(at)), file.as_str()));
                let files = [(path(KERNEL), kernel)].into_iter().chain(initrds);
                files.filter(|(_, file)| !is_url(file)).collect()
            }
            Some(Target::Efi(program)) if !is_url(program) => vec![(path(PROGRAM), program)],
            _ => self.served_image().into_iter().collect(),
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
        self.check_lines(checked);
        if !matches!(target, Target::Linux { .. }) {
            let keys = [("initrd", self.initrd.is_some()), ("args", self.args.is_some())];
            for (key, _) in keys.into_iter().filter(|(_, given)| *given) {
                checked.key(key).report(Reason::WithoutKernel { entry: entry(), key });
            }
        }
        if self.index.is_some() && !matches!(target, Target::Wim { .. } | Target::Windows { .. }) {
            checked.key("index").report(Reason::Index(entry()));
        }
        if let Some(reason) = self.check_target(target) {
            checked.key(target.key()).report(reason);
        }
    }

    /// Such lines are taken as they are, as long as each is one line.
    fn check_lines(&self, checked: &mut Checked<'_>) {
        for (key, lines) in [("before", &self.before), ("after", &self.after)] {
            for (at, line) in lines.iter().enumerate() {
                if line.contains(char::is_control) {
                    let reason = Reason::Line { entry: self.name.clone(), found: line.clone() };
                    checked.key(key).index(at).report(reason);
                }
            }
        }
    }

    fn check_linux(&self, kernel: &str, initrds: &[String], args: &str) -> Option<Reason> {
        let entry = || self.name.clone();
        let files = [kernel].into_iter().chain(initrds.iter().map(String::as_str));
        for file in files {
            if file.is_empty() {
                return Some(Reason::Path(entry()));
            }
            if is_url(file) && !file.chars().all(is_plain_in_scripts) {
                return Some(Reason::Word { entry: entry(), found: file.to_owned() });
            }
        }
        // They go into the scripts of iPXE, PXELINUX and GRUB.
        let plain = |c: char| c == ' ' || (is_plain_in_scripts(c) && !r"|&\{}<>`".contains(c));
        (!args.chars().all(plain)).then(|| Reason::Word { entry: entry(), found: args.to_owned() })
    }

    fn check_target(&self, target: Target<'_>) -> Option<Reason> {
        let entry = || self.name.clone();
        let word = match target {
            Target::Local => return None,
            Target::Windows { disc, .. } => {
                return (disc.is_empty() || is_url(disc)).then(|| Reason::Disc(entry()));
            }
            Target::Linux { kernel, initrds, args } => {
                return self.check_linux(kernel, initrds, args);
            }
            Target::Wim { image: path, .. } | Target::Iso(path) | Target::Efi(path)
                if !is_url(path) =>
            {
                return path.is_empty().then(|| Reason::Path(entry()));
            }
            Target::San(word) | Target::Iso(word) | Target::Pxe(word) | Target::Efi(word) => word,
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
            Self::Linux { .. } => "kernel",
            Self::Efi(_) => "efi",
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
    fn a_kernel_has_what_belongs_to_it_and_nothing_else_has() {
        let linux = entry("name = 'a'\nkernel = 'k'\ninitrd = ['i', 'http://h/j']\nargs = 'a=b c'");
        let linux = linux.unwrap();
        let names = [("images/a/kernel".to_owned(), "k"), ("images/a/initrd1".to_owned(), "i")];
        assert_eq!(linux.served_files(), names);
        assert!(entry("name = 'a'\nkernel = 'http://h/k'\ninitrd = 'i'").is_ok());
        for wrong in [
            "local = true\ninitrd = 'i'",
            "local = true\nargs = 'a'",
            "kernel = ''",
            "kernel = 'k'\ninitrd = ['i', '']",
            "kernel = 'k'\nargs = 'a; reboot'",
            "kernel = 'k'\nargs = 'a | b'",
            "kernel = 'k'\nargs = '${net0/mac}'",
            "kernel = 'k'\nargs = \"a\\nb\"",
            "kernel = 'http://h/a b'",
            "kernel = 'k'\nefi = 'e'",
            "efi = ''",
            "efi = 'http://h/$a'",
            "local = true\nbefore = [\"a\\nb\"]",
            "local = true\nafter = ['a', \"b\\r\"]",
        ] {
            assert!(entry(&format!("name = 'a'\n{wrong}")).is_err(), "{wrong}");
        }
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
    fn a_path_is_served_and_a_url_is_not() {
        let disk = entry("name = 'pe'\nwim = '/srv/my winpe.wim'").unwrap();
        assert_eq!(disk.served_image(), Some(("images/pe.wim".to_owned(), "/srv/my winpe.wim")));
        let url = entry("name = 'pe'\nwim = 'http://h/winpe.wim'").unwrap();
        assert_eq!(url.served_image(), None);
    }
}
