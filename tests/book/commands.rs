//! Every command of the pages, in the order in which a reader meets them.

use std::fs;
use std::path::Path;

use winpe_inject::Recipe;
use winpe_netboot::config::Config;
use winpe_tests::{skip, workspace};

use crate::bench::Bench;
use crate::markdown::{Page, book};

/// Commands that change the machine, take minutes or need a network. Of these the scripts must exist.
const NOT_RUN: &[&str] = &["sudo", "cargo", "git", "scripts/"];

/// What a test can run of a block.
fn runnable(block: &str) -> String {
    let lines = block.lines().filter(|line| !NOT_RUN.iter().any(|word| line.starts_with(word)));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Runs the blocks of a page in one folder; the number of commands that it had.
#[track_caller]
fn run(name: &str) -> usize {
    let page = Page::read(name);
    let blocks: Vec<_> = page.blocks().into_iter().filter(|block| block.language == "sh").collect();
    for line in blocks.iter().flat_map(|block| block.text.lines()) {
        if let Some(word) = line.split_whitespace().next().filter(|it| it.starts_with("scripts/")) {
            assert!(workspace().join(word).is_file(), "{name}: there is no {word}");
        }
    }
    let commands: usize =
        blocks.iter().map(|it| runnable(&it.text).matches("winpe-iscsi ").count()).sum();
    if commands == 0 {
        return 0;
    }
    let bench = Bench::new();
    if page.text.contains("Windows.iso") && bench.add_disc().is_none() {
        return commands;
    }
    if page.text.contains("winpe-iscsi mount ") && !Path::new("/dev/fuse").exists() {
        skip("there is no /dev/fuse");
        return commands;
    }
    for block in blocks {
        let output = bench.run(&runnable(&block.text));
        assert!(
            output.status.success(),
            "{name}, line {}: {}\n{}\n{}{}",
            block.line,
            output.status,
            block.text,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
    }
    commands
}

macro_rules! pages {
    ($($test:ident: $page:literal, $least:literal;)+) => {
        /// The pages that have commands.
        const RUN: &[&str] = &[$($page),+];
        $(
            #[test]
            fn $test() {
                let commands = run($page);
                assert!(commands >= $least, "found {commands} commands only");
            }
        )+
    };
}

pages! {
    the_readme: "README.md", 2;
    the_introduction: "docs/introduction.md", 3;
    install: "docs/install.md", 2;
    the_first_image: "docs/first-image.md", 6;
    images: "docs/recipes-images.md", 12;
    connect: "docs/recipes-connect.md", 3;
    hives: "docs/recipes-hives.md", 9;
    wims: "docs/recipes-wims.md", 10;
    boot: "docs/recipes-boot.md", 4;
    login: "docs/recipes-login.md", 1;
    watch: "docs/recipes-watch.md", 4;
    service: "docs/recipes-service.md", 1;
    the_configuration: "docs/config.md", 2;
    profiles: "docs/profile.md", 2;
    for_programs: "docs/json.md", 3;
    how_to_add: "docs/how-to-add.md", 2;
}

#[test]
fn every_page_with_commands_is_run() {
    let pages = book().into_iter().map(|name| format!("docs/{name}"));
    for name in pages.chain(["README.md".to_owned()]) {
        let blocks = Page::read(&name).blocks();
        let runs =
            blocks.iter().any(|it| it.language == "sh" && !runnable(&it.text).trim().is_empty());
        assert_eq!(runs, RUN.contains(&name.as_str()), "{name}");
    }
}

/// What the pages show of a configuration is one.
#[test]
fn every_configuration_shown_is_valid() {
    let mut seen = 0;
    for name in book() {
        let page = Page::read(&format!("docs/{name}"));
        for block in page.blocks().iter().filter(|block| block.language == "toml") {
            let part = ["[serve", "[[entry", "[[client", "[watch", "[inject"];
            if name == "profile.md" || !part.iter().any(|it| block.text.contains(it)) {
                continue;
            }
            let place = format!("{}, line {}", page.name, block.line);
            if let Err(error) = block.text.parse::<Config>() {
                panic!("{place}: {error}\n{}", block.text);
            }
            if block.text.contains("[inject]") {
                let file = tempfile::NamedTempFile::new().unwrap();
                fs::write(file.path(), &block.text).unwrap();
                Recipe::read(file.path()).unwrap_or_else(|error| panic!("{place}: {error}"));
            }
            seen += 1;
        }
    }
    assert!(seen >= 5, "found {seen} configurations only");
}

#[test]
fn what_is_not_run_is_left_out_line_by_line() {
    let block = "scripts/deps build\nsudo apt install x\nwinpe-iscsi demo\n";
    assert_eq!(runnable(block), "winpe-iscsi demo\n");
}

/// A page whose command fails makes its test fail.
#[test]
fn a_command_that_fails_is_seen() {
    let bench = Bench::new();
    for (script, good) in [
        ("winpe-iscsi info winpe.wim", true),
        ("winpe-iscsi serve --wim winpe.wim --iface eth1", true),
        ("winpe-iscsi serve --wim absent.wim --iface eth1", false),
        ("winpe-iscsi serve --wimm winpe.wim", false),
        ("winpe-iscsi info absent.wim", false),
        ("winpe-iscsi info absent.wim | cat", false),
        ("winpe-iscsi boots --follow", true),
        ("winpe-iscsi boots --folow", false),
        ("winpe-iscsi info absent.wim\ntrue", false),
    ] {
        assert_eq!(bench.run(script).status.success(), good, "{script}");
    }
}
