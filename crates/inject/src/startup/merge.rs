//! What WinPE does at its start after a job: what the image has, and what the job adds and removes.

use winpe_san::SanUri;

use super::{Startup, StartupError};
use crate::files::Started;
use crate::image::ImagePath;
use crate::report::{StartupItem, Warning};

/// The startup of the image after the job, without the job's drivers.
pub(super) fn merged(had: &Started, startup: &Startup) -> Result<Started, StartupError> {
    let mut next = if startup.whole { Started::default() } else { had.clone() };
    remove(&mut next, startup)?;
    next.event_log |= startup.event_log;
    next.autostart |= startup.autostart;
    for uri in &startup.targets {
        // The LUN has no part in a login: another one in the URI is the same login.
        match next.targets.iter_mut().find(|known| is_same_login(known, uri)) {
            Some(known) => *known = uri.clone(),
            None => next.targets.push(uri.clone()),
        }
    }
    if startup.chap.is_some() || startup.chap_at_boot {
        (next.chap, next.chap_at_boot) = (startup.chap.is_some(), startup.chap_at_boot);
    }
    if next.targets.is_empty() {
        if startup.chap.is_some() || startup.chap_at_boot {
            return Err(StartupError::NoTarget);
        }
        (next.chap, next.chap_at_boot) = (false, false);
    }
    Ok(next)
}

/// Removes what the job names. What the image does not have is an error, since a typing error would
/// otherwise look like success.
fn remove(next: &mut Started, startup: &Startup) -> Result<(), StartupError> {
    let removal = &startup.without;
    for name in &removal.drivers {
        let is_of = |package: &&str| package.eq_ignore_ascii_case(name);
        if !next.packages().iter().any(is_of) {
            let found = next.packages().into_iter().map(str::to_owned).collect();
            return Err(absent(StartupItem::Driver(name.clone()), found));
        }
        let gone: Vec<ImagePath> = next.infs_of(name).cloned().collect();
        next.drivers.retain(|inf| !gone.contains(inf));
    }
    for uri in &removal.targets {
        let Some(at) = next.targets.iter().position(|known| is_same_login(known, uri)) else {
            let found = next.targets.iter().map(ToString::to_string).collect();
            return Err(absent(StartupItem::Login(uri.clone()), found));
        };
        next.targets.remove(at);
    }
    if removal.autostart && !std::mem::take(&mut next.autostart) {
        return Err(absent(StartupItem::Autostart, vec![]));
    }
    if removal.event_log && !std::mem::take(&mut next.event_log) {
        return Err(absent(StartupItem::EventLog, vec![]));
    }
    Ok(())
}

fn absent(item: StartupItem, found: Vec<String>) -> StartupError {
    StartupError::Absent { item, found }
}

fn is_same_login(one: &SanUri, other: &SanUri) -> bool {
    (one.host(), one.port(), one.target()) == (other.host(), other.port(), other.target())
}

/// Loads the INFs of a package: in the place of those that its folder had, or after all others.
pub(super) fn load(next: &mut Started, package: &str, infs: Vec<ImagePath>) {
    let old: Vec<ImagePath> = next.infs_of(package).cloned().collect();
    let first = next.drivers.iter().position(|inf| old.contains(inf));
    next.drivers.retain(|inf| !old.contains(inf));
    let at = first.unwrap_or(next.drivers.len());
    next.drivers.splice(at..at, infs);
}

/// The warnings of what the image did and no longer does.
pub(super) fn lost(had: &Started, next: &Started) -> Vec<Warning> {
    let packages = next.packages();
    let is_loaded = |name: &&str| packages.iter().any(|known| known.eq_ignore_ascii_case(name));
    let drivers = had.packages().into_iter().filter(|name| !is_loaded(name));
    let logins = had.targets.iter().filter(|uri| !next.targets.contains(uri));
    let mut items: Vec<StartupItem> =
        drivers.map(|it| StartupItem::Driver(it.to_owned())).collect();
    items.extend(logins.cloned().map(StartupItem::Login));
    for (was, is, item) in [
        (had.chap || had.chap_at_boot, next.chap || next.chap_at_boot, StartupItem::Chap),
        (had.autostart, next.autostart, StartupItem::Autostart),
        (had.event_log, next.event_log, StartupItem::EventLog),
    ] {
        items.extend((was && !is).then_some(item));
    }
    items.into_iter().map(|item| Warning::Unhooked { item }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Removal;
    use super::*;

    fn uri(text: &str) -> SanUri {
        text.parse().unwrap()
    }

    fn drivers(paths: &[&str]) -> Vec<ImagePath> {
        paths.iter().map(|path| ImagePath::new(path)).collect()
    }

    #[test]
    fn a_login_is_known_by_host_port_and_target() {
        let had = merged(
            &Started::default(),
            &Startup::new().connect([uri("iscsi:h::::iqn.a"), uri("iscsi:h::::iqn.b")]),
        );
        let had = had.unwrap();
        for (added, count) in [
            ("iscsi:h::::iqn.a", 2),
            ("iscsi:h::3260:4:iqn.a", 2),
            ("iscsi:h::3261::iqn.a", 3),
            ("iscsi:i::::iqn.a", 3),
            ("iscsi:h::::iqn.c", 3),
        ] {
            let next = merged(&had, &Startup::new().connect([uri(added)])).unwrap();
            assert_eq!(next.targets.len(), count, "{added}");
            assert!(next.targets.contains(&uri(added)) && next.targets[1] == had.targets[1]);
        }
    }

    #[test]
    fn what_the_image_has_not_cannot_be_removed() {
        let had = Started { drivers: drivers(&[r"drivers\net\a.inf"]), ..Started::default() };
        for removal in [
            Removal::new().drivers(["ne"]),
            Removal::new().drivers(["net", "NET"]),
            Removal::new().targets([uri("iscsi:h::::iqn.a")]),
            Removal::new().autostart(true),
            Removal::new().event_log_workaround(true),
        ] {
            let error = merged(&had, &Startup::without(removal.clone())).unwrap_err();
            assert!(matches!(error, StartupError::Absent { .. }), "{removal:?}: {error}");
        }
        let next = merged(&had, &Startup::without(Removal::new().drivers(["NET"]))).unwrap();
        assert_eq!(next, Started::default());
    }

    #[test]
    fn a_package_is_loaded_in_the_place_of_its_earlier_version() {
        let had = [r"drivers\a\a.inf", r"drivers\b\b.inf", r"drivers\b\c.inf", r"drivers\d\d.inf"];
        let mut next = Started { drivers: drivers(&had), ..Started::default() };
        load(&mut next, "B", drivers(&[r"drivers\b\c.inf", r"drivers\b\new.inf"]));
        load(&mut next, "e", drivers(&[r"drivers\e\e.inf"]));
        let expected =
            [had[0], r"drivers\b\c.inf", r"drivers\b\new.inf", had[3], r"drivers\e\e.inf"];
        assert_eq!(next.drivers, drivers(&expected));
    }
}
