//! The scripts that are put into the image.
//!
//! Fixed texts are data, in `crates/inject/startup`.

use winpe_san::{CHAP_AT_BOOT, PORT, SanUri};

use crate::files::own::{CHAP, FOLDER};
use crate::image::ImagePath;

/// Runs before the network starts.
pub(super) const EARLY: &str = "early.cmd";
/// Starts the service and logs in.
pub(super) const CONNECT: &str = "connect.cmd";

const HEAD: &str = include_str!("../../startup/head.cmd");
const EVENT_LOG: &str = include_str!("../../startup/event-log.cmd");
const SERVICE: &str = include_str!("../../startup/service.cmd");

/// The path by which a script is called.
pub(super) fn place(script: &str) -> String {
    format!(r"%SystemRoot%\System32\{FOLDER}\{script}")
}

/// Whether a line names a script of ours by its folder.
pub(super) fn is_named_in(script: &str, line: &str) -> bool {
    line.to_ascii_lowercase().replace('/', "\\").contains(&format!(r"\{FOLDER}\{script}"))
}

/// The script that runs before the network starts. Drivers are paths of `.inf` files below [`FOLDER`].
pub(super) fn early(event_log: bool, drivers: &[ImagePath]) -> Vec<u8> {
    let mut text = format!("{HEAD}rem Made by winpe-iscsi. Runs before the network starts.\n");
    if event_log {
        text.push_str(EVENT_LOG);
    }
    if !drivers.is_empty() {
        text.push('\n');
    }
    for inf in drivers {
        text.push_str(&format!("{LOAD}{}\"\n", inf.as_str().replace('%', "%%")));
    }
    text.push_str("exit /b 0\n");
    windows(&text)
}

/// A line of [`EVENT_LOG`] that nothing else in the script has.
const STOP_EVENT_LOG: &str = "net stop eventlog /y";
const LOAD: &str = "drvload \"%~dp0";

/// Whether an early script restarts the event log, and the `.inf` files below [`FOLDER`] that it loads.
pub(super) fn read_early(script: &[u8]) -> (bool, Vec<ImagePath>) {
    let text = String::from_utf8_lossy(script);
    let loaded = text.lines().filter_map(|line| line.strip_prefix(LOAD)?.strip_suffix('"'));
    let drivers = loaded.map(|inf| ImagePath::new(&inf.replace("%%", "%"))).collect();
    (text.lines().any(|line| line == STOP_EVENT_LOG), drivers)
}

/// The targets of a login script, and where it takes the CHAP name and secret from.
pub(super) fn read_connect(script: &[u8]) -> (Vec<SanUri>, ChapFrom) {
    let text = String::from_utf8_lossy(script);
    let targets = text.lines().filter_map(|line| line.strip_prefix("rem ")?.parse().ok());
    let image = text.contains(&format!("call \"%~dp0{CHAP}\""));
    (targets.collect(), ChapFrom { image, server: text.contains(CHAP_AT_BOOT) })
}

/// Where the CHAP name and secret of a login come from. If there are both, the boot server's are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ChapFrom {
    /// From [`CHAP`] in the image.
    pub(super) image: bool,
    /// From [`CHAP_AT_BOOT`], which the boot server adds.
    pub(super) server: bool,
}

/// The script that logs in to all targets.
pub(super) fn connect(targets: &[SanUri], chap: ChapFrom) -> Vec<u8> {
    let mut text =
        format!("{HEAD}rem Made by winpe-iscsi. Run it again if a login failed.\n{SERVICE}");
    if chap.image {
        text.push_str(&format!("call \"%~dp0{CHAP}\"\n"));
    }
    if chap.server {
        let file = format!(r"%SystemRoot%\System32\{CHAP_AT_BOOT}");
        text.push_str(&format!("if exist \"{file}\" call \"{file}\"\n"));
        text.push_str("if not defined chap_secret echo The boot server gave no CHAP secret\n");
    }
    for (number, target) in (1..).zip(targets) {
        text.push_str(&login(number, target, chap.image || chap.server));
    }
    if !targets.is_empty() {
        text.push_str("\necho rescan| diskpart >nul\n");
    }
    text.push_str("exit /b %failed%\n");
    windows(&text)
}

/// Logs in to one target. The network may have no address yet, so the portal is asked for a minute.
fn login(number: usize, uri: &SanUri, chap: bool) -> String {
    const TRIES: u32 = 20;
    const SECONDS: u32 = 3;
    let (host, target) = (uri.host(), uri.target());
    let portal = |chap| portal(uri, chap);
    // A target that requires CHAP mostly does not require it for discovery.
    let with_chap = match chap {
        true => format!("iscsicli {} && goto login{number}\n", portal(true)),
        false => String::new(),
    };
    format!(
        "\nrem {uri}\n\
         set tries=0\n\
         :portal{number}\n\
         iscsicli {} && goto login{number}\n\
         {with_chap}\
         set /a tries+=1\n\
         if %tries% geq {TRIES} goto failed{number}\n\
         ping -n {} 127.0.0.1 >nul\n\
         goto portal{number}\n\
         :login{number}\n\
         iscsicli {} && goto done{number}\n\
         :failed{number}\n\
         echo No login to {target} at {host}\n\
         set failed=1\n\
         :done{number}\n",
        portal(false),
        SECONDS + 1,
        session(uri, chap),
    )
}

