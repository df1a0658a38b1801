//! Synthetic media: an installation image, and WinPE images with more or less of the initiator.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use winpe_hive::{FileTime, Hive};
use winpe_inject::demo::{Catalogue, Program};
use winpe_registry::{Edit, KeyName, Value};
use winpe_wim::{
    Archive, CommitOptions, Compression, Content, FileChange, ImageChanges, NewImage, Target,
    Version,
};

use crate::generation::{CLASS, Generation, WINDOWS_7, key, sets};

/// How much of the initiator an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Bare,
    /// The driver, as in the boot images of Windows 10.
    Boot,
    /// Everything except the control panel, as in WinRE.
    Recovery,
}

pub(crate) const SYSTEM: &str = r"Windows\System32\config\SYSTEM";
pub(crate) const SOFTWARE: &str = r"Windows\System32\config\SOFTWARE";
const NETSVCS: &str = r"Microsoft\Windows NT\CurrentVersion\Svchost";

pub(crate) const CATALOGUES: &str =
    r"Windows\System32\CatRoot\{F750E6C3-38EE-11D1-85E5-00C04FC295EE}";

/// A folder with `install.wim` and `winpe.wim`.
pub(crate) struct Media {
    pub(crate) dir: TempDir,
}

impl Media {
    /// Media around synthetic hives.
    pub(crate) fn synthetic(generation: &Generation, kind: Kind) -> Self {
        Self::around(generation, kind, empty(), empty())
    }

    /// Media with the real hive of the corpus; `None` without the corpus.
    pub(crate) fn real(generation: &Generation, kind: Kind) -> Option<Self> {
        let hive = fs::read(winpe_tests::corpus(generation.hive?)?).unwrap();
        let open = || Hive::open(hive.clone()).unwrap();
        Some(Self::around(generation, kind, open(), open()))
    }

    fn around(generation: &Generation, kind: Kind, theirs: Hive, ours: Hive) -> Self {
        let media = Self { dir: tempfile::tempdir().unwrap() };
        let create = |name: &str, image: NewImage| {
            winpe_wim::create(&media.path(name), Compression::Lzx, &[image]).unwrap();
        };
        create("install.wim", install(generation, theirs));
        create("winpe.wim", winpe(generation, kind, ours));
        media
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs `winpe-iscsi` with these arguments in the folder. Returns its stdout.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str], expected: i32) -> String {
        self.run_both(words, expected).0
    }

    /// As [`run`](Self::run), but returns its stderr.
    #[track_caller]
    pub(crate) fn run_both(&self, words: &[&str], expected: i32) -> (String, String) {
        let mut command = Command::new(winpe_tests::winpe_iscsi());
        command.args(words).current_dir(self.dir.path()).env("SOURCE_DATE_EPOCH", "1600000000");
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(expected), "{words:?}\n{stdout}\n{stderr}");
        (stdout, stderr)
    }

    /// A file of the WinPE.
    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        Archive::open(&self.path("winpe.wim")).unwrap().read(1, path).unwrap()
    }

    /// The content of the WinPE, without the hives and times.
    pub(crate) fn listing(&self) -> Vec<String> {
        let archive = Archive::open(&self.path("winpe.wim")).unwrap();
        let mut lines = Vec::new();
        let mut line = |entry: &winpe_wim::Entry| {
            let path = entry.path.to_string();
            let is_hive = path.ends_with(SYSTEM) || path.ends_with(SOFTWARE);
            let data = entry.sha1.filter(|_| !is_hive);
            let (attributes, security) = (entry.attributes, &entry.security);
            lines.push(format!("{path} {attributes:x} {security:?} {data:?} {}", entry.links));
            ControlFlow::Continue(())
        };
        archive.walk(1, "", &mut line).unwrap();
        lines
    }

    /// Changes the content of a file in a WIM, without the program under test.
    pub(crate) fn replace(&self, wim: &str, path: &str, data: Vec<u8>) {
        let change = FileChange::Put { path: path.to_owned(), content: Content::Bytes(data) };
        let changes = [ImageChanges { image: 1, changes: vec![change] }];
        let archive = Archive::open(&self.path(wim)).unwrap();
        archive.commit(&changes, &Target::InPlace, CommitOptions::default()).unwrap();
    }

    /// Applies a `.reg` file to the SYSTEM hive, without the program under test.
    pub(crate) fn change_hive(&self, reg: &str) {
        let edits = winpe_inject::parse_reg(reg.as_ref(), &fs::read(self.path(reg)).unwrap());
        let mut hive = self.hive(SYSTEM);
        let root = key(r"HKEY_LOCAL_MACHINE\SYSTEM");
        let edits = edits.unwrap().into_iter().map(|sourced| Edit {
            key: sourced.edit.key.strip_prefix(&root).unwrap(),
            ..sourced.edit
        });
        apply(&mut hive, edits.collect());
        self.replace("winpe.wim", SYSTEM, hive.into_bytes());
    }

    pub(crate) fn hive(&self, path: &str) -> Hive {
        Hive::open(self.read(path)).unwrap()
    }
}

