//! Puts the Microsoft iSCSI initiator into WinPE images.
//!
//! ```text
//!  Profile (data) ──► edits ──┐
//!  Source ──► files ──────────┤
//!  Session (winpe.wim) ───────┴─► stage ──► Staged: report, verified hives, files ──► commit
//! ```
//!
//! [`Session::open`] reads an image. [`Session::stage`] does the whole work in memory: it edits copies
//! of the hives, checks them, has a second reader confirm them, and computes the [`Report`] from the
//! result. [`Staged::commit`] is the only writer and has no option that changes what is written; a dry run
//! is not calling it.
//!
//! What to change is data: a [`Profile`] is a folder with a `profile.toml` and `.reg` files.
//!
//! # The modules
//!
//! The files at the root are what callers use: [`Session`], [`Job`], [`Recipe`], and the operations stage,
//! remove, verify and [`presence()`]. The folders are what these work on, each above those that it uses:
//!
//! ```text
//!  startup   what WinPE does at its start: scripts, drivers, the CHAP secret
//!  parts     parts of a profile: what an image has, what it gets from the source
//!  program   headers, imports and signatures of programs
//!  files     the plan of files, and the record of what was put in
//!  profile   profiles as data
//!  hives     opening, reading, editing and confirming registry hives
//!  report    the result types
//!  image     a Windows in a WIM or folder: paths, contents, digests
//! ```
//!
//! # In a build pipeline
//!
//! ```
//! use winpe_inject::{ImageSelector, Job, Profile, Session, Source, Target};
//! # let dir = tempfile::tempdir()?;
//! # winpe_inject::demo::create(dir.path())?;
//! # std::env::set_current_dir(dir.path())?;
//!
//! let profile = Profile::builtin("iscsi")?;
//! let source = Source::open("install.wim:1")?;
//! let job = Job::new(&profile).source(&source);
//!
//! let session = Session::open("winpe.wim", &ImageSelector::Boot)?;
//! let staged = session.stage(&job)?;
//! println!("{}", staged.report());
//! if staged.report().has_changes() {
//!     staged.commit(&Target::InPlace)?;
//! }
//! # let session = Session::open("winpe.wim", &ImageSelector::Boot)?;
//! # assert!(!session.stage(&job)?.report().has_changes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod demo;
mod error;
mod files;
mod hives;
mod identify;
mod image;
mod job;
mod outcome;
mod parts;
mod presence;
mod profile;
mod program;
mod recipe;
mod remove;
mod report;
mod running_from;
mod schema;
mod session;
mod stage;
mod startup;
mod steps;
mod undo;
mod verdict;
mod verify;

/// Parsers for the fuzz targets; no part of the public API.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::startup::fuzzing::{Script, call, strip};
    pub use crate::startup::inf::fuzzing::{Entry, Inf, Named};
}

pub use error::{InspectError, RemoveError, StageError};
pub use files::{Addition, AdditionError, FilesError, MissingFiles, RecordError};
pub use hives::{
    ControlSet, Disagreement, HiveError, HiveRoot, HiveRoots, Location, Origin, RegError,
    SourcedEdit, parse_reg, read_reg,
};
pub use image::{ImagePath, Sha256, Source, SourceError, TreeError, Windows};
pub use job::Job;
pub use parts::PartError;
pub use presence::{Extent, PartPresence, Presence, presence, present_drivers};
pub use profile::{
    Append, Builds, CatalogueRule, Choice, CopyKey, CreateKey, LeaveOut, Marks, Part, Profile,
    ProfileError, ProfileFile, RegPart, Service,
};
pub use program::{NotAProgram, ProgramError};
pub use recipe::{Recipe, RecipeError, RecipeImage};
pub use report::{
    Catalogue, Detail, DiffError, Document, DriverReport, FileAction, FileReport, HiveReport,
    LeftOut, PartAction, PartReport, Report, Shown, Signatures, SkippedDriver, StartupItem,
    StartupReport, TextReport, Totals, UnfitText, Unresolved, Warning, report_html,
};
pub use running_from::boot_warnings;
pub use schema::{profile_schema, recipe_schema, report_schema, verdict_schema};
pub use session::{Session, Staged};
pub use startup::secret::{holds_secret, replaces_secret};
pub use startup::{
    ArchiveError, Chap, ChapError, DriverError, IscsiName, IscsiNameError, PresentDriver, Removal,
    SanUri, SanUriError, Secret, Startup, StartupError,
};
pub use steps::{StageProgress, StageStep};
pub use verdict::{Finding, Point, Verdict};
pub use winpe_regfile::ParseError;
pub use winpe_wim::{
    Archive, Cancel, Committed, Erasure, ImageSelector, Progress, Target, WimError,
};
/// The crates whose types are in signatures of this one.
pub use {winpe_regfile, winpe_registry, winpe_wim};

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
