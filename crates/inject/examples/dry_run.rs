//! Shows what inject would change, and writes nothing: `cargo run --example dry_run -- winpe.wim install.wim:1`
//!
//! Without arguments it makes two synthetic images in a temporary folder and uses these.

use std::env;
use std::error::Error;

use winpe_inject::{ImageSelector, Job, Profile, Report, Session, Source};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let report = match args.as_slice() {
        [winpe, source] => report(winpe, source)?,
        [] => demo()?,
        _ => return Err("usage: dry_run WINPE SOURCE".into()),
    };
    println!("{report}");
    Ok(())
}

/// What the default profile would change in an image. The report is that of the real run: only
/// `Staged::commit`, which is not called here, writes.
fn report(winpe: &str, source: &str) -> Result<Report, Box<dyn Error>> {
    let profile = Profile::builtin("iscsi")?;
    let source = Source::open(source)?;
    let session = Session::open(winpe, &ImageSelector::Boot)?;
    let staged = session.stage(&Job::new(&profile).source(&source))?;
    Ok(staged.report().clone())
}

fn demo() -> Result<Report, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let demo = winpe_inject::demo::create(folder.path())?;
    report(&demo.winpe.display().to_string(), &demo.install.display().to_string())
}

#[test]
fn the_synthetic_image_lacks_the_initiator() {
    let report = demo().unwrap();
    assert!(report.has_changes());
    assert!(report.to_string().contains("iscsiexe.dll"), "{report}");
}