fn empty() -> Hive {
    let mut hive = Hive::create(5, &KeyName::new("ROOT").unwrap(), now()).unwrap();
    apply(&mut hive, sets("Select", [("Current", Value::dword(1))]));
    hive
}

fn now() -> FileTime {
    FileTime::from_unix(1_500_000_000)
}

fn apply(hive: &mut Hive, edits: Vec<Edit>) {
    hive.set_time(now());
    for edit in edits {
        hive.apply(&edit).unwrap();
    }
}

/// An installed Windows. A synthetic one uses its second control set, so that a test fails if the
/// first is used.
fn install(generation: &Generation, mut system: Hive) -> NewImage {
    if system.key(&key("ControlSet001")).unwrap().is_none() {
        let set = "ControlSet002";
        let mut edits = sets("Select", [("Current", Value::dword(2))]);
        edits.push(Edit::create_key(key(r"ControlSet001\Services")));
        for more in [
            generation.service(set),
            generation.driver(set),
            generation.database(),
            generation.machine(set),
        ] {
            edits.extend(more);
        }
        apply(&mut system, edits);
    } else {
        apply(&mut system, generation.machine("ControlSet001"));
    }
    let mut software = software(generation, "Client", &["BITS", "MSiSCSI", "Schedule"]);
    apply(
        &mut software,
        sets(
            r"Microsoft\Windows NT\CurrentVersion\iSCSI\Discovery",
            [("DefaultInitiatorName", Value::sz("iqn.1991-05.com.microsoft:source-machine"))],
        ),
    );
    let mut files = libraries(generation);
    files.extend(initiator(generation));
    files.extend(driver(generation));
    files.extend(control_panel(generation));
    files.extend(catalogues(generation));
    image(generation, "install", "Client", system, software, files)
}

fn winpe(generation: &Generation, kind: Kind, mut system: Hive) -> NewImage {
    let set = "ControlSet001";
    let mut edits = Vec::new();
    for gone in [
        format!(r"{set}\Services\MSiSCSI"),
        format!(r"{set}\Services\iScsiPrt"),
        format!(r"{set}\Services\EventLog\System\MSiSCSI"),
        format!(r"{set}\Services\EventLog\System\iScsiPrt"),
        format!(r"{set}\Control\Class\{CLASS}"),
        r"DriverDatabase\DriverInfFiles\iscsi.inf".into(),
        r"DriverDatabase\DeviceIds\ROOT\iSCSIPrt".into(),
        format!(r"DriverDatabase\DriverPackages\{}", generation.package()),
    ] {
        edits.push(Edit::delete_key(key(&gone)));
    }
    let ids = key(&format!(r"DriverDatabase\DeviceIds\{CLASS}"));
    edits.push(Edit::delete_value(ids, winpe_registry::ValueName::new("iscsi.inf").unwrap()));
    edits.push(Edit::create_key(key(&format!(r"{set}\Control\MiniNT"))));
    edits.push(Edit::create_key(key(r"Setup\AllowStart\EventLog")));
    edits.push(Edit::create_key(key(r"DriverDatabase\DriverPackages")));
    let mut files = libraries(generation);
    files.push((r"Windows\System32\startnet.cmd".into(), b"wpeinit\r\n".to_vec()));
    let mut services = vec!["BITS", "Schedule"];
    if kind != Kind::Bare {
        edits.extend(generation.driver(set));
        edits.extend(generation.database());
        files.extend(driver(generation));
    }
    if kind == Kind::Recovery {
        edits.extend(generation.service(set));
        files.extend(initiator(generation));
        services.push("msiscsi");
    }
    apply(&mut system, edits);
    let software = software(generation, "WindowsPE", &services);
    image(generation, "winpe", "WindowsPE", system, software, files)
}

