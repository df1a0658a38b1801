//! The `.reg` file from which the project started.

use std::fs;

use winpe_regfile::{Document, ItemKind, ParseOptions};
use winpe_registry::{KeyPath, ValueName};
use winpe_tests::corpus;

use crate::model::Registry;

/// The `.reg` file in the post, with the indentation of the post.
fn iscsi_reg() -> Option<String> {
    let folder = corpus("../seed")?;
    let post = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let post = fs::read_to_string(post).unwrap();
    let lines = post
        .lines()
        .skip_while(|line| !line.trim().starts_with("Windows Registry Editor"))
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    Some(lines.map(|line| format!("{line}\n")).collect())
}

#[test]
fn it_is_read_strictly_with_and_without_its_indentation() {
    let Some(text) = iscsi_reg() else { return };
    let unindented: String =
        text.lines().map(|line| format!("{}\r\n", line.strip_prefix("    ").unwrap())).collect();
    let mut seen = vec![];
    for text in [text, unindented] {
        let document = Document::parse(text.as_bytes(), &ParseOptions::default()).unwrap();
        assert_eq!(document.to_bytes(), text.as_bytes());
        let headers = document.items().filter(|item| item.kind == ItemKind::Header);
        assert_eq!(headers.map(|item| item.span.line).collect::<Vec<_>>(), [1, 117]);
        let registry = Registry::of(document.edits().map(|(edit, _)| edit));
        let services = r"HKEY_LOCAL_MACHINE\PE_Sys\ControlSet001\Services\MSiSCSI";
        let service = &registry.keys[&services.parse::<KeyPath>().unwrap()];
        let value = |name| service[&ValueName::new(name).unwrap()].clone();
        // Given twice: the later one is used.
        assert_eq!(
            value("ImagePath").as_text().unwrap(),
            r"%systemroot%\system32\svchost.exe -k Godzilla"
        );
        assert_eq!(value("RequiredPrivileges").as_multi_sz().unwrap().len(), 6);
        let class = r"HKEY_LOCAL_MACHINE\PE_Sys\ControlSet001\Control\Class\{4D36E97B-E325-11CE-BFC1-08002BE10318}\Properties";
        let security =
            &registry.keys[&class.parse().unwrap()][&ValueName::new("Security").unwrap()];
        assert_eq!(security.data.len(), 72);
        seen.push(registry);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].keys.len(), 38);
}
