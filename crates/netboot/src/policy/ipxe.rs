//! Scripts for iPXE: the menu, and one for each entry so that PXELINUX can start it too.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::boot::View;
use super::bootfile::PXELINUX;
use super::loaders::{BOOT_WIM, PXEBOOT};
use super::login;
use crate::client::{Choice, ChoiceKind};
use crate::config::Chain;
use crate::config::Config;
use crate::config::MirroredKind;
use crate::config::{Entry, KERNEL, PROGRAM, Target, initrd_name, is_url};

/// `boot.ipxe`: starts PXELINUX, where the chain has it, or the menu, or the default entry.
#[must_use]
pub fn boot_script(config: &Config, view: &View<'_>, server: Ipv4Addr) -> String {
    let base = config.pxelinux_base(server);
    let mut script = "#!ipxe\n".to_owned();
    let first = view.at_once().map_or("menu".to_owned(), |entry| format!("entry_{entry}"));
    if view.chain() != Chain::Ipxe {
        let wanted = &config.serve.pxelinux;
        let menu = wanted.config_file.clone().filter(|file| !file.is_empty());
        let menu = menu.unwrap_or_else(|| view.path("pxelinux.cfg/boot"));
        let prefix = wanted.path_prefix.as_deref().unwrap_or(&base);
        // PXELINUX is a BIOS program.
        push(&mut script, format_args!("iseq ${{platform}} efi && goto {first} ||"));
        push(&mut script, format_args!("set 209:string {menu}"));
        push(&mut script, format_args!("set 210:string {prefix}"));
        push(&mut script, format_args!("chain ${{210:string}}{PXELINUX} || goto {first}"));
    } else if view.at_once().is_some() {
        push(&mut script, format_args!("goto {first}"));
    }
    if config.entries.is_empty() {
        script.push_str(":menu\necho The menu is empty.\nshell\n");
        return script;
    }
    push_menu(&mut script, config, view);
    for entry in &config.entries {
        push(&mut script, format_args!(":entry_{}", entry.name));
        push_entry(&mut script, config, entry, server, "failed");
        script.push_str("goto failed\n");
    }
    let notice = |kind, name| notice(config, server, &Choice::new(kind, name));
    let (failed, shell) = (notice(ChoiceKind::Failed, "menu"), notice(ChoiceKind::Shell, "shell"));
    push(&mut script, format_args!(":failed\n{failed}\necho This did not boot."));
    script.push_str("prompt --timeout 30000 Press a key for the menu ||\ngoto menu\n");
    push(&mut script, format_args!(":shell\n{shell}\nshell\ngoto menu"));
    script
}

fn push_menu(script: &mut String, config: &Config, view: &View<'_>) {
    let default = view.default().unwrap_or_default();
    // An iPXE built without menus takes the default.
    push(script, format_args!(":menu\nmenu Network boot || goto entry_{default}"));
    for entry in &config.entries {
        let item = format!("item {} {}", entry.name, entry.title());
        match entry.target() {
            Some(Target::Efi(_)) => {
                push(script, format_args!("iseq ${{platform}} efi && {item} ||"))
            }
            _ => push(script, format_args!("{item}")),
        }
    }
    script.push_str("item shell iPXE shell\n");
    let timeout = match view.timeout() {
        0 => String::new(),
        seconds => format!(" --timeout {}", u64::from(seconds) * 1000),
    };
    push(script, format_args!("choose --default {default}{timeout} target || goto shell"));
    script.push_str("iseq ${target} shell && goto shell ||\ngoto entry_${target}\n");
}

/// `entries/<name>.ipxe`: one entry alone.
#[must_use]
pub fn entry_script(config: &Config, entry: &Entry, server: Ipv4Addr) -> String {
    let mut script = "#!ipxe\n".to_owned();
    push_entry(&mut script, config, entry, server, "");
    script
}

/// The commands of an entry between the administrator's own lines; a command that fails leads to a label,
/// or ends the script where that is empty.
fn push_entry(script: &mut String, config: &Config, entry: &Entry, server: Ipv4Addr, label: &str) {
    let after = format!("after_{}", entry.name);
    let label = if entry.after.is_empty() { label } else { &after };
    let or = if label.is_empty() { String::new() } else { format!(" || goto {label}") };
    let commands = commands(config, entry, server, &or);
    let lines = entry.before.iter().chain(&commands);
    lines.for_each(|line| push(script, format_args!("{line}")));
    if !entry.after.is_empty() {
        push(script, format_args!(":{after}"));
        entry.after.iter().for_each(|line| push(script, format_args!("{line}")));
    }
}

/// `autoexec.ipxe`, which iPXE looks for beside itself before it asks DHCP.
#[must_use]
pub fn autoexec_script(config: &Config, server: Ipv4Addr) -> String {
    let base = config.base_for(MirroredKind::Scripts, server);
    format!("#!ipxe\ndhcp && chain ${{filename}} || chain {base}boot.ipxe\n")
}

/// Reports what was chosen, so that its boot can be shown as what it is. A boot goes on whatever becomes of the
/// report: after a second at the latest, or without a pause where this iPXE does not understand the command.
fn notice(config: &Config, server: Ipv4Addr, choice: &Choice) -> String {
    // Below the script's own place, so that an iPXE without HTTP reports by TFTP.
    let root =
        if config.holds(MirroredKind::Scripts) { config.base_url(server) } else { "/".to_owned() };
    // Freed again: wimboot and Linux get every image that iPXE has.
    format!("imgfetch --timeout 1000 --name chosen {root}{choice} && imgfree chosen ||")
}

