//! Keys of other boot servers, and the keys of `winpe-iscsi.toml` that do the same. The table is a page of the book
//! too.

/// A key of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignKey {
    /// The program that has it.
    pub program: &'static str,
    /// Its name there, without the words that follow it.
    pub old: &'static str,
    /// What does the same here: keys with the path of their table, such as `serve.subnet.first`. Empty where
    /// nothing has to be said.
    pub new: &'static [&'static str],
    /// What to know about the change.
    pub note: &'static str,
}

const fn key(
    program: &'static str,
    old: &'static str,
    new: &'static [&'static str],
    note: &'static str,
) -> ForeignKey {
    ForeignKey { program, old, new, note }
}

const DNSMASQ: &str = "dnsmasq";
const DHCPD: &str = "ISC dhcpd";
const KEA: &str = "Kea";
const TFTPD: &str = "tftpd-hpa";
const PXELINUX: &str = "PXELINUX";

/// Every key, by program.
pub const FOREIGN_KEYS: &[ForeignKey] = &[
    key(DNSMASQ, "interface", &["serve.interface"], "one interface for each server"),
    key(DNSMASQ, "listen-address", &["serve.address"], "one address for each server"),
    key(DNSMASQ, "except-interface", &["serve.interface"], "name the interface to serve"),
    key(DNSMASQ, "bind-interfaces", &[], "the server always hears one interface alone"),
    key(
        DNSMASQ,
        "dhcp-range",
        &["serve.subnet.network", "serve.subnet.first", "serve.subnet.last", "serve.subnet.lease"],
        "or `--dhcp-range FIRST,LAST,LEASE`; for a range with `proxy`, `mode = \"proxy\"` in `[serve]`",
    ),
    key(
        DNSMASQ,
        "dhcp-host",
        &[
            "serve.reservation.mac",
            "serve.reservation.client-id",
            "serve.reservation.address",
            "serve.reservation.name",
        ],
        "tags are left out; boot settings of a machine go into a `[[client]]`",
    ),
    key(
        DNSMASQ,
        "dhcp-boot",
        &["serve.boot-files"],
        "seldom needed: boot files follow from the firmware, and the server names its own address",
    ),
    key(
        DNSMASQ,
        "dhcp-match",
        &["client.vendor-class"],
        "the server recognises BIOS and UEFI without a key",
    ),
    key(DNSMASQ, "dhcp-vendorclass", &["client.vendor-class"], "the beginning of option 60"),
    key(DNSMASQ, "dhcp-userclass", &[], "iPXE is recognised without a key"),
    key(DNSMASQ, "dhcp-mac", &["client.mac", "client.oui"], "the first three bytes are `oui`"),
    key(
        DNSMASQ,
        "dhcp-ignore",
        &["serve.allow"],
        "`allow = \"known\"` answers known machines only, `allow = \"pxe\"` those that boot",
    ),
    key(
        DNSMASQ,
        "dhcp-option",
        &[
            "serve.subnet.router",
            "serve.subnet.dns",
            "serve.subnet.domain",
            "serve.pxelinux.config-file",
            "serve.pxelinux.path-prefix",
            "serve.pxelinux.reboot-time",
            "serve.options",
        ],
        "options 3, 6, 15, 209, 210 and 211 have keys; others go into `[serve.options]` by name or number",
    ),
    key(
        DNSMASQ,
        "dhcp-option-force",
        &["serve.pxelinux.config-file"],
        "options of PXELINUX are always sent",
    ),
    key(
        DNSMASQ,
        "dhcp-leasefile",
        &["serve.state"],
        "the folder of the lease log, which has its own format",
    ),
    key(DNSMASQ, "dhcp-authoritative", &["serve.authoritative"], "on by default"),
    key(
        DNSMASQ,
        "dhcp-lease-max",
        &["serve.subnet.first", "serve.subnet.last"],
        "the pool is the bound",
    ),
    key(DNSMASQ, "dhcp-no-override", &[], "not needed"),
    key(
        DNSMASQ,
        "no-ping",
        &[],
        "the server asks by ARP whether an address is in use, which takes 0.3 s",
    ),
    key(
        DNSMASQ,
        "pxe-service",
        &["entry.name", "entry.title", "entry.pxe"],
        "each line of the menu is an `[[entry]]`",
    ),
    key(DNSMASQ, "pxe-prompt", &["serve.menu", "serve.timeout"], ""),
    key(DNSMASQ, "enable-tftp", &[], "TFTP is always on"),
    key(
        DNSMASQ,
        "tftp-root",
        &["serve.folders"],
        "a list; searched in order, then what the server makes",
    ),
    key(DNSMASQ, "tftp-secure", &[], "only files below the folders are served, whoever owns them"),
    key(DNSMASQ, "tftp-max", &["serve.limits.tftp-transfers"], ""),
    key(DNSMASQ, "tftp-no-blocksize", &[], "the client decides"),
    key(DNSMASQ, "domain", &["serve.subnet.domain"], ""),
    key(DNSMASQ, "user", &["serve.user"], ""),
    key(DNSMASQ, "log-dhcp", &[], "every exchange is logged"),
    key(
        DNSMASQ,
        "log-facility",
        &[],
        "the log goes to standard error, and to the journal in the unit",
    ),
    key(
        DHCPD,
        "subnet",
        &["serve.subnet.network"],
        "as `192.168.0.0/24` or `192.168.0.0/255.255.255.0`",
    ),
    key(
        DHCPD,
        "netmask",
        &["serve.subnet.network"],
        "the mask is part of it: `192.168.0.0/255.255.255.0`",
    ),
    key(DHCPD, "range", &["serve.subnet.first", "serve.subnet.last"], ""),
    key(DHCPD, "pool", &["serve.subnet.first", "serve.subnet.last"], "one pool for each subnet"),
    key(
        DHCPD,
        "shared-network",
        &["serve.subnet.network"],
        "the address of the relay selects the subnet",
    ),
    key(
        DHCPD,
        "filename",
        &["serve.boot-files"],
        "seldom needed: boot files follow from the firmware; `serve --check` shows them",
    ),
    key(
        DHCPD,
        "next-server",
        &["serve.http-base"],
        "not needed: boot files come from this server; `http-base` names another web server",
    ),
    key(DHCPD, "server-name", &[], "not needed"),
    key(
        DHCPD,
        "option",
        &["serve.subnet.router", "serve.subnet.dns", "serve.subnet.domain", "serve.options"],
        "options 3, 6 and 15 have keys; others go into `[serve.options]` by name or number",
    ),
    key(DHCPD, "routers", &["serve.subnet.router"], "one or a list"),
    key(DHCPD, "domain-name-servers", &["serve.subnet.dns"], "one or a list"),
    key(DHCPD, "domain-name", &["serve.subnet.domain"], ""),
    key(DHCPD, "subnet-mask", &["serve.subnet.network"], "it follows from the network"),
    key(DHCPD, "broadcast-address", &["serve.subnet.network"], "it follows from the network"),
    key(
        DHCPD,
        "default-lease-time",
        &["serve.subnet.lease"],
        "seconds; clients cannot ask for another time",
    ),
    key(
        DHCPD,
        "max-lease-time",
        &["serve.subnet.lease"],
        "seconds; clients cannot ask for another time",
    ),
    key(
        DHCPD,
        "host",
        &["serve.reservation.mac", "serve.reservation.address"],
        "boot settings go into a `[[client]]`",
    ),
    key(DHCPD, "hardware", &["serve.reservation.mac", "client.mac"], "without the word `ethernet`"),
    key(DHCPD, "fixed-address", &["serve.reservation.address"], ""),
    key(DHCPD, "group", &["client.mac"], "a `[[client]]` with a list of addresses"),
    key(DHCPD, "class", &["client.vendor-class"], ""),
    key(
        DHCPD,
        "match",
        &["client.vendor-class", "client.oui"],
        "the server recognises BIOS and UEFI without a key",
    ),
    key(DHCPD, "deny", &["serve.allow"], "for `unknown-clients`: `allow = \"known\"`"),
    key(DHCPD, "ignore", &["serve.allow"], "for `unknown-clients`: `allow = \"known\"`"),
    key(
        DHCPD,
        "lease-file-name",
        &["serve.state"],
        "the folder of the lease log, which has its own format",
    ),
    key(DHCPD, "ping-check", &[], "the server asks by ARP whether an address is in use"),
    key(DHCPD, "ddns-update-style", &[], "there is no DNS server"),
    key(DHCPD, "interfacesv4", &["serve.interface"], "of /etc/default/isc-dhcp-server"),
    key(KEA, "Dhcp4", &["serve.interface"], "the table is `[serve]`"),
    key(KEA, "interfaces-config", &["serve.interface"], ""),
    key(KEA, "interfaces", &["serve.interface"], "one interface for each server"),
    key(KEA, "subnet4", &["serve.subnet.network"], ""),
    key(KEA, "pools", &["serve.subnet.first", "serve.subnet.last"], "one pool for each subnet"),
    key(
        KEA,
        "option-data",
        &["serve.subnet.router", "serve.subnet.dns", "serve.subnet.domain", "serve.options"],
        "options 3, 6 and 15 have keys; others go into `[serve.options]` by name or number",
    ),
    key(KEA, "valid-lifetime", &["serve.subnet.lease"], ""),
    key(KEA, "max-valid-lifetime", &["serve.subnet.lease"], "clients cannot ask for another time"),
    key(KEA, "renew-timer", &[], "half of the lease"),
    key(KEA, "rebind-timer", &[], "seven eighths of the lease"),
    key(
        KEA,
        "boot-file-name",
        &["serve.boot-files"],
        "seldom needed: boot files follow from the firmware",
    ),
    key(KEA, "server-hostname", &[], "not needed"),
    key(KEA, "reservations", &["serve.reservation.mac", "serve.reservation.address"], ""),
    key(KEA, "hw-address", &["serve.reservation.mac"], ""),
    key(KEA, "ip-address", &["serve.reservation.address"], ""),
    key(KEA, "client-classes", &["client.name"], "each is a `[[client]]`"),
    key(
        KEA,
        "test",
        &["client.vendor-class", "client.mac", "client.oui", "client.uuid"],
        "no expressions: every key that is given must match",
    ),
    key(KEA, "lease-database", &["serve.state"], "leases are a log on the disk"),
    key(
        KEA,
        "host-reservation-identifiers",
        &["serve.reservation.mac", "serve.reservation.client-id"],
        "by hardware address and client identifier",
    ),
    key(KEA, "loggers", &[], "the log goes to standard error; `--json` prints it for programs"),
    key(TFTPD, "TFTP_DIRECTORY", &["serve.folders"], "a list"),
    key(TFTPD, "TFTP_ADDRESS", &["serve.interface"], "the port is 69"),
    key(TFTPD, "TFTP_USERNAME", &["serve.user"], ""),
    key(
        TFTPD,
        "TFTP_OPTIONS",
        &["serve.limits.tftp-transfers"],
        "files below the folders only, as with --secure; nothing is written, so there is no --create",
    ),
    key(
        PXELINUX,
        "LABEL",
        &["entry.name"],
        "or keep your pxelinux.cfg in a folder: a file there is served instead of the one that is made",
    ),
    key(
        PXELINUX,
        "KERNEL",
        &["entry.wim", "entry.iso", "entry.san", "entry.pxe"],
        "an `[[entry]]` boots one thing; other kernels stay in your own pxelinux.cfg",
    ),
    key(PXELINUX, "LINUX", &["serve.folders"], "keep your pxelinux.cfg in a folder"),
    key(PXELINUX, "INITRD", &["serve.folders"], "keep your pxelinux.cfg in a folder"),
    key(PXELINUX, "APPEND", &["serve.folders"], "keep your pxelinux.cfg in a folder"),
    key(PXELINUX, "LOCALBOOT", &["entry.local"], ""),
    key(PXELINUX, "DEFAULT", &["serve.default"], "the name of an entry, not a program"),
    key(PXELINUX, "ONTIMEOUT", &["serve.default"], ""),
    key(PXELINUX, "TIMEOUT", &["serve.timeout"], "seconds, not tenths"),
    key(PXELINUX, "PROMPT", &["serve.menu"], ""),
    key(PXELINUX, "configfile", &["serve.pxelinux.config-file"], "option 209"),
    key(PXELINUX, "pathprefix", &["serve.pxelinux.path-prefix"], "option 210"),
    key(PXELINUX, "reboottime", &["serve.pxelinux.reboot-time"], "option 211"),
];

