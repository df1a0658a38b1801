//! Arbitrary text as a `winpe-iscsi.toml`, for inject and for the server: refused with a place
//! inside the text, or read; then it means the same in any TOML spelling, and cannot add lines to a
//! script.

#![no_main]

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use winpe_inject::{Recipe, RecipeError};
use winpe_netboot::config::{Config, is_url};
use winpe_netboot::policy::pxelinux::Below;
use winpe_netboot::policy::{grub, ipxe, pxelinux};

static FOLDER: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir_in("/dev/shm").expect("a folder in memory"));

fuzz_target!(|text: &str| {
    let recipe = read_recipe(text);
    let config = text.parse::<Config>();
    match &recipe {
        Ok(recipe) => check_paths(recipe),
        Err(RecipeError::Text { line, column, message, .. }) => {
            check_place(text, *line, *column, message);
        }
        Err(RecipeError::NoInject(_)) => {}
        Err(error) => panic!("{error}"),
    }
    match &config {
        Ok(config) => check_config(config),
        Err(errors) => {
            for error in errors.iter() {
                let place = error.place.expect("an error of a file has a place");
                check_place(text, place.line, place.column, &error.reason.to_string());
            }
        }
    }
    let Ok(table) = text.parse::<toml::Table>() else {
        // Each of the two readers skips keys of the other, including numbers that are out of range
        // there.
        assert!(recipe.is_err() || config.is_err(), "it is no TOML");
        return;
    };
    let Ok(spelt) = toml::to_string(&table) else { return };
    match (recipe, read_recipe(&spelt)) {
        (Ok(recipe), again) => assert_eq!(recipe, again.expect("the same")),
        (Err(_), again) => assert!(again.is_err(), "{spelt}"),
    }
    match (config, spelt.parse::<Config>()) {
        (Ok(config), again) => assert_eq!(config, again.expect("the same")),
        (Err(_), again) => assert!(again.is_err(), "{spelt}"),
    }
});

fn read_recipe(text: &str) -> Result<Recipe, RecipeError> {
    let path = FOLDER.path().join("winpe-iscsi.toml");
    std::fs::write(&path, text).expect("room in memory");
    Recipe::read(&path)
}

/// The line and column must exist in the text (or be its end), and the message must not be empty.
fn check_place(text: &str, line: usize, column: usize, message: &str) {
    let there = text.split('\n').nth(line - 1).expect("a line of the text");
    assert!(column >= 1 && column <= there.chars().count() + 1, "{line}:{column}: {message}");
    assert!(!message.is_empty());
}

/// Relative paths are below the folder of the recipe.
fn check_paths(recipe: &Recipe) {
    let one =
        [&recipe.wim, &recipe.iso, &recipe.output, &recipe.report, &recipe.html, &recipe.undo_reg];
    let many = recipe.reg.iter().chain(&recipe.driver).chain(&recipe.chap_secret_file);
    for path in one.into_iter().flatten().chain(many) {
        assert!(path.is_absolute(), "{}", path.display());
    }
    for text in recipe.add.iter().chain(&recipe.source) {
        assert!(Path::new(text).is_absolute(), "{text}");
    }
}

fn check_config(config: &Config) {
    assert_eq!(config.check(), Ok(()));
    let mut below = config.clone();
    below.read_paths_from(FOLDER.path());
    let folders: Vec<&PathBuf> = below.serve.folders.iter().chain(&below.serve.state).collect();
    assert!(folders.iter().all(|path| path.is_absolute()));
    let mut twice = below.clone();
    twice.read_paths_from(Path::new("/elsewhere"));
    assert_eq!(twice, below, "a path is joined once");
    // No text of the configuration becomes a separate line.
    let plain = without_texts(config);
    for (written, expected) in scripts(config).into_iter().zip(scripts(&plain)) {
        assert_eq!(written.lines().count(), expected.lines().count(), "{written}");
        let steers = |c: char| c.is_control() && !"\n\t".contains(c);
        assert!(!written.contains(steers), "{written:?}");
    }
}

/// The same configuration with other words in all texts that are used in scripts.
fn without_texts(config: &Config) -> Config {
    let mut plain = config.clone();
    for entry in &mut plain.entries {
        entry.title = entry.title.as_ref().map(|_| "title".to_owned());
        entry.san = entry.san.as_ref().map(|_| "iscsi:host::::iqn.a".to_owned());
        // GRUB itself starts UEFI programs.
        entry.pxe = entry.pxe.as_ref().map(|program| {
            let own = program.ends_with(".efi") && !is_url(program);
            if own { "loader.efi" } else { "loader" }.to_owned()
        });
    }
    let pxelinux = &mut plain.serve.pxelinux;
    pxelinux.config_file = pxelinux
        .config_file
        .as_ref()
        .map(|file| if file.is_empty() { String::new() } else { "file".to_owned() });
    pxelinux.path_prefix = pxelinux.path_prefix.as_ref().map(|_| "prefix/".to_owned());
    plain
}

fn scripts(config: &Config) -> Vec<String> {
    let server = Ipv4Addr::new(192, 168, 0, 10);
    let mut scripts = vec![ipxe::autoexec_script(config, server)];
    for view in config.views().take(4) {
        scripts.push(ipxe::boot_script(config, &view, server));
        scripts.push(grub::menu(config, &view));
        for below in [Below::Rom, Below::Ipxe] {
            scripts.push(pxelinux::menu(config, &view, server, below));
        }
    }
    for entry in config.entries.iter().take(4) {
        scripts.push(ipxe::entry_script(config, entry, server));
    }
    scripts
}