/// `url` is that of the image.
fn wimboot(
    config: &Config,
    entry: &Entry,
    server: Ipv4Addr,
    url: &str,
    index: Option<u32>,
    or: &str,
) -> Vec<String> {
    let images = config.base_for(MirroredKind::Images, server);
    let programs = config.base_for(MirroredKind::Programs, server);
    let index = index.map(|index| format!(" index={index}")).unwrap_or_default();
    let network_loader = match config.loader_entry() {
        Some(first) if first.name == entry.name => {
            format!(" || chain tftp://{server}/{PXEBOOT}")
        }
        _ => String::new(),
    };
    // UEFI goes by the name, BIOS by the argument.
    let initrd = |name: &str, url: &str| format!("initrd --name {name} {url} {name}");
    let mut commands = vec![format!("kernel {programs}wimboot{index}{network_loader}{or}")];
    commands.extend(entry.wimboot_files().into_iter().map(|(name, known)| {
        let initrd = initrd(name, &format!("{images}{}", entry.boot_file_path(name)));
        // A file that was not found in the image may be in a folder, and BIOS and UEFI need different
        // ones.
        if known { format!("{initrd}{or}") } else { format!("{initrd} ||") }
    }));
    if config.has_logins() {
        // A machine without a login has no such file, and an image may not ask for it.
        let url = format!("{}{}", config.base_url(server), login::BATCH);
        commands.push(format!("{} ||", initrd(login::BATCH, &url)));
    }
    commands.push(format!("{}{or}", initrd(BOOT_WIM, url)));
    commands.push(format!("boot{or}"));
    commands
}

/// Where a file of an entry is: its own URL, or among the images, by the name that it is served under.
fn file_url(entry: &Entry, file: &str, name: &str, images: &str) -> String {
    if is_url(file) { file.to_owned() } else { format!("{images}{}", entry.boot_file_path(name)) }
}

/// The initial RAM disks are named on the command line too: a kernel that UEFI starts takes them by name.
fn linux(
    entry: &Entry,
    kernel: &str,
    initrds: &[String],
    args: &str,
    images: &str,
    or: &str,
) -> Vec<String> {
    let url = |file: &str, name: &str| file_url(entry, file, name, images);
    let mut line = format!("kernel {}", url(kernel, KERNEL));
    let mut loads = Vec::new();
    for (at, initrd) in initrds.iter().enumerate() {
        let name = initrd_name(at);
        line.push_str(&format!(" initrd={name}"));
        loads.push(format!("initrd --name {name} {}{or}", url(initrd, &name)));
    }
    let args = if args.is_empty() { String::new() } else { format!(" {args}") };
    let mut commands = vec![format!("{line}{args}{or}")];
    commands.append(&mut loads);
    commands.push(format!("boot{or}"));
    commands
}

/// Appends one line.
fn push(script: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(script, "{line}").expect("a String takes everything");
}

/// The commands that boot an entry; `or` is what a command that fails leads to.
fn commands(config: &Config, entry: &Entry, server: Ipv4Addr, or: &str) -> Vec<String> {
    let images = config.base_for(MirroredKind::Images, server);
    let programs = config.base_for(MirroredKind::Programs, server);
    let url = |image: &str| match entry.image_path() {
        Some(name) => format!("{images}{name}"),
        None => image.to_owned(),
    };
    let notice = entry.choice().map(|choice| notice(config, server, &choice));
    let mut commands = match entry.target() {
        None => Vec::new(),
        Some(Target::Local) => vec![
            // UEFI goes on with its own boot order.
            "iseq ${platform} efi && exit ||".to_owned(),
            format!("sanboot --no-describe --drive 0x80{or}"),
        ],
        Some(Target::San(uri)) => {
            let login = config
                .has_logins()
                .then(|| format!("chain {}{}{or}", config.base_url(server), login::SCRIPT));
            // The login is a script, after which the disk is the last thing that was chosen.
            let commands = login.into_iter().chain(notice).chain([format!("sanboot {uri}{or}")]);
            return commands.collect();
        }
        Some(Target::Wim { image, index } | Target::Windows { disc: image, index }) => {
            wimboot(config, entry, server, &url(image), index, or)
        }
        Some(Target::Iso(image)) => vec![
            format!("iseq ${{platform}} efi && sanboot {} ||", url(image)),
            format!("kernel {programs}memdisk iso raw{or}"),
            format!("initrd {}{or}", url(image)),
            format!("boot{or}"),
        ],
        Some(Target::Linux { kernel, initrds, args }) => {
            linux(entry, kernel, initrds, args, &images, or)
        }
        Some(Target::Efi(program)) => vec![
            format!("iseq ${{platform}} efi{or}"),
            format!("chain {}{or}", file_url(entry, program, PROGRAM, &images)),
        ],
        Some(Target::Pxe(program)) if is_url(program) => vec![format!("chain {program}{or}")],
        // Windows loaders go on by TFTP, from where they came.
        Some(Target::Pxe(program)) => {
            vec![format!("chain tftp://{server}/{}{or}", program.trim_start_matches('/'))]
        }
    };
    commands.splice(0..0, notice);
    commands
}