/// What to write instead of a key that another program has; `None` for a key that none of them has.
pub(crate) fn hint(found: &str) -> Option<String> {
    let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let named = |it: &&ForeignKey| plain(it.old) == plain(found);
    let foreign = FOREIGN_KEYS.iter().find(named)?;
    let ForeignKey { program, old, note, .. } = foreign;
    let new = spelt(foreign.new);
    Some(match (new.is_empty(), note.is_empty()) {
        (true, _) => format!("{old} of {program} has no key here: {note}"),
        (false, true) => format!("{old} of {program} is {new} here"),
        (false, false) => format!("{old} of {program} is {new} here; {note}"),
    })
}

/// `serve.subnet.first` and `serve.subnet.last` as `first, last in [[serve.subnet]]`.
fn spelt(paths: &[&str]) -> String {
    let mut tables: Vec<(&str, Vec<&str>)> = Vec::new();
    for (table, key) in paths.iter().filter_map(|path| path.rsplit_once('.')) {
        match tables.last_mut() {
            Some((last, keys)) if *last == table => keys.push(key),
            _ => tables.push((table, vec![key])),
        }
    }
    let lists = ["client", "entry", "serve.subnet", "serve.reservation"];
    let spelt = tables.iter().map(|(table, keys)| {
        let keys = keys.join(", ");
        if lists.contains(table) {
            format!("{keys} in [[{table}]]")
        } else {
            format!("{keys} in [{table}]")
        }
    });
    spelt.collect::<Vec<_>>().join("; ")
}

