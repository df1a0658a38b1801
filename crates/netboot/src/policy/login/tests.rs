//! Which machine gets which login, and that no error or script shows a secret.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use winpe_san::Secret;

use super::*;
use crate::policy::ipxe;

fn machine(number: u8) -> Hardware {
    Hardware::ethernet([0x52, 0x54, 0, 0, 0, number])
}

struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn secret(&self, name: &str, text: &str, mode: u32) {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    fn read(&self, config: &str) -> Result<Logins, LoginError> {
        let mut config: Config = config.parse().unwrap();
        config.read_paths_from(self.0.path());
        Logins::read(&config)
    }
}

#[test]
fn each_machine_has_its_own_and_what_it_has_not_is_that_of_all() {
    let ground = Ground::new();
    ground.secret("all", "lab\nsecret-of-lab\n", 0o600);
    ground.secret("pc1", "pc1\nsecret-of-pc1\n", 0o600);
    ground.secret("back", "target\nsecret-of-nas\n", 0o640);
    let logins = ground.read(
        "[serve.login]\ninitiator-name = 'iqn.2026-11.com.example:{mac}'\n\
         chap-secret-file = 'all'\n[[client]]\nname = 'pc1'\nmac = '52-54-00-00-00-01'\n\
         vendor-class = 'PXEClient'\n\
         login = { chap-secret-file = 'pc1', mutual-chap-secret-file = 'back' }\n",
    );
    let logins = logins.unwrap();
    let (pc1, pc2) = (logins.of(machine(1)).unwrap(), logins.of(machine(2)).unwrap());
    assert_eq!(pc1.initiator.as_deref(), Some("iqn.2026-11.com.example:52-54-00-00-00-01"));
    assert_eq!(pc2.initiator.as_deref(), Some("iqn.2026-11.com.example:52-54-00-00-00-02"));
    let user = |chap: &Option<Chap>| chap.as_ref().map(|it| it.user().to_owned());
    assert_eq!([user(&pc1.chap), user(&pc2.chap)], [Some("pc1".into()), Some("lab".into())]);
    assert_eq!([user(&pc1.mutual), user(&pc2.mutual)], [Some("target".into()), None]);
    let rows = logins.rows();
    assert_eq!(rows[0].table.as_deref(), Some("pc1"));
    assert_eq!([&rows[0].chap, &rows[1].chap], [&Some("pc1 ***".into()), &Some("lab ***".into())]);
    assert!(!format!("{logins:?} {pc1:?} {rows:?}").contains("secret-of"));
}

#[test]
fn scripts_fetch_a_login_from_this_server() {
    let text = "[serve]\nhttp-base = 'http://files.example.org/'\nhttp-base-holds = ['scripts']\n\
                [serve.login]\ninitiator-name = 'iqn.2026-11.com.example:{mac}'\n\
                [[entry]]\nname = 'disk'\nsan = 'iscsi:h::::iqn.a:b'\n\
                [[entry]]\nname = 'pe'\nwim = 'http://h/winpe.wim'\n";
    let config: Config = text.parse().unwrap();
    let server = [192, 168, 0, 10].into();
    let menu = ipxe::boot_script(&config, &config.views().next().unwrap(), server);
    let login = "chain http://192.168.0.10/login.ipxe || goto failed\n\
        imgfetch --timeout 1000 --name chosen http://192.168.0.10/chosen/san/disk && imgfree chosen ||\n\
        sanboot iscsi:h";
    assert!(menu.contains(login), "{menu}");
    let batch = "initrd --name winpe-iscsi-chap.cmd http://192.168.0.10/winpe-iscsi-chap.cmd \
                 winpe-iscsi-chap.cmd ||\ninitrd --name boot.wim";
    assert!(menu.contains(batch), "{menu}");
    let entry = ipxe::entry_script(&config, &config.entries[0], server);
    assert!(entry.contains("chain http://192.168.0.10/login.ipxe\nimgfetch"), "{entry}");
}

#[test]
fn one_file_may_have_a_line_for_each_machine() {
    let ground = Ground::new();
    let lines =
        "# the lab\n52:54:00:00:00:01 pc1 secret of pc1\n\n52-54-00-00-00-02\tpc2 secret-of-pc2\n";
    ground.secret("all", lines, 0o600);
    let logins = ground.read("[serve.login]\nchap-secret-file = 'all'").unwrap();
    let secret =
        |number| logins.of(machine(number))?.chap.map(|it| it.secret().expose().to_owned());
    assert_eq!(secret(1).as_deref(), Some("secret of pc1"));
    assert_eq!(secret(2).as_deref(), Some("secret-of-pc2"));
    assert_eq!(logins.of(machine(3)), None);
}

#[test]
fn an_error_says_where_and_quotes_no_secret() {
    let ground = Ground::new();
    let config = "[serve.login]\nchap-secret-file = 'all'";
    for (text, mode, says) in [
        ("lab\nsecret-of-lab\n", 0o604, "every user"),
        ("52:54:00:00:00:01 secret-of-pc1\n", 0o600, "line 1: expected MAC"),
        ("52:54:00:00:00:01 pc1 secret-of-pc1\nsecret-of pc2 secret-of-pc2", 0o600, "line 2"),
        ("52:54:00:00:00:01 pc1 secret-of\n", 0o600, "line 1: the CHAP secret"),
        (
            "52:54:00:00:00:01 a secret-of-pc1\n52-54-00-00-00-01 b secret-of-pc1",
            0o600,
            "line 2: 52:54:00:00:00:01 has a line already",
        ),
        ("lab\n", 0o600, "two lines"),
    ] {
        ground.secret("all", text, mode);
        let error = ground.read(config).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret-of"), "{error:?}");
    }
}

#[test]
fn no_secret_lies_where_clients_may_ask_for_it() {
    let ground = Ground::new();
    fs::create_dir(ground.0.path().join("served")).unwrap();
    ground.secret("served/chap", "lab\nsecret-of-lab\n", 0o600);
    let login = "[serve.login]\nchap-secret-file = 'served/chap'\n";
    let tls = "[serve.tls]\ncertificate = 'a'\nkey = 'served/chap'\n";
    for table in [login, tls] {
        assert!(ground.read(table).is_ok());
        // Under another name too.
        for folder in ["served", "served/../served", "."] {
            let error = ground.read(&format!("[serve]\nfolders = ['{folder}']\n{table}"));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("outside of the folder"), "{error}");
        }
    }
}

#[test]
fn a_login_goes_by_hardware_address_and_has_a_valid_name() {
    let error = |text: &str| text.parse::<Config>().unwrap_err().to_string();
    let by_uuid = "[[client]]\nname = 'a'\nvendor-class = 'PXE'\nlogin = { initiator-name = 'iqn.2026-11.a.b:c' }";
    assert!(error(by_uuid).contains("needs mac or oui"), "{}", error(by_uuid));
    for name in ["{mac}", "iqn.2026-11.com.example:{name}", "iqn.2026-11.com.example:a b"] {
        let error = error(&format!("[serve.login]\ninitiator-name = '{name}'"));
        assert!(error.contains("initiator-name of [serve]"), "{error}");
    }
}

#[test]
fn no_character_of_a_secret_reaches_the_command_line_of_ipxe() {
    let chap = Chap::new("lab", Secret::new("a ${x} && #'\"")).unwrap();
    let login = Login { initiator: None, chap: Some(chap), mutual: None };
    let script = login.script();
    let expected = "#!ipxe\nset username:hex 6c:61:62\n\
                    set password:hex 61:20:24:7b:78:7d:20:26:26:20:23:27:22\n";
    assert_eq!(script, expected);
}
