//! `serve --check`: what each kind of client would get.

use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;
use winpe_netboot::config::{Config, Origin};
use winpe_netboot::files::{Digest, File, FileRequest, FileSource};
use winpe_netboot::http::Tls;
use winpe_netboot::net::Interface;
use winpe_netboot::policy::{self, Logins, MenuRow, Row, boot_table, menu_table};
use winpe_netboot::serve::{Files, Missing, check_user, search_own_menus};

use super::addresses::{self, Addresses};
use super::images::boot_warnings;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{Exit, Outcome};

#[derive(Serialize)]
struct Report<'a> {
    interface: &'a str,
    address: String,
    network: String,
    addresses: Addresses<'a>,
    http_base: Option<&'a str>,
    clients: Vec<ClientRow<'a>>,
    menu: Vec<EntryRow<'a>>,
    logins: Vec<LoginRow<'a>>,
    files: &'a [FileRow],
    missing: Vec<MissingFile<'a>>,
    missing_for_others: Vec<MissingFile<'a>>,
    warnings: &'a [String],
    hints: Vec<String>,
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
struct EntryRow<'a> {
    name: &'a str,
    boots: &'a str,
    files: Vec<PartRow<'a>>,
}

/// With what machines log in to iSCSI targets; no secret.
#[derive(Serialize)]
struct LoginRow<'a> {
    table: Option<&'a str>,
    initiator_name: Option<&'a str>,
    chap: Option<&'a str>,
    mutual_chap: Option<&'a str>,
}

#[derive(Serialize)]
struct PartRow<'a> {
    name: &'a str,
    origin: &'static str,
}

/// A boot program or an image, as it is now.
#[derive(Serialize)]
struct FileRow {
    name: String,
    bytes: u64,
    sha256: Digest,
}

#[derive(Serialize)]
struct MissingFile<'a> {
    file: &'a str,
    package: Option<&'a str>,
}

pub(super) fn check(config: &Config, interface: &Interface, printer: &mut Printer) -> Outcome {
    let mut config = config.clone();
    let tree = search_own_menus(&mut config);
    let config = &config;
    let files = Files::prepare(config, interface.address).map_err(Failure::new)?;
    // What the server reads only once its ports are open.
    check_user(config).map_err(Failure::new)?;
    if let Some(tls) = &config.serve.tls {
        Tls::read(&tls.certificate, &tls.key).map_err(Failure::new)?;
    }
    let subnets = addresses::table(config, interface);
    let clients = boot_table(config, interface.address);
    let menu = menu_table(config);
    let logins = Logins::read(config).map_err(Failure::new)?.rows();
    let hashed = hash(&files, interface, printer)?;
    let mut warnings = boot_warnings(config);
    warnings.extend(addresses::warning(config, interface));
    let is_fine = files.missing.is_empty() && warnings.is_empty();
    let exit = if is_fine { Exit::Done } else { Exit::Differs };
    if printer.is_json() {
        printer.json(&Report {
            interface: &interface.name,
            address: interface.address.to_string(),
            network: interface.network.to_string(),
            addresses: Addresses::of(config, &subnets),
            http_base: config.serve.http_base.as_deref(),
            clients: clients.iter().map(ClientRow::of).collect(),
            menu: menu.iter().map(EntryRow::of).collect(),
            logins: logins.iter().map(LoginRow::of).collect(),
            files: &hashed,
            missing: files.missing.iter().map(MissingFile::of).collect(),
            missing_for_others: files.missing_for_others.iter().map(MissingFile::of).collect(),
            warnings: &warnings,
            hints: hints(config, interface, tree.as_deref()),
        })?;
        return Ok(exit);
    }
    printer.line(format_args!(
        "serving {} from {} on {}",
        interface.network, interface.address, interface.name
    ))?;
    addresses::print(config, &subnets, printer)?;
    print_clients(&clients, printer)?;
    print_menu(&menu, printer)?;
    print_logins(&logins, printer)?;
    print_files(&hashed, printer)?;
    for missing in &files.missing {
        printer.warning(missing);
    }
    for warning in &warnings {
        printer.warning(warning);
    }
    for missing in &files.missing_for_others {
        printer.status(format_args!(
            "note: {missing} (for UEFI machines with IA32 or ARM64 firmware)"
        ));
    }
    for hint in hints(config, interface, tree.as_deref()) {
        printer.status(format_args!("hint: {hint}"));
    }
    Ok(exit)
}

fn print_files(files: &[FileRow], printer: &mut Printer) -> Result<(), Failure> {
    printer.line("")?;
    printer.heading("files, and their SHA-256")?;
    for row in files {
        printer.line(format_args!("  {:29} {:>11} {}", row.name, row.bytes, row.sha256))?;
    }
    Ok(())
}

/// What each kind of client boots.
fn print_clients(clients: &[Row], printer: &mut Printer) -> Result<(), Failure> {
    let mut table = None;
    for (number, row) in clients.iter().enumerate() {
        if number == 0 || table != row.table.as_deref() {
            table = row.table.as_deref();
            printer.line("")?;
            printer.heading(table.map_or("all clients".to_owned(), |it| format!("client {it}")))?;
        }
        let numbers: Vec<_> = row.architectures.iter().map(u16::to_string).collect();
        printer.line(format_args!("  {:29} {:6} {}", row.client, numbers.join(","), row.file))?;
    }
    Ok(())
}

