//! Laws of the configuration file, and what it refuses.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "(\\PC|\n){0,80}",
        key in "(timeout|http-port|folders|default|state|index)",
        value in "('\\PC{0,12}'|-?[0-9]{0,22}|\\[{0,300}|true)",
    ) {
        for text in [text, format!("[serve]\n{key} = {value}"), format!("[[entry]]\n{key} = {value}")] {
            if let Err(errors) = text.parse::<Config>() {
                for error in errors.iter() {
                    let place = error.place.unwrap();
                    prop_assert!(place.line >= 1 && place.column >= 1);
                    prop_assert!(!error.reason.to_string().is_empty());
                }
            }
        }
    }
}

/// Lines that make sense together, and lines that do not.
const LINES: &[&str] = &[
    "[serve]",
    "[serve.login]",
    "[serve.tls]",
    "[[serve.subnet]]",
    "[[serve.reservation]]",
    "[[client]]",
    "[[entry]]",
    "[watch]",
    "[serv]",
    "name = 'a'",
    "name = 'a b'",
    "name = 7",
    "mac = '02:02:02:02:02:02'",
    "mac = ['2', '02-02-02-02-02-02', '']",
    "mac = [1, [2, { a = 3 }]]",
    "network = '10.0.0.0/8'",
    "network = '10.1.0.1/16'",
    "first = '10.0.0.1'",
    "last = 3",
    "address = '10.0.0.9'",
    "local = true",
    "san = 'x'",
    "index = -1",
    "default = 'a'",
    "http-base-holds = ['scripts', 'all', 'images']",
    "login = { initiator-name = 'x', y = 1 }",
    "listen = 'off'",
    "limits = { http-connections = 0, tftp-transfers = 0 }",
    "limits.page-streams = 9999",
    "key = 'k'",
    "= 1",
];

proptest! {
    #[test]
    fn whatever_is_wrong_each_error_is_somewhere_in_the_file(
        lines in proptest::collection::vec(proptest::sample::select(LINES), 0..24),
    ) {
        let text = lines.join("\n");
        let Err(errors) = text.parse::<Config>() else { return Ok(()) };
        prop_assert!(errors.iter().count() >= 1);
        for error in errors.iter() {
            let Place { line, column } = error.place.unwrap();
            let line = text.split('\n').nth(line - 1).expect("a line of the file");
            prop_assert!((1..=line.chars().count() + 1).contains(&column), "{} in {}", error, text);
        }
        // No error is reported twice.
        let places: std::collections::BTreeSet<_> =
            errors.iter().map(|error| (error.place, error.reason.to_string())).collect();
        prop_assert_eq!(places.len(), errors.iter().count(), "{}", text);
    }
}

