//! Puts the Microsoft iSCSI initiator into WinPE images.
//!
//! ```text
//!  Profile (data) ──► edits ──┐
//!  Source ──► files ──────────┤
//!  Session (winpe.wim) ───────┴─► stage ──► Staged: report, verified hives, files ──► commit
//! ```
//!
//! [`Session::open`] reads an image. [`Session::stage`] does the whole work in memory: it edits copies
//! of the hives, checks them, lets a second reader confirm them, and computes the [`Report`] from what
//! it did. [`Staged::commit`] is the only thing that writes, and takes nothing that could change what is
//! written; a dry run is not calling it.
//!
//! What to change is data: a [`Profile`] is a folder with a `profile.toml` and `.reg` files.
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

mod addition;
mod authenticode;
mod bounded;
mod catalogue;
mod control_set;
pub mod demo;
mod digest;
mod document;
mod driver;
mod error;
mod files;
mod fit;
mod hives;
mod job;
mod one_line;
mod outcome;
mod parts;
mod path;
mod pattern;
mod pe;
mod profile;
mod recipe;
mod record;
mod reg;
mod registry;
mod remove;
mod report;
mod schema;
mod second_reader;
mod secret;
mod session;
mod source;
mod stage;
mod startup;
mod survey;
mod tree;
mod verify;
mod windows;

/// Parsers for the fuzz targets; no part of the public API.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::driver::inf::fuzzing::{Entry, Inf, Named};
    pub use crate::startup::fuzzing::{Script, call, strip};
}

pub use addition::Addition;
pub use catalogue::{Catalogue, Signatures};
pub use control_set::ControlSet;
pub use digest::Sha256;
pub use document::Document;
pub use driver::DriverError;
pub use error::{AdditionError, InjectError, ProfileError};
pub use files::FileAction;
pub use fit::Unresolved;
pub use hives::{HiveRoot, HiveRoots, Location};
pub use job::Job;
pub use parts::{LeftOut, PartAction, PartReport};
pub use path::ImagePath;
pub use pe::NotAProgram;
pub use profile::{
    Append, Builds, CatalogueRule, Choice, CopyKey, CreateKey, LeaveOut, Marks, Part, Profile,
    ProfileFile, RegPart, Service,
};
pub use recipe::{Recipe, RecipeError, RecipeImage};
pub use reg::{Origin, SourcedEdit, parse_reg};
pub use report::{FileReport, HiveReport, Report};
pub use schema::{profile_schema, recipe_schema, report_schema, verdict_schema};
pub use second_reader::Disagreement;
pub use secret::{holds_secret, replaces_secret};
pub use session::{Session, Staged};
pub use source::Source;
pub use startup::{
    Chap, ChapError, DriverReport, IscsiName, IscsiNameError, SanUri, SanUriError, Secret, Startup,
    StartupError, StartupReport, TextReport,
};
pub use survey::{Extent, PartPresence, Presence, survey};
pub use verify::{Point, Verdict};
pub use windows::Windows;
pub use winpe_regfile::ParseError;
pub use winpe_wim::{ImageSelector, Target};

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
