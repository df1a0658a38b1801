//! What each kind of client would get, without asking one.

use std::net::Ipv4Addr;

use super::boot::Boot;
use crate::client::Architecture;
use crate::client::{Client, Kind};
use crate::config::Config;
use crate::config::Origin;
use crate::config::{Entry, Target};
use crate::wire::dhcp::Hardware;

/// What one kind of client would get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The `[[client]]` table that makes the difference; none for all others.
    pub table: Option<String>,
    /// The client's platform, or `iPXE`.
    pub client: String,
    /// Its numbers of option 93; none for iPXE, which gets the same on each.
    pub architectures: Vec<u16>,
    /// The file or URL it would be given.
    pub file: String,
    /// Option 209.
    pub config_file: Option<String>,
    /// Option 210.
    pub path_prefix: String,
}

/// What HTTP Boot gets where a GRUB without HTTP would follow.
const LEFT_TO_PXE: &str = "(no offer: the distribution's GRUB has no HTTP, so PXE is left to boot)";

/// The boot table of a server of this address.
#[must_use]
pub fn boot_table(config: &Config, server: Ipv4Addr) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for view in config.views() {
        let kinds = Architecture::all().map(|(number, architecture)| {
            let kind = if architecture.http { Kind::Http } else { Kind::Pxe };
            (Some(number), kind, Some(architecture.platform))
        });
        for (number, kind, platform) in kinds.chain([(None, Kind::Ipxe { http: true }, None)]) {
            let client = Client {
                hardware: Hardware::ethernet([0; 6]),
                uuid: None,
                kind,
                platform,
                vendor_class: String::new(),
                user_classes: Vec::new(),
                relay: None,
                host_name: None,
            };
            if platform.is_some_and(|platform| !view.has_platform(platform)) {
                continue;
            }
            let file = match view.boot(&client, server) {
                Some(boot) => boot,
                None if view.leaves_to_pxe(&client) => {
                    Boot { file: LEFT_TO_PXE.to_owned(), pxelinux: view.pxelinux(&client, "") }
                }
                None => continue,
            };
            let boot = file;
            let row = Row {
                table: view.name().map(str::to_owned),
                client: match number {
                    Some(_) => client.to_string(),
                    None => "iPXE".to_owned(),
                },
                architectures: Vec::new(),
                file: boot.file,
                config_file: boot.pxelinux.config,
                path_prefix: boot.pxelinux.prefix,
            };
            match rows.iter_mut().find(|it| it.table == row.table && it.client == row.client) {
                Some(known) => known.architectures.extend(number),
                None => rows.push(Row { architectures: number.into_iter().collect(), ..row }),
            }
        }
    }
    rows
}

/// What one entry of the menu boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuRow {
    /// The entry.
    pub name: String,
    /// What it boots, as `winpe.wim, image 2`.
    pub boots: String,
    /// The files that belong to it, and where they come from.
    pub parts: Vec<(String, Origin)>,
}

/// The menu, in order.
#[must_use]
pub fn menu_table(config: &Config) -> Vec<MenuRow> {
    let row = |entry: &Entry| MenuRow {
        name: entry.name.clone(),
        boots: boots(entry),
        parts: entry.files.iter().map(|part| (part.name.clone(), part.origin)).collect(),
    };
    config.entries.iter().map(row).collect()
}

