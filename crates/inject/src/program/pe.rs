//! Headers, imports and exports of a program or library. Layout: Microsoft, "PE Format".

use std::collections::HashSet;
use std::fmt;

use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{
    ImageNtHeaders, ImageOptionalHeader, Import as Thunk, PeFile, PeFile32, PeFile64,
    optional_header_magic,
};
use thiserror::Error;
use winpe_wim::Arch;

/// Why a file is not a program that Windows would load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotAProgram {
    /// Its headers or tables cannot be read. A program that the file system has compressed looks the same.
    #[error("not a program or library: {0}")]
    Unreadable(object::Error),
    /// It is made for a processor that no current Windows supports.
    #[error("made for an unknown processor, machine type {0:#06x}")]
    Machine(u16),
    /// Its headers end before the directory of the signature.
    #[error("not a program that can be signed: its headers have no place for that")]
    NoDirectory,
    /// Its signature lies outside the file.
    #[error("a program whose signature lies outside of it")]
    Signature,
    /// It names more symbols than any real program.
    #[error("its import or export tables name more than {LIMIT} symbols")]
    TooMuch,
    /// A name in it is longer than any linker writes.
    #[error("a name in its tables has more than {NAME_LIMIT} bytes")]
    LongName,
}

/// Far above the largest tables of Windows, which have some 3,000 entries.
const LIMIT: usize = 1 << 16;
/// The longest name that Microsoft's linker writes.
const NAME_LIMIT: usize = 4096;

/// What the loader of Windows reads of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// The processor it is made for.
    pub(crate) arch: Arch,
    /// Whether it has code. A file with only resources is never run, and its processor does not matter.
    pub(crate) has_code: bool,
    /// The symbols that it needs of libraries.
    pub(crate) imports: Vec<Import>,
}

/// A symbol that a program needs of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) library: String,
    pub(crate) symbol: Symbol,
    /// Whether it is delay-loaded: resolved at the first call.
    pub(crate) delayed: bool,
}

/// An exported function or variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Symbol {
    Name(String),
    Ordinal(u16),
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ordinal(number) => write!(f, "ordinal {number}"),
        }
    }
}

impl Program {
    pub(crate) fn parse(data: &[u8]) -> Result<Self, NotAProgram> {
        match optional_header_magic(data)? {
            pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC => Self::of(&PeFile64::parse(data)?),
            _ => Self::of(&PeFile32::parse(data)?),
        }
    }

    fn of<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>) -> Result<Self, NotAProgram> {
        let headers = file.nt_headers();
        let machine = headers.file_header().machine.get(LE);
        let arch = match machine {
            pe::IMAGE_FILE_MACHINE_I386 => Arch::X86,
            pe::IMAGE_FILE_MACHINE_ARMNT => Arch::Arm,
            pe::IMAGE_FILE_MACHINE_IA64 => Arch::Ia64,
            pe::IMAGE_FILE_MACHINE_AMD64 => Arch::Amd64,
            pe::IMAGE_FILE_MACHINE_ARM64 => Arch::Arm64,
            other => return Err(NotAProgram::Machine(other.0)),
        };
        let runs = headers.optional_header().address_of_entry_point() != 0;
        let code = pe::IMAGE_SCN_CNT_CODE.0 | pe::IMAGE_SCN_MEM_EXECUTE.0;
        let sections = file.section_table();
        let has_section =
            sections.iter().any(|section| section.characteristics.get(LE).0 & code != 0);
        Ok(Self { arch, has_code: runs || has_section, imports: imports(file)? })
    }
}

fn imports<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>) -> Result<Vec<Import>, NotAProgram> {
    let mut found = Vec::new();
    if let Some(table) = file.import_table()? {
        let mut libraries = table.descriptors()?;
        while let Some(library) = libraries.next()? {
            let name = text(table.name(library.name.get(LE))?)?;
            // Old linkers write only one table, which the loader then overwrites.
            let first = match library.original_first_thunk.get(LE) {
                0 => library.first_thunk.get(LE),
                first => first,
            };
            let mut thunks = table.thunks(first)?;
            while let Some(thunk) = thunks.next::<Pe>()? {
                let symbol = symbol(table.import::<Pe>(thunk)?)?;
                push(&mut found, Import { library: name.clone(), symbol, delayed: false })?;
            }
        }
    }
    if let Some(table) = file.delay_load_import_table()? {
        let mut libraries = table.descriptors()?;
        while let Some(library) = libraries.next()? {
            let name = text(table.name(library.dll_name_rva.get(LE))?)?;
            let mut thunks = table.thunks(library.import_name_table_rva.get(LE))?;
            while let Some(thunk) = thunks.next::<Pe>()? {
                let symbol = symbol(table.import::<Pe>(thunk)?)?;
                push(&mut found, Import { library: name.clone(), symbol, delayed: true })?;
            }
        }
    }
    Ok(found)
}

