//! The files that boot Windows over a network, read from a WIM or a Windows disc, so that these
//! need not be unpacked.
//!
//! ```no_run
//! use std::path::Path;
//! use winpe_media::BootFiles;
//!
//! let files = BootFiles::of_wim(Path::new("winpe.wim"), None)?;
//! for file in &files.files {
//!     println!("{} ({} bytes)", file.name, file.len());
//! }
//! # Ok::<(), winpe_media::MediaError>(())
//! ```
//!
//! | Name | What it is | Where it is |
//! |---|---|---|
//! | `boot.wim` | Windows PE | `sources/boot.wim` of the disc |
//! | `bootmgr.exe` | the boot manager for BIOS | `Windows/Boot/PXE` of the image |
//! | `bootmgr` | the same, packed into a loader for discs | the disc |
//! | `bootx64.efi`, `bootia32.efi`, `bootaa64.efi` | the boot manager for UEFI | `efi/boot` of the disc |
//! | `bootmgfw.efi` | the same | `Windows/Boot/EFI` of the image |
//! | `pxeboot.n12`, `pxeboot.com` | loads `bootmgr.exe` by TFTP; the second waits for F12 | `Windows/Boot/PXE` of the image |
//! | `BCD` | which loader the boot manager starts, and from where | the disc, the image, or generated here |
//! | `boot.sdi` | the empty disk that `boot.wim` appears on | the disc, or the image |
//!
//! A BCD that is generated here boots `\sources\boot.wim` with `\boot\boot.sdi`, like that of the
//! installation media.

mod bcd;
mod error;
mod files;

pub use bcd::bcd;
pub use error::MediaError;
pub use files::{BootFile, BootFiles, Content, Origin};

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
