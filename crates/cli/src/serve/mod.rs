//! `winpe-iscsi serve`.

mod addresses;
mod changes;
mod check;
mod export;
mod images;
mod lines;
mod range;
mod recorder;
mod run;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use winpe_netboot::config::{
    Config, ConfigError, ConfigErrors, Mode, Place, Reason, WimImage, is_url, quick_menu,
};
use winpe_netboot::dhcp::{LeaseLogError, StateError};
use winpe_netboot::net::{Interface, InterfaceError, PortError};
use winpe_netboot::serve::{ConfineError, ServeError};
use winpe_wim::{Archive, ImageSelector, WimPlace};

use crate::Outcome;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::suggest::help_with_key;

/// Boot machines over the network: DHCP, TFTP, HTTP, menus
///
/// Examples:
///   winpe-iscsi serve --wim winpe.wim --iface eth1
///   winpe-iscsi serve --iso Windows.iso --dhcp-range 192.168.0.100,192.168.0.199
///   winpe-iscsi serve --wim winpe.wim \
///       --iscsi iscsi:192.168.0.20::::iqn.2011-12.com.example:win7
///   winpe-iscsi serve --config winpe-iscsi.toml --check
///   winpe-iscsi serve --config winpe-iscsi.toml --export-files /srv/www/boot
///
/// Addresses are given on request only: with --dhcp-range, --mode dhcp, or a [[serve.subnet]] of the
/// configuration. Otherwise another DHCP server gives them, and this one adds what to boot (proxyDHCP).
///
/// Boot managers, BCD and boot.sdi come out of the images. wimboot, which no distribution has, goes into
/// a folder that is served; without it BIOS machines boot the first image by Windows' own network loader.
///
/// http-base in [serve] is another web server, or an object store, that has images and boot programs, or
/// all that clients load by HTTP; --export-files writes what it is to have, and SHA256SUMS.
///
/// Every file served is hashed (SHA-256) and logged when it is first seen and when it has changed; --check
/// shows boot programs and images with theirs.
///
/// `winpe-iscsi boots` and http://127.0.0.1:8067/ show each machine's boot and where it stopped. SIGHUP, or
/// a change of the configuration file, has it read again; transfers go on.
///
/// Output that cannot be written ends nothing: lines are counted and left out. So are those that repeat
/// themselves, and what a flood brings; a line every ten seconds says how many of which.
///
/// With --json each event is a line with schema, time, line (as people read it), event (answered,
/// ignored, requested, sent, hashed, failed, stalled, console, repeated, warning, note) and the fields of
/// that event.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A WinPE image for the menu; WIM:N for its Nth image
    #[arg(long, value_name = "WIM")]
    wim: Vec<String>,
    /// A Windows disc for the menu, whose sources/boot.wim is booted
    #[arg(long, value_name = "ISO")]
    iso: Vec<String>,
    /// An iSCSI disk for the menu: iscsi:HOST:PROTOCOL:PORT:LUN:NAME
    #[arg(long, value_name = "TARGET")]
    iscsi: Vec<String>,
    /// The network interface to serve; the only one there is, where none is named
    #[arg(long, value_name = "NAME")]
    iface: Option<String>,
    /// A folder of files to serve; they stand in for those that would be made
    #[arg(long, value_name = "DIR")]
    folder: Vec<PathBuf>,
    /// A configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Whether to give addresses
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeArg>,
    /// Give these addresses, unless another DHCP server does; a lease such as 12h may follow
    #[arg(long, value_name = "FIRST,LAST[,LEASE]", conflicts_with = "export_files")]
    dhcp_range: Option<range::Range>,
    /// Give addresses though another DHCP server does
    #[arg(long)]
    force: bool,
    /// Show what each kind of client would get, and end
    #[arg(long)]
    check: bool,
    /// Write the files that clients load by HTTP below DIR, for another web server, and end
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    export_files: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeArg {
    /// Those of a range or a subnet, unless another server gives addresses
    Auto,
    /// Yes
    Dhcp,
    /// No: boot files only, beside another server
    Proxy,
}

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let read = || {
        let mut config = read(args)?;
        images::look_into(&mut config)?;
        Ok(config)
    };
    let config = read()?;
    let interface = Interface::of(&config.serve, None)?;
    fits(args, &config, &interface)?;
    if let Some(folder) = &args.export_files {
        export::export(&config, &interface, folder, printer)
    } else if args.check {
        check::check(&config, &interface, printer)
    } else {
        run::serve(config, &interface, args.config.as_deref(), read, printer)
    }
}

/// Whether the configuration fits the addresses of this machine; errors have their places in the file.
fn fits(args: &Args, config: &Config, interface: &Interface) -> Result<(), Failure> {
    let Err(errors) = config.check_addresses(interface.network, &interface.own()) else {
        return Ok(());
    };
    let text = args.config.as_ref().and_then(|path| winpe_inject::Recipe::read_text(path).ok());
    let text = text.unwrap_or_default();
    Err(refused(args.config.as_deref(), &text, &errors.locate(&text)))
}

