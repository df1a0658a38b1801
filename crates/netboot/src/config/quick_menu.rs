//! The menu of a server that has no configuration file.

use super::entry::Entry;

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
    use crate::config::Config;

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
}