/// The symbols that a library exports, by name and by number.
pub(crate) fn exports(data: &[u8]) -> Result<HashSet<Symbol>, NotAProgram> {
    let table = match optional_header_magic(data)? {
        pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC => PeFile64::parse(data)?.export_table()?,
        _ => PeFile32::parse(data)?.export_table()?,
    };
    let mut found = HashSet::new();
    let Some(table) = table else { return Ok(found) };
    if table.addresses().len() > LIMIT || table.name_pointers().len() > LIMIT {
        return Err(NotAProgram::TooMuch);
    }
    for (_, ordinal, _) in table.address_iter() {
        found.insert(Symbol::Ordinal(ordinal.0));
    }
    for (name, _) in table.name_iter() {
        found.insert(Symbol::Name(text(table.name_from_pointer(name)?)?));
    }
    Ok(found)
}

fn push(found: &mut Vec<Import>, import: Import) -> Result<(), NotAProgram> {
    if found.len() == LIMIT {
        return Err(NotAProgram::TooMuch);
    }
    found.push(import);
    Ok(())
}

fn symbol(thunk: Thunk<'_>) -> Result<Symbol, NotAProgram> {
    Ok(match thunk {
        Thunk::Ordinal(number) => Symbol::Ordinal(number),
        Thunk::Name(_, name) => Symbol::Name(text(name)?),
    })
}

fn text(name: &[u8]) -> Result<String, NotAProgram> {
    if name.len() > NAME_LIMIT {
        return Err(NotAProgram::LongName);
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}

impl From<object::Error> for NotAProgram {
    fn from(error: object::Error) -> Self {
        Self::Unreadable(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo;

    fn sample(arch: Arch) -> demo::Program {
        let mut sample = demo::Program::new(r"Windows\System32\iscsied.dll");
        sample.arch = arch;
        sample.imports.push(("ISCSIUM.dll".into(), vec!["First".into(), "Second".into()]));
        sample.imports.push(("api-ms-win-core-file-l1-1-0.dll".into(), vec!["ReadFile".into()]));
        sample.exports.extend(["Zeta".into(), "Alpha".into()]);
        sample
    }

    #[test]
    fn programs_of_every_processor_are_read() {
        for arch in [Arch::X86, Arch::Arm, Arch::Amd64, Arch::Arm64] {
            let data = sample(arch).build();
            let program = Program::parse(&data).unwrap();
            assert_eq!((program.arch, program.has_code), (arch, true));
            let imports: Vec<_> =
                program.imports.iter().map(|i| format!("{}!{}", i.library, i.symbol)).collect();
            let expected = [
                "ISCSIUM.dll!First",
                "ISCSIUM.dll!Second",
                "api-ms-win-core-file-l1-1-0.dll!ReadFile",
            ];
            assert_eq!(imports, expected);
            let exports = exports(&data).unwrap();
            for name in ["Alpha", "Zeta"] {
                assert!(exports.contains(&Symbol::Name(name.into())), "{exports:?}");
            }
            assert!(exports.contains(&Symbol::Ordinal(2)) && exports.len() == 4, "{exports:?}");
        }
        let text = demo::Program::new(r"Windows\System32\en-US\a.dll.mui").build();
        assert!(!Program::parse(&text).unwrap().has_code);
    }

    #[test]
    fn a_damaged_program_never_makes_it_panic() {
        let whole = sample(Arch::Amd64).build();
        assert!(Program::parse(b"").is_err() && Program::parse(&[0; 4096]).is_err());
        for end in 0..whole.len() {
            let _ = Program::parse(&whole[..end]).and_then(|_| exports(&whole[..end]));
        }
        for at in 0..whole.len() {
            for value in [0, 0xff, 0x80] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = Program::parse(&damaged).and_then(|_| exports(&damaged));
            }
        }
    }
}
