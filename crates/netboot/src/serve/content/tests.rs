//! Files that are made, found and missing.

use super::*;
use crate::config::{BootFile, Origin};

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);

fn read(files: &Files, name: &str) -> Option<String> {
    let path: FilePath = name.parse().unwrap();
    let (client, local) = (SERVER.into(), SERVER.into());
    let request = FileRequest { path: &path, query: None, client, local };
    let file = files.source.open(&request).ok()?;
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    Some(String::from_utf8(bytes).unwrap())
}

fn prepare(config: &str) -> Files {
    Files::prepare(&config.parse().unwrap(), SERVER).unwrap()
}

/// The menu of the seed: local boot with a timeout, a SAN disk, WinPE, and an ISO image.
const MENU: &str = "
    [[entry]]
    name = 'boot_local'
    title = '^Boot Local System'
    local = true
    [[entry]]
    name = 'boot_san'
    title = 'Boot ^Storage Area Network'
    san = 'iscsi:192.168.0.20::::iqn.example.com:win7'
    [[entry]]
    name = 'windows_pe'
    pxe = 'windows.pe/pxeboot.0'
    [[entry]]
    name = 'winpe_iso'
    iso = 'http://192.168.0.10/winpe7_x64.iso'
    [[entry]]
    name = 'pe'
    wim = 'http://192.168.0.10/winpe.wim'
    index = 2
";

#[test]
fn the_dell_chain_is_that_of_the_seed() {
    let files = prepare(&format!("[serve]\nchain = 'dell'\ntimeout = 5\n{MENU}"));
    let ipxe = read(&files, "pxelinux.cfg/ipxe").unwrap();
    assert_eq!(ipxe, "default ipxe\nprompt 0\n\nlabel ipxe\n\tkernel ipxe.lkrn\n");
    let script = read(&files, "boot.ipxe").unwrap();
    let start = "#!ipxe\n\
        iseq ${platform} efi && goto menu ||\n\
        set 209:string pxelinux.cfg/boot\n\
        set 210:string http://192.168.0.10/\n\
        chain ${210:string}pxelinux.0 || goto menu\n";
    assert!(script.starts_with(start), "{script}");
    let menu = read(&files, "pxelinux.cfg/boot").unwrap();
    let expected = "default menu.c32\nprompt 0\nmenu title Network boot\ntimeout 50\n\
        \nlabel boot_local\n\tmenu label ^Boot Local System\n\tmenu default\n\tlocalboot 0\n\
        \nlabel boot_san\n\tmenu label Boot ^Storage Area Network\n\tcom32 gpxecmd.c32\n\
        \tappend chain http://192.168.0.10/entries/boot_san.ipxe\n\
        \nlabel windows_pe\n\tmenu label windows_pe\n\tkernel windows.pe/pxeboot.0\n\
        \nlabel winpe_iso\n\tmenu label winpe_iso\n\tkernel memdisk\n\tappend iso\n\
        \tinitrd http://192.168.0.10/winpe7_x64.iso\n\
        \nlabel pe\n\tmenu label pe\n\tcom32 gpxecmd.c32\n\
        \tappend chain http://192.168.0.10/entries/pe.ipxe\n";
    assert_eq!(menu, expected);
}

#[test]
fn ipxe_has_a_menu_of_its_own() {
    let script = read(&prepare(MENU), "boot.ipxe").unwrap();
    let expected = "#!ipxe\n:menu\nmenu Network boot || goto entry_boot_local\n\
        item boot_local ^Boot Local System\nitem boot_san Boot ^Storage Area Network\n\
        item windows_pe windows_pe\nitem winpe_iso winpe_iso\nitem pe pe\nitem shell iPXE shell\n\
        choose --default boot_local --timeout 10000 target || goto shell\n";
    assert!(script.starts_with(expected), "{script}");
    let wim = ":entry_pe\n\
        imgfetch --timeout 1000 --name chosen /chosen/wim/pe && imgfree chosen ||\n\
        kernel http://192.168.0.10/wimboot index=2 || goto failed\n\
        initrd --name boot.wim http://192.168.0.10/winpe.wim boot.wim || goto failed\n\
        boot || goto failed\n";
    assert!(script.contains(wim), "{script}");
    assert!(!script.contains("|| ||"), "{script}");
}