/// The file, with what the command line adds.
fn read(args: &Args) -> Result<Config, Failure> {
    let mut config = match &args.config {
        None => Config::default(),
        Some(path) => {
            let text = winpe_inject::Recipe::read_text(path)
                .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
            let mut config =
                text.parse::<Config>().map_err(|errors| refused(Some(path), &text, &errors))?;
            config.read_paths_from(path.parent().unwrap_or(Path::new("")));
            config
        }
    };
    let serve = &mut config.serve;
    if let Some(name) = &args.iface {
        serve.interface = Some(name.clone());
    }
    if let Some(mode) = args.mode {
        serve.mode = mode.into();
    }
    serve.force |= args.force;
    if let Some(range) = &args.dhcp_range {
        range.add_to(serve)?;
    }
    serve.folders.splice(0..0, args.folder.iter().cloned());
    let named = [&args.wim, &args.iso, &args.iscsi].iter().any(|names| !names.is_empty());
    if config.entries.is_empty() || named {
        let wims = args.wim.iter().map(|text| wim_image(text)).collect::<Result<Vec<_>, _>>()?;
        let quick = quick_menu(&wims, &args.iso, &args.iscsi);
        let new = |entries: &[_], name: &str| {
            !entries.iter().any(|it: &winpe_netboot::config::Entry| it.name == name)
        };
        let local = config.entries.iter().any(|entry| entry.local);
        let added: Vec<_> = quick.into_iter().filter(|entry| !(entry.local && local)).collect();
        if let Some(entry) = added.iter().find(|entry| !new(&config.entries, &entry.name)) {
            return Err(Failure::new(format!("the menu has an entry {:?} already", entry.name)));
        }
        config.entries.splice(0..0, added);
    }
    config.check().map_err(|errors| refused(None, "", &errors))?;
    Ok(config)
}

/// All errors of a configuration, a line each. Those of a file have its name and their places; `text` is what is
/// in the file.
fn refused(file: Option<&Path>, text: &str, errors: &ConfigErrors) -> Failure {
    let lines: Vec<_> = errors.iter().map(|error| in_file(file, error)).collect();
    let mut hints = Vec::new();
    for error in errors.iter() {
        let line = error.place.and_then(|place| text.lines().nth(place.line - 1));
        let hint = match &error.reason {
            Reason::Toml(message) => help_with_key(message, line.unwrap_or_default()),
            _ => None,
        };
        hints.extend(hint.filter(|hint| !hints.contains(hint)));
    }
    hints.into_iter().fold(Failure::new(lines.join("\n  ")), Failure::hint)
}

/// `FILE:LINE:COLUMN: what is wrong`, as for every other file.
fn in_file(file: Option<&Path>, error: &ConfigError) -> String {
    let text = error.to_string();
    let Some(file) = file.map(Path::display) else { return text };
    match error.place {
        Some(Place { line, column }) => {
            let place = format!("line {line}, column {column}: ");
            format!("{file}:{line}:{column}: {}", text.strip_prefix(&place).unwrap_or(&text))
        }
        None => format!("{file}: {text}"),
    }
}

/// `winpe.wim:2` is the second image of `winpe.wim`; it may have a name instead.
fn wim_image(text: &str) -> Result<WimImage, Failure> {
    // Another server has it, and may have its own port in the address.
    if is_url(text) {
        let (path, index) = match text.rsplit_once(':').map(|(path, index)| (path, index.parse())) {
            Some((path, Ok(index))) if path.matches('/').count() > 2 => (path, Some(index)),
            _ => (text, None),
        };
        return Ok(WimImage { path: path.to_owned(), index });
    }
    let place = WimPlace::find(text);
    let index = match place.image() {
        None | Some(ImageSelector::Boot) => None,
        Some(ImageSelector::Index(index)) => Some(index),
        Some(name) => Some(Archive::open(&place.wim)?.select(&name)?),
    };
    Ok(WimImage { path: place.wim.display().to_string(), index })
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Auto => Self::Auto,
            ModeArg::Dhcp => Self::Dhcp,
            ModeArg::Proxy => Self::Proxy,
        }
    }
}

impl From<InterfaceError> for Failure {
    fn from(error: InterfaceError) -> Self {
        Self::new(error).hint("name one with --iface NAME")
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let hint = match &error {
            ServeError::Port(PortError { source, .. })
                if source.kind() == ErrorKind::PermissionDenied =>
            {
                "allow the program to use low ports: \
                 sudo setcap cap_net_bind_service=ep $(command -v winpe-iscsi)"
            }
            ServeError::Port(PortError { source, .. }) if source.kind() == ErrorKind::AddrInUse => {
                "another program of this machine uses it; ss -lnptu shows which"
            }
            ServeError::Refused(_) => {
                "--mode proxy serves boot files beside it; --force gives addresses all the same"
            }
            ServeError::LeaseLog(LeaseLogError::State(StateError::Io { .. })) => {
                "state = \"DIR\" in [serve] of the configuration names another folder for it"
            }
            ServeError::LeaseLog(LeaseLogError::Locked { .. }) => {
                "one folder of leases is for one server: state = \"DIR\" in [serve] names another; \
                 --mode proxy needs none"
            }
            ServeError::Confine(ConfineError::State(StateError::Unexpected { .. })) => {
                "look what it is, and who put it there, before you remove it"
            }
            _ => return Self::new(error),
        };
        Self::new(error).hint(hint)
    }
}
