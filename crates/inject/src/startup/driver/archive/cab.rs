//! Cabinet files: stored, MSZIP and LZX.
//!
//! The crate `cab` panics where a file begins after the end of its folder, and decompresses a folder again
//! for each of its files, so that a small cabinet takes hours. Here a folder is decompressed once.
//! Source: Microsoft, "[MS-CAB]: Cabinet File Format", "[MS-MCI]: Microsoft ZIP (MSZIP) Compression".

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use flate2::read::DeflateDecoder;
use lzxd::{Lzxd, WindowSize};

use super::error::ArchiveError;
use super::unpacking::{Unpacking, check_count, entry};

/// The most bytes of a block before compression.
const MAX_BLOCK: usize = 32 << 10;
/// Flags of the header: another cabinet holds the begin or the end of a file.
const PART_OF_SET: u16 = 0x1 | 0x2;
/// Flag of the header: sizes of reserved fields follow.
const HAS_RESERVE: u16 = 0x4;
/// Attribute of a file: its name is UTF-8.
const NAME_IS_UTF8: u16 = 0x80;
/// The longest name, in bytes.
const MAX_NAME: usize = 256;

/// `CFHEADER`, as far as it is used.
struct Header {
    first_file: u32,
    folders: u16,
    files: u16,
    folder_reserve: u8,
    block_reserve: u8,
}

/// `CFFOLDER`: files that are compressed as one.
struct Folder {
    first_block: u32,
    blocks: u16,
    compression: u16,
}

/// `CFFILE`.
struct Entry {
    name: String,
    size: u32,
    /// Where the file begins in the folder, before compression.
    start: u32,
    folder: u16,
}

/// Adds the files of a cabinet.
pub(super) fn unpack(file: File, unpacking: &mut Unpacking) -> Result<(), ArchiveError> {
    let mut input = BufReader::new(file);
    let header = header(&mut input)?;
    let folders = (0..header.folders)
        .map(|_| folder(&mut input, header.folder_reserve))
        .collect::<Result<Vec<_>, _>>()?;
    check_count(header.files.into())?;
    input.seek(SeekFrom::Start(header.first_file.into()))?;
    let mut entries =
        (0..header.files).map(|_| cabinet_file(&mut input)).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(|entry| (entry.folder, entry.start));
    let mut entries = entries.into_iter().peekable();
    for (index, folder) in folders.iter().enumerate() {
        let mut content = Blocks::new(&mut input, folder, header.block_reserve)?;
        let mut at = 0;
        while let Some(file) = entries.next_if(|entry| usize::from(entry.folder) == index) {
            let start = u64::from(file.start);
            let gap =
                start.checked_sub(at).ok_or_else(|| entry(&file.name, "it overlaps another"))?;
            let skipped = io::copy(&mut (&mut content).take(gap), &mut io::sink());
            if skipped.map_err(|error| entry(&file.name, error))? != gap {
                return Err(entry(&file.name, "it begins after the end of the data"));
            }
            let size = u64::from(file.size);
            let before = unpacking.written;
            unpacking.add(&file.name, (&mut content).take(size))?;
            if unpacking.written - before != size {
                return Err(entry(&file.name, "the data ends before it"));
            }
            at = start + size;
        }
    }
    match entries.next() {
        Some(file) => Err(entry(&file.name, "it is in a folder that the cabinet does not have")),
        None => Ok(()),
    }
}

fn header(input: &mut impl Read) -> Result<Header, ArchiveError> {
    // Signature, size and reserved fields.
    let _: [u8; 16] = bytes(input)?;
    let first_file = u32::from_le_bytes(bytes(input)?);
    // A reserved field and the version.
    let _: [u8; 6] = bytes(input)?;
    let [folders, files, flags] = [short(input)?, short(input)?, short(input)?];
    // The set and the place in it.
    let _: [u8; 4] = bytes(input)?;
    if flags & PART_OF_SET != 0 {
        let why = "it is part of a set of cabinets: expected one cabinet with whole files";
        return Err(ArchiveError::Bad(why.to_owned()));
    }
    let (mut folder_reserve, mut block_reserve) = (0, 0);
    if flags & HAS_RESERVE != 0 {
        let header_reserve = short(input)?;
        [folder_reserve, block_reserve] = bytes(input)?;
        skip(input, header_reserve.into())?;
    }
    Ok(Header { first_file, folders, files, folder_reserve, block_reserve })
}

fn folder(input: &mut impl Read, reserve: u8) -> Result<Folder, ArchiveError> {
    let first_block = u32::from_le_bytes(bytes(input)?);
    let [blocks, compression] = [short(input)?, short(input)?];
    skip(input, reserve.into())?;
    Ok(Folder { first_block, blocks, compression })
}

