//! `pxelinux.cfg` folders that an administrator brings along.

use std::fs;
use std::path::PathBuf;

use crate::config::Config;

/// Names read from one folder at most.
const MAX_NAMES: usize = 10_000;

/// Where a served folder has files that PXELINUX searches by itself, lets it search: option 209, which names one
/// file, is left out. Returns that folder. A `config-file` in the configuration comes before.
pub fn search_own_menus(config: &mut Config) -> Option<PathBuf> {
    if config.serve.pxelinux.config_file.is_some() {
        return None;
    }
    let trees = config.serve.folders.iter().map(|folder| folder.join("pxelinux.cfg"));
    let tree = trees.into_iter().find(|tree| {
        let names = fs::read_dir(tree).into_iter().flatten().take(MAX_NAMES).flatten();
        let mut names = names.map(|entry| entry.file_name());
        names.any(|name| name.to_str().is_some_and(is_searched))
    })?;
    config.serve.pxelinux.config_file = Some(String::new());
    Some(tree)
}

/// Whether PXELINUX looks for a file of this name: a UUID, a hardware address after its type, the first digits of
/// an IP address in capital letters, `default`.
fn is_searched(name: &str) -> bool {
    let groups: Vec<_> = name.split('-').collect();
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let of_bytes = groups.len() >= 2 && groups.iter().all(|it| it.len() == 2 && hex(it));
    let uuid =
        groups.iter().map(|it| it.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(|it| hex(it));
    let digits = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    let address = (1..=8).contains(&name.len()) && name.bytes().all(digits);
    name == "default" || of_bytes || uuid || address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_pxelinux_searches_are_known() {
        for name in [
            "default",
            "01-52-54-00-12-34-56",
            "20-00-00-00-00-00-00-00-00-00",
            "C0A800B5",
            "C0A8",
            "C",
            "564d8c1e-1d2c-4b0a-9c38-0d2f7a1b2c3d",
        ] {
            assert!(is_searched(name), "{name}");
        }
        for name in
            ["", "boot", "c0a8", "default.old", "01", "graphics.conf", "01-52-54-zz", "C0A800B50"]
        {
            assert_eq!(is_searched(name), name == "01", "{name}");
        }
    }

    #[test]
    fn a_folder_with_menus_is_searched_unless_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("pxelinux.cfg");
        fs::create_dir(&tree).unwrap();
        let config = |keys: &str| {
            let path = folder.path().to_str().unwrap();
            format!("[serve]\nfolders = ['/nowhere', {path:?}]\n{keys}").parse::<Config>().unwrap()
        };
        let mut bare = config("");
        fs::write(tree.join("README"), "").unwrap();
        assert_eq!(search_own_menus(&mut bare), None);
        assert_eq!(bare.serve.pxelinux.config_file, None);
        fs::write(tree.join("01-52-54-00-12-34-56"), "default x").unwrap();
        assert_eq!(search_own_menus(&mut bare), Some(tree));
        assert_eq!(bare.serve.pxelinux.config_file.as_deref(), Some(""));
        let mut named = config("pxelinux.config-file = 'lab'");
        assert_eq!(search_own_menus(&mut named), None);
        assert_eq!(named.serve.pxelinux.config_file.as_deref(), Some("lab"));
    }
}