/// As [`hint`], for the line at which a parser of TOML stopped. A key that is also one of this program's says nothing
/// there: the line is likely to be meant for this program.
pub(crate) fn hint_of_line(line: &str) -> Option<String> {
    let word = first_word(line);
    let foreign = FOREIGN_KEYS.iter().find(|it| it.old.eq_ignore_ascii_case(word))?;
    let ours =
        foreign.new.iter().any(|path| path.ends_with(&format!(".{}", word.to_ascii_lowercase())));
    if ours { None } else { hint(word) }
}

/// The word that a line of another program's file begins with.
fn first_word(line: &str) -> &str {
    let line = line.trim_start().trim_start_matches(['"', '\'']);
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    &line[..line.find(|c: char| !is_part(c)).unwrap_or(line.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_program_is_known_in_every_spelling() {
        let mask = hint("netmask").unwrap();
        assert!(mask.contains("network in [[serve.subnet]]"), "{mask}");
        let range = hint("dhcp-range").unwrap();
        assert!(range.contains("network, first, last, lease in [[serve.subnet]] here"), "{range}");
        for found in ["next-server", "next_server", "NEXT-SERVER"] {
            assert!(hint(found).unwrap().contains("http-base in [serve]"), "{found}");
        }
        assert!(hint("enable-tftp").unwrap().contains("TFTP is always on"));
        assert_eq!(hint("interfaces").unwrap().split_once(' ').unwrap().0, "interfaces");
        assert_eq!(hint("conect"), None);
    }

    #[test]
    fn each_key_is_there_once_and_says_something() {
        for (index, row) in FOREIGN_KEYS.iter().enumerate() {
            assert!(!row.new.is_empty() || !row.note.is_empty(), "{row:?}");
            let twice =
                FOREIGN_KEYS[..index].iter().find(|it| it.old.eq_ignore_ascii_case(row.old));
            assert!(twice.is_none(), "{row:?} and {twice:?}");
        }
    }

    #[test]
    fn lines_of_other_programs_begin_with_their_key() {
        for (line, word) in [
            ("dhcp-range=192.168.0.50,192.168.0.150,12h", "dhcp-range"),
            ("  next-server 10.0.0.1;", "next-server"),
            ("subnet 10.0.0.0 netmask 255.0.0.0 {", "subnet"),
            ("  \"subnet4\": [", "subnet4"),
            ("TFTP_DIRECTORY=\"/srv/tftp\"", "TFTP_DIRECTORY"),
            ("# comment", ""),
            ("", ""),
        ] {
            assert_eq!(first_word(line), word);
        }
        assert!(hint_of_line("dhcp-range=1,2").is_some());
        // Its own key, with the quotes forgotten.
        assert_eq!(hint_of_line("interface = eth1"), None);
        assert_eq!(hint_of_line("timeout = 5s"), None);
    }
}
