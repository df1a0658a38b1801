//! Which files the image gets: add, replace or keep each.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use sha1::{Digest, Sha1};
use winpe_wim::{Archive, Content, FileChange};

use crate::digest::Sha256;
use crate::error::{AdditionError, InjectError};
use crate::job::Job;
use crate::parts::SuppliedFiles;
use crate::path::ImagePath;
use crate::profile::Profile;
use crate::report::FileReport;
use crate::tree::Tree;

/// What happens to a file of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileAction {
    /// It is new.
    Add,
    /// It gets new content.
    Replace,
    /// It is there and stays as it is.
    Keep,
    /// It is taken out.
    Remove,
}

/// The plan for every file of the job.
#[derive(Debug, Default)]
pub(crate) struct FilePlan {
    pub(crate) reports: Vec<FileReport>,
    pub(crate) changes: Vec<FileChange>,
}

/// Compares the job's files with the image. Files that nobody has are an error that names them all.
pub(crate) fn plan(
    archive: &Archive,
    image: u32,
    job: &Job,
    profile: &Profile,
    supplied: SuppliedFiles,
) -> Result<FilePlan, InjectError> {
    let mut plan = FilePlan::default();
    let mut places = Places::default();
    let mut missing = Vec::new();
    for (path, why) in supplied.kept {
        places.take(&path, profile.name())?;
        if let Some(present) = present(archive, image, &path)? {
            plan.keep(path, present.size, &why);
        }
    }
    for file in supplied.new {
        places.take(&file.path, profile.name())?;
        let (size, hash) = hash_bytes(&file.data);
        let action = compare(archive, image, &file.path, size, hash)?;
        plan.put(file.path, action, size, &file.why, || Content::Bytes(file.data));
    }
    for file in profile.files() {
        let path = ImagePath::new(&file.path);
        places.take(&path, profile.name())?;
        let from_source = match job.source {
            Some(source) => source.read(&path)?,
            None => None,
        };
        let Some(data) = from_source else {
            match present(archive, image, &path)? {
                Some(present) => plan.keep(path, present.size, &file.why),
                None => missing.push(path),
            }
            continue;
        };
        let (size, hash) = hash_bytes(&data);
        let action = compare(archive, image, &path, size, hash)?;
        plan.put(path, action, size, &file.why, || Content::Bytes(data));
    }
    if !missing.is_empty() {
        let source_name = job.source.map(|source| source.name().to_owned());
        return Err(InjectError::MissingFiles { files: missing, keys: vec![], source_name });
    }
    for file in job.additions.iter().map(super::Addition::files) {
        for file in file? {
            let name = file.from.display().to_string();
            places.take(&file.to, &name)?;
            let (size, hash) = hash_file(&file.from)
                .map_err(|source| InjectError::Read { path: file.from.clone(), source })?;
            let action = compare(archive, image, &file.to, size, hash)?;
            plan.put(file.to, action, size, &name, || Content::File(file.from));
        }
    }
    Ok(plan)
}

impl FilePlan {
    fn keep(&mut self, path: ImagePath, size: u64, why: &str) {
        let action = FileAction::Keep;
        self.reports.push(FileReport::new(path, action, size, Some(size), why));
    }

    pub(crate) fn put(
        &mut self,
        path: ImagePath,
        (action, old_size): (FileAction, Option<u64>),
        size: u64,
        why: &str,
        content: impl FnOnce() -> Content,
    ) {
        if action != FileAction::Keep {
            self.changes.push(FileChange::Put { path: path.to_string(), content: content() });
        }
        self.reports.push(FileReport::new(path, action, size, old_size, why));
    }

    /// Fills in the digests, once it is settled what is written.
    pub(crate) fn digest(&mut self, archive: &Archive, image: u32) -> Result<(), InjectError> {
        let contents: HashMap<ImagePath, &Content> = self
            .changes
            .iter()
            .filter_map(|change| match change {
                FileChange::Put { path, content } => Some((ImagePath::new(path), content)),
                _ => None,
            })
            .collect();
        for report in &mut self.reports {
            if report.old_size.is_some() {
                report.old_sha256 = Tree::Image(archive, image).digest(&report.path)?;
            }
            report.sha256 = match contents.get(&report.path) {
                None => report.old_sha256,
                Some(content) => Some(digest_content(archive, content)?),
            };
        }
        Ok(())
    }

    /// Takes a file out of the plan again, for one who makes more of it.
    pub(crate) fn withdraw(&mut self, path: &ImagePath) -> Option<FileReport> {
        let index = self.reports.iter().position(|file| file.path == *path)?;
        self.changes.retain(|change| {
            !matches!(change, FileChange::Put { path: to, .. } if ImagePath::new(to) == *path)
        });
        Some(self.reports.remove(index))
    }
}

fn digest_content(archive: &Archive, content: &Content) -> Result<Sha256, InjectError> {
    match content {
        Content::Bytes(data) => Ok(Sha256::of(data)),
        Content::File(path) => {
            Sha256::of_file(path).map_err(|source| InjectError::Read { path: path.clone(), source })
        }
        Content::Blob(sha1) => Ok(Sha256::of_blob(archive.blob_reader(sha1)?)?),
    }
}

struct Present {
    size: u64,
    sha1: Option<[u8; 20]>,
}

fn present(
    archive: &Archive,
    image: u32,
    path: &ImagePath,
) -> Result<Option<Present>, InjectError> {
    match archive.entry(image, path.as_str())? {
        Some(entry) if entry.is_dir => {
            let why = "the image has a folder there";
            Err(AdditionError::BadDestination { path: path.to_string(), why }.into())
        }
        Some(entry) => Ok(Some(Present { size: entry.size, sha1: entry.sha1 })),
        None => Ok(None),
    }
}

/// A WIM keeps the SHA-1 of every file, so equal content is told without reading it.
pub(crate) fn compare(
    archive: &Archive,
    image: u32,
    path: &ImagePath,
    size: u64,
    hash: [u8; 20],
) -> Result<(FileAction, Option<u64>), InjectError> {
    Ok(match present(archive, image, path)? {
        None => (FileAction::Add, None),
        Some(old) if old.size == size && (size == 0 || old.sha1 == Some(hash)) => {
            (FileAction::Keep, Some(size))
        }
        Some(old) => (FileAction::Replace, Some(old.size)),
    })
}

pub(crate) fn hash_bytes(data: &[u8]) -> (u64, [u8; 20]) {
    (data.len() as u64, Sha1::digest(data).into())
}

pub(crate) fn hash_file(path: &Path) -> io::Result<(u64, [u8; 20])> {
    let mut hash = Sha1::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((size, hash.finalize().into()));
        }
        hash.update(&buffer[..count]);
        size += count as u64;
    }
}

/// Each place in the image can be given once. A hive is given by its edits.
#[derive(Default)]
struct Places(HashMap<String, String>);

impl Places {
    fn take(&mut self, path: &ImagePath, by: &str) -> Result<(), AdditionError> {
        // Coarser than NT's table, which errs on the safe side: at worst two odd names are refused.
        match self.0.insert(path.as_str().to_lowercase(), by.to_owned()) {
            None => Ok(()),
            Some(first) => {
                Err(AdditionError::Twice { path: path.clone(), first, second: by.to_owned() })
            }
        }
    }
}