fn error(text: &str) -> String {
    text.parse::<Config>().unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_valid() {
    assert_eq!("".parse::<Config>(), Ok(Config::default()));
}

#[test]
fn the_part_of_others_is_left_to_them() {
    let config = "[inject]\nwim = 'winpe.wim'\nmore = [{ a = 1 }]\n".parse::<Config>();
    assert_eq!(config, Ok(Config::default()));
}

#[test]
fn an_unknown_key_is_refused_wherever_it_stands() {
    for text in [
        "[server]",
        "[serve]\nhttp_port = 80",
        "[serve.pxelinux]\nmagic = 1",
        "[[serve.subnet]]\nnetwork = '10.0.0.0/8'\npool = 1",
        "[[serve.reservation]]\nmac = '2:2:2:2:2:2'\naddress = '10.0.0.1'\nhost = 'a'",
        "[[client]]\nname = 'a'\nmac = '02:02:02:02:02:02'\nip = '10.0.0.1'",
        "[[entry]]\nname = 'a'\nlocal = true\nlabel = 'b'",
        "[serve.boot-files]\nuefi = 'a.efi'",
    ] {
        let error = error(text);
        assert!(error.contains("unknown") || error.contains("invalid"), "{text}: {error}");
    }
    assert!(error("[serve]\n\n  http_port = 80").starts_with("line 3, column 3: unknown field"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (text, expected) in [
        ("[serve.pxelinux]\npath-prefix = 'http://a'", "must end in a slash"),
        ("[serve.pxelinux]\nconfig-file = \"a\\nshell\"", "scripts do not take"),
        ("[serve.pxelinux]\nconfig-file = 'a b'", "scripts do not take"),
        ("[serve.pxelinux]\nconfig-file = 'a${user}'", "scripts do not take"),
        ("[serve.pxelinux]\npath-prefix = \"a\\rb/\"", "scripts do not take"),
        ("[serve.pxelinux]\npath-prefix = 'http://a;b/'", "scripts do not take"),
        ("[serve]\ndefault = 'x'", "is not in the menu"),
        (
            "[[serve.subnet]]\nnetwork = '10.0.0.0/8'\n[[serve.subnet]]\nnetwork = '10.1.0.0/16'",
            "subnet 10.1.0.0/16 overlaps with subnet 10.0.0.0/8",
        ),
        ("[[client]]\nname = 'a'", "needs one of mac"),
        ("[[client]]\nname = 'a/b'\noui = '00:14:22'", "letters, digits"),
        ("[[entry]]\nname = 'a'\nlocal = true\n[[entry]]\nname = 'a'\nlocal = true", "two entries"),
        ("[[client]]\nname = 'a'\nmac = '00:14:22'", "a MAC address"),
        ("[[client]]\nname = 'a'\noui = '00:14:22:1'", "three bytes"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

/// What is wrong with a file: `line:column` and the words of each error.
fn places(text: &str) -> Vec<(String, String)> {
    let errors = text.parse::<Config>().unwrap_err();
    let place = |error: &ConfigError| error.place.map(|it| format!("{}:{}", it.line, it.column));
    errors.iter().map(|it| (place(it).unwrap(), it.reason.to_string())).collect()
}

/// A file with an error in each section.
const ALL_WRONG: &str = "\
[serve]
http_port = 80
http-port = 0
http-base = 'ftp://h/'
default = 'x'
timeout = 'soon'
login = { initiator-name = 'pc' }
pxelinux.path-prefix = 'http://a'

[[serve.subnet]]
network = '10.0.0.0/8'
first = '10.0.0.1'
last = '10.2.0.1'
lease = 5
domain = ''

[[serve.subnet]]
network = '10.1.0.0/16'
dns = 1

[[serve.reservation]]
mac = '2:2'
address = '10.0.0.9'

[[client]]
name = 'a b'
mac = ['02:02:02:02:02:02', '2']

[[client]]
name = 'c'
default = 'y'

[[entry]]
name = 'd'
local = true

[[entry]]
name = 'd'
san = 'http://h'
index = 3

[[entry]]
name = 'e'
";

#[test]
fn all_errors_of_a_file_are_found_at_once_each_where_it_is() {
    let found = places(ALL_WRONG);
    let expected = [
        ("2:1", "unknown field `http_port`"),
        ("3:13", "http-port must not be 0"),
        ("4:13", "must be a URL"),
        ("5:11", "the default entry \"x\""),
        ("6:11", "invalid type: string \"soon\""),
        ("7:28", "initiator-name of [serve]"),
        ("8:24", "must end in a slash"),
        ("12:9", "subnet 10.0.0.0/8: a pool has at most"),
        ("14:9", "below 60 s"),
        ("15:10", "expected a domain"),
        ("18:11", "overlaps with subnet 10.0.0.0/8"),
        ("19:7", "invalid type: integer"),
        ("22:7", "a MAC address"),
        ("26:8", "the name of client"),
        ("27:29", "expected a MAC address"),
        ("29:1", "needs one of mac"),
        ("31:11", "the default entry \"y\""),
        ("38:8", "two entries"),
        ("39:7", "character 1: expected iscsi:, found"),
        ("40:9", "index belongs to"),
        ("42:1", "needs exactly one of"),
    ];
    for (found, (place, says)) in found.iter().zip(expected) {
        assert!(found.0 == place && found.1.contains(says), "{found:?}, expected {place} {says}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn each_key_of_the_server_is_found_where_it_is() {
    for (text, place) in [
        ("[serve]\n\nhttp-port = 0", "3:13"),
        ("serve.http-port = 0", "1:19"),
        ("serve = { timeout = 3, http-port = 0 }", "1:36"),
        ("[serve]\n  'http-base' = 'h'", "2:17"),
        ("[serve]\nhttp-base-holds = ['scripts']", "2:19"),
        ("[serve]\nhttp-base = 'http://h/'\nhttp-base-holds = []", "3:19"),
        ("[serve]\ndefault = \"ü\"", "2:11"),
        ("[serve.login]\n# 日本\ninitiator-name = 'x'", "3:18"),
        ("[serve.pxelinux]\nconfig-file = 'a b'", "2:15"),
        ("[[serve.subnet]]\nnetwork = '10.0.0.0/8'\nfirst = '10.0.0.1'", "3:9"),
        ("[[serve.subnet]]\nnetwork = '10.0.0.0/8'\n[[serve.subnet]]\nlast = '10.0.0.1'", "3:1"),
        ("[[client]]\nname = 'ä'\nvendor-class = ''", "2:8"),
        ("[[client]]\nname = 'a'\nuuid = 'b'", "3:8"),
        ("[[client]]\nname = 'a'\nvendor-class = 'P'\nlogin = { initiator-name = 'x' }", "4:9"),
    ] {
        let found = places(text);
        assert_eq!(found[0].0, place, "{text}: {found:?}");
    }
}

#[test]
fn a_key_that_is_refused_leads_to_no_second_error() {
    for text in [
        // Without it the subnet would have half a pool, the client no address, the menu no such entry.
        "[[serve.subnet]]\nnetwork = '10.0.0.0/8'\nfirst = 1\nlast = '10.0.0.9'",
        "[[client]]\nname = 'a'\nmac = 1",
        "[serve]\ndefault = 'a'\n[[entry]]\nname = 'a'\nlocal = 1",
        "[serve]\ndefault = 'a'\n[[entry]]\nname = 'a'\nlocal = true\nlabel = 'b'",
        "[serve]\ndefault = 'a'\n[[entry]]\nnmae = 'a'\nlocal = true",
        "[serve]\nhttp-base = 1\nhttp-base-holds = ['scripts']",
    ] {
        let found = places(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
    }
}

#[test]
fn the_number_of_errors_of_shape_is_bounded() {
    let keys: String = (0..1000).map(|number| format!("k{number} = 1\n")).collect();
    assert_eq!(places(&format!("[serve]\n{keys}")).len(), 20);
    let broken = "[serve\n".repeat(1000);
    assert!(places(&broken).len() <= 20);
}

#[test]
fn what_the_command_line_changed_has_no_place() {
    let mut config: Config = "[serve]\ntimeout = 3".parse().unwrap();
    config.serve.http_port = 0;
    config.serve.default = Some("pe".to_owned());
    let errors = config.check().unwrap_err();
    assert!(errors.iter().all(|error| error.place.is_none()));
    let text = "the default entry \"pe\" is not in the menu; http-port must not be 0";
    assert_eq!(errors.to_string(), text);
}
