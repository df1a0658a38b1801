//! Which models of an INF are for a system: the choice that Windows makes by decorations.
//!
//! Source: Microsoft, "INF Manufacturer Section", "INF Models Section", "Combining Platform Extensions with
//! Operating System Versions", "INF Requirements for 64-bit Systems".

use std::collections::BTreeSet;

use super::line::Entry;
use super::{ARCHS, Inf, System, suffix, unquote};

/// The models of an INF for a system.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Models {
    /// It has no `[Manufacturer]`.
    None,
    /// These sections.
    Sections(BTreeSet<String>),
    /// All are for other systems, which these decorations name.
    Foreign(BTreeSet<String>),
}

/// A decoration of a models section: `NTamd64.10.0...19041`.
#[derive(Debug, PartialEq, Eq)]
struct Decoration<'t> {
    /// In lower case; empty for all processors.
    arch: &'t str,
    version: (u32, u32),
    product: Option<u32>,
    suite: Option<u32>,
    build: u32,
}

/// The kind of Windows that a WinPE is: a workstation, `VER_NT_WORKSTATION`.
const WORKSTATION: u32 = 1;
/// The longest hardware ID, `MAX_DEVICE_ID_LEN`, in characters.
const MAX_ID: usize = 200;
/// The most hardware IDs of an INF. Those of network drivers have some hundred, of graphics drivers some
/// thousand.
const MAX_IDS: usize = 4096;

impl Inf {
    pub(super) fn has_manufacturers(&self) -> bool {
        self.sections.get("manufacturer").is_some_and(|lines| !lines.is_empty())
    }

    /// The models for a system.
    pub(super) fn models(&self, system: System) -> Models {
        if !self.has_manufacturers() {
            return Models::None;
        }
        let mut sections = BTreeSet::new();
        let mut foreign = BTreeSet::new();
        for entry in self.entries("manufacturer") {
            let mut values = entry.values().map(|value| self.expand(&value));
            let named = values.next().filter(|name| !name.is_empty());
            let Some(name) = named.or_else(|| Some(self.expand(&unquote(entry.key?)))) else {
                continue;
            };
            let decorations: Vec<String> =
                values.take(MAX_DECORATIONS).map(|value| value.to_lowercase()).collect();
            let name = name.to_lowercase();
            let chosen = choose(&decorations, system).into_iter().map(|decoration| {
                if decoration.is_empty() { name.clone() } else { format!("{name}.{decoration}") }
            });
            sections.extend(
                chosen
                    .filter(|name| self.sections.get(name).is_some_and(|lines| !lines.is_empty())),
            );
            if foreign.len() < MAX_DECORATIONS {
                foreign.extend(decorations);
            }
        }
        if sections.is_empty() { Models::Foreign(foreign) } else { Models::Sections(sections) }
    }

    /// The decorations of an INF whose models are all for other systems, for messages.
    pub(crate) fn foreign_decorations(&self, system: System) -> Option<String> {
        match self.models(system) {
            // Models that name no processor are for x86.
            Models::Foreign(found) if found.is_empty() => Some("x86".to_owned()),
            Models::Foreign(found) => {
                let is_for_all =
                    |text: &str| Decoration::parse(text).is_some_and(|it| it.arch.is_empty());
                let shown = found.into_iter().map(|text| match is_for_all(&text) {
                    true => format!("{text} on x86"),
                    false => text,
                });
                Some(shown.collect::<Vec<_>>().join(", "))
            }
            Models::None | Models::Sections(_) => None,
        }
    }

    /// The IDs of the devices that the INF has drivers for on a system.
    pub(crate) fn hardware_ids(&self, system: System) -> Vec<String> {
        let Models::Sections(sections) = self.models(system) else { return vec![] };
        let entries = sections.iter().flat_map(|section| self.entries(section));
        let ids = entries.flat_map(|entry| ids(entry).collect::<Vec<_>>());
        let ids = ids.map(|id| self.expand(&id));
        let mut known = BTreeSet::new();
        ids.filter(|id| !id.is_empty() && id.chars().count() <= MAX_ID)
            .filter(|id| known.insert(id.to_lowercase()))
            .take(MAX_IDS)
            .collect()
    }
}

