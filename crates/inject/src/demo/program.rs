//! Synthetic programs and libraries. Layout: Microsoft, "PE Format".

use winpe_wim::Arch;

/// A program or library with valid headers and tables, whose only code returns immediately.
///
/// ```
/// use winpe_inject::demo::Program;
/// let mut program = Program::new(r"Windows\System32\iscsied.dll");
/// program.imports.push(("iscsium.dll".into(), vec!["DllMain".into()]));
/// program.exports.push("DllCanUnloadNow".into());
/// assert_eq!(program.build()[..2], *b"MZ");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its path: a file that does not end with `.exe` is a library, and one that ends with `.mui` or `.mun`
    /// has no code. The path is part of the content, so that no two files are equal.
    pub path: String,
    /// The processor it is made for.
    pub arch: Arch,
    /// Libraries and the names that it imports from each.
    pub imports: Vec<(String, Vec<String>)>,
    /// The names that it exports.
    pub exports: Vec<String>,
}

const HEADERS: u32 = 0x400;
const ALIGNMENT: u32 = 0x1000;
const FILE_ALIGNMENT: u32 = 0x200;
const CODE_AT: u32 = ALIGNMENT;
const DATA_AT: u32 = 2 * ALIGNMENT;

impl Program {
    /// A program for x64 without imports and exports.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), arch: Arch::Amd64, imports: vec![], exports: vec![] }
    }

    /// The file. The tables of a program must stay below 4 GiB.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let data = self.data();
        let lower = self.path.to_ascii_lowercase();
        let has_code = !lower.ends_with(".mui") && !lower.ends_with(".mun");
        let (machine, wide) = machine(self.arch);
        let mut file = b"MZ".to_vec();
        file.resize(0x3c, 0);
        file.extend(0x40u32.to_le_bytes()); // where the PE header is
        file.extend(b"PE\0\0");
        file.extend(machine.to_le_bytes());
        file.extend((1 + u16::from(has_code)).to_le_bytes()); // sections
        file.extend([0; 12]); // time, symbols
        let optional_size: u16 = if wide { 0xf0 } else { 0xe0 };
        file.extend(optional_size.to_le_bytes());
        let library = if lower.ends_with(".exe") { 0 } else { 0x2000 };
        file.extend((0x0022u16 | library).to_le_bytes()); // executable, large addresses

        let optional = file.len();
        file.resize(optional + usize::from(optional_size), 0);
        let mut put = |at: usize, bytes: &[u8]| {
            file[optional + at..optional + at + bytes.len()].copy_from_slice(bytes);
        };
        let file_size = aligned(len(&data.bytes), FILE_ALIGNMENT);
        let image_size = DATA_AT + aligned(len(&data.bytes).max(1), ALIGNMENT);
        put(0, &(if wide { 0x20bu16 } else { 0x10b }).to_le_bytes());
        put(16, &(if has_code { CODE_AT } else { 0 }).to_le_bytes());
        match wide {
            true => put(24, &0x1_4000_0000u64.to_le_bytes()), // image base
            false => put(28, &0x0040_0000u32.to_le_bytes()),
        }
        put(32, &ALIGNMENT.to_le_bytes());
        put(36, &FILE_ALIGNMENT.to_le_bytes());
        put(56, &image_size.to_le_bytes());
        put(60, &HEADERS.to_le_bytes());
        let directories = if wide { 112 } else { 96 };
        put(directories - 4, &16u32.to_le_bytes());
        for (index, (at, size)) in [data.exports, data.imports].into_iter().enumerate() {
            put(directories + 8 * index, &at.to_le_bytes());
            put(directories + 8 * index + 4, &size.to_le_bytes());
        }

        if has_code {
            section(&mut file, *b".text\0\0\0", CODE_AT, FILE_ALIGNMENT, HEADERS, 0x6000_0020);
        }
        let data_in_file = HEADERS + if has_code { FILE_ALIGNMENT } else { 0 };
        section(&mut file, *b".rdata\0\0", DATA_AT, file_size, data_in_file, 0x4000_0040);
        file.resize(HEADERS as usize, 0);
        if has_code {
            file.push(0xc3); // ret on Intel; the others are never run either
            file.resize(data_in_file as usize, 0);
        }
        file.extend(&data.bytes);
        file.resize((data_in_file + file_size) as usize, 0);
        file
    }

    /// The data section.
    fn data(&self) -> Tables {
        let mut bytes =
            format!("synthetic, made by winpe-iscsi demo: {}\0", self.path).into_bytes();
        let exports = self.export_table(&mut bytes);
        let imports = self.import_table(&mut bytes);
        Tables { bytes, exports, imports }
    }

    fn export_table(&self, bytes: &mut Vec<u8>) -> (u32, u32) {
        if self.exports.is_empty() {
            return (0, 0);
        }
        let mut names = self.exports.clone();
        names.sort();
        let start = here(bytes);
        let count = u32::try_from(names.len()).expect("a program has few names");
        let addresses = start + 40;
        let pointers = addresses + 4 * count;
        let ordinals = pointers + 4 * count;
        let library = ordinals + 2 * count;
        let own_name = self.path.rsplit('\\').next().unwrap_or_default();
        for word in [0, 0, 0, library, 1, count, count, addresses, pointers, ordinals] {
            bytes.extend(word.to_le_bytes());
        }
        (0..count).for_each(|_| bytes.extend(CODE_AT.to_le_bytes()));
        let mut name_at = library + len(own_name.as_bytes()) + 1;
        for name in &names {
            bytes.extend(name_at.to_le_bytes());
            name_at += len(name.as_bytes()) + 1;
        }
        (0..count).for_each(|index| bytes.extend(&index.to_le_bytes()[..2]));
        for name in [own_name].into_iter().chain(names.iter().map(String::as_str)) {
            bytes.extend(name.as_bytes());
            bytes.push(0);
        }
        (start, here(bytes) - start)
    }

    fn import_table(&self, bytes: &mut Vec<u8>) -> (u32, u32) {
        if self.imports.is_empty() {
            return (0, 0);
        }
        let wide = !matches!(self.arch, Arch::X86 | Arch::Arm);
        let mut thunks = Vec::new();
        for (library, names) in &self.imports {
            let mut hints = Vec::new();
            for name in names {
                bytes.resize(bytes.len().next_multiple_of(2), 0);
                hints.push(here(bytes));
                bytes.extend([0, 0]);
                bytes.extend(name.as_bytes());
                bytes.push(0);
            }
            let name = here(bytes);
            bytes.extend(library.as_bytes());
            bytes.push(0);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            let list = here(bytes);
            for hint in hints.into_iter().chain([0]) {
                match wide {
                    true => bytes.extend(u64::from(hint).to_le_bytes()),
                    false => bytes.extend(hint.to_le_bytes()),
                }
            }
            thunks.push((list, name));
        }
        let start = here(bytes);
        for (list, name) in thunks {
            for word in [list, 0, 0, name, list] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes.extend([0; 20]);
        (start, here(bytes) - start)
    }
}

/// The machine type of a processor, and whether its programs are PE32+.
fn machine(arch: Arch) -> (u16, bool) {
    match arch {
        Arch::X86 => (0x014c, false),
        Arch::Arm => (0x01c4, false),
        Arch::Ia64 => (0x0200, true),
        Arch::Arm64 => (0xaa64, true),
        Arch::Amd64 | Arch::Other(_) => (0x8664, true),
    }
}

/// The data section, and where each table starts in memory, with its size.
struct Tables {
    bytes: Vec<u8>,
    exports: (u32, u32),
    imports: (u32, u32),
}

fn section(file: &mut Vec<u8>, name: [u8; 8], at: u32, size: u32, in_file: u32, flags: u32) {
    file.extend(name);
    for word in [size, at, size, in_file, 0, 0, 0, flags] {
        file.extend(word.to_le_bytes());
    }
}

fn here(bytes: &[u8]) -> u32 {
    DATA_AT + len(bytes)
}

fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a synthetic program is small")
}

fn aligned(size: u32, to: u32) -> u32 {
    size.next_multiple_of(to)
}
