//! Programs that hold no code.

/// A PE32+ file for x64 with an empty text section and its own name as its only data, so that no two
/// are alike. Layout: Microsoft, "PE Format".
pub(super) fn synthetic(path: &str) -> Vec<u8> {
    const HEADERS: u32 = 0x200;
    let note = format!("synthetic, made by winpe-iscsi demo: {path}");
    let is_program = path.to_ascii_lowercase().ends_with(".exe");
    let mut file = Vec::new();

    file.extend(b"MZ");
    file.resize(0x3c, 0);
    file.extend(0x40u32.to_le_bytes()); // where the PE header is

    file.extend(b"PE\0\0");
    file.extend(0x8664u16.to_le_bytes()); // machine: x64
    file.extend(1u16.to_le_bytes()); // sections
    file.extend([0; 12]); // time, symbols
    file.extend(0xf0u16.to_le_bytes()); // size of the optional header
    let characteristics: u16 = if is_program { 0x0022 } else { 0x2022 }; // executable, DLL
    file.extend(characteristics.to_le_bytes());

    let optional = file.len();
    file.extend(0x20bu16.to_le_bytes()); // PE32+
    file.resize(optional + 24, 0);
    file.extend(0x1_4000_0000u64.to_le_bytes()); // image base
    file.extend(0x1000u32.to_le_bytes()); // section alignment
    file.extend(HEADERS.to_le_bytes()); // file alignment
    file.resize(optional + 56, 0);
    file.extend(0x2000u32.to_le_bytes()); // size of the image
    file.extend(HEADERS.to_le_bytes()); // size of the headers
    file.resize(optional + 108, 0);
    file.extend(16u32.to_le_bytes()); // data directories, all empty
    file.resize(optional + 0xf0, 0);

    let size = u32::try_from(note.len()).unwrap_or(u32::MAX).next_multiple_of(HEADERS);
    file.extend(b".rdata\0\0");
    file.extend(size.to_le_bytes()); // size in memory
    file.extend(0x1000u32.to_le_bytes()); // place in memory
    file.extend(size.to_le_bytes()); // size in the file
    file.extend(HEADERS.to_le_bytes()); // place in the file
    file.extend([0; 12]);
    file.extend(0x4000_0040u32.to_le_bytes()); // read-only data

    file.resize(HEADERS as usize, 0);
    file.extend(note.as_bytes());
    file.resize((HEADERS + size) as usize, 0);
    file
}
