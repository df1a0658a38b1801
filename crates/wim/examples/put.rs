//! Puts files into an image of a WIM, in place: `put WIM IMAGE SOURCE=PATH…`
//!
//! `cargo run --release -p winpe-wim --example put -- winpe.wim 1 hosts=Windows/System32/drivers/etc/hosts`

use std::env;
use std::path::Path;
use std::process::ExitCode;

use winpe_wim::{
    Archive, CommitOptions, Content, FileChange, ImageChanges, ImageSelector, Target, WimError,
};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [wim, image, files @ ..] = args.as_slice() else {
        eprintln!("usage: put WIM IMAGE SOURCE=PATH…");
        return ExitCode::from(2);
    };
    let puts: Option<Vec<FileChange>> = files.iter().map(|file| put(file)).collect();
    let Some(puts) = puts else {
        eprintln!("put: each file is SOURCE=PATH");
        return ExitCode::from(2);
    };
    match commit(Path::new(wim), image, puts) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("put: {error}");
            ExitCode::from(2)
        }
    }
}

fn put(file: &str) -> Option<FileChange> {
    let (source, path) = file.split_once('=')?;
    Some(FileChange::Put { path: path.to_owned(), content: Content::File(source.into()) })
}

fn commit(wim: &Path, image: &str, changes: Vec<FileChange>) -> Result<(), WimError> {
    let archive = Archive::open(wim)?;
    let Ok(selector) = image.parse::<ImageSelector>();
    let image = archive.select(&selector)?;
    let changes = [ImageChanges { image, changes }];
    let done = archive.commit(&changes, &Target::InPlace, CommitOptions::default())?;
    println!(
        "{} added, {} replaced, {} same; {} bytes appended; {} chunks kept, {} compressed",
        done.added, done.replaced, done.same, done.appended, done.chunks_kept, done.chunks_packed
    );
    Ok(())
}
