//! The processor that a program is for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use winpe_wim::Arch;

/// What a PE file is for; `None` where it is no PE file. Layout: Microsoft, "PE Format".
pub(super) fn machine(path: &Path) -> io::Result<Option<Arch>> {
    let file = File::open(path)?;
    let mut dos = [0; 0x40];
    if !filled(file.read_exact_at(&mut dos, 0))? || !dos.starts_with(b"MZ") {
        return Ok(None);
    }
    let at = u32::from_le_bytes([dos[0x3c], dos[0x3d], dos[0x3e], dos[0x3f]]);
    let mut header = [0; 6];
    if !filled(file.read_exact_at(&mut header, at.into()))? || !header.starts_with(b"PE\0\0") {
        return Ok(None);
    }
    Ok(Some(match u16::from_le_bytes([header[4], header[5]]) {
        0x014c => Arch::X86,
        0x01c0 | 0x01c4 => Arch::Arm,
        0x0200 => Arch::Ia64,
        0x8664 => Arch::Amd64,
        0xaa64 => Arch::Arm64,
        other => Arch::Other(other.into()),
    }))
}

/// Whether a file was long enough for a read.
fn filled(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