/// Where another server has the scripts, it does not get the reports.
#[test]
fn each_report_that_a_script_makes_is_answered_here() {
    let base = "[serve]\nhttp-base = 'http://files.example.org/'\nhttp-base-holds = ['scripts']\n";
    for (config, root) in
        [(MENU.to_owned(), "/"), (format!("{base}{MENU}"), "http://192.168.0.10/")]
    {
        let files = prepare(&config);
        let script = read(&files, "boot.ipxe").unwrap();
        let reports: Vec<_> = script
            .lines()
            .filter_map(|line| line.strip_prefix("imgfetch --timeout 1000 --name chosen "))
            .map(|rest| rest.split(' ').next().unwrap().strip_prefix(root).unwrap())
            .collect();
        assert_eq!(
            reports,
            [
                "chosen/local/boot_local",
                "chosen/san/boot_san",
                "chosen/program/windows_pe",
                "chosen/iso/winpe_iso",
                "chosen/wim/pe",
                "chosen/failed/menu",
                "chosen/shell/shell",
            ]
        );
        for name in reports {
            assert!(read(&files, name).is_some_and(|text| !text.is_empty()), "{name}");
            assert!(!files.by_http.iter().any(|known| known == name), "{name}");
        }
    }
}

#[test]
fn linux_and_efi_programs_are_served_and_named_by_each_menu() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["k", "i", "m.efi"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let mut config: Config = "[serve]\nchain = 'pxelinux'
        [[entry]]\nname = 'lx'\nkernel = 'k'\ninitrd = ['i', 'http://h/j']\nargs = 'ip=dhcp quiet'
        [[entry]]\nname = 'own'\nkernel = 'k'\ninitrd = 'i'\nbefore = ['set a b', 'isset ${c} ||']
        after = ['echo It came back.']
        [[entry]]\nname = 'mt'\nefi = 'm.efi'"
        .parse()
        .unwrap();
    config.read_paths_from(folder.path());
    let files = Files::prepare(&config, SERVER).unwrap();
    for (name, text) in [
        ("images/lx/kernel", "k"),
        ("images/lx/initrd1", "i"),
        ("images/own/initrd1", "i"),
        ("images/mt/program.efi", "m.efi"),
    ] {
        assert_eq!(read(&files, name).as_deref(), Some(text), "{name}");
        assert!(files.served.iter().any(|served| served == name), "{name}");
    }
    assert_eq!(read(&files, "images/lx/initrd2"), None, "it is elsewhere");
    let expected = "#!ipxe\n\
        imgfetch --timeout 1000 --name chosen /chosen/linux/lx && imgfree chosen ||\n\
        kernel http://192.168.0.10/images/lx/kernel initrd=initrd1 initrd=initrd2 ip=dhcp quiet\n\
        initrd --name initrd1 http://192.168.0.10/images/lx/initrd1\n\
        initrd --name initrd2 http://h/j\nboot\n";
    assert_eq!(read(&files, "entries/lx.ipxe").as_deref(), Some(expected));
    let expected = "#!ipxe\nset a b\nisset ${c} ||\n\
        imgfetch --timeout 1000 --name chosen /chosen/linux/own && imgfree chosen ||\n\
        kernel http://192.168.0.10/images/own/kernel initrd=initrd1 || goto after_own\n\
        initrd --name initrd1 http://192.168.0.10/images/own/initrd1 || goto after_own\n\
        boot || goto after_own\n:after_own\necho It came back.\n";
    assert_eq!(read(&files, "entries/own.ipxe").as_deref(), Some(expected));
    let menu = read(&files, "boot.ipxe").unwrap();
    assert!(menu.contains("\necho It came back.\ngoto failed\n"), "{menu}");
    assert!(menu.contains("\niseq ${platform} efi && item mt mt ||\n"), "{menu}");
    assert!(menu.contains("efi || goto failed\nchain http://192.168.0.10/images/mt/program.efi"));
    let rom = read(&files, "pxelinux.cfg/default").unwrap();
    let own =
        "label own\n\tmenu label own\n\tlinux images/own/kernel\n\tinitrd images/own/initrd1\n";
    assert!(rom.contains(own), "{rom}");
    let by_ipxe = "label lx\n\tmenu label lx\n\tmenu default\n\tkernel ipxe.lkrn\n";
    assert!(rom.contains(by_ipxe), "a ROM has no HTTP\n{rom}");
    let over_ipxe = read(&files, "pxelinux.cfg/boot").unwrap();
    let lines = "linux http://192.168.0.10/images/lx/kernel\n\
        \tinitrd http://192.168.0.10/images/lx/initrd1,http://h/j\n\tappend ip=dhcp quiet\n";
    assert!(over_ipxe.contains(lines), "{over_ipxe}");
}

