//! Configuration files for PXELINUX.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::boot::View;
use super::bootfile::IPXE_KERNEL;
use crate::config::Config;
use crate::config::MirroredKind;
use crate::config::{Entry, KERNEL, Target, initrd_name, is_url};

/// What started PXELINUX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// A ROM, which knows TFTP only.
    Rom,
    /// iPXE, which knows HTTP and iSCSI.
    Ipxe,
}

/// `pxelinux.cfg/ipxe`: the step of the Dell chain that starts iPXE.
#[must_use]
pub fn start_ipxe() -> String {
    format!("default ipxe\nprompt 0\n\nlabel ipxe\n\tkernel {IPXE_KERNEL}\n")
}

/// The menu; where there is to be none, the same labels, of which the default one boots.
#[must_use]
pub fn menu(config: &Config, view: &View<'_>, server: Ipv4Addr, below: Below) -> String {
    let first = view.at_once().unwrap_or("menu.c32");
    let mut text = format!("default {first}\nprompt 0\nmenu title Network boot\n");
    if view.timeout() > 0 {
        // In tenths of a second, 35996 at most.
        let tenths = view.timeout().saturating_mul(10).min(35_996);
        writeln!(text, "timeout {tenths}").expect("a String takes everything");
    }
    for entry in &config.entries {
        let default = view.default() == Some(&entry.name);
        let lines = lines(config, entry, server, below);
        write!(text, "\nlabel {}\n\tmenu label {}\n", entry.name, entry.title())
            .expect("a String takes everything");
        if default {
            text.push_str("\tmenu default\n");
        }
        for line in lines {
            writeln!(text, "\t{line}").expect("a String takes everything");
        }
    }
    text
}

/// What PXELINUX cannot do itself, iPXE does: the one that started it, or one that it starts.
fn lines(config: &Config, entry: &Entry, server: Ipv4Addr, below: Below) -> Vec<String> {
    let scripts = config.base_for(MirroredKind::Scripts, server);
    let script = format!("chain {scripts}entries/{}.ipxe", entry.name);
    let by_ipxe = |command: &str| match below {
        Below::Ipxe => vec!["com32 gpxecmd.c32".to_owned(), format!("append {command}")],
        Below::Rom => vec![format!("kernel {IPXE_KERNEL}"), format!("append dhcp && {command}")],
    };
    match entry.target() {
        None => Vec::new(),
        Some(Target::Local) => vec!["localboot 0".to_owned()],
        // The script has the login, and reports what was chosen.
        Some(Target::San(_) | Target::Wim { .. } | Target::Windows { .. } | Target::Efi(_)) => {
            by_ipxe(&script)
        }
        Some(Target::Linux { kernel, initrds, args }) => {
            let mut files = [kernel].into_iter().chain(initrds.iter().map(String::as_str));
            // A ROM has no HTTP.
            if below == Below::Rom && files.any(is_url) {
                return by_ipxe(&script);
            }
            let base = match below {
                Below::Rom => String::new(),
                Below::Ipxe => config.base_for(MirroredKind::Images, server),
            };
            linux(entry, kernel, initrds, args, &base)
        }
        Some(Target::Iso(image)) => match (entry.served_image(), below) {
            // A ROM has no HTTP; a name without one goes where PXELINUX itself came from.
            (Some((name, _)), Below::Rom) => memdisk(&name),
            (Some((name, _)), Below::Ipxe) => {
                memdisk(&format!("{}{name}", config.base_for(MirroredKind::Images, server)))
            }
            (None, Below::Ipxe) => memdisk(image),
            (None, Below::Rom) => by_ipxe(&script),
        },
        // PXELINUX recognises a network boot program by the suffix `.0` only.
        Some(Target::Pxe(program)) if program.ends_with(".0") => vec![format!("kernel {program}")],
        Some(Target::Pxe(program)) => vec![format!("pxe {program}")],
    }
}

fn linux(entry: &Entry, kernel: &str, initrds: &[String], args: &str, base: &str) -> Vec<String> {
    let place = |file: &str, name: &str| match is_url(file) {
        true => file.to_owned(),
        false => format!("{base}{}", entry.boot_file_path(name)),
    };
    let initrds: Vec<_> =
        initrds.iter().enumerate().map(|(at, file)| place(file, &initrd_name(at))).collect();
    let mut lines = vec![format!("linux {}", place(kernel, KERNEL))];
    lines.extend((!initrds.is_empty()).then(|| format!("initrd {}", initrds.join(","))));
    lines.extend((!args.is_empty()).then(|| format!("append {args}")));
    lines
}

fn memdisk(image: &str) -> Vec<String> {
    vec!["kernel memdisk".to_owned(), "append iso".to_owned(), format!("initrd {image}")]
}
