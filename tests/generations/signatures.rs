//! Which files catalogues and signatures cover, according to an independent tool and to us.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use winpe_inject::demo::{Catalogue, Program};
use winpe_wim::Arch;

use crate::generation::WINDOWS_10_21H2;
use crate::media::{CATALOGUES, Kind, Media};

const INJECT: [&str; 4] = ["inject", "winpe.wim", "--source", "install.wim"];
const DRIVER: &str = r"Windows\System32\drivers\msiscsi.sys";

/// A signer: a key and a certificate.
struct Signer {
    dir: TempDir,
    openssl: PathBuf,
    osslsigncode: PathBuf,
}

impl Signer {
    fn new() -> Option<Self> {
        let openssl = winpe_tests::tool("openssl", "openssl")?;
        let osslsigncode = winpe_tests::tool("osslsigncode", "osslsigncode")?;
        let signer = Self { dir: tempfile::tempdir().unwrap(), openssl, osslsigncode };
        let words = "req -x509 -newkey rsa:2048 -nodes -days 9999 -subj /CN=test \
                     -addext extendedKeyUsage=codeSigning -addext keyUsage=digitalSignature";
        let files = ["-keyout", &signer.path("key.pem"), "-out", &signer.path("cert.pem")];
        let words: Vec<_> = words.split_whitespace().chain(files).collect();
        signer.run(&signer.openssl, &words);
        Some(signer)
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, data: &[u8]) -> String {
        fs::write(self.path(name), data).unwrap();
        self.path(name)
    }

    #[track_caller]
    fn run(&self, program: &Path, words: &[&str]) -> String {
        let output = winpe_tests::run(program, words);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{words:?}\n{text}");
        text
    }

    /// Signs a program, or a catalogue.
    fn sign(&self, name: &str, data: &[u8], hash: &str) -> Vec<u8> {
        let (from, to) = (self.write(name, data), self.path(&format!("signed-{name}")));
        let _ = fs::remove_file(&to);
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        let words = ["sign", "-certs", &cert, "-key", &key, "-h", hash, "-in", &from, "-out", &to];
        self.run(&self.osslsigncode, &words);
        fs::read(to).unwrap()
    }

    /// The digest of a program according to the tool.
    fn digest(&self, data: &[u8], hash: &str) -> Vec<u8> {
        let (from, to) = (self.write("a.exe", data), self.path("a.der"));
        let _ = fs::remove_file(&to);
        self.run(&self.osslsigncode, &["extract-data", "-h", hash, "-in", &from, "-out", &to]);
        let extracted = fs::read(to).unwrap();
        // The last part of the line is the digest.
        let length = if hash == "sha1" { 20 } else { 32 };
        extracted[extracted.len() - length..].to_vec()
    }
}

fn holds(catalogue: &[u8], digest: &[u8]) -> bool {
    catalogue.windows(digest.len()).any(|bytes| bytes == digest)
}

#[test]
fn an_independent_tool_computes_the_same_digests() {
    let Some(signer) = Signer::new() else { return };
    for arch in [Arch::X86, Arch::Amd64, Arch::Arm64] {
        for path in ["a.dll", "a.dll.mui"] {
            let whole = Program { arch, ..Program::new(path) }.build();
            let odd = [&whole[..], b"odd"].concat();
            for (hash, sha256) in [("sha1", false), ("sha256", true)] {
                for data in [&whole, &odd] {
                    let ours = Catalogue::new(sha256).program(data).build();
                    let theirs = signer.digest(data, hash);
                    assert!(holds(&ours, &theirs), "{arch} {path} {hash} {}", data.len());
                    // A signature does not change the digest.
                    let signed = signer.sign("b.exe", data, hash);
                    assert!(signed.len() > data.len());
                    assert!(Catalogue::new(sha256).program(&signed).build() == ours);
                }
            }
        }
    }
}