/// What the menu offers, and the files of each entry by where they come from.
fn print_menu(menu: &[MenuRow], printer: &mut Printer) -> Result<(), Failure> {
    printer.line("")?;
    printer.heading("menu")?;
    for row in menu {
        printer.line(format_args!("  {:14} {}", row.name, row.boots))?;
        for origin in [Origin::Image, Origin::Disc, Origin::Made] {
            let names: Vec<_> = row.parts.iter().filter(|part| part.1 == origin).collect();
            let names: Vec<_> = names.iter().map(|part| part.0.as_str()).collect();
            if !names.is_empty() {
                printer.line(format_args!(
                    "  {:14} {}: {}",
                    "",
                    place(origin),
                    names.join(", ")
                ))?;
            }
        }
    }
    Ok(())
}

fn print_logins(logins: &[policy::LoginRow], printer: &mut Printer) -> Result<(), Failure> {
    if logins.is_empty() {
        return Ok(());
    }
    printer.line("")?;
    printer.heading("logins to iSCSI targets")?;
    for row in logins {
        let table = row.table.as_deref().unwrap_or("all clients");
        let keys = [("as", &row.initiator), ("CHAP", &row.chap), ("target's CHAP", &row.mutual)];
        for (key, value) in keys.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            printer.line(format_args!("  {table:14} {key} {value}"))?;
        }
    }
    Ok(())
}

/// Reads whatever clients are led to, which shows too that it can be read.
fn hash(files: &Files, interface: &Interface, printer: &Printer) -> Result<Vec<FileRow>, Failure> {
    let at = |name: &str, why: String| Failure::new(format!("{name}: {why}"));
    let (client, local) = (interface.address.into(), interface.address.into());
    let open = |name: &String| -> Result<(String, File), Failure> {
        let path = name.parse().map_err(|error| at(name, format!("{error}")))?;
        let request = FileRequest { path: &path, query: None, client, local };
        let file = files.source.open(&request).map_err(|error| at(name, error.to_string()))?;
        Ok((name.clone(), file))
    };
    let open: Vec<_> = files.served.iter().map(open).collect::<Result<_, _>>()?;
    let total = open.iter().map(|(_, file)| file.len()).sum();
    let bar = printer.progress("reading");
    let mut done = 0;
    let mut rows = Vec::with_capacity(open.len());
    for (name, file) in open {
        let sha256 = Digest::of(&file, |bytes| {
            done += bytes;
            bar.set(done, total);
            ControlFlow::Continue(())
        });
        let sha256 = sha256.map_err(|error| at(&name, error.to_string()))?;
        let sha256 = sha256.expect("nothing breaks it off");
        rows.push(FileRow { name, bytes: file.len(), sha256 });
    }
    Ok(rows)
}

/// What no file is wrong about, and is worth knowing all the same.
fn hints(config: &Config, interface: &Interface, tree: Option<&Path>) -> Vec<String> {
    // A machine without IPv6 has no table to read, and no router either.
    let waits =
        !config.serve.answer_router_solicitations && !interface.has_ipv6_router().unwrap_or(false);
    let name = &interface.name;
    let wait = format!(
        "no IPv6 router is known on {name}; iPXE from before October 2020, such as that of Debian 11 \
         and 12, waits 13 s for one at each stage. answer-router-solicitations = true in [serve] ends \
         the wait"
    );
    let elsewhere = config.serve.http_base.as_ref().map(|base| {
        format!(
            "what clients load from {base} is not looked at here; --export-files DIR writes what is to \
             be there"
        )
    });
    let tree = tree.map(|tree| {
        format!(
            "{} has menus of PXELINUX, which searches them: option 209 is left out. config-file in \
             [serve.pxelinux] names one file instead",
            tree.display()
        )
    });
    waits.then_some(wait).into_iter().chain(elsewhere).chain(tree).collect()
}

fn place(origin: Origin) -> &'static str {
    match origin {
        Origin::Image => "in the image",
        Origin::Disc => "on the disc",
        Origin::Made => "made",
    }
}

impl<'a> MissingFile<'a> {
    fn of(missing: &'a Missing) -> Self {
        Self { file: &missing.file, package: missing.package }
    }
}

impl<'a> ClientRow<'a> {
    fn of(row: &'a Row) -> Self {
        Self {
            table: row.table.as_deref(),
            client: &row.client,
            architectures: &row.architectures,
            file: &row.file,
            config_file: row.config_file.as_deref(),
            path_prefix: &row.path_prefix,
        }
    }
}

impl<'a> LoginRow<'a> {
    fn of(row: &'a policy::LoginRow) -> Self {
        Self {
            table: row.table.as_deref(),
            initiator_name: row.initiator.as_deref(),
            chap: row.chap.as_deref(),
            mutual_chap: row.mutual.as_deref(),
        }
    }
}

impl<'a> EntryRow<'a> {
    fn of(row: &'a MenuRow) -> Self {
        let part = |part: &'a (String, Origin)| PartRow {
            name: &part.0,
            origin: match part.1 {
                Origin::Image => "image",
                Origin::Disc => "disc",
                Origin::Made => "made",
            },
        };
        Self { name: &row.name, boots: &row.boots, files: row.parts.iter().map(part).collect() }
    }
}