fn cabinet_file(input: &mut impl Read) -> Result<Entry, ArchiveError> {
    let size = u32::from_le_bytes(bytes(input)?);
    let start = u32::from_le_bytes(bytes(input)?);
    // Folder, date, time, attributes.
    let [folder, _, _, attributes] = [short(input)?, short(input)?, short(input)?, short(input)?];
    let mut name = Vec::new();
    loop {
        match bytes(input)? {
            [0] => break,
            [byte] if name.len() < MAX_NAME => name.push(byte),
            _ => {
                let name = String::from_utf8_lossy(&name).into_owned();
                return Err(ArchiveError::BadName { name });
            }
        }
    }
    let name = match String::from_utf8(name) {
        Ok(name) if attributes & NAME_IS_UTF8 != 0 || name.is_ascii() => name,
        // Some code page, of which only ASCII matters here.
        name => {
            let bytes = name.map_or_else(|error| error.into_bytes(), String::into_bytes);
            bytes.into_iter().map(char::from).collect()
        }
    };
    Ok(Entry { name, size, start, folder })
}

/// The content of a folder, block by block.
struct Blocks<'i, I> {
    input: &'i mut I,
    left: u16,
    reserve: u8,
    method: Method,
    /// The content of the current block.
    block: Vec<u8>,
    /// How many bytes of it have been read.
    read: usize,
}

enum Method {
    Stored,
    /// Each block may refer to the one before.
    MsZip,
    Lzx(Box<Lzxd>),
}

impl<'i, I: Read + Seek> Blocks<'i, I> {
    fn new(input: &'i mut I, folder: &Folder, reserve: u8) -> Result<Self, ArchiveError> {
        let method = match (folder.compression & 0xf, folder.compression >> 8) {
            (0, _) => Method::Stored,
            (1, _) => Method::MsZip,
            (3, window @ 15..=21) => Method::Lzx(Box::new(Lzxd::new(lzx_window(window)))),
            _ => {
                let found = folder.compression;
                let why = format!("compression {found:#06x}: expected none, MSZIP or LZX");
                return Err(ArchiveError::Bad(why));
            }
        };
        input.seek(SeekFrom::Start(folder.first_block.into()))?;
        Ok(Self { input, left: folder.blocks, reserve, method, block: vec![], read: 0 })
    }

    /// Decompresses the next block. The checksum is not compared: it is no protection, and Windows verifies
    /// the catalogue.
    fn next(&mut self) -> io::Result<()> {
        // The checksum.
        let _: [u8; 4] = bytes(self.input)?;
        let [compressed, size] = [short(self.input)?, short(self.input)?];
        skip(self.input, self.reserve.into())?;
        let size = usize::from(size);
        if size > MAX_BLOCK {
            return Err(invalid(format!("a block has {size} bytes: expected at most {MAX_BLOCK}")));
        }
        let mut data = vec![0; compressed.into()];
        self.input.read_exact(&mut data)?;
        self.block = match &mut self.method {
            Method::Stored => data,
            Method::MsZip => mszip(&data, &self.block)?,
            Method::Lzx(lzx) => lzx.decompress_next(&data, size).map_err(invalid)?.to_vec(),
        };
        if self.block.len() != size {
            let found = self.block.len();
            return Err(invalid(format!("a block has {found} bytes: expected {size}")));
        }
        (self.left, self.read) = (self.left - 1, 0);
        Ok(())
    }
}

impl<I: Read + Seek> Read for Blocks<'_, I> {
    fn read(&mut self, mut buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.block.len() && self.left > 0 && !buffer.is_empty() {
            self.next()?;
        }
        let count = buffer.write(&self.block[self.read..])?;
        self.read += count;
        Ok(count)
    }
}

/// Decompresses a block of MSZIP: `CK` and a deflate stream that may refer to the data of the block before. That
/// data is put in front of it as a stored deflate block, so that the stream refers to itself only.
fn mszip(data: &[u8], before: &[u8]) -> io::Result<Vec<u8>> {
    let stream =
        data.strip_prefix(b"CK").ok_or_else(|| invalid("a block does not begin with CK"))?;
    let size = u16::try_from(before.len()).expect("a block has 32 KiB at most");
    let [low, high] = size.to_le_bytes();
    let stored = [0, low, high, !low, !high];
    let stream = stored.as_slice().chain(before).chain(stream);
    let mut block = Vec::new();
    DeflateDecoder::new(stream).take((before.len() + MAX_BLOCK) as u64).read_to_end(&mut block)?;
    if block.len() < before.len() {
        return Err(invalid("a block ends early"));
    }
    block.drain(..before.len());
    Ok(block)
}

/// The window of LZX, by the number in the type of compression.
fn lzx_window(bits: u16) -> WindowSize {
    match bits {
        15 => WindowSize::KB32,
        16 => WindowSize::KB64,
        17 => WindowSize::KB128,
        18 => WindowSize::KB256,
        19 => WindowSize::KB512,
        20 => WindowSize::MB1,
        _ => WindowSize::MB2,
    }
}

fn bytes<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn short(input: &mut impl Read) -> io::Result<u16> {
    Ok(u16::from_le_bytes(bytes(input)?))
}

fn skip(input: &mut impl Read, count: u64) -> io::Result<()> {
    io::copy(&mut input.take(count), &mut io::sink()).map(drop)
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
