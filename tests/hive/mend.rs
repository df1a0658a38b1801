//! Mended hives of the corpus: sound, complete where everything could be read, and other readers see the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use winpe_hive::{Hive, LostPart, Rule, Severity};
use winpe_tests::{run, tool};

use crate::corpus::samples;
use crate::dump::lines;
use crate::oracles::{nt_hive_sees, reged_reads};

#[test]
fn every_hive_can_be_mended() {
    let (mut whole, mut partly) = (0, 0);
    for sample in samples() {
        let Ok(hive) = Hive::open_lenient(sample.read()) else { continue };
        let name = &sample.name;
        let mended = hive.mend().unwrap_or_else(|error| panic!("{name}: {error}"));
        let findings = mended.hive.check();
        let wrong = findings.iter().find(|finding| {
            finding.severity() != Severity::Info && finding.rule != Rule::KeyNameBackslash
        });
        assert!(wrong.is_none(), "{name}: {}", wrong.unwrap());
        let mut after = lines(&mended.hive).unwrap();
        match lines(&hive) {
            Ok(mut before) if mended.lost_count == 0 => {
                before.sort();
                after.sort();
                assert!(before == after, "{name} has other content");
                whole += 1;
            }
            Ok(before) => {
                // What is twice in it, or has a name that NT does not allow, is lost. The dump has no security.
                let shown = mended.lost.iter().filter(|lost| lost.part != LostPart::Security);
                let shown = shown.count();
                assert_eq!(shown > 0, after.len() < before.len(), "{name}: {}", mended.lost[0]);
                let known: BTreeMap<_, _> = before.iter().map(|line| (line, ())).collect();
                assert!(after.iter().all(|line| known.contains_key(line)), "{name}");
                partly += 1;
            }
            Err(error) => {
                assert!(
                    mended.lost_count > 0 || !hive.check().counts().is_empty(),
                    "{name}: {error}"
                );
                partly += 1;
            }
        }
        let tree = mended.hive.root().tree().unwrap();
        let bytes = mended.hive.into_bytes();
        // nt-hive knows versions 1.3 and later only.
        if bytes[24] >= 3 {
            nt_hive_sees(&bytes, &tree).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        if !hive.check().is_sound() {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("mended");
            fs::write(&file, &bytes).unwrap();
            hivexml_reads(&file);
            if bytes.len() < 4 << 20 {
                reged_reads(&file, &tree);
            }
        }
    }
    assert!(whole + partly == 0 || (whole > 60 && partly > 3), "{whole} {partly}");
}

/// hivexml reads every key and value.
fn hivexml_reads(file: &Path) {
    let Some(program) = tool("hivexml", "libhivex-bin") else { return };
    let output = run(&program, [file.as_os_str()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
