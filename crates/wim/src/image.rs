//! `Image`: the description of an image in the XML data; `ImageSelector`: how users select one.

use std::fmt;

/// An image of a WIM, as described in the XML data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// Its number, from 1.
    pub index: u32,
    /// Its name; empty without one.
    pub name: String,
    /// Its description; empty without one.
    pub description: String,
    /// The architecture of the Windows in it.
    pub arch: Option<Arch>,
    /// The version of the Windows in it.
    pub version: Option<Version>,
    /// Its languages, such as `en-US`.
    pub languages: Vec<String>,
    /// The edition, such as `WindowsPE`.
    pub edition: Option<String>,
    /// The installation type, such as `WindowsPE`, `Client` or `Server`.
    pub installation_type: Option<String>,
    /// The counts in the XML data. Writers differ in whether the root counts.
    pub stats: Stats,
    pub(crate) xml: String,
}

impl Image {
    /// Its `<IMAGE>` element, as written in the XML data.
    #[must_use]
    pub fn xml(&self) -> &str {
        &self.xml
    }
}

/// Counts of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Number of files; each name of a hard-linked file counts.
    pub files: u64,
    /// Number of folders.
    pub dirs: u64,
    /// Size of all files in bytes; each name of a hard-linked file counts.
    pub bytes: u64,
    /// The bytes of `bytes` that hard links count again.
    pub link_bytes: u64,
}

/// A processor architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// 32-bit Intel.
    X86,
    /// 32-bit ARM.
    Arm,
    /// Itanium.
    Ia64,
    /// 64-bit Intel.
    Amd64,
    /// 64-bit ARM.
    Arm64,
    /// Another `PROCESSOR_ARCHITECTURE_*` of the Windows SDK.
    Other(u64),
}

impl Arch {
    pub(crate) fn from_number(number: u64) -> Self {
        match number {
            0 => Self::X86,
            5 => Self::Arm,
            6 => Self::Ia64,
            9 => Self::Amd64,
            12 => Self::Arm64,
            other => Self::Other(other),
        }
    }

    pub(crate) fn number(self) -> u64 {
        match self {
            Self::X86 => 0,
            Self::Arm => 5,
            Self::Ia64 => 6,
            Self::Amd64 => 9,
            Self::Arm64 => 12,
            Self::Other(other) => other,
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X86 => f.pad("x86"),
            Self::Arm => f.pad("arm"),
            Self::Ia64 => f.pad("ia64"),
            Self::Amd64 => f.pad("amd64"),
            Self::Arm64 => f.pad("arm64"),
            Self::Other(number) => write!(f, "architecture {number}"),
        }
    }
}

/// A version of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Such as 10.
    pub major: u32,
    /// Such as 0.
    pub minor: u32,
    /// Such as 22621.
    pub build: u32,
    /// Such as 2428; `SPBUILD` in the XML data.
    pub service_pack_build: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, build, service_pack_build } = self;
        write!(f, "{major}.{minor}.{build}.{service_pack_build}")
    }
}

/// Selects an image of a WIM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSelector {
    /// The boot image; in a WIM with a single image and no boot index, that image.
    Boot,
    /// By number, from 1.
    Index(u32),
    /// By name; if no image has that name and it is a number, by number.
    Name(String),
}

impl std::str::FromStr for ImageSelector {
    type Err = std::convert::Infallible;

    /// A number, or a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index))
    }
}

impl fmt::Display for ImageSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boot => f.write_str("to boot"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}