/// So our synthetic catalogues are valid, and a signed one covers the intended files.
#[test]
fn an_independent_tool_finds_programs_in_our_catalogues() {
    let Some(signer) = Signer::new() else { return };
    let [driver, other] = ["a.sys", "b.sys"].map(|path| Program::new(path).build());
    for sha256 in [true, false] {
        let catalogue = Catalogue::new(sha256).program(&driver).file(b"[Version]").build();
        let signed = signer.sign("c.cat", &catalogue, "sha256");
        let signed = signer.write("signed.cat", &signed);
        let cert = signer.path("cert.pem");
        for (data, covered) in [(&driver, true), (&other, false)] {
            let file = signer.write("d.sys", data);
            let words = ["verify", "-catalog", &signed, "-in", &file, "-CAfile", &cert];
            let output = winpe_tests::run(&signer.osslsigncode, words);
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.success(), covered, "{text}");
        }
    }
}

fn report(media: &Media, words: &[&str]) -> serde_json::Value {
    let words = [&INJECT[..], words, &["--json"]].concat();
    serde_json::from_str(&media.run(&words, 0)).unwrap()
}

fn names(list: &serde_json::Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn catalogues_that_cover_added_files_are_copied() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Bare);
    let report = report(&media, &[]);
    let signatures = &report["signatures"];
    let catalogues = signatures["catalogues"].as_array().unwrap();
    let [catalogue] = &catalogues[..] else { panic!("{catalogues:?}") };
    let path = catalogue["path"].as_str().unwrap();
    assert!(path.starts_with(CATALOGUES) && path.contains("Microsoft-iSCSI"), "{path}");
    let covers = names(&catalogue["covers"]);
    assert!(covers.contains(&DRIVER) && covers.contains(&r"Windows\INF\iscsi.inf"), "{covers:?}");
    let unsigned = names(&signatures["unsigned"]);
    assert!(unsigned.iter().all(|path| path.contains("iscsicpl")), "{unsigned:?}");
    assert_eq!(unsigned.len(), 5, "{unsigned:?}");

    let verdict: serde_json::Value =
        serde_json::from_str(&media.run(&["verify", "winpe.wim", "--json"], 1)).unwrap();
    assert_eq!(verdict["unsigned"], signatures["unsigned"]);
    let text = media.run(&["verify", "winpe.wim"], 1);
    assert!(text.contains(r"note: Windows\System32\iscsicpl.exe is in no catalogue"), "{text}");

    // If the source's catalogue differs, no longer needed files of the old one are removed.
    let other = Catalogue::new(true).file(b"another").build();
    media.replace("winpe.wim", path, other);
    let verdict: serde_json::Value =
        serde_json::from_str(&media.run(&["verify", "winpe.wim", "--json"], 1)).unwrap();
    assert!(names(&verdict["unsigned"]).contains(&DRIVER));
    let findings = names(&verdict["findings"]);
    assert!(findings.iter().any(|finding| finding.starts_with(path)), "{findings:?}");
}

#[test]
fn a_catalogue_that_the_image_has_is_kept() {
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Boot);
    let first = report(&media, &["--dry-run"]);
    let path = first["signatures"]["catalogues"][0]["path"].as_str().unwrap();
    // A catalogue with the same name but another revision.
    let theirs = Catalogue::new(true).file(b"theirs").build();
    media.replace("winpe.wim", path, theirs.clone());
    let second = report(&media, &[]);
    assert_eq!(second["signatures"]["catalogues"].as_array().unwrap().len(), 0);
    assert!(media.read(path) == theirs);
    assert!(names(&second["signatures"]["unsigned"]).contains(&r"Windows\System32\iscsiexe.dll"));
}

#[test]
fn a_program_with_a_signature_of_its_own_needs_no_catalogue() {
    let Some(signer) = Signer::new() else { return };
    let media = Media::synthetic(&WINDOWS_10_21H2, Kind::Bare);
    let panel = r"Windows\System32\iscsicpl.exe";
    let before = report(&media, &["--dry-run"]);
    assert!(names(&before["signatures"]["unsigned"]).contains(&panel));
    let signed = signer.sign("panel.exe", &Program::new(panel).build(), "sha256");
    media.replace("install.wim", panel, signed);
    let after = report(&media, &["--dry-run"]);
    assert!(!names(&after["signatures"]["unsigned"]).contains(&panel), "{after}");
}
