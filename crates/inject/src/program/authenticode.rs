//! The digests that signatures of Windows cover. Source: Microsoft, "Windows Authenticode Portable
//! Executable Signature Format", 2008, "Calculating the PE Image Hash"; "PE Format", "Attribute
//! Certificate Table".
//!
//! The crate `authenticode` (0.6.0) omits the padding of a program that is not signed, so that it finds no catalogue of
//! one whose size is no multiple of 8: `findings/authenticode-omits-padding.sh`.

use object::LittleEndian as LE;
use object::pe::{self, ImageNtHeaders32, ImageNtHeaders64};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile, optional_header_magic};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::NotAProgram;

/// The digests by which a catalogue may name a file: SHA-1 up to Windows 7, later SHA-256 or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) sha1: [u8; 20],
    pub(crate) sha256: [u8; 32],
}

impl Digests {
    /// Of all bytes of a file.
    pub(crate) fn flat(data: &[u8]) -> Self {
        Self::of([data])
    }

    /// Of a program or library, without the bytes that signing changes.
    pub(crate) fn of_program(data: &[u8]) -> Result<Self, NotAProgram> {
        let Signing { checksum, directory, table } = Signing::find(data)?;
        let (body, rest) = match table {
            Some((at, size)) => (&data[directory + 8..at], &data[at + size..]),
            None => (&data[directory + 8..], &data[..0]),
        };
        // Signing pads a program to the alignment of its signature.
        let padding = match table {
            Some(_) => 0,
            None => data.len().next_multiple_of(ALIGNMENT) - data.len(),
        };
        let head = &data[..checksum];
        let middle = &data[checksum + 4..directory];
        Ok(Self::of([head, middle, body, rest, &[0; ALIGNMENT][..padding]]))
    }

    fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]> + Clone) -> Self {
        let (mut sha1, mut sha256) = (Sha1::new(), Sha256::new());
        for part in parts {
            sha1.update(part);
            sha256.update(part);
        }
        Self { sha1: sha1.finalize().into(), sha256: sha256.finalize().into() }
    }
}

/// Whether a program has an embedded signature, valid or not.
pub(crate) fn is_signed(data: &[u8]) -> Result<bool, NotAProgram> {
    Ok(Signing::find(data)?.table.is_some())
}

const ALIGNMENT: usize = 8;

/// The bytes of a program that signing changes.
struct Signing {
    /// Offset of its checksum, of 4 bytes.
    checksum: usize,
    /// Offset of the directory entry of its signature, of 8 bytes.
    directory: usize,
    /// Offset and size of its signature.
    table: Option<(usize, usize)>,
}

impl Signing {
    fn find(data: &[u8]) -> Result<Self, NotAProgram> {
        match optional_header_magic(data)? {
            pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC => Self::of::<ImageNtHeaders64>(data),
            _ => Self::of::<ImageNtHeaders32>(data),
        }
    }

    fn of<Pe: ImageNtHeaders>(data: &[u8]) -> Result<Self, NotAProgram> {
        const SIGNATURE_AND_FILE_HEADER: usize = 4 + 20;
        const CHECKSUM: usize = 64;
        let file = PeFile::<Pe>::parse(data)?;
        let headers = file.dos_header().nt_headers_offset() as usize;
        let optional = headers + SIGNATURE_AND_FILE_HEADER;
        let index = pe::IMAGE_DIRECTORY_ENTRY_SECURITY;
        let directory = optional + size_of::<Pe::ImageOptionalHeader>() + 8 * index;
        if file.nt_headers().optional_header().number_of_rva_and_sizes() as usize <= index
            || directory + 8 > data.len()
        {
            return Err(NotAProgram::NoDirectory);
        }
        // The only directory whose address is an offset in the file.
        let entry = file
            .data_directory(index)
            .map(|entry| (entry.virtual_address.get(LE) as usize, entry.size.get(LE) as usize));
        let table = entry.filter(|(at, size)| *at != 0 && *size != 0);
        let is_in_file =
            |(at, size)| at >= directory + 8 && at <= data.len() && size <= data.len() - at;
        match table {
            Some(table) if !is_in_file(table) => Err(NotAProgram::Signature),
            table => Ok(Self { checksum: optional + CHECKSUM, directory, table }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Program;

    /// A program whose signature is its last `size` bytes.
    fn signed(size: u32) -> Vec<u8> {
        let mut data = Program::new("a.dll").build();
        let directory = Signing::find(&data).unwrap().directory;
        let at = u32::try_from(data.len()).unwrap();
        data[directory..directory + 4].copy_from_slice(&at.to_le_bytes());
        data[directory + 4..directory + 8].copy_from_slice(&size.to_le_bytes());
        data.extend(vec![0x55; size as usize]);
        data
    }

    #[test]
    fn only_signature_and_checksum_do_not_change_the_digest() {
        let plain = Program::new("a.dll").build();
        let digests = Digests::of_program(&plain).unwrap();
        assert!(!is_signed(&plain).unwrap());
        let signed = signed(64);
        assert!(is_signed(&signed).unwrap());
        assert_eq!(Digests::of_program(&signed).unwrap(), digests);
        let Signing { checksum, directory, .. } = Signing::find(&plain).unwrap();
        for at in 0..plain.len() {
            let mut changed = plain.clone();
            changed[at] ^= 1;
            let is_signing =
                (checksum..checksum + 4).contains(&at) || (directory..directory + 8).contains(&at);
            if let Ok(found) = Digests::of_program(&changed) {
                assert_eq!(found == digests, is_signing, "byte {at:#x}");
            }
        }
    }

    #[test]
    fn a_signature_outside_of_the_program_is_an_error() {
        let mut data = signed(64);
        data.pop();
        assert_eq!(Digests::of_program(&data), Err(NotAProgram::Signature));
        let directory = Signing::find(&signed(64)).unwrap().directory;
        for at in [1, u32::MAX] {
            data[directory..directory + 4].copy_from_slice(&at.to_le_bytes());
            assert_eq!(is_signed(&data), Err(NotAProgram::Signature));
        }
    }

    #[test]
    fn a_damaged_program_never_makes_it_panic() {
        let whole = signed(16);
        for end in 0..whole.len() {
            let _ = Digests::of_program(&whole[..end]);
        }
        for at in 0..whole.len() {
            for value in [0, 0xff, 0x80] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = Digests::of_program(&damaged);
            }
        }
    }
}
