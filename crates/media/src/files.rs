//! `BootFiles`: finds the boot files of Windows in a WIM or on a disc.

use std::ops::Range;
use std::path::Path;

use winpe_wim::{Archive, ImageSelector, ReadError, WimError, find_in_iso};

use crate::bcd::bcd;
use crate::error::MediaError;

/// The files that boot the Windows of a WIM or a disc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFiles {
    /// The number of the image that boots.
    pub image: u32,
    /// Its name, according to the WIM.
    pub image_name: String,
    /// The files, each name once.
    pub files: Vec<BootFile>,
}

/// One of the files that boot Windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFile {
    /// The name that boot loaders use.
    pub name: &'static str,
    /// Its source.
    pub origin: Origin,
    /// Its content.
    pub content: Content,
}

/// The source of a boot file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The image of Windows PE; wimboot finds it there without help.
    Image,
    /// The disc that the image is on.
    Disc,
    /// None: it was generated.
    Made,
}

/// The content of a boot file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes of the ISO image.
    Disc(Range<u64>),
}

/// Names, and paths in the image; the first path that exists is used.
const IN_IMAGE: &[(&str, &[&str])] = &[
    ("bootmgr.exe", &["Windows/Boot/PXE/bootmgr.exe"]),
    ("pxeboot.n12", &["Windows/Boot/PXE/pxeboot.n12"]),
    ("pxeboot.com", &["Windows/Boot/PXE/pxeboot.com"]),
    ("bootmgfw.efi", &["Windows/Boot/EFI/bootmgfw.efi"]),
    ("BCD", &["Windows/Boot/DVD/PCAT/BCD"]),
    ("boot.sdi", &["Windows/Boot/DVD/PCAT/boot.sdi", "Windows/Boot/DVD/EFI/boot.sdi"]),
    ("wgl4_boot.ttf", &["Windows/Boot/Fonts/wgl4_boot.ttf"]),
];

/// Names, and paths on the disc.
const ON_DISC: &[(&str, &str)] = &[
    ("boot.wim", BOOT_WIM),
    ("bootmgr", "bootmgr"),
    ("BCD", "boot/bcd"),
    ("boot.sdi", "boot/boot.sdi"),
    ("bootx64.efi", "efi/boot/bootx64.efi"),
    ("bootia32.efi", "efi/boot/bootia32.efi"),
    ("bootaa64.efi", "efi/boot/bootaa64.efi"),
];

const BOOT_WIM: &str = "sources/boot.wim";
/// The largest of these files, `boot.sdi`, has 3 MiB.
const LARGEST: u64 = 32 << 20;

impl BootFiles {
    /// The boot files in a WIM: those of the image with this number, or of the image that is marked
    /// for boot.
    ///
    /// # Errors
    /// The file is not a WIM, is damaged, or lacks such an image.
    pub fn of_wim(path: &Path, image: Option<u32>) -> Result<Self, MediaError> {
        let mut files = Self::within(&Archive::open(path)?, image)?;
        files.complete();
        Ok(files)
    }

