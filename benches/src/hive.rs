//! Measures the hive engine against other tools, and prints Markdown.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin hive -- FOLDER`, where FOLDER is a
//! corpus: `hives/dissect/SYSTEM` and `hives/hackfortress/xp_software` are taken from it. Needs
//! `hivexregedit` and `hivexml`.

mod large;
mod rivals;
mod timing;

use std::fs;
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use timing::{Table, race, time};
use winpe_hive::{FileBytes, Hive};
use winpe_regfile::{Document, Format, ParseOptions, Writer};
use winpe_registry::{Edit, KeyName, KeyPath, ValueName};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The parts of the project's profile.
const PROFILE: [&str; 6] = ["class", "devices", "discovery", "driver", "service", "svchost"];

const SYSTEM: &str = r"HKEY_LOCAL_MACHINE\PE_Sys";
const SOFTWARE: &str = r"HKEY_LOCAL_MACHINE\PE_Soft";

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match &arguments[..] {
        [corpus] => report(Path::new(corpus)),
        // A separate process for each task, so that its peak memory is known.
        [task, file, prefix] if task == "peak-of-edit" => {
            let (file, prefix) = (Path::new(file), prefix.to_str().ok_or("a prefix in UTF-8")?);
            fs::write(file, edited(file, &profile(prefix)?)?)?;
            print_peak()
        }
        [task, file] if task == "peak-of-walk" => {
            walk(&Hive::open(FileBytes::read(file.as_ref())?)?)?;
            print_peak()
        }
        _ => Err("usage: hive CORPUS".into()),
    }
}

fn report(corpus: &Path) -> Result<()> {
    // In memory if there is such a folder: a measurement on disk would include the disk's other
    // work.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let work = folder.join(format!("winpe-bench-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let large = work.join("large");
    fs::write(&large, large::hive(200 << 20)?)?;
    let hives = [
        ("SYSTEM of Windows 10", corpus.join("hives/dissect/SYSTEM"), SYSTEM),
        ("SOFTWARE of Windows XP", corpus.join("hives/hackfortress/xp_software"), SOFTWARE),
        ("generated", large, SYSTEM),
    ];
    for (index, (name, path, prefix)) in hives.iter().enumerate() {
        let source = work.join(format!("source {index}"));
        fs::copy(path, &source)?;
        let path = &source;
        let bytes = fs::read(path)?;
        let hive = Hive::open(bytes.clone())?;
        let (keys, values) = walk(&hive)?;
        let size = bytes.len() as f64 / f64::from(1 << 20);
        println!("\n### {name}: {size:.1} MiB, {keys} keys, {values} values");
        measure_edit(path, prefix, &work)?;
        measure_walk(path, &hive, &bytes);
        drop((hive, bytes));
        measure_export(path);
        measure_memory(path, prefix, &work)?;
    }
    measure_lookup()?;
    fs::remove_dir_all(work)?;
    Ok(())
}

fn measure_edit(path: &Path, prefix: &str, work: &Path) -> Result<()> {
    let edits = profile(prefix)?;
    let reg = profile_text(prefix, &edits, work)?;
    let target = work.join("target");
    let mut table = Table::new(&format!("Open, apply the profile ({} edits), write", edits.len()));
    let copy_to = work.join("copy");
    let (mut copy, mut read_and_write, mut edit) = (
        || _ = fs::copy(path, &copy_to).expect("copied"),
        || fs::write(&copy_to, fs::read(path).expect("read")).expect("written"),
        || fs::write(&target, edited(path, &edits).expect("edited")).expect("written"),
    );
    let merged = work.join("merged");
    let mut merge = || {
        fs::copy(path, &merged).expect("copied");
        rivals::hivex_merge(&merged, &reg, prefix);
    };
    let names = [
        "copy of the file, inside the kernel",
        "copy of the file, read and written",
        "winpe-hive",
        "a copy, then hivexregedit --merge",
    ];
    let times = race(11, [&mut copy, &mut read_and_write, &mut edit, &mut merge]);
    for (name, time) in names.into_iter().zip(times) {
        table.row(name, time);
    }

    let first = edited(path, &edits)?;
    fs::write(&target, &first)?;
    let second = edited(&target, &edits)?;
    let before = fs::metadata(path)?.len();
    println!(
        "\nGrowth of the file: {} bytes by the first run, {} by the second; hivex: {} bytes.",
        first.len() as u64 - before,
        second.len() - first.len(),
        {
            merge();
            fs::metadata(&merged)?.len() - before
        }
    );
    Ok(())
}

fn measure_walk(path: &Path, hive: &Hive, bytes: &[u8]) {
    let mut table = Table::new("Walk: every name, the data of every value");
    let mut ours = || _ = black_box(walk(hive).expect("a sound hive"));
    let mut nt_hive = || _ = black_box(rivals::nt_hive_walk(bytes));
    let [ours, nt_hive] = race(25, [&mut ours, &mut nt_hive]);
    table.row("winpe-hive", ours);
    if rivals::nt_hive_walk(bytes).is_ok() {
        table.row("nt-hive", nt_hive);
    }
    table.row("notatin, read included", time(3, || rivals::notatin_walk(path)));
    table.row("hivexml, a process", time(3, || rivals::hivex_walk(path)));
}

