//! Images with replacements for Windows' boot loaders: each prints on the serial port that it runs.

use winpe_wim::{Compression, NewImage, create};

use crate::rig::Rig;
use crate::target::boot_sector;

/// The output of the replacement for `pxeboot.n12`.
pub(crate) const PXEBOOT: &str = "REACHED pxeboot.n12";
/// The output of the replacement for `bootmgr.exe`.
pub(crate) const BOOTMGR: &str = "REACHED bootmgr.exe";
/// The output of the replacement for `bootmgfw.efi`.
pub(crate) const BOOTMGFW: &str = "REACHED bootmgfw.efi";

/// A WIM that looks like Windows PE to boot loaders, and its path.
pub(crate) fn winpe(rig: &Rig) -> String {
    let mut image = NewImage::new("Microsoft Windows PE");
    image.boot = true;
    for (name, content) in [
        ("Windows/Boot/PXE/pxeboot.n12", boot_sector(PXEBOOT)),
        ("Windows/Boot/PXE/bootmgr.exe", program(Machine::X86, BOOTMGR)),
        ("Windows/Boot/EFI/bootmgfw.efi", program(Machine::X64, BOOTMGFW)),
        ("Windows/Boot/DVD/PCAT/boot.sdi", b"an empty disk".to_vec()),
        // Some megabytes that do not compress.
        (
            "Windows/System32/noise",
            (0..4_u32 << 20).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect(),
        ),
    ] {
        image.files.push((name.to_owned(), content));
    }
    let path = rig.folder.path().join("winpe.wim");
    create(&path, Compression::Lzx, &[image]).unwrap();
    path.to_str().unwrap().to_owned()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machine {
    /// For the flat 32-bit mode in which wimboot starts bootmgr.exe.
    X86,
    /// For UEFI.
    X64,
}

/// A program in PE format (Microsoft, "PE Format") that writes `text` to the first serial port and
/// stops.
fn program(machine: Machine, text: &str) -> Vec<u8> {
    const PAGE: u32 = 0x1000;
    #[rustfmt::skip]
    let mut code = match machine {
        Machine::X86 => vec![
            0xfc,                                     // cld
            0xe8, 0, 0, 0, 0, 0x5e, 0x83, 0xc6, 0x13, // call +0; pop esi; add esi, text
        ],
        Machine::X64 => vec![
            0xfc,                                     // cld
            0x48, 0x8d, 0x35, 0x0f, 0, 0, 0,          // lea rsi, [rip + text]
        ],
    };
    #[rustfmt::skip]
    code.extend([
        0x66, 0xba, 0xf8, 0x03,                   // mov dx, 0x3f8
        0xac, 0x84, 0xc0, 0x74, 0x03, 0xee,       // next: lodsb; test al, al; jz stop; out dx, al
        0xeb, 0xf8,                               // jmp next
        0xf4, 0xeb, 0xfd,                         // stop: hlt; jmp stop
    ]);
    code.extend_from_slice(text.as_bytes());
    code.push(0);
    let size = u32::try_from(code.len()).unwrap();

    let x64 = machine == Machine::X64;
    let mut file = b"MZ".to_vec();
    file.resize(0x3c, 0);
    file.extend(0x40_u32.to_le_bytes());
    file.extend(b"PE\0\0");
    // COFF: machine, sections, times and symbols, length of the optional header, flags.
    file.extend(if x64 { 0x8664_u16 } else { 0x014c }.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend([0; 12]);
    file.extend(if x64 { 0xf0_u16 } else { 0xe0 }.to_le_bytes());
    file.extend(0x0022_u16.to_le_bytes());
    // Optional header: magic, linker, sizes, entry point, base of the code.
    let optional = file.len();
    file.extend(if x64 { 0x020b_u16 } else { 0x010b }.to_le_bytes());
    file.extend([0; 2]);
    for word in [size, 0, 0, PAGE, PAGE] {
        file.extend(word.to_le_bytes());
    }
    if x64 {
        file.extend(0x40_0000_u64.to_le_bytes());
    } else {
        file.extend([0; 4]);
        file.extend(0x40_0000_u32.to_le_bytes());
    }
    // Alignment in memory and in the file, versions, sizes of the image and of the headers.
    for word in [PAGE, 0x200, 0, 0, 0, 0, 2 * PAGE, 0x200, 0] {
        file.extend(word.to_le_bytes());
    }
    // An application for UEFI, or one for a native system.
    file.extend(if x64 { 10_u16 } else { 1 }.to_le_bytes());
    file.resize(optional + if x64 { 0xf0 } else { 0xe0 } - 16 * 8 - 4, 0);
    file.extend(16_u32.to_le_bytes());
    file.extend([0; 16 * 8]);
    // The only section.
    file.extend(b".text\0\0\0");
    for word in [size, PAGE, size.next_multiple_of(0x200), 0x200, 0, 0, 0, 0x6000_0020] {
        file.extend(word.to_le_bytes());
    }
    file.resize(0x200, 0);
    file.extend(code);
    file.resize(file.len().next_multiple_of(0x200), 0);
    file
}