/// The arguments of a CHAP login; the quotes keep a value without `%` in one argument.
const CHAP_ARGUMENTS: &str = "\"%chap_user%\" \"%chap_secret%\"";

/// Adds a portal. The quick command works for the default port only; `*` leaves an argument of the long
/// command at its default: HBA, port number, security flags, login flags, header digest, data digest,
/// connections, time to wait, time to retain. 1 is CHAP. Source: the usage text of `iscsicli`.
fn portal(uri: &SanUri, chap: bool) -> String {
    let (host, port) = (uri.host(), uri.port());
    match (port, chap) {
        (PORT, false) => format!("QAddTargetPortal {host}"),
        (PORT, true) => format!("QAddTargetPortal {host} {CHAP_ARGUMENTS}"),
        (_, false) => format!("AddTargetPortal {host} {port}"),
        (_, true) => format!("AddTargetPortal {host} {port} * * * * * * * * * {CHAP_ARGUMENTS} 1"),
    }
}

/// Logs in. The arguments after the port are those of [`portal`], then name, secret, type of login, IPsec
/// key, and the number of disks with fixed places.
fn session(uri: &SanUri, chap: bool) -> String {
    let (host, port, target) = (uri.host(), uri.port(), uri.target());
    match (port, chap) {
        (PORT, false) => format!("QLoginTarget {target}"),
        (PORT, true) => format!("QLoginTarget {target} {CHAP_ARGUMENTS}"),
        (_, false) => format!("LoginTarget {target} T {host} {port} * * * * * * * * * * * * * 0"),
        (_, true) => {
            format!("LoginTarget {target} T {host} {port} * * * * * * * * * {CHAP_ARGUMENTS} 1 * 0")
        }
    }
}

/// The text with the line ends of Windows.
fn windows(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    }

    #[test]
    fn commands_have_as_many_arguments_as_iscsicli_expects() {
        let words = |command: &str| command.split_whitespace().count();
        let uri = |port: &str| format!("iscsi:h::{port}::iqn.a").parse::<SanUri>().unwrap();
        // Command and arguments, as the usage text lists them.
        assert_eq!(words(&portal(&uri("861"), true)), 1 + 2 + 12);
        assert_eq!(words(&session(&uri("861"), false)), 1 + 18);
        assert_eq!(words(&session(&uri("861"), true)), 1 + 18);
        assert_eq!(portal(&uri(""), false), "QAddTargetPortal h");
        assert_eq!(session(&uri("3260"), false), "QLoginTarget iqn.a");
    }

    #[test]
    fn each_label_exists_once() {
        let uri = ["iscsi:h::::iqn.a".parse().unwrap(), "iscsi:h::1::iqn.b".parse().unwrap()];
        let script = text(connect(&uri, ChapFrom { image: true, server: true }));
        let labels: Vec<_> = script.lines().filter(|line| line.starts_with(':')).collect();
        for label in &labels {
            assert_eq!(labels.iter().filter(|it| it == &label).count(), 1, "{label}");
        }
        let targets = script.split("goto ").skip(1);
        for target in targets.map(|rest| rest.split_whitespace().next().unwrap()) {
            assert!(labels.contains(&format!(":{target}").as_str()), "{target}");
        }
        let call = r#"if exist "%SystemRoot%\System32\winpe-iscsi-chap.cmd" call "#;
        let calls = [r#"call "%~dp0chap.cmd""#, call].map(|call| script.find(call).unwrap());
        assert!(calls[0] < calls[1], "the server's secret replaces the image's");
        let early = text(early(true, &[ImagePath::new(r"drivers\a%b\n.inf")]));
        assert!(early.contains("goto logged") && early.contains("\n:logged\n"));
        assert!(early.contains(r#"drvload "%~dp0drivers\a%%b\n.inf""#), "{early}");
    }

    /// A record that says nothing of the startup leaves only the scripts to tell what is in an image.
    #[test]
    fn the_scripts_say_what_they_do() {
        for event_log in [false, true] {
            for drivers in [&[][..], &[r"drivers\a%b\n.inf", r"drivers\net\Größe.inf"]] {
                let drivers: Vec<_> = drivers.iter().map(|path| ImagePath::new(path)).collect();
                assert_eq!(read_early(&early(event_log, &drivers)), (event_log, drivers));
            }
        }
        let uris = ["iscsi:h::::iqn.a", "iscsi:[2001:db8::2]:6:3261:1:iqn.b"];
        let uris: Vec<SanUri> = uris.iter().map(|uri| uri.parse().unwrap()).collect();
        for targets in [&[][..], &uris[..1], &uris] {
            for (image, server) in [(false, false), (true, false), (false, true), (true, true)] {
                let chap = ChapFrom { image, server };
                assert_eq!(read_connect(&connect(targets, chap)), (targets.to_vec(), chap));
            }
        }
    }
}
