//! Reports as one HTML page that needs no other file: for a change ticket, or to be read by several people.
//!
//! The page has no script and loads nothing. Names and data of the image are text in it, whatever they hold.

mod escape;
mod tree;

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use self::escape::Escaped;
use super::file::Thousands;
use super::{FileAction, FileReport, Report, Totals, Unresolved};

/// The page of these reports, which needs no other file.
///
/// ```
/// # use winpe_inject::{ImageSelector, Job, Profile, Session, Source};
/// # let dir = tempfile::tempdir()?;
/// # winpe_inject::demo::create(dir.path())?;
/// # std::env::set_current_dir(dir.path())?;
/// let profile = Profile::builtin("iscsi")?;
/// let source = Source::open("install.wim:1")?;
/// let staged = Session::open("winpe.wim", &ImageSelector::Boot)?
///     .stage(&Job::new(&profile).source(&source))?;
/// std::fs::write("report.html", winpe_inject::report_html(staged.reports()))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn report_html(reports: &[Report]) -> String {
    let mut page = String::new();
    write_page(reports, &mut page).expect("a string takes all that is written");
    page
}

fn write_page(reports: &[Report], page: &mut String) -> fmt::Result {
    let wim = reports.first().map_or("", |report| &report.wim);
    let style = include_str!("style.css");
    writeln!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{} - winpe-iscsi</title>\n<style>\n{style}</style>\n</head>\n<body>",
        Escaped(wim)
    )?;
    if reports.len() > 1 {
        writeln!(page, "<p class=\"total\">{}</p>", Escaped(Totals::of(reports)))?;
    }
    reports.iter().try_for_each(|report| image(report, page))?;
    page.write_str("</body>\n</html>\n")
}

fn image(report: &Report, page: &mut String) -> fmt::Result {
    let (wim, name) = (Escaped(&report.wim), Escaped(&report.image_name));
    writeln!(page, "<section class=\"image\">\n<h1>{wim}, image {} ({name})</h1>", report.image)?;
    write!(page, "<p>Profile {}", Escaped(&report.profile))?;
    if let Some(build) = report.windows.build {
        write!(page, ", Windows build {build}")?;
    }
    if let Some(source) = &report.source {
        write!(page, ", files from {}", Escaped(source))?;
    }
    writeln!(page, ".</p>\n<p class=\"total\">{}</p>", Escaped(Totals::of([report])))?;
    list("Warnings", "warnings", &report.warnings, page)?;
    list("Parts", "parts", &report.parts, page)?;
    for hive in &report.hives {
        let (file, summary) = (Escaped(&hive.file), Escaped(hive.summary()));
        writeln!(page, "<h2>{file}</h2>\n<p>{summary}</p>")?;
        tree::write(hive, page)?;
    }
    files("Files", &report.files, page)?;
    files("Record", &report.record, page)?;
    imports(&report.unresolved, page)?;
    if let Some(signatures) = &report.signatures {
        let unsigned = signatures.unsigned.iter();
        let words =
            unsigned.map(|path| format!("{path} is in no catalogue, and not signed itself"));
        list("Signatures", "signatures", &words.collect::<Vec<_>>(), page)?;
    }
    startup(report, page)?;
    page.write_str("</section>\n")
}

fn list(heading: &str, class: &str, items: &[impl fmt::Display], page: &mut String) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(page, "<h2>{heading}</h2>\n<ul class=\"{class}\">")?;
    for item in items {
        writeln!(page, "<li>{}</li>", Escaped(item))?;
    }
    writeln!(page, "</ul>")
}

/// The files of each part of the profile, with the sum of their sizes.
fn files(heading: &str, all: &[FileReport], page: &mut String) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(page, "<h2>{heading}</h2>")?;
    let mut parts: BTreeMap<&str, Vec<&FileReport>> = BTreeMap::new();
    for file in all {
        parts.entry(&file.why).or_default().push(file);
    }
    for (why, files) in parts {
        let changed = || files.iter().filter(|file| file.action != FileAction::Keep);
        let (count, bytes) = (changed().count(), changed().map(|file| size(file)).sum());
        let open = if count > 0 { " open" } else { "" };
        writeln!(
            page,
            "<details{open}><summary>{} <span class=\"sum\">{count} of {} files change, {} bytes</span>\
             </summary>\n<table class=\"files\">",
            Escaped(why),
            files.len(),
            Thousands(bytes)
        )?;
        for file in files {
            let (path, action) = (Escaped(&file.path), file.action.word());
            let size = Thousands(size(file));
            writeln!(
                page,
                "<tr class=\"{action}\"><td>{action}</td><td>{path}</td><td class=\"size\">{size}</td></tr>"
            )?;
        }
        writeln!(page, "</table></details>")?;
    }
    Ok(())
}

/// The size that the file has, or had.
fn size(file: &FileReport) -> u64 {
    match file.action {
        FileAction::Remove => file.old_size.unwrap_or(0),
        _ => file.size,
    }
}

fn imports(all: &[Unresolved], page: &mut String) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(page, "<h2>Imports that no library exports</h2>\n<dl class=\"imports\">")?;
    for (library, imports) in Unresolved::by_library(all) {
        writeln!(page, "<dt>{}</dt>", Escaped(library))?;
        for import in imports {
            writeln!(page, "<dd>{}</dd>", Escaped(import.of_its_library()))?;
        }
    }
    writeln!(page, "</dl>")
}

fn startup(report: &Report, page: &mut String) -> fmt::Result {
    let Some(startup) = &report.startup else { return Ok(()) };
    list(
        "Drivers",
        "drivers",
        &startup.drivers.iter().map(|it| &it.inf).collect::<Vec<_>>(),
        page,
    )?;
    let skipped = startup.skipped_drivers.iter().map(|it| &it.why).collect::<Vec<_>>();
    list("Skipped drivers", "skipped", &skipped, page)?;
    for text in &startup.texts {
        writeln!(page, "<h2>{}</h2>\n<pre>", Escaped(&text.file))?;
        for line in &text.diff {
            let tag = match line.as_bytes().first() {
                Some(b'+') => "ins",
                Some(b'-') => "del",
                _ => "span",
            };
            writeln!(page, "<{tag}>{}</{tag}>", Escaped(line))?;
        }
        writeln!(page, "</pre>")?;
    }
    Ok(())
}
