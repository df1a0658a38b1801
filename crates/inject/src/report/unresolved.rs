//! Imports that cannot be resolved.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::image::ImagePath;

/// Imports of an added program that no library of the image or source exports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Unresolved {
    /// The program.
    pub file: ImagePath,
    /// The library that it imports from.
    pub library: String,
    /// The missing symbols; empty if the library itself is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
    /// Whether the import is delay-loaded: the program starts without it and fails at the first call.
    pub delayed: bool,
}

impl Unresolved {
    /// The imports of each library, whose name is shown as the first program writes it.
    pub(super) fn by_library(all: &[Self]) -> Vec<(&str, Vec<&Self>)> {
        let mut libraries: BTreeMap<String, Vec<&Self>> = BTreeMap::new();
        for import in all {
            libraries.entry(import.library.to_ascii_lowercase()).or_default().push(import);
        }
        libraries.into_values().map(|imports| (imports[0].library.as_str(), imports)).collect()
    }

    /// The program and what it misses, below the name of the library.
    pub(super) fn of_its_library(&self) -> String {
        let Self { file, symbols, delayed, .. } = self;
        let when = if *delayed { "may come to need" } else { "needs" };
        match symbols.as_slice() {
            [] => format!("{file} {when} it"),
            symbols => format!("{file} {when} {}, which it does not export", some(symbols)),
        }
    }
}

/// The first symbols.
fn some(symbols: &[String]) -> String {
    let shown = symbols.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    match symbols.len().saturating_sub(5) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, library, symbols, delayed } = self;
        let when = if *delayed { "may come to need" } else { "needs" };
        match symbols.as_slice() {
            [] => write!(f, "{file} {when} {library}, which neither the image nor the source has"),
            symbols => {
                write!(f, "{file} {when} {} of {library}, which has no such export", some(symbols))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_named_once_whatever_the_case() {
        let import = |file, library: &str, symbols: &[&str]| Unresolved {
            file: ImagePath::new(file),
            library: library.to_owned(),
            symbols: symbols.iter().map(|&symbol| symbol.to_owned()).collect(),
            delayed: false,
        };
        let many: Vec<_> = (0..7).map(|n| format!("S{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let all = [
            import("b.dll", "USER32.dll", &["A"]),
            import("c.dll", "gdi32.dll", &[]),
            import("a.dll", "user32.DLL", &many),
        ];
        let found: Vec<_> = Unresolved::by_library(&all)
            .into_iter()
            .map(|(library, imports)| {
                (library, imports.into_iter().map(Unresolved::of_its_library).collect::<Vec<_>>())
            })
            .collect();
        let needs = "b.dll needs A, which it does not export".to_owned();
        let more = "a.dll needs S0, S1, S2, S3, S4 and 2 more, which it does not export".to_owned();
        assert_eq!(
            found,
            [("gdi32.dll", vec!["c.dll needs it".to_owned()]), ("USER32.dll", vec![needs, more])]
        );
    }
}