#[test]
fn programs_for_other_firmware_are_missed_and_a_script_of_ones_own_too() {
    let others = |config: &str| -> Vec<_> {
        prepare(config).missing_for_others.into_iter().map(|missing| missing.file).collect()
    };
    assert_eq!(others(""), ["snponly-arm64.efi", "snponly-ia32.efi"]);
    assert!(others("[serve]\nsecure-boot = 'grub'").contains(&"shimaa64.efi".to_owned()));
    let elsewhere = "http-base = 'http://h/'\nhttp-base-holds = ['programs']";
    assert_eq!(others(&format!("[serve]\n{elsewhere}")), [""; 0]);
    let missing = prepare("[serve]\nscript = 'own.ipxe'").missing;
    assert!(missing.iter().any(|missing| missing.file == "own.ipxe"), "{missing:?}");
    let missing = prepare("[serve]\nscript = 'http://h/own.ipxe'").missing;
    assert!(!missing.iter().any(|missing| missing.file.contains("own.ipxe")), "{missing:?}");
}

#[test]
fn each_label_that_a_script_goes_to_is_there() {
    let serve = ["", "chain = 'dell'", "menu = false", "menu = false\nchain = 'dell'"];
    let configs =
        serve.into_iter().flat_map(|it| ["", MENU].map(|menu| format!("[serve]\n{it}\n{menu}")));
    for config in configs {
        let script = read(&prepare(&config), "boot.ipxe").unwrap();
        for target in script.split("goto ").skip(1) {
            let label = target.split_whitespace().next().unwrap();
            if !label.contains('$') {
                assert!(script.contains(&format!("\n:{label}\n")), "{label} in {script}");
            }
        }
    }
}

#[test]
fn without_a_menu_the_default_boots_at_once_and_what_fails_leads_to_the_menu() {
    let alone = "[[client]]\nname = 'lab'\noui = '52:54:00'\ndefault = 'boot_san'\nmenu = false";
    let files = prepare(&format!("{MENU}{alone}"));
    let script = read(&files, "clients/lab/boot.ipxe").unwrap();
    let start = "#!ipxe\ngoto entry_boot_san\n:menu\nmenu Network boot || goto entry_boot_san\n";
    assert!(script.starts_with(start), "{script}");
    assert!(script.contains("\n:failed\n") && script.contains("\ngoto menu\n"), "{script}");
    assert!(!read(&files, "boot.ipxe").unwrap().contains("goto entry_boot_san\n:menu"));

    let files = prepare(&format!("[serve]\nchain = 'dell'\n{MENU}{alone}"));
    let script = read(&files, "clients/lab/boot.ipxe").unwrap();
    assert!(script.contains("efi && goto entry_boot_san ||\n"), "{script}");
    assert!(script.contains("pxelinux.0 || goto entry_boot_san\n"), "{script}");
    let config = read(&files, "clients/lab/pxelinux.cfg/boot").unwrap();
    assert!(config.starts_with("default boot_san\nprompt 0\n"), "{config}");
    assert!(config.contains("\nlabel boot_san\n"), "{config}");
}

