//! Whether the files of a source can work in an image.

use std::collections::{HashMap, HashSet};
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use winpe_wim::{Arch, Content, FileChange};

use crate::error::InjectError;
use crate::path::ImagePath;
use crate::pe::{self, Import, Program, Symbol};
use crate::source::Source;
use crate::tree::Tree;
use crate::windows::Windows;

/// What an added program imports and nothing offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unresolved {
    /// The program.
    pub file: ImagePath,
    /// The library that it names.
    pub library: String,
    /// What it asks of the library; nothing where there is no such library.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
    /// Whether the program starts without it and fails only when it comes to need it.
    pub delayed: bool,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, library, symbols, delayed } = self;
        let when = if *delayed { "may come to need" } else { "needs" };
        match symbols.as_slice() {
            [] => write!(f, "{file} {when} {library}, which is in neither"),
            symbols => {
                let shown = symbols.iter().take(5).map(String::as_str).collect::<Vec<_>>();
                let more = symbols.len() - shown.len();
                write!(f, "{file} {when} {} of {library}", shown.join(", "))?;
                if more > 0 {
                    write!(f, " and {more} more")?;
                }
                f.write_str(", which has no such thing")
            }
        }
    }
}

/// Refuses a source that is not of the image's kind. What could not be compared is a warning.
pub(crate) fn source(
    image: &Windows,
    source: &Source,
    theirs: &Windows,
    allow_other_build: bool,
) -> Result<Vec<String>, InjectError> {
    let name = source.name();
    let mut warnings = Vec::new();
    match (image.arch, theirs.arch) {
        (Some(image), Some(source)) if image != source => {
            let name = name.to_owned();
            return Err(InjectError::OtherArchitecture {
                image,
                source_name: name,
                source_arch: source,
            });
        }
        (Some(_), Some(_)) => {}
        _ => {
            warnings.push(format!("nothing tells whether {name} is made for the image's processor"))
        }
    }
    match (image.build, theirs.build) {
        (Some(image), Some(source)) if Windows::is_family(image, source) => {}
        (Some(image), Some(source)) if !allow_other_build => {
            let source_name = name.to_owned();
            return Err(InjectError::OtherBuild { image, source_name, source_build: source });
        }
        (Some(image), Some(source)) => warnings.push(format!(
            "{name} is build {source}, and the image build {image}: a driver of another build may be \
             refused or stop the machine"
        )),
        _ => warnings.push(format!("nothing tells whether {name} is of the image's build")),
    }
    Ok(warnings)
}

/// Checks every program among the changes: that it is one, that it is made for the image's processor,
/// and that what it imports is there.
pub(crate) fn programs(
    image: Tree<'_>,
    arch: Option<Arch>,
    changes: &[FileChange],
) -> Result<Vec<Unresolved>, InjectError> {
    let mut added = Vec::new();
    for change in changes {
        if let FileChange::Put { path, content: Content::Bytes(data) } = change {
            let path = ImagePath::new(path);
            if Windows::is_program(&path) {
                added.push((path, data.as_slice()));
            }
        }
    }
    let mut libraries = Libraries { image, added: &added, known: HashMap::new() };
    let mut unresolved = Vec::new();
    for (path, data) in &added {
        let program = Program::parse(data)
            .map_err(|source| InjectError::NotAProgram { file: path.clone(), source })?;
        if program.has_code && arch.is_some_and(|arch| arch != program.arch) {
            return Err(InjectError::OtherMachine {
                file: path.clone(),
                arch: program.arch,
                image: arch.unwrap_or(program.arch),
            });
        }
        unresolved.extend(libraries.lacks(path, &program.imports)?);
    }
    Ok(unresolved)
}

/// The imports of a program of the image that nothing in the image offers.
pub(crate) fn lacks(
    image: Tree<'_>,
    path: &ImagePath,
    program: &Program,
) -> Result<Vec<Unresolved>, InjectError> {
    Libraries { image, added: &[], known: HashMap::new() }.lacks(path, &program.imports)
}

/// What libraries offer: those that are added go before those that the image has.
struct Libraries<'a> {
    image: Tree<'a>,
    added: &'a [(ImagePath, &'a [u8])],
    known: HashMap<String, Offer>,
}

/// What a library offers.
enum Offer {
    Nothing,
    /// Its table cannot be read, so it is given the benefit of the doubt.
    Unknown,
    These(HashSet<Symbol>),
}

impl Libraries<'_> {
    fn lacks(
        &mut self,
        file: &ImagePath,
        imports: &[Import],
    ) -> Result<Vec<Unresolved>, InjectError> {
        let mut found: Vec<Unresolved> = Vec::new();
        for Import { library, symbol, delayed } in imports {
            if Windows::is_api_set(library) {
                continue;
            }
            let symbols = match self.offer(library)? {
                Offer::Unknown => continue,
                Offer::These(symbols) if symbols.contains(symbol) => continue,
                Offer::Nothing => vec![],
                Offer::These(_) => vec![symbol.to_string()],
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

    fn offer(&mut self, library: &str) -> Result<&Offer, InjectError> {
        let name = library.to_ascii_lowercase();
        if !self.known.contains_key(&name) {
            let offer = self.look_up(library)?;
            self.known.insert(name.clone(), offer);
        }
        Ok(&self.known[&name])
    }

    fn look_up(&self, library: &str) -> Result<Offer, InjectError> {
        for folder in Windows::library_folders() {
            let path = folder.join(library);
            let added = self.added.iter().find(|(added, _)| *added == path);
            let data = match added {
                Some((_, data)) => Some(data.to_vec()),
                None => self.image.read(&path)?,
            };
            if let Some(data) = data {
                return Ok(pe::exports(&data).map_or(Offer::Unknown, Offer::These));
            }
        }
        Ok(Offer::Nothing)
    }
}
