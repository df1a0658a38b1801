//! The menu of GRUB, for UEFI firmware that starts signed programs only.
//!
//! GRUB has neither iSCSI nor wimboot. It boots what needs no more than the firmware, and leaves the rest to
//! iPXE: by iPXE's own shim, where it is served, since firmware trusts no other way to a signed iPXE; else by
//! an unsigned one, which runs where Secure Boot is off.
//!
//! That iPXE starts, and finds no network: GRUB opens the card's Simple Network Protocol exclusively and,
//! since it may still have to read an initial RAM disk for Linux, does not close it when it starts another
//! program. Neither iPXE's own drivers nor those that go by the firmware's can then have the card; and its
//! module cannot be unloaded, because the one that starts programs uses it. So the way to WinPE and iSCSI
//! disks under Secure Boot is `secure-boot = "ipxe"`, where no GRUB is in between.

use std::fmt::Write;

use super::boot::View;
use super::bootfile::IPXE_SHIM;
use crate::config::Config;
use crate::config::{Entry, KERNEL, PROGRAM, Target, initrd_name, is_url};

/// Where GRUB's network image looks for its menu.
pub const MENU: &str = "grub/grub.cfg";
/// An unsigned iPXE with its own drivers, since GRUB holds those of the firmware.
const UNSIGNED: &str = "ipxe.efi";
/// The id of the item that starts iPXE; no entry has this name, since names have no colon.
const IPXE: &str = ":ipxe";

/// `grub.cfg`.
#[must_use]
pub fn menu(config: &Config, view: &View<'_>) -> String {
    let own = |entry: &&Entry| commands(entry).is_some();
    let default = config.entries.iter().filter(own).find(|it| view.default() == Some(&it.name));
    let default = default.map_or(IPXE, |entry| &entry.name);
    let mut text = format!("set default='{default}'\n");
    match view.timeout() {
        _ if view.at_once().is_some() => text.push_str("set timeout=0\n"),
        // To wait for ever is what it does by itself.
        0 => {}
        seconds => push(&mut text, format_args!("set timeout={seconds}")),
    }
    let left: Vec<_> = config.entries.iter().filter(|entry| !own(entry)).map(plain).collect();
    if !left.is_empty() {
        item(
            &mut text,
            &format!("iPXE: {}", left.join(", ")),
            IPXE,
            &format!(
                "if [ -e /{IPXE_SHIM} ]; then\n\t\tchainloader /{IPXE_SHIM}\n\t\
                 else\n\t\tchainloader /{UNSIGNED}\n\tfi"
            ),
        );
    }
    for entry in &config.entries {
        if let Some(commands) = commands(entry) {
            item(&mut text, &plain(entry), &entry.name, &commands);
        }
    }
    text
}

/// What GRUB itself does for an entry.
fn commands(entry: &Entry) -> Option<String> {
    match entry.target()? {
        // The firmware goes on with its own boot order.
        Target::Local => Some("exit".to_owned()),
        Target::Pxe(program) if program.ends_with(".efi") && !is_url(program) => {
            Some(format!("chainloader /{}", program.trim_start_matches('/')))
        }
        Target::Efi(program) if !is_url(program) => {
            Some(format!("chainloader /{}", entry.boot_file_path(PROGRAM)))
        }
        Target::Linux { kernel, initrds, args } => {
            let mut files = [kernel].into_iter().chain(initrds.iter().map(String::as_str));
            if files.any(is_url) {
                return None;
            }
            let path = |name: &str| format!("/{}", entry.boot_file_path(name));
            let kernel = format!("linux {} {args}", path(KERNEL)).trim_end().to_owned();
            let initrds: Vec<_> = (0..initrds.len()).map(|at| path(&initrd_name(at))).collect();
            let initrds =
                (!initrds.is_empty()).then(|| format!("\n\tinitrd {}", initrds.join(" ")));
            Some(kernel + &initrds.unwrap_or_default())
        }
        _ => None,
    }
}

fn item(text: &mut String, title: &str, id: &str, commands: &str) {
    push(text, format_args!("menuentry '{title}' --id '{id}' {{\n\t{commands}\n}}"));
}

/// A caret marks the hot key of other menus.
fn plain(entry: &Entry) -> String {
    entry.title().replace('^', "")
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(config: &str) -> String {
        let config: Config = config.parse().unwrap();
        let view = config.views().next().unwrap();
        menu(&config, &view)
    }

    #[test]
    fn what_grub_cannot_do_is_left_to_ipxe() {
        let menu = made(
            "[serve]\ntimeout = 5
            [[entry]]\nname = 'pe'\ntitle = 'Windows ^PE'\nwim = 'http://h/winpe.wim'
            [[entry]]\nname = 'san'\nsan = 'iscsi:h::::iqn.a:b'
            [[entry]]\nname = 'local'\ntitle = 'The disk'\nlocal = true
            [[entry]]\nname = 'shell'\npxe = 'shellx64.efi'",
        );
        let expected = "set default=':ipxe'\nset timeout=5\n\
            menuentry 'iPXE: Windows PE, san' --id ':ipxe' {\n\
            \tif [ -e /snponly-shim.efi ]; then\n\t\tchainloader /snponly-shim.efi\n\
            \telse\n\t\tchainloader /ipxe.efi\n\tfi\n}\n\
            menuentry 'The disk' --id 'local' {\n\texit\n}\n\
            menuentry 'shell' --id 'shell' {\n\tchainloader /shellx64.efi\n}\n";
        assert_eq!(menu, expected);
    }

    #[test]
    fn grub_boots_linux_and_efi_programs_itself() {
        let menu = made(
            "[serve]\ntimeout = 0
            [[entry]]\nname = 'lx'\nkernel = '/k'\ninitrd = ['/i', '/j']\nargs = 'a=b quiet'
            [[entry]]\nname = 'bare'\nkernel = 'k'
            [[entry]]\nname = 'mt'\nefi = '/m.efi'
            [[entry]]\nname = 'far'\nkernel = '/k'\ninitrd = 'http://h/i'",
        );
        let linux =
            "linux /images/lx/kernel a=b quiet\n\tinitrd /images/lx/initrd1 /images/lx/initrd2\n}";
        assert!(menu.contains(linux), "{menu}");
        assert!(menu.contains("{\n\tlinux /images/bare/kernel\n}"), "{menu}");
        assert!(menu.contains("chainloader /images/mt/program.efi"), "{menu}");
        assert!(menu.contains("iPXE: far'"), "a URL is left to iPXE\n{menu}");
    }

    #[test]
    fn a_menu_that_needs_no_ipxe_has_none() {
        let menu = made("[serve]\ntimeout = 0\n[[entry]]\nname = 'local'\nlocal = true");
        assert_eq!(menu, "set default='local'\nmenuentry 'local' --id 'local' {\n\texit\n}\n");
    }

    #[test]
    fn without_a_menu_grub_does_not_wait() {
        let menu = made("[serve]\nmenu = false\n[[entry]]\nname = 'local'\nlocal = true");
        assert!(menu.starts_with("set default='local'\nset timeout=0\n"), "{menu}");
    }
}