    /// The boot files on a Windows disc, and those in its `sources/boot.wim`.
    ///
    /// # Errors
    /// The file is not an ISO image, is not a Windows disc, or is damaged.
    pub fn of_iso(path: &Path, image: Option<u32>) -> Result<Self, MediaError> {
        let within = Self::within(&Archive::open_in_iso(path, BOOT_WIM)?, image)?;
        let mut files = Self { files: Vec::new(), ..within };
        for (name, inner) in ON_DISC {
            match find_in_iso(path, inner) {
                Ok(range) => files.add(name, Origin::Disc, Content::Disc(range)),
                Err(WimError::Read(ReadError::NotInIso { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for file in within.files {
            files.add(file.name, file.origin, file.content);
        }
        files.complete();
        Ok(files)
    }

    /// The file with that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&BootFile> {
        self.files.iter().find(|file| file.name == name)
    }

    fn within(archive: &Archive, image: Option<u32>) -> Result<Self, MediaError> {
        let which = image.map_or(ImageSelector::Boot, ImageSelector::Index);
        let image = archive.select(&which)?;
        let image_name = archive.images()[image as usize - 1].name.clone();
        let mut files = Self { image, image_name, files: Vec::new() };
        for (name, paths) in IN_IMAGE {
            for path in *paths {
                let Some(entry) = archive.entry(image, path)?.filter(|entry| !entry.is_dir) else {
                    continue;
                };
                if entry.size > LARGEST {
                    let (path, size) = (archive.path().to_path_buf(), entry.size);
                    return Err(MediaError::TooLarge { path, name, size, limit: LARGEST });
                }
                files.add(name, Origin::Image, Content::Bytes(archive.read(image, path)?));
            }
        }
        Ok(files)
    }

    /// Generates a missing BCD. No other file can be generated: they are programs of Microsoft.
    fn complete(&mut self) {
        if self.find("BCD").is_none() {
            self.add("BCD", Origin::Made, Content::Bytes(bcd()));
        }
    }

    /// The first file with a name is kept.
    fn add(&mut self, name: &'static str, origin: Origin, content: Content) {
        if self.find(name).is_none() {
            self.files.push(BootFile { name, origin, content });
        }
    }
}

impl BootFile {
    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Disc(range) => range.end - range.start,
        }
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use winpe_wim::{Compression, NewImage, create};

    use super::*;

    fn wim(files: &[(&str, &str)]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("winpe.wim");
        let mut image = NewImage::new("Windows PE");
        image.boot = true;
        for (name, content) in files {
            image.files.push(((*name).to_owned(), content.as_bytes().to_vec()));
        }
        create(&path, Compression::None, &[NewImage::new("other"), image]).unwrap();
        (folder, path)
    }

    #[test]
    fn the_files_of_the_image_that_boots_are_found_in_any_case() {
        let (_folder, path) = wim(&[
            ("windows/boot/pxe/BOOTMGR.EXE", "manager"),
            ("Windows/Boot/DVD/EFI/boot.sdi", "efi"),
            ("Windows/Boot/DVD/PCAT/boot.sdi", "pcat"),
            ("Windows/Boot/DVD/PCAT/BCD", "bcd"),
            ("Windows/Boot/EFI/bootmgfw.efi/a folder", ""),
        ]);
        let found = BootFiles::of_wim(&path, None).unwrap();
        assert_eq!((found.image, found.image_name.as_str()), (2, "Windows PE"));
        let bytes = |name: &str| match &found.find(name)?.content {
            Content::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Content::Disc(_) => None,
        };
        assert_eq!(bytes("bootmgr.exe"), Some("manager"));
        assert_eq!(bytes("boot.sdi"), Some("pcat"));
        assert_eq!(bytes("BCD"), Some("bcd"));
        assert_eq!(found.files.len(), 3);
        assert!(found.files.iter().all(|file| file.origin == Origin::Image));
    }

    #[test]
    fn a_missing_bcd_is_generated() {
        let (_folder, path) = wim(&[]);
        let found = BootFiles::of_wim(&path, None).unwrap();
        let [file] = found.files.as_slice() else { panic!("{:?}", found.files) };
        assert_eq!((file.name, file.origin), ("BCD", Origin::Made));
        assert!(matches!(&file.content, Content::Bytes(bytes) if *bytes == bcd()));
    }

    #[test]
    fn a_file_too_large_for_a_boot_file_is_refused() {
        let (_folder, path) = wim(&[]);
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large.wim");
        let mut image = NewImage::new("large");
        let size = LARGEST as usize + 1;
        image.files.push(("Windows/Boot/DVD/PCAT/boot.sdi".to_owned(), vec![0; size]));
        create(&large, Compression::None, &[image]).unwrap();
        let error = BootFiles::of_wim(&large, None).unwrap_err().to_string();
        assert!(
            error.ends_with("boot.sdi has 33554433 bytes; expected at most 33554432"),
            "{error}"
        );
        let error = BootFiles::of_wim(&path, Some(3)).unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
    }
}