/// The most decorations of a manufacturer; real ones have some ten.
const MAX_DECORATIONS: usize = 64;

/// `description = install section, hardware ID, compatible ID, …`
fn ids(entry: Entry<'_>) -> impl Iterator<Item = String> {
    entry.values().skip(1)
}

/// The decorations that Windows chooses for a system; the empty one is the section without. If the
/// system is not known in full, these are all that may fit.
fn choose(decorations: &[String], system: System) -> Vec<&str> {
    let parsed: Vec<_> = decorations
        .iter()
        .filter_map(|text| Some((text.as_str(), Decoration::parse(text)?)))
        .collect();
    let fitting = parsed.iter().filter(|(_, decoration)| decoration.fits(system));
    if system.arch.is_none() || system.build.is_none() {
        let all = fitting.map(|(text, _)| *text);
        let plain = plain_fits(&parsed, system);
        return all.chain(plain.then_some("")).collect();
    }
    let best = fitting.clone().map(|(_, decoration)| decoration.rank()).max();
    match best {
        Some(best) => {
            let equal = fitting.filter(|(_, decoration)| decoration.rank() == best);
            equal.map(|(text, _)| *text).collect()
        }
        None if plain_fits(&parsed, system) => vec![""],
        None => vec![],
    }
}

/// Whether the section without decoration is for a system. x64 and ARM take no models that name no processor;
/// Itanium takes them if no others do.
fn plain_fits(decorations: &[(&str, Decoration<'_>)], system: System) -> bool {
    match suffix(system.arch) {
        None | Some("x86") => true,
        Some("ia64") => decorations.iter().all(|(_, decoration)| decoration.arch.is_empty()),
        Some(_) => false,
    }
}

impl<'t> Decoration<'t> {
    /// `nt[processor][.[major][.[minor][.[product][.[suite][.build]]]]]`, in lower case.
    fn parse(text: &'t str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        let arch = parts.next()?.strip_prefix("nt")?;
        if !arch.is_empty() && !ARCHS.contains(&arch) {
            return None;
        }
        let mut number = || match parts.next().map(str::trim) {
            None | Some("") => Some(None),
            Some(text) => match text.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16).ok().map(Some),
                None => text.parse().ok().map(Some),
            },
        };
        let [major, minor, product, suite, build] =
            [number()?, number()?, number()?, number()?, number()?];
        let version = (major.unwrap_or(0), minor.unwrap_or(0));
        Some(Self { arch, version, product, suite, build: build.unwrap_or(0) })
    }

    fn fits(&self, system: System) -> bool {
        let is_arch = match suffix(system.arch) {
            None => true,
            Some(arch @ ("x86" | "ia64")) => self.arch.is_empty() || self.arch == arch,
            Some(arch) => self.arch == arch,
        };
        // A build counts within its version only.
        let is_old_enough = system.build.is_none_or(|build| {
            let version = version(build);
            self.version < version || self.version == version && self.build <= build
        });
        is_arch && is_old_enough
    }

    /// What decides between decorations that fit: the highest. Those for a server or an edition are last,
    /// since a WinPE is none.
    fn rank(&self) -> impl Ord + use<> {
        let is_workstation = self.product.is_none_or(|product| product == WORKSTATION);
        let is_any_edition = self.suite.is_none_or(|suite| suite == 0);
        let specific = (!self.arch.is_empty(), self.product.is_some());
        (is_workstation && is_any_edition, self.version, self.build, specific)
    }
}

/// The version of a build. Source: Microsoft, "Operating System Version".
fn version(build: u32) -> (u32, u32) {
    match build {
        0..=5999 => (5, 2),
        6000..=7599 => (6, 0),
        7600..=9199 => (6, 1),
        9200..=9599 => (6, 2),
        9600..=9799 => (6, 3),
        _ => (10, 0),
    }
}

#[cfg(test)]
mod tests {
    use winpe_wim::Arch;

    use super::*;