#[test]
fn clients_have_files_of_their_own_where_pxelinux_looks() {
    let config = format!(
        "{MENU}
        [[client]]
        name = 'lab'
        mac = '52:54:00:AA:00:01'
        default = 'pe'
        [[client]]
        name = 'desk'
        uuid = '564D1234-5678-4abc-8000-000000000003'
        timeout = 0"
    );
    let files = prepare(&config);
    let default = read(&files, "pxelinux.cfg/default").unwrap();
    let by_mac = read(&files, "pxelinux.cfg/01-52-54-00-aa-00-01").unwrap();
    assert!(default.contains("label boot_local\n\tmenu label ^Boot Local System\n\tmenu default"));
    assert!(by_mac.contains("label pe\n\tmenu label pe\n\tmenu default"), "{by_mac}");
    let by_uuid = read(&files, "pxelinux.cfg/34124d56-7856-bc4a-8000-000000000003").unwrap();
    assert!(!by_uuid.contains("timeout"), "{by_uuid}");
    let other = read(&files, "pxelinux.cfg/564d1234-5678-4abc-8000-000000000003");
    assert_eq!(other, Some(by_uuid));
    assert!(read(&files, "clients/lab/boot.ipxe").unwrap().contains("choose --default pe"));
    assert_eq!(read(&files, "pxelinux.cfg/C0A800B5"), None);
}

#[test]
fn real_files_stand_in_for_made_ones() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("pxelinux.cfg")).unwrap();
    std::fs::write(folder.path().join("pxelinux.cfg/default"), "mine").unwrap();
    std::fs::write(folder.path().join("pxelinux.cfg/C0A800"), "subnet").unwrap();
    let files = prepare(&format!("[serve]\nfolders = [{:?}]\n{MENU}", folder.path()));
    assert_eq!(read(&files, "pxelinux.cfg/default").as_deref(), Some("mine"));
    assert_eq!(read(&files, "pxelinux.cfg/C0A800").as_deref(), Some("subnet"));
    assert!(read(&files, "pxelinux.cfg/boot").is_some());
}

#[test]
fn what_is_missing_is_named_with_its_package() {
    let config = "
        [serve.boot-files]
        bios = 'nowhere.0'
        [[entry]]
        name = 'pe'
        wim = 'http://192.168.0.10/winpe.wim'";
    let missing = prepare(config).missing;
    let named = |file: &str| missing.iter().find(|missing| missing.file == file);
    assert_eq!(named("nowhere.0").unwrap().package, None);
    assert_eq!(named("wimboot").unwrap().package, None);
    for missing in &missing {
        if missing.file == "snponly.efi" {
            assert_eq!(missing.package, Some("ipxe"));
        }
    }
}

#[test]
fn an_image_that_is_not_there_stops_the_start() {
    let config = "[[entry]]\nname = 'pe'\nwim = '/no/such/winpe.wim'".parse().unwrap();
    let error = Files::prepare(&config, SERVER).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("entry \"pe\": /no/such/winpe.wim: "), "{error}");
}

fn part(name: &str, origin: Origin) -> BootFile {
    let content = Content::Bytes(format!("the {name}").into());
    BootFile { name: name.to_owned(), origin, content }
}