fn software(generation: &Generation, kind: &str, services: &[&str]) -> Hive {
    let mut hive = Hive::create(5, &KeyName::new("ROOT").unwrap(), now()).unwrap();
    let build = generation.version[2].to_string();
    apply(
        &mut hive,
        sets(
            r"Microsoft\Windows NT\CurrentVersion",
            [("CurrentBuild", Value::sz(build.as_str())), ("InstallationType", Value::sz(kind))],
        ),
    );
    apply(&mut hive, sets(NETSVCS, [("netsvcs", Value::multi_sz(services.iter().copied()))]));
    hive
}

type Files = Vec<(String, Vec<u8>)>;

/// Files that both have, and that the initiator needs.
fn libraries(generation: &Generation) -> Files {
    let with = |path: &str, exports: &[&str]| {
        let mut program = program(generation, path);
        program.exports.extend(exports.iter().map(ToString::to_string));
        (path.to_owned(), program.build())
    };
    vec![
        with(r"Windows\System32\ntdll.dll", &["NtClose"]),
        with(r"Windows\System32\msvcrt.dll", &["memcpy", "malloc"]),
        with(r"Windows\System32\userenv.dll", &["RegisterGPNotification"]),
        with(r"Windows\System32\ntoskrnl.exe", &["IoCreateDevice"]),
        with(r"Windows\System32\drivers\storport.sys", &["StorPortInitialize"]),
        with(r"Windows\System32\en-US\ntdll.dll.mui", &[]),
    ]
}

fn initiator(generation: &Generation) -> Files {
    let imports = |path: &str, imports: &[(&str, &[&str])], exports: &[&str]| {
        let mut program = program(generation, path);
        program.imports = imports
            .iter()
            .map(|(library, names)| {
                ((*library).to_owned(), names.iter().map(ToString::to_string).collect())
            })
            .collect();
        program.exports.extend(exports.iter().map(ToString::to_string));
        (path.to_owned(), program.build())
    };
    let mut files = vec![
        imports(
            r"Windows\System32\iscsied.dll",
            &[
                ("msvcrt.dll", &["memcpy"]),
                ("ISCSIUM.dll", &["DiscpUmStart"]),
                ("ISCSIEXE.dll", &["ServiceMain"]),
                ("USERENV.dll", &["RegisterGPNotification"]),
                ("api-ms-win-core-synch-l1-1-0.dll", &["Sleep"]),
            ],
            &[],
        ),
        imports(r"Windows\System32\iscsium.dll", &[("msvcrt.dll", &["malloc"])], &["DiscpUmStart"]),
        // The image's library lacks this name: it is an older revision than the program was built
        // for.
        imports(
            r"Windows\System32\iscsiexe.dll",
            &[("userenv.dll", &["RegisterGPNotification", "NewerThanTheImage"])],
            &["ServiceMain"],
        ),
    ];
    for path in [
        r"Windows\System32\iscsicli.exe",
        r"Windows\System32\iscsidsc.dll",
        r"Windows\System32\iscsiwmi.dll",
        r"Windows\System32\en-US\iscsicli.exe.mui",
        r"Windows\System32\en-US\iscsidsc.dll.mui",
        r"Windows\System32\en-US\iscsiexe.dll.mui",
    ] {
        files.push((path.to_owned(), program(generation, path).build()));
    }
    files.push((r"Windows\System32\wbem\iscsidsc.mof".into(), b"// classes\r\n".to_vec()));
    files
}

