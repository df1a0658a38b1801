//! Laws and examples of the INF reader.

use proptest::prelude::*;
use winpe_wim::Arch;

use super::*;

fn on(arch: Arch) -> System {
    System { arch: Some(arch), build: Some(19041) }
}

const NET: &str = r#"; a comment with [brackets]
[Version]
Signature = "$WINDOWS NT$" ; "quoted; comment"
Class     = Net
CatalogFile = net.cat
CatalogFile.NTx86 = net32.cat
DriverVer = 03/04/2024, 1.2.3.4

[SourceDisksNames]
1 = %Disk%,,,"drv"
[SourceDisksFiles]
net.sys = 1
netco.dll = 1, sub
other.sys = 1
[SourceDisksFiles.x86]
net32.sys = 1

[Install.NTamd64]
CopyFiles = Net.Copy, @netco.dll
[Install.NTx86]
CopyFiles = @net32.sys

[net.copy]
%Name%.sys,net.sys,\
  ,2
[Strings]
Disk = "The disk; one"
Name = "renamed"
"#;

#[test]
fn the_files_of_an_architecture_are_found() {
    let inf = Inf::parse(NET.as_bytes()).unwrap();
    let files: Vec<_> = inf
        .files(on(Arch::Amd64))
        .into_iter()
        .map(|file| (file.name, file.folder, file.needed))
        .collect();
    let file = |name: &str, folder: &str, needed| (name.to_owned(), folder.to_owned(), needed);
    assert_eq!(
        files,
        [
            file("net.sys", "drv\\", true),
            file("netco.dll", "drv\\sub", true),
            file("other.sys", "drv\\", false)
        ]
    );
    assert_eq!(inf.catalog(on(Arch::Amd64)).as_deref(), Some("net.cat"));
    assert_eq!(inf.catalog(on(Arch::X86)).as_deref(), Some("net32.cat"));
    assert_eq!(inf.class().as_deref(), Some("Net"));
    assert_eq!(inf.driver_version().as_deref(), Some("03/04/2024,1.2.3.4"));
    let x86 = inf.files(on(Arch::X86));
    assert!(x86.iter().any(|file| file.name == "net32.sys" && file.needed));
    assert!(!x86.iter().any(|file| file.name == "net.sys"), "only amd64 copies it");
}