fn measure_export(path: &Path) {
    let mut table = Table::new("Export to .reg");
    table.row("winpe-hive and winpe-regfile, read included", {
        time(5, || export(path).expect("a sound hive"))
    });
    table.row("hivexregedit --export, a process", time(3, || rivals::hivex_export(path)));
}

fn measure_memory(path: &Path, prefix: &str, work: &Path) -> Result<()> {
    let target = work.join("peak");
    fs::copy(path, &target)?;
    let size = fs::metadata(path)?.len() as f64;
    let peak = |arguments: &[&std::ffi::OsStr]| -> Result<f64> {
        let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
        let peak: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        Ok(peak / size)
    };
    println!(
        "\nPeak memory of the process, in sizes of the file: {:.2} to edit and write, {:.2} to read \
         and walk.",
        peak(&["peak-of-edit".as_ref(), target.as_os_str(), prefix.as_ref()])?,
        peak(&["peak-of-walk".as_ref(), path.as_os_str()])?,
    );
    Ok(())
}

fn measure_lookup() -> Result<()> {
    let count = 10_000;
    let bytes = large::wide(count)?;
    let hive = Hive::open(bytes.clone())?;
    let root = hive.root();
    let names: Vec<KeyName> = (0..count).map(large::wide_name).collect();
    println!("\n### Lookup among {count} subkeys");
    let mut table = Table::new("All of them once, each by its name");
    table.row(
        "winpe-hive",
        time(9, || names.iter().filter(|name| root.subkey(name).expect("sound").is_some()).count()),
    );
    let rival = nt_hive::Hive::new(&bytes[..])?;
    let key = rival.root_key_node()?;
    let texts: Vec<String> = names.iter().map(ToString::to_string).collect();
    table.row(
        "nt-hive",
        time(9, || {
            texts.iter().filter(|name| key.subkey(name).is_some_and(|found| found.is_ok())).count()
        }),
    );
    Ok(())
}

/// The number of keys and values, after reading every byte of their names and data.
fn walk(hive: &Hive) -> Result<(usize, usize)> {
    let (mut keys, mut values) = (0, 0);
    let mut walk = hive.root().walk();
    while let Some(visit) = walk.next() {
        let visit = visit?;
        black_box(visit.key.stored_name());
        keys += 1;
        for entry in walk.values(&visit.key) {
            let entry = entry?;
            black_box((entry.stored_name(), entry.data()?));
            values += 1;
        }
    }
    Ok((keys, values))
}

fn edited(path: &Path, edits: &[Edit]) -> Result<FileBytes> {
    let mut hive = Hive::open(FileBytes::read(path)?)?;
    for edit in edits {
        hive.apply(edit)?;
    }
    Ok(hive.into_file_bytes())
}

fn export(path: &Path) -> Result<()> {
    let hive = Hive::open(FileBytes::read(path)?)?;
    let mut writer = Writer::new(io::sink(), Format::Utf8Lf);
    let mut path: KeyPath = SYSTEM.parse()?;
    let top = path.depth();
    let mut walk = hive.root().walk();
    while let Some(visit) = walk.next() {
        let visit = visit?;
        while path.depth() > top + visit.depth.saturating_sub(1) {
            path.pop();
        }
        if visit.depth > 0 {
            path.push(KeyName::from_stored(visit.key.name()));
        }
        writer.key(&path)?;
        for entry in walk.values(&visit.key) {
            let entry = entry?;
            writer.value(&ValueName::from_stored(entry.name()), entry.ty(), &entry.data()?)?;
        }
    }
    writer.finish()?;
    Ok(())
}

/// The edits of the profile that concern one hive.
fn profile(prefix: &str) -> Result<Vec<Edit>> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/inject/profiles/iscsi-winpe3");
    let root: KeyPath = prefix.parse()?;
    let mut edits = vec![];
    for part in PROFILE {
        let text = fs::read(folder.join(format!("{part}.reg")))?;
        for (edit, _) in Document::parse(&text, &ParseOptions::default())?.edits() {
            edits.extend(edit.key.strip_prefix(&root).map(|key| Edit { key, ..edit }));
        }
    }
    Ok(edits)
}

/// The same edits for hivexregedit, which creates no parents.
fn profile_text(prefix: &str, edits: &[Edit], work: &Path) -> Result<PathBuf> {
    let root: KeyPath = prefix.parse()?;
    let mut all = vec![];
    for edit in edits {
        for depth in 1..=edit.key.depth() {
            all.push(Edit::create_key(root.join(&edit.key.prefix(depth))));
        }
        all.push(Edit { key: root.join(&edit.key), ..edit.clone() });
    }
    let path = work.join("profile.reg");
    let text = winpe_regfile::write_edits(Vec::new(), Format::Utf8Lf, all)?;
    // hivexregedit expects ASCII without a byte order mark.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    fs::write(&path, text)?;
    Ok(path)
}

fn print_peak() -> Result<()> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    println!("{}", kib << 10);
    Ok(())
}