fn driver(generation: &Generation) -> Files {
    let mut files = Vec::new();
    let mut sys = program(generation, r"Windows\System32\drivers\msiscsi.sys");
    sys.imports.push(("ntoskrnl.exe".into(), vec!["IoCreateDevice".into()]));
    sys.imports.push(("storport.sys".into(), vec!["StorPortInitialize".into()]));
    files.push((sys.path.clone(), sys.build()));
    for path in [
        r"Windows\System32\iscsilog.dll",
        r"Windows\System32\en-US\iscsilog.dll.mui",
        r"Windows\System32\drivers\en-US\msiscsi.sys.mui",
    ] {
        files.push((path.to_owned(), program(generation, path).build()));
    }
    let inf = b"[Version]\r\nSignature=\"$WINDOWS NT$\"\r\n".to_vec();
    files.push((r"Windows\INF\iscsi.inf".into(), inf.clone()));
    let store = format!(r"Windows\System32\DriverStore\FileRepository\{}", generation.package());
    files.push((format!(r"{store}\iscsi.inf"), inf));
    files.push((format!(r"{store}\msiscsi.sys"), sys.build()));
    files.push((format!(r"{store}\iscsi.PNF"), b"compiled here".to_vec()));
    files
}

fn control_panel(generation: &Generation) -> Files {
    let mut panel = program(generation, r"Windows\System32\iscsicpl.dll");
    panel.imports.push(("comctl32.dll".into(), vec!["ImageList_Create".into()]));
    let mut files = vec![(panel.path.clone(), panel.build())];
    let mut paths = vec![
        r"Windows\System32\iscsicpl.exe",
        r"Windows\System32\en-US\iscsicpl.exe.mui",
        r"Windows\System32\en-US\iscsicpl.dll.mui",
    ];
    if generation.version[2] >= 18362 {
        paths.push(r"Windows\SystemResources\iscsicpl.dll.mun");
    }
    for path in paths {
        files.push((path.to_owned(), program(generation, path).build()));
    }
    files
}

/// One of them covers the initiator and its driver, and none the control panel.
fn catalogues(generation: &Generation) -> Files {
    let covering = |files: Files| {
        let empty = Catalogue::new(generation.version[0] >= 10);
        files.iter().fold(empty, |catalogue, (_, data)| catalogue.program(data)).build()
    };
    let ours = [initiator(generation), driver(generation)].concat();
    let [major, minor, build, _] = generation.version;
    let version = format!("{}~~{major}.{minor}.{build}.1", generation.arch);
    vec![
        (format!(r"{CATALOGUES}\Microsoft-iSCSI~31bf3856ad364e35~{version}.cat"), covering(ours)),
        (format!(r"{CATALOGUES}\Another.cat"), covering(libraries(generation))),
        (format!(r"{CATALOGUES}\Neither.cat"), b"no catalogue".to_vec()),
    ]
}

fn program(generation: &Generation, path: &str) -> Program {
    Program { arch: generation.arch, ..Program::new(path) }
}

fn image(
    generation: &Generation,
    name: &str,
    kind: &str,
    system: Hive,
    software: Hive,
    mut files: Files,
) -> NewImage {
    files.push((SYSTEM.into(), system.into_bytes()));
    files.push((SOFTWARE.into(), software.into_bytes()));
    let [major, minor, build, service_pack_build] = generation.version;
    NewImage {
        boot: kind == "WindowsPE",
        arch: Some(generation.arch),
        version: Some(Version { major, minor, build, service_pack_build }),
        languages: vec!["en-US".into()],
        edition: Some(kind.into()),
        installation_type: Some(kind.into()),
        files,
        time: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000)),
        ..NewImage::new(name)
    }
}

/// Whether the keys of the generation are listed in a profile.
pub(crate) fn is_written_out(generation: &Generation) -> bool {
    generation.name == WINDOWS_7.name
}

/// Compares the text with the golden file. With `WINPE_BLESS` set, writes the file.
#[track_caller]
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("generations/golden").join(name);
    if std::env::var_os("WINPE_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} (WINPE_BLESS=1 accepts the new text)", path.display());
}
