//! Where links lead.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use winpe_tests::workspace;

use crate::markdown::{Page, book};

#[test]
fn the_summary_has_every_page_once() {
    let summary = Page::read("docs/SUMMARY.md");
    let listed = summary.links();
    let pages: BTreeSet<_> = book().into_iter().filter(|name| name != "SUMMARY.md").collect();
    assert!(pages.len() >= 15, "{pages:?}");
    assert_eq!(listed.len(), pages.len(), "a page is listed once: {listed:?}");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), pages);
}

/// A link within the book is relative. One out of the book names the repository, so that it works in the built
/// book too.
#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut seen = 0;
    for page in Page::all() {
        for link in page.links() {
            if let Some(fault) = fault(&page, &link) {
                panic!("{}: the link {link} {fault}", page.name);
            }
            seen += 1;
        }
    }
    assert!(seen >= 60, "found {seen} links only");
}

#[test]
fn links_that_lead_nowhere_are_seen() {
    let page = |name: &str| Page { name: name.to_owned(), text: "# Title\n".to_owned() };
    let root = repository();
    for (from, link, good) in [
        ("docs/install.md", "limits.md", true),
        ("docs/install.md", "limits.md#limits", true),
        ("docs/install.md", "limits.md#nothing", false),
        ("docs/install.md", "absent.md", false),
        ("docs/install.md", "#title", true),
        ("docs/install.md", "#other", false),
        ("docs/install.md", "../README.md", false),
        ("docs/install.md", &format!("{root}/README.md"), true),
        ("docs/install.md", &format!("{root}/ABSENT.md"), false),
        ("README.md", "docs/limits.md", true),
        ("README.md", "../x.md", false),
        ("README.md", "https://keepachangelog.com/", true),
    ] {
        assert_eq!(fault(&page(from), link).is_none(), good, "{from}: {link}");
    }
}

/// Where the files of the repository are on its forge.
fn repository() -> String {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).expect("Cargo.toml");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let url = manifest["workspace"]["package"]["repository"].as_str().expect("a URL");
    format!("{url}/blob/main")
}

/// What is wrong with a link.
fn fault(page: &Page, link: &str) -> Option<String> {
    let (path, anchor) =
        link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let file = if let Some(inner) = path.strip_prefix(&repository()) {
        workspace().join(inner.trim_start_matches('/'))
    } else if path.starts_with("https://") || path.starts_with("http://") {
        return None;
    } else if path.is_empty() {
        return headed(page, anchor?);
    } else {
        if path.starts_with("..") {
            return Some("leads out of its folder, where the built book has nothing".to_owned());
        }
        page.folder().join(path)
    };
    if !file.exists() {
        return Some(format!("leads to no file: {}", file.display()));
    }
    anchor.and_then(|anchor| headed(&read(&file), anchor))
}

fn headed(page: &Page, anchor: &str) -> Option<String> {
    let anchors = page.anchors();
    (!anchors.iter().any(|it| it == anchor)).then(|| format!("names no heading of {anchors:?}"))
}

fn read(path: &Path) -> Page {
    let name = path.strip_prefix(workspace()).expect("in the workspace");
    Page::read(name.to_str().expect("a name"))
}

/// Files move; a page that names one must not stay behind. The changelog is of its time, and SECURITY.md names
/// some tests from within their crate.
#[test]
fn every_file_that_a_page_names_exists() {
    let mut seen = 0;
    let is_left_out = |name: &str| ["CHANGELOG.md", "SECURITY.md"].contains(&name);
    for page in Page::all().iter().filter(|page| !is_left_out(&page.name)) {
        for path in page.paths() {
            let found = workspace().join(&path);
            assert!(found.exists(), "{} names {path}, which is not there", page.name);
            seen += 1;
        }
    }
    assert!(seen >= 40, "found {seen} paths only");
}
