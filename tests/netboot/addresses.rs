//! `serve --check`: addresses that are given, and menus that an administrator brings along.

use std::fs;

use serde_json::Value;

use crate::check::check;

#[test]
fn the_addresses_that_are_given_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = |words: &[&str], file: &str| {
        fs::write(folder.path().join("c.toml"), file).unwrap();
        let run = check(folder.path(), &[&["--config", "c.toml"], words].concat());
        let after = run.stdout.split_once("\naddresses\n").map(|it| it.1.to_owned());
        let shown = after.and_then(|it| it.split_once("\n\n").map(|it| it.0.to_owned()));
        (shown.unwrap_or_default(), run.stderr)
    };
    let (shown, _) = addresses(&["--mode", "proxy"], "");
    assert_eq!(shown, "  none: another DHCP server gives them");
    let (shown, _) = addresses(&["--mode", "dhcp"], "");
    let pool = "127.128.0.0 to 127.128.0.99, lease 3600 s, no router, no DNS";
    assert_eq!(shown, format!("  127.0.0.0/8: {pool}"));
    let (shown, _) = addresses(&["--dhcp-range", "127.0.0.50,127.0.0.60,12h"], "");
    let range = "  127.0.0.0/8: 127.0.0.50 to 127.0.0.60, lease 43200 s, no router, no DNS";
    assert_eq!(shown, format!("  unless another DHCP server answers:\n{range}"));
    let far = "[[serve.subnet]]\nnetwork = '192.168.50.0/24'\nfirst = '192.168.50.10'\n\
               last = '192.168.50.20'\n[[serve.reservation]]\nmac = '52:54:00:00:00:01'\n\
               address = '192.168.50.7'\nname = 'pc7'\n";
    let (shown, errors) = addresses(&[], far);
    let rows = "  192.168.50.0/24: 192.168.50.10 to 192.168.50.20, lease 3600 s, no router, no DNS, \
                1 reservation\n    192.168.50.7 for pc7 (52:54:00:00:00:01)\n  127.0.0.0/8: no pool, \
                lease 3600 s, no router, no DNS";
    assert_eq!(shown, format!("  unless another DHCP server answers:\n{rows}"));
    assert!(
        errors.contains("no [[serve.subnet]] has the address 127.0.0.1 of this server"),
        "{errors}"
    );
}

#[test]
fn an_existing_tree_of_pxelinux_is_searched() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("boot/pxelinux.cfg");
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join("01-52-54-00-12-34-56"), "default a").unwrap();
    let option = |file: &str| {
        fs::write(folder.path().join("c.toml"), file).unwrap();
        let run = check(folder.path(), &["--config", "c.toml", "--json"]);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        (report["clients"][0]["config_file"].clone(), report["hints"].to_string())
    };
    let serve = "[serve]\nchain = 'pxelinux'\n";
    assert_eq!(option(serve).0, "pxelinux.cfg/default");
    let (none, hints) = option(&format!("{serve}folders = ['boot']\n"));
    assert_eq!(none, Value::Null);
    assert!(hints.contains("boot/pxelinux.cfg has menus of PXELINUX"), "{hints}");
    let named = option(&format!("{serve}folders = ['boot']\npxelinux.config-file = 'lab'\n"));
    assert_eq!(named.0, "lab");
}

#[test]
fn addresses_that_cannot_be_given_are_refused_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |words: &[&str], file: &str| {
        fs::write(folder.path().join("c.toml"), file).unwrap();
        let run = check(folder.path(), &[&["--config", "c.toml"], words].concat());
        assert_eq!(run.code, Some(2), "{}", run.stdout);
        run.stderr
    };
    let reserved = |address: &str| {
        format!(
            "[serve]\nmode = 'dhcp'\n[[serve.reservation]]\nmac = '02:00:00:00:00:01'\naddress = '{address}'\n"
        )
    };
    for (file, says) in [
        (reserved("127.0.0.1"), "error: c.toml:5:11: 127.0.0.1 is reserved, but is this"),
        (reserved("10.0.0.1"), "error: c.toml:5:11: 10.0.0.1 is reserved, but is not in"),
        (
            format!("{}[[serve.subnet]]\nnetwork = '127.0.0.0/8'\n", reserved("10.0.0.1")),
            "error: c.toml:5:11: 10.0.0.1 is reserved, but no [[serve.subnet]]",
        ),
    ] {
        let errors = refused(&[], &file);
        assert!(errors.starts_with(says), "{errors}");
    }
    let errors = refused(&["--dhcp-range", "10.0.0.1,10.0.0.9"], "");
    assert!(errors.starts_with("error: --dhcp-range: 10.0.0.1 is not in 127.0.0.0/8"), "{errors}");
    let errors = refused(&["--dhcp-range", "127.0.0.9,127.0.0.1"], "");
    assert!(errors.contains("127.0.0.9 to 127.0.0.1 is not within it"), "{errors}");
}