/// A menu with an image of each kind, whose parts are known.
fn with_parts(folder: &std::path::Path) -> Config {
    let image = folder.join("an.image");
    std::fs::write(&image, "0123456789").unwrap();
    let mut config: Config = format!(
        "[[entry]]\nname = 'pe'\nwim = {image:?}\n[[entry]]\nname = 'disc'\nwindows = {image:?}"
    )
    .parse()
    .unwrap();
    let image_has = ["bootmgr.exe", "pxeboot.n12", "pxeboot.com", "bootmgfw.efi", "boot.sdi"];
    config.entries[0].files = image_has.map(|name| part(name, Origin::Image)).to_vec();
    config.entries[0].files.push(part("BCD", Origin::Made));
    let content = Content::Disk { path: image, start: 3, length: 4 };
    config.entries[1].files = vec![
        BootFile { name: "boot.wim".to_owned(), origin: Origin::Disc, content },
        part("bootmgr", Origin::Disc),
        part("BCD", Origin::Disc),
    ];
    config
}

#[test]
fn wimboot_is_given_what_it_does_not_find_in_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::prepare(&with_parts(folder.path()), SERVER).unwrap();
    let script = read(&files, "entries/pe.ipxe").unwrap();
    let expected = "#!ipxe\n\
        imgfetch --timeout 1000 --name chosen /chosen/wim/pe && imgfree chosen ||\n\
        kernel http://192.168.0.10/wimboot || chain tftp://192.168.0.10/pxeboot.n12\n\
        initrd --name BCD http://192.168.0.10/images/pe/BCD BCD\n\
        initrd --name boot.wim http://192.168.0.10/images/pe.wim boot.wim\n\
        boot\n";
    assert_eq!(script, expected);
    let script = read(&files, "entries/disc.ipxe").unwrap();
    let expected = "#!ipxe\n\
        imgfetch --timeout 1000 --name chosen /chosen/wim/disc && imgfree chosen ||\n\
        kernel http://192.168.0.10/wimboot\n\
        initrd --name bootmgr http://192.168.0.10/images/disc/bootmgr bootmgr\n\
        initrd --name BCD http://192.168.0.10/images/disc/BCD BCD\n\
        initrd --name boot.sdi http://192.168.0.10/images/disc/boot.sdi boot.sdi ||\n\
        initrd --name boot.wim http://192.168.0.10/images/disc/boot.wim boot.wim\n\
        boot\n";
    assert_eq!(script, expected);
    assert_eq!(read(&files, "images/disc/boot.wim").as_deref(), Some("3456"));
    let missing: Vec<_> = files.missing.iter().map(|missing| missing.file.as_str()).collect();
    assert!(missing.contains(&"images/disc/boot.sdi"), "{missing:?}");
    assert!(!missing.contains(&"images/pe/boot.sdi"), "{missing:?}");
}

#[test]
fn the_loaders_of_windows_find_the_first_entry_that_they_can_boot() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::prepare(&with_parts(folder.path()), SERVER).unwrap();
    for (asked, expected) in [
        ("pxeboot.n12", "the pxeboot.n12"),
        ("pxeboot.0", "the pxeboot.com"),
        ("bootmgr.exe", "the bootmgr.exe"),
        (r"\Boot\bcd", "the BCD"),
        (r"\boot\boot.sdi", "the boot.sdi"),
        (r"\sources\boot.wim", "0123456789"),
    ] {
        assert_eq!(read(&files, asked).as_deref(), Some(expected), "{asked}");
    }
    assert_eq!(read(&files, "Boot/Fonts/wgl4_boot.ttf"), None);
}

#[test]
fn no_other_server_has_logins() {
    let text = "[serve]\nhttp-base = 'http://files.example.org/'\nhttp-base-holds = ['scripts']\n\
                [serve.login]\ninitiator-name = 'iqn.2026-11.com.example:{mac}'\n\
                [[entry]]\nname = 'disk'\nsan = 'iscsi:h::::iqn.a:b'\n";
    let files = Files::prepare(&text.parse().unwrap(), [192, 168, 0, 10].into()).unwrap();
    assert!(files.by_http.iter().any(|name| name == "entries/disk.ipxe"));
    let logins = [crate::policy::login::SCRIPT, crate::policy::login::BATCH];
    assert!(!files.by_http.iter().any(|name| logins.contains(&name.as_str())));
}
