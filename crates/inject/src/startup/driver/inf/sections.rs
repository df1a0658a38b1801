//! Which sections of an INF an installation uses.

use std::collections::BTreeSet;

use super::models::Models;
use super::{ARCHS, Inf, System, suffix};

/// The sections that belong to an install section: its name, a dot and one of these.
/// Source: Microsoft, "Summary of INF Sections".
const EXTENSIONS: [&str; 10] = [
    "services",
    "coinstallers",
    "hw",
    "interfaces",
    "wdf",
    "components",
    "software",
    "filters",
    "events",
    "factdef",
];

/// Directives whose third value names a section: `AddService = name, flags, section`.
const WITH_SECTION: [&str; 4] = ["addservice", "addinterface", "addcomponent", "addfilter"];

impl Inf {
    /// The sections that Windows uses when it installs the driver on a system. An INF without models and
    /// without other install sections gives all that are not for another processor by their names.
    pub(super) fn used_sections(&self, system: System) -> BTreeSet<&str> {
        let mut roots = BTreeSet::new();
        if let Models::Sections(models) = self.models(system) {
            for entry in models.iter().flat_map(|models| self.entries(models)) {
                roots.extend(self.installed(&self.expanded(entry, 0), system));
            }
        }
        for name in ["defaultinstall", "classinstall32"] {
            roots.extend(self.installed(name, system));
        }
        if roots.is_empty() && !self.has_manufacturers() {
            return self
                .sections
                .keys()
                .map(String::as_str)
                .filter(|it| fits(it, system))
                .collect();
        }
        self.reached(roots)
    }

    /// The section that Windows installs for a name: `name.ntamd64`, `name.nt` or `name`, whichever is
    /// there first. For an unknown processor these are all.
    fn installed(&self, name: &str, system: System) -> Vec<&str> {
        let name = name.to_lowercase();
        let archs = match suffix(system.arch) {
            Some(arch) => vec![arch],
            None => ARCHS.to_vec(),
        };
        let decorated = archs.iter().map(|arch| format!("{name}.nt{arch}"));
        let names = decorated.chain([format!("{name}.nt"), name.clone()]);
        let found = names.filter_map(|name| self.section(&name));
        if system.arch.is_some() { found.take(1).collect() } else { found.collect() }
    }

    /// The name of a section as the INF owns it, if it is there.
    fn section(&self, name: &str) -> Option<&str> {
        self.sections.get_key_value(name).map(|(name, _)| name.as_str())
    }

    /// These sections and all that they lead to within the INF, each once.
    fn reached<'i>(&'i self, roots: BTreeSet<&'i str>) -> BTreeSet<&'i str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = roots.into_iter().collect();
        while let Some(section) = next.pop() {
            if !reached.insert(section) {
                continue;
            }
            let extended = EXTENSIONS.iter().map(|extension| format!("{section}.{extension}"));
            next.extend(extended.filter_map(|name| self.section(&name)));
            for entry in self.entries(section) {
                let found = |name: String| self.section(&name.to_lowercase());
                if entry.key_is("needs") {
                    // One by one: together they may be a thousand times as long as the line.
                    let named = entry.values().filter_map(|value| found(self.expand(&value)));
                    next.extend(named.filter(|name| !reached.contains(name)));
                } else if WITH_SECTION.iter().any(|key| entry.key_is(key)) {
                    next.extend(found(self.expanded(entry, 2)));
                }
            }
        }
        reached
    }

    /// The programs of the services that an installation adds, as the INF names them:
    /// `%12%\\net.sys`, where 12 is the number of a folder.
    pub(crate) fn service_binaries(&self, system: System) -> BTreeSet<String> {
        let used = self.used_sections(system);
        let entries = used.iter().flat_map(|section| self.entries(section));
        let services = entries.filter(|entry| entry.key_is("addservice"));
        let sections: BTreeSet<&str> = services
            .filter_map(|entry| self.section(&self.expanded(entry, 2).to_lowercase()))
            .collect();
        let binaries = sections.into_iter().filter_map(|name| self.value(name, "servicebinary"));
        binaries.take(MAX_SERVICES).collect()
    }
}

/// The most services of an INF that are looked at; real ones add one or two.
const MAX_SERVICES: usize = 1024;

/// Whether the name of a section is not that of another processor.
fn fits(section: &str, system: System) -> bool {
    let Some(own) = suffix(system.arch) else { return true };
    let named = section.split('.').filter_map(|part| part.strip_prefix("nt"));
    named.filter(|part| ARCHS.contains(part)).all(|arch| arch == own)
}