fn boots(entry: &Entry) -> String {
    match entry.target() {
        None => String::new(),
        Some(Target::Local) => "the disk of the machine".to_owned(),
        Some(Target::Wim { image, index: None } | Target::Iso(image)) => image.to_owned(),
        Some(Target::Wim { image, index: Some(index) }) => format!("{image}, image {index}"),
        Some(Target::Windows { disc, index: None }) => format!("sources/boot.wim of {disc}"),
        Some(Target::Windows { disc, index: Some(index) }) => {
            format!("sources/boot.wim of {disc}, image {index}")
        }
        Some(Target::San(target)) => target.to_owned(),
        Some(Target::Pxe(program) | Target::Efi(program)) => program.to_owned(),
        Some(Target::Linux { kernel, initrds, args }) => {
            let files = [kernel].into_iter().chain(initrds.iter().map(String::as_str));
            let files: Vec<_> = files.collect();
            format!("{} {args}", files.join(" + ")).trim_end().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_a_row_for_each_kind_of_client() {
        let config: Config =
            "[[client]]\nname = 'vostro'\noui = '00:14:22'\nchain = 'dell'".parse().unwrap();
        let rows = boot_table(&config, [192, 168, 0, 10].into());
        let find = |table: Option<&str>, client: &str| {
            let mut rows = rows.iter();
            let row = rows.find(|it| it.table.as_deref() == table && it.client == client);
            row.map(|it| (it.architectures.as_slice(), it.file.as_str())).unwrap()
        };
        assert_eq!(find(None, "PXE on BIOS"), (&[0][..], "undionly.kpxe"));
        assert_eq!(find(None, "PXE on UEFI x64"), (&[7, 9][..], "snponly.efi"));
        let url = "http://192.168.0.10/snponly.efi";
        assert_eq!(find(None, "HTTP Boot on UEFI x64"), (&[16, 17][..], url));
        assert_eq!(find(None, "iPXE"), (&[][..], "http://192.168.0.10/boot.ipxe"));
        assert_eq!(find(Some("vostro"), "PXE on BIOS"), (&[0][..], "pxelinux.0"));
        let script = "http://192.168.0.10/clients/vostro/boot.ipxe";
        assert_eq!(find(Some("vostro"), "iPXE"), (&[][..], script));
        assert_eq!(rows.len() % 2, 0);
    }

    #[test]
    fn http_boot_gets_no_grub_and_the_table_says_so() {
        let file = |text: &str, client: &str| {
            let config: Config = text.parse().unwrap();
            let rows = boot_table(&config, [192, 168, 0, 10].into());
            rows.into_iter().find(|row| row.client == client).map(|row| row.file)
        };
        let grub = "[serve]\nsecure-boot = 'grub'";
        for platform in ["UEFI x64", "UEFI ARM64"] {
            let row = file(grub, &format!("HTTP Boot on {platform}")).unwrap();
            assert!(row.starts_with("(no offer"), "{row}");
        }
        assert_eq!(file(grub, "PXE on UEFI x64").as_deref(), Some("shimx64.efi"));
        // There is no shim for these, so they get an iPXE, which has HTTP.
        let ia32 = file(grub, "HTTP Boot on UEFI IA32").unwrap();
        assert_eq!(ia32, "http://192.168.0.10/snponly-ia32.efi");
        let ipxe = file("[serve]\nsecure-boot = 'ipxe'", "HTTP Boot on UEFI x64").unwrap();
        assert_eq!(ipxe, "http://192.168.0.10/snponly-shim.efi");
        let own = format!("{grub}\n[serve.boot-files]\nuefi-x64 = 'my.efi'");
        assert_eq!(file(&own, "HTTP Boot on UEFI x64").unwrap(), "http://192.168.0.10/my.efi");
    }

    #[test]
    fn a_table_for_one_architecture_has_rows_for_it_alone() {
        let config: Config = "[[client]]\nname = 'old'\narchitecture = 'bios'\nscript = 'old.ipxe'
            [[client]]\nname = 'far'\nrelay = '10.0.0.0/8'\nscript = 'https://h/far.ipxe'"
            .parse()
            .unwrap();
        let rows = boot_table(&config, [192, 168, 0, 10].into());
        let of =
            |table: &'static str| rows.iter().filter(move |it| it.table.as_deref() == Some(table));
        assert!(of("old").all(|row| !row.client.contains("UEFI")));
        let script = |table| of(table).find(|row| row.client == "iPXE").unwrap().file.clone();
        assert_eq!(script("old"), "http://192.168.0.10/old.ipxe");
        assert_eq!(script("far"), "https://h/far.ipxe");
    }
}