    fn models(manufacturer: &str, arch: Arch, build: u32) -> Vec<String> {
        let sections = ["m", "m.nt", "m.ntx86", "m.ntamd64", "m.ntamd64.6.1", "m.ntamd64.6.1.3"];
        let more = [
            "m.ntamd64.10.0",
            "m.ntamd64.10.0...17763",
            "m.ntarm64",
            "m.ntamd64.6.3.1",
            "m.ntamd64.6.3.1...99999",
        ];
        let sections = sections.iter().chain(&more);
        let sections: String = sections.map(|name| format!("[{name}]\nx = i, PCI\\a\n")).collect();
        let head = "[Version]\nSignature=\"$Chicago$\"\n[Manufacturer]\n";
        let text = format!("{head}{manufacturer}\n[m.ntamd64.6.2]\n{sections}");
        let inf = Inf::parse(text.as_bytes()).unwrap();
        match inf.models(System { arch: Some(arch), build: Some(build) }) {
            Models::Sections(sections) => sections.into_iter().collect(),
            Models::Foreign(_) => vec![],
            Models::None => unreachable!("it has manufacturers"),
        }
    }

    #[test]
    fn the_most_specific_decoration_that_fits_is_chosen() {
        use Arch::{Amd64, Arm64, Ia64, X86};
        for (manufacturer, arch, build, chosen) in [
            ("%x%=M", X86, 19041, "m"),
            ("M", X86, 19041, "m"),
            ("M=", X86, 19041, "m"),
            ("M", Ia64, 6002, "m"),
            ("M,NTamd64", Ia64, 6002, ""),
            // Since Windows Server 2003 SP1.
            ("M", Amd64, 19041, ""),
            ("M", Arm64, 19041, ""),
            ("%x%=M,NT", Amd64, 19041, ""),
            ("%x%=M,NT", X86, 19041, "m.nt"),
            ("%x%=M,NTx86", Amd64, 19041, ""),
            ("%x%=M,NTamd64", X86, 19041, "m"),
            ("%x%=M,NTamd64", Arm64, 19041, ""),
            ("%x%=M,NT,NTamd64", Amd64, 19041, "m.ntamd64"),
            ("%x%=M,NTx86,NTamd64", X86, 7601, "m.ntx86"),
            ("%x%=M,NTamd64,NTamd64.6.1,NTamd64.10.0", Amd64, 19041, "m.ntamd64.10.0"),
            ("%x%=M,NTamd64,NTamd64.6.1,NTamd64.10.0", Amd64, 9600, "m.ntamd64.6.1"),
            ("%x%=M,NTamd64,NTamd64.6.1,NTamd64.10.0", Amd64, 6002, "m.ntamd64"),
            ("%x%=M,NTamd64.10.0,NTamd64.10.0...17763", Amd64, 19041, "m.ntamd64.10.0...17763"),
            ("%x%=M,NTamd64.10.0,NTamd64.10.0...17763", Amd64, 14393, "m.ntamd64.10.0"),
            ("%x%=M,NTamd64.10.0...17763", Amd64, 14393, ""),
            ("%x%=M,NTamd64.6.1.3,NTamd64.6.1", Amd64, 7601, "m.ntamd64.6.1"),
            ("%x%=M,NTamd64.6.1.3", Amd64, 7601, "m.ntamd64.6.1.3"),
            ("%x%=M,NTamd64.6.1,NTamd64.0x6.3.1", Amd64, 7601, "m.ntamd64.6.1"),
            // A build says nothing about later versions of Windows.
            ("%x%=M,NTamd64.6.3.1...99999", Amd64, 19041, "m.ntamd64.6.3.1...99999"),
            ("%x%=M,NTamd64.6.1,NTamd64....0x80", Amd64, 9200, "m.ntamd64.6.1"),
            ("%x%=M,NTamd64.6.3.1,NTamd64.6.1", Amd64, 9600, "m.ntamd64.6.3.1"),
            // A chosen section without lines excludes the system.
            ("%x%=M,NTamd64.6.1,NTamd64.6.2", Amd64, 9200, ""),
            ("%x%=M,NTamd64.x,NTfoo", X86, 9200, "m"),
        ] {
            assert_eq!(
                models(manufacturer, arch, build).join(" "),
                chosen,
                "{manufacturer} {build}"
            );
        }
    }
}
