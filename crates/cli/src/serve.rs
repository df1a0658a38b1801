//! `winpe-iscsi serve`.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use winpe_netboot::event::Event;
use winpe_netboot::policy::{Config, Files, Mode, boot_table, quick_menu};
use winpe_netboot::serve::{Interface, InterfaceError, LeaseLogError, ServeError};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

/// Boot machines over the network: DHCP, TFTP, HTTP, menus
///
/// Examples:
///   winpe-iscsi serve --wim winpe.wim --iface eth1
///   winpe-iscsi serve --wim winpe.wim --iscsi iscsi:192.168.0.20::::iqn.2011-12.com.example:win7
///   winpe-iscsi serve --config winpe-iscsi.toml --check
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A WinPE image for the menu
    #[arg(long, value_name = "WIM")]
    wim: Vec<String>,
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
    /// Give addresses though another DHCP server does
    #[arg(long)]
    force: bool,
    /// Show what each kind of client would get, and end
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeArg {
    /// Unless another server does
    Auto,
    /// Yes
    Dhcp,
    /// No: boot files only, beside another server
    Proxy,
}

/// Lines of the log that may wait for the terminal; more are counted and left out, so that a slow
/// terminal holds up no machine.
const WAITING: usize = 4096;

pub(crate) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let config = read(args)?;
    let interface = Interface::find(config.serve.interface.as_deref())?;
    if args.check {
        check(&config, &interface, printer)
    } else {
        serve(config, &interface, printer)
    }
}

/// The file, with what the command line adds.
fn read(args: &Args) -> Result<Config, Failure> {
    let mut config = match &args.config {
        None => Config::default(),
        Some(path) => {
            let at = |error: String| Failure::new(format!("{}: {error}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
            text.parse::<Config>().map_err(|error| at(error.to_string()))?
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
    serve.folders.splice(0..0, args.folder.iter().cloned());
    if config.entries.is_empty() || !(args.wim.is_empty() && args.iscsi.is_empty()) {
        let quick = quick_menu(&args.wim, &args.iscsi);
        let new = |entries: &[_], name: &str| {
            !entries.iter().any(|it: &winpe_netboot::policy::Entry| it.name == name)
        };
        let local = config.entries.iter().any(|entry| entry.local);
        let added: Vec<_> = quick.into_iter().filter(|entry| !(entry.local && local)).collect();
        if let Some(entry) = added.iter().find(|entry| !new(&config.entries, &entry.name)) {
            return Err(Failure::new(format!("the menu has an entry {:?} already", entry.name)));
        }
        config.entries.splice(0..0, added);
    }
    config.check().map_err(Failure::new)?;
    Ok(config)
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    interface: &'a str,
    address: String,
    network: String,
    clients: Vec<ClientRow<'a>>,
    missing: Vec<MissingFile<'a>>,
}

#[derive(Serialize)]
struct ClientRow<'a> {
    table: Option<&'a str>,
    client: &'a str,
    architectures: &'a [u16],
    file: &'a str,
    config_file: Option<&'a str>,
    path_prefix: &'a str,
}

#[derive(Serialize)]
struct MissingFile<'a> {
    file: &'a str,
    package: Option<&'a str>,
}

fn check(config: &Config, interface: &Interface, printer: &mut Printer) -> Outcome {
    let files = Files::prepare(config, interface.address).map_err(Failure::new)?;
    let rows = boot_table(config, interface.address);
    let exit = if files.missing.is_empty() { Exit::Done } else { Exit::Differs };
    if printer.is_json() {
        printer.json(&Report {
            schema: 1,
            interface: &interface.name,
            address: interface.address.to_string(),
            network: interface.network.to_string(),
            clients: rows
                .iter()
                .map(|row| ClientRow {
                    table: row.table.as_deref(),
                    client: &row.client,
                    architectures: &row.architectures,
                    file: &row.file,
                    config_file: row.config_file.as_deref(),
                    path_prefix: &row.path_prefix,
                })
                .collect(),
            missing: files
                .missing
                .iter()
                .map(|it| MissingFile { file: &it.file, package: it.package })
                .collect(),
        })?;
        return Ok(exit);
    }
    printer.line(format_args!(
        "serving {} from {} on {}",
        interface.network, interface.address, interface.name
    ))?;
    let mut table = None;
    for (number, row) in rows.iter().enumerate() {
        if number == 0 || table != row.table.as_deref() {
            table = row.table.as_deref();
            printer.line("")?;
            printer.heading(table.map_or("all clients".to_owned(), |it| format!("client {it}")))?;
        }
        let numbers: Vec<_> = row.architectures.iter().map(u16::to_string).collect();
        printer.line(format_args!("  {:29} {:6} {}", row.client, numbers.join(","), row.file))?;
    }
    for missing in &files.missing {
        printer.warning(missing);
    }
    Ok(exit)
}

#[derive(Serialize)]
struct LogLine {
    schema: u32,
    /// Seconds since 1970.
    time: u64,
    message: String,
}

fn serve(config: Config, interface: &Interface, printer: &mut Printer) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (sender, mut lines) = mpsc::channel::<Event>(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let log = Arc::new(move |event: Event| {
            if sender.try_send(event).is_err() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (mut interrupted, mut terminated) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let stop = async move {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
        };
        let server = winpe_netboot::serve::run(Arc::new(config), interface, log, stop);
        tokio::pin!(server);
        loop {
            tokio::select! {
                biased;
                Some(event) = lines.recv() => {
                    print(&event, printer)?;
                    let lost = lost.swap(0, Ordering::Relaxed);
                    if lost > 0 {
                        printer.warning(format_args!("{lost} lines of this log are left out"));
                    }
                }
                ended = &mut server => {
                    while let Ok(event) = lines.try_recv() {
                        print(&event, printer)?;
                    }
                    ended?;
                    return Ok(Exit::Done);
                }
            }
        }
    })
}

fn print(event: &Event, printer: &mut Printer) -> Result<(), Failure> {
    if printer.is_json() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = LogLine { schema: 1, time: now.as_secs(), message: event.to_string() };
        serde_json::to_writer(printer.raw(), &line)?;
        writeln!(printer.raw())?;
    } else {
        match event {
            Event::Warning { text } => printer.warning(text.escape_debug()),
            event => printer.line(event)?,
        }
    }
    // Whoever follows a log wants each line as it happens.
    printer.finish()
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
            ServeError::Port { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                "allow the program to use low ports: \
                 sudo setcap cap_net_bind_service=ep $(command -v winpe-iscsi)"
            }
            ServeError::Port { source, .. } if source.kind() == ErrorKind::AddrInUse => {
                "another program of this machine uses it; ss -lnptu shows which"
            }
            ServeError::Refused(_) => {
                "--mode proxy serves boot files beside it; --force gives addresses all the same"
            }
            ServeError::LeaseLog(LeaseLogError::Io { .. }) => {
                "state = \"DIR\" in [serve] of the configuration names another folder for it"
            }
            _ => return Self::new(error),
        };
        Self::new(error).hint(hint)
    }
}