#[test]
fn encodings_are_recognised_by_their_marks() {
    let utf16: Vec<u8> =
        format!("\u{feff}{NET}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf8 = format!("\u{feff}{NET}").into_bytes();
    let ansi = [NET.as_bytes(), b"x = \"\xe9\"\r\n"].concat();
    for bytes in [utf16, utf8, ansi] {
        assert_eq!(Inf::parse(&bytes).unwrap().class().as_deref(), Some("Net"));
    }
    for bytes in [&b""[..], b"[Version]\nSignature = x\n", b"MZ\0\0", b"\xff\xfe\x00\xd8"] {
        assert_eq!(Inf::parse(bytes), Err(BadInf::NotAnInf));
    }
}

#[test]
fn an_empty_value_is_none() {
    for value in ["", " ", "\"\"", ",", "%a%"] {
        let text = format!(
            "[Version]\nSignature=\"$Chicago$\"\nDriverVer={value}\nClass={value}\n\
             CatalogFile={value}\n[Strings]\na=\"\"\n"
        );
        let inf = Inf::parse(text.as_bytes()).unwrap();
        assert_eq!(
            [inf.driver_version(), inf.class(), inf.catalog(System::default())],
            [const { None }; 3]
        );
    }
}

#[test]
fn strings_do_not_multiply() {
    let bomb = format!(
        "[Version]\nSignature=\"$Chicago$\"\n[i]\nCopyFiles=f\n[f]\n{}\n[Strings]\na=\"{}\"\n",
        "%a%".repeat(10_000),
        "x".repeat(10_000)
    );
    let files = Inf::parse(bomb.as_bytes()).unwrap().files(System::default());
    assert!(files.iter().all(|file| file.name.len() < 20_000), "{}", files.len());
    let many: String = (0..5000).map(|number| format!("{number}.sys\n")).collect();
    let many = format!("[Version]\nSignature=\"$Chicago$\"\n[i]\nCopyFiles=f\n[f]\n{many}");
    assert_eq!(Inf::parse(many.as_bytes()).unwrap().files(System::default()).len(), MAX_FILES + 1);
}

#[test]
fn a_section_is_visited_once() {
    let lines = "CopyFiles=l,l,%l%,L\n".repeat(24_000) + "[l]\n" + &"same.sys\n".repeat(48_000);
    let many = format!("[Version]\nSignature=\"$Chicago$\"\n[i]\n{lines}[Strings]\nl=l\n");
    let files = Inf::parse(many.as_bytes()).unwrap().files(System::default());
    assert_eq!(files.iter().map(|file| &*file.name).collect::<Vec<_>>(), ["same.sys"]);
}

#[test]
fn lines_are_bounded() {
    let head = "[Version]\nSignature=\"$Chicago$\"\n";
    let lines = |count: usize| Inf::parse((head.to_owned() + &"\n".repeat(count)).as_bytes());
    assert!(lines(MAX_LINES - 2).is_ok());
    assert_eq!(lines(MAX_LINES - 1), Err(BadInf::TooManyLines(MAX_LINES + 1)));
}

#[test]
fn neither_names_nor_folders_multiply() {
    let long = "x".repeat(MAX_VALUE_LENGTH);
    let head = "[Version]\nSignature=\"$Chicago$\"\n";
    let named = |value: &str| {
        let copies: String = (0..20_000).map(|number| format!("@%a%{number},")).collect();
        let text = format!("{head}[i]\nCopyFiles={copies}\n[Strings]\na={value}\n");
        Inf::parse(text.as_bytes()).unwrap().files(System::default())
    };
    let files = named(&long);
    assert_eq!((files.len(), files[0].name.len()), (MAX_FILES + 1, MAX_VALUE_LENGTH + 1));
    assert_eq!(named(&(long.clone() + "x"))[0].name, "%a%0", "too long to be put in");
    let placed = |path: &str| {
        let text = format!(
            "{head}[SourceDisksNames]\n1=,,,{path}\n[SourceDisksFiles]\n{}",
            (0..20_000).map(|number| format!("{number}=1\n")).collect::<String>()
        );
        Inf::parse(text.as_bytes()).unwrap().files(System::default())
    };
    let files = placed(&long);
    assert_eq!((files.len(), files[0].folder.len()), (MAX_FILES + 1, MAX_VALUE_LENGTH + 1));
    assert_eq!(placed(&(long.clone() + "x"))[0].folder, "\\");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(\\[(Version|SourceDisksFiles|Strings|a)\\]|[ -~é]{0,20}|CopyFiles=a|%a%=\"b|\\\\)?(\n[ -~]{0,20}){0,8}") {
        let whole = format!("[Version]\nSignature=\"$Chicago$\"\n{text}");
        let inf = Inf::parse(whole.as_bytes());
        prop_assume!(inf.is_ok());
        for system in [System::default(), on(Arch::Amd64)] {
            let files = inf.iter().flat_map(|inf| inf.files(system)).count();
            prop_assert!(files <= whole.len());
        }
    }
}

fn text_of(body: &str) -> Inf {
    Inf::parse(format!("[Version]\nSignature=\"$Chicago$\"\n{body}").as_bytes()).unwrap()
}

/// The places of the files that are needed, sorted.
fn needed(inf: &Inf, system: System) -> Vec<String> {
    let files = inf.files(system).into_iter().filter(|file| file.needed);
    let mut places: Vec<_> = files.map(|file| format!("{}|{}", file.folder, file.name)).collect();
    places.sort();
    places
}

#[test]
fn sections_for_the_processor_are_asked_first() {
    let plain =
        "[SourceDisksNames]\n1=d,,,\\p\n2=d,,,\\q\n[SourceDisksFiles]\na.sys=1\nb.sys=1\nc.sys=2\n";
    let decorated =
        "[SourceDisksNames.amd64]\n1=d,,,\\x64\n[SourceDisksFiles.amd64]\nb.sys=1,sub\nB.SYS=2\n";
    for text in [plain.to_owned() + decorated, decorated.to_owned() + plain] {
        let inf = text_of(&text);
        let x64 = ["\\q\\|c.sys", "\\x64\\sub|b.sys", "\\x64\\|a.sys"];
        assert_eq!(needed(&inf, on(Arch::Amd64)), x64);
        let x86 = ["\\p\\|a.sys", "\\p\\|b.sys", "\\q\\|c.sys"];
        assert_eq!(needed(&inf, on(Arch::X86)), x86);
    }
}

#[test]
fn strings_are_replaced_wherever_they_may_be() {
    let inf = text_of(
        "[%Not%]\n[SourceDisksNames]\n%Number%=d,,,%Sub%\n[SourceDisksFiles]\n%Sys%=%Number%,%Deep%\n\
         x%%y.dll=1\n[DefaultInstall]\nCopyFiles=%List%,@x%%y.dll\n[files]\n%Sys%\n\
         [DefaultInstall.Services]\nAddService=%Name%,2,%Service%\n[svc]\nServiceBinary=%12%\\%Sys%\n\
         [Strings]\nNumber=1\nSub=\"pay load\"\nSys=lab.sys\nDeep=deep\nList=Files\nService=Svc\n\
         [Strings.0409]\nSys=other.sys\nName=lab\n",
    );
    assert_eq!(needed(&inf, on(Arch::Amd64)), ["pay load\\deep|lab.sys", "pay load\\|x%y.dll"]);
    let binaries = inf.service_binaries(on(Arch::Amd64));
    assert_eq!(binaries.into_iter().collect::<Vec<_>>(), ["%12%\\lab.sys"]);
}

#[test]
fn only_what_the_models_lead_to_is_needed() {
    let inf = text_of(
        "[SourceDisksFiles]\na.sys=1\nb.sys=1\nc.sys=1\nd.dll=1\ne.sys=1\n\
         [Manufacturer]\n%m%=Lab,NTx86,NTamd64,NTamd64.10.0\n\
         [Lab.NTx86]\nx=X86.ndi,PCI\\1\n[Lab.NTamd64]\nx=Old.ndi,PCI\\2\n\
         [Lab.NTamd64.10.0]\nx=New.ndi,PCI\\3,%id%,PCI\\3\n\
         [X86.ndi]\nCopyFiles=@a.sys\n[Old.ndi]\nCopyFiles=@b.sys\n\
         [New.ndi]\nCopyFiles=@a.sys\n[New.ndi.NTamd64]\nCopyFiles=@c.sys\nNeeds=Other\n\
         [New.ndi.NTamd64.CoInstallers]\nCopyFiles=@d.dll\n[Other]\nCopyFiles=@e.sys\nNeeds=Other\n\
         [New.ndi.NTamd64.Services]\nAddService=x,,Svc.c\n[Svc.c]\nServiceBinary=%13%\\c.sys\n\
         [Old.ndi.Services]\nAddService=x,,Svc.b\n[Svc.b]\nServiceBinary=%12%\\b.sys\n\
         [Strings]\nid=PCI\\4\n",
    );
    let x64 = System { arch: Some(Arch::Amd64), build: Some(19041) };
    assert_eq!(needed(&inf, x64), ["\\|c.sys", "\\|d.dll", "\\|e.sys"]);
    assert_eq!(inf.files(x64).len(), 3, "the files of other systems are not taken");
    assert_eq!(inf.hardware_ids(x64), ["PCI\\3", "PCI\\4"]);
    assert_eq!(inf.service_binaries(x64).into_iter().collect::<Vec<_>>(), ["%13%\\c.sys"]);
    let windows_7 = System { build: Some(7601), ..x64 };
    assert_eq!(needed(&inf, windows_7), ["\\|b.sys"]);
    assert_eq!(inf.hardware_ids(windows_7), ["PCI\\2"]);
    assert_eq!(needed(&inf, on(Arch::X86)), ["\\|a.sys"]);
    assert!(inf.files(on(Arch::Arm64)).is_empty());
    assert_eq!(
        inf.foreign_decorations(on(Arch::Arm64)).as_deref(),
        Some("ntamd64, ntamd64.10.0, ntx86")
    );
    // Of an unknown system nothing is compared.
    assert_eq!(needed(&inf, System::default()).len(), 5);
}

#[test]
fn utf16_needs_no_mark() {
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = NET.encode_utf16().flat_map(unit).collect();
        assert_eq!(Inf::parse(&bytes).unwrap().class().as_deref(), Some("Net"));
    }
}
