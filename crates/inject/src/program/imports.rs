//! Checks programs that are added: their processor, and whether everything that they import is exported.

use std::collections::{HashMap, HashSet};

use winpe_wim::Arch;

use super::pe::{self, Import, Symbol};
use super::{Program, ProgramError};
use crate::image::{ImagePath, Tree, TreeError, Windows};
use crate::report::Unresolved;

/// Checks every program among added files: that it is one, that it is made for the image's processor,
/// and that everything that it imports is exported by an added library or one of the image.
pub(crate) fn check(
    image: Tree<'_>,
    arch: Option<Arch>,
    files: &[(&ImagePath, &[u8])],
) -> Result<Vec<Unresolved>, ProgramError> {
    let is_program = |(path, _): &&(&ImagePath, &[u8])| Windows::is_program(path);
    let added: Vec<_> = files.iter().filter(is_program).copied().collect();
    let mut libraries = Libraries { image, added: &added, known: HashMap::new() };
    let mut unresolved = Vec::new();
    for &(path, data) in &added {
        let program = Program::parse(data)
            .map_err(|source| ProgramError::NotAProgram { file: path.clone(), source })?;
        if let Some(image) = arch
            && program.has_code
            && program.arch != image
        {
            let (file, arch) = (path.clone(), program.arch);
            return Err(ProgramError::OtherArchitecture { file, arch, image });
        }
        unresolved.extend(libraries.missing_imports(path, &program.imports)?);
    }
    Ok(unresolved)
}

/// The imports of a program of the image that no library of the image exports.
pub(crate) fn missing_imports(
    image: Tree<'_>,
    path: &ImagePath,
    program: &Program,
) -> Result<Vec<Unresolved>, TreeError> {
    let mut libraries = Libraries { image, added: &[], known: HashMap::new() };
    libraries.missing_imports(path, &program.imports)
}

/// The libraries that a program of the image can load. Added ones take precedence over the image's.
struct Libraries<'a> {
    image: Tree<'a>,
    added: &'a [(&'a ImagePath, &'a [u8])],
    /// By the library's name in lower case.
    known: HashMap<String, Exports>,
}

/// The symbols that a library exports.
enum Exports {
    /// There is no such library.
    NoLibrary,
    /// Its export table cannot be read, so every symbol is taken to be in it.
    Unreadable,
    Symbols(HashSet<Symbol>),
}

impl Libraries<'_> {
    fn missing_imports(
        &mut self,
        file: &ImagePath,
        imports: &[Import],
    ) -> Result<Vec<Unresolved>, TreeError> {
        let mut found: Vec<Unresolved> = Vec::new();
        for Import { library, symbol, delayed } in imports {
            if Windows::is_api_set(library) {
                continue;
            }
            let symbols = match self.exports(library)? {
                Exports::Unreadable => continue,
                Exports::Symbols(symbols) if symbols.contains(symbol) => continue,
                Exports::NoLibrary => vec![],
                Exports::Symbols(_) => vec![symbol.to_string()],
            };
            let same = |known: &&mut Unresolved| {
                known.library.eq_ignore_ascii_case(library) && known.delayed == *delayed
            };
            match found.iter_mut().find(same) {
                Some(known) => known.symbols.extend(symbols),
                None => found.push(Unresolved {
                    file: file.clone(),
                    library: library.clone(),
                    symbols,
                    delayed: *delayed,
                }),
            }
        }
        Ok(found)
    }

    fn exports(&mut self, library: &str) -> Result<&Exports, TreeError> {
        let name = library.to_ascii_lowercase();
        if !self.known.contains_key(&name) {
            let exports = self.look_up(library)?;
            self.known.insert(name.clone(), exports);
        }
        Ok(&self.known[&name])
    }

    fn look_up(&self, library: &str) -> Result<Exports, TreeError> {
        for folder in Windows::library_folders() {
            let path = folder.join(library);
            let added = self.added.iter().find(|(added, _)| **added == path);
            let data = match added {
                Some((_, data)) => Some(data.to_vec()),
                None => self.image.read(&path)?,
            };
            if let Some(data) = data {
                return Ok(pe::exports(&data).map_or(Exports::Unreadable, Exports::Symbols));
            }
        }
        Ok(Exports::NoLibrary)
    }
}
