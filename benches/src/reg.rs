//! Reading and writing a large export, compared with regashii and hivexregedit.
//!
//! Each contender is a separate process, so that its peak memory is known; times are CPU times,
//! since the machine does other work.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use winpe_hive::{FileTime, Hive};
use winpe_regfile::{Document, Format, OpRef, ParseOptions, Writer, write_edits};
use winpe_registry::{KeyName, Value, ValueName};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => report(100_000_000),
        [size] => report(size.parse::<usize>()? * 1_000_000),
        [contender, input, output] => {
            let (input, output) = (Path::new(input), Path::new(output));
            match contender {
                "document" => document(input, output),
                "edits" => edits(input, output, &ParseOptions::lenient()),
                "strict-edits" => edits(input, output, &ParseOptions::default()),
                "owned-edits" => owned_edits(input, output),
                "regashii" => regashii(input, output),
                _ => Err("unknown contender".into()),
            }
        }
        _ => Err("usage: reg [MEGABYTES]".into()),
    }
}

/// Reads and writes a document; every byte is preserved, including comments and layout.
fn document(input: &Path, output: &Path) -> Result<()> {
    let document = Document::read(File::open(input)?, &ParseOptions::default())?;
    document.write_to(File::create(output)?)?;
    Ok(())
}

/// Decodes each value into the form that a registry stores, and writes it again. Lenient mode
/// compares with regashii, which refuses nothing; strict mode first checks everything.
fn edits(input: &Path, output: &Path, options: &ParseOptions) -> Result<()> {
    let document = Document::read(File::open(input)?, options)?;
    let mut writer = Writer::new(File::create(output)?, Format::Regedit);
    let mut cursor = document.cursor();
    while let Some(edit) = cursor.next() {
        match edit.op {
            OpRef::CreateKey => writer.key(edit.key)?,
            OpRef::DeleteKey => writer.delete_key(edit.key)?,
            OpRef::SetValue { name, ty, data } => writer.value(name, ty, data)?,
            OpRef::DeleteValue { name } => writer.delete_value(name)?,
        }
    }
    writer.finish()?;
    Ok(())
}

/// The same with an owned copy of each edit.
fn owned_edits(input: &Path, output: &Path) -> Result<()> {
    let document = Document::read(File::open(input)?, &ParseOptions::default())?;
    let edits = document.edits().map(|(edit, _)| edit);
    write_edits(File::create(output)?, Format::Regedit, edits)?;
    Ok(())
}

fn regashii(input: &Path, output: &Path) -> Result<()> {
    let registry =
        regashii::Registry::deserialize_file(input).map_err(|error| format!("{error:?}"))?;
    registry.serialize_file(output).map_err(|error| format!("{error:?}"))?;
    Ok(())
}

const ROOT: &str = r"HKEY_LOCAL_MACHINE\BENCH";

fn report(size: usize) -> Result<()> {
    let work = std::env::temp_dir().join(format!("winpe-bench-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let (regedit, utf8, output) =
        (work.join("in.reg"), work.join("utf8.reg"), work.join("out.reg"));
    export(&regedit, Format::Regedit, size)?;
    let text = fs::metadata(&regedit)?.len();
    println!("An export of {} MB (UTF-16), read and written again:\n", text / 1_000_000);
    println!("| | CPU time | × | peak memory | of the text |\n|---|---:|---:|---:|---:|");

    let me = std::env::current_exe()?;
    let contender = |name: &str| {
        let mut command = Command::new(&me);
        command.arg(name).arg(&regedit).arg(&output);
        command
    };
    let best = |name: &str| -> Result<Cost> {
        let costs: Result<Vec<_>> = (0..3).map(|_| cost(&mut contender(name))).collect();
        costs?.into_iter().min_by(|a, b| a.seconds.total_cmp(&b.seconds)).ok_or("no run".into())
    };
    let same = || -> Result<bool> { Ok(fs::read(&output)? == fs::read(&regedit)?) };
    let base = best("document")?;
    assert!(same()?, "what comes out is what went in");
    base.print("winpe-regfile, the document", &base, text);
    for (contender, name) in [
        ("edits", "winpe-regfile, each edit decoded"),
        ("strict-edits", "winpe-regfile, each edit decoded, strict"),
        ("owned-edits", "winpe-regfile, each edit kept, strict"),
    ] {
        let cost = best(contender)?;
        assert!(same()?, "what comes out is what went in");
        cost.print(name, &base, text);
    }
    best("regashii")?.print("regashii 0.4", &base, text);

    // hivexregedit reads only UTF-8, and only into a hive, from which it prints the result.
    export(&utf8, Format::Utf8Lf, size)?;
    let hive = work.join("hive");
    let empty = Hive::create(5, &KeyName::new("ROOT")?, FileTime::from_unix(0))?;
    fs::write(&hive, empty.into_bytes())?;
    let mut hivex = Command::new("timeout");
    hivex.args(["900", "sh", "-c", HIVEX, ROOT]).args([&hive, &utf8, &output]);
    match cost(&mut hivex) {
        Ok(cost) => cost.print("hivexregedit --merge, --export", &base, text),
        Err(error) => println!("| hivexregedit --merge, --export | {error} | | | |"),
    }
    fs::remove_dir_all(&work)?;
    Ok(())
}

const HIVEX: &str = r#"hivexregedit --merge --prefix "$0" "$1" < "$2" &&
    hivexregedit --export --prefix "$0" "$1" '\' > "$3""#;

/// The resources that a process used.
struct Cost {
    seconds: f64,
    peak_kib: u64,
}

impl Cost {
    fn print(&self, name: &str, base: &Self, text: u64) {
        let factor = self.seconds / base.seconds;
        let of_text = self.peak_kib as f64 * 1024.0 / text as f64;
        let peak = self.peak_kib / 1024;
        println!("| {name} | {:.2} s | {factor:.1} | {peak} MiB | {of_text:.1} |", self.seconds);
    }
}

/// Runs a command under GNU time.
fn cost(command: &mut Command) -> Result<Cost> {
    let output = Command::new("time")
        .args(["-q", "-f", "cost %U %S %M"])
        .arg(command.get_program())
        .args(command.get_args())
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("failed ({}): {}", output.status, stderr.trim()).into());
    }
    let line = stderr.lines().rev().find_map(|line| line.strip_prefix("cost "));
    let numbers: Vec<&str> = line.ok_or("GNU time is needed")?.split(' ').collect();
    let [user, system, peak] = numbers[..] else { return Err("GNU time is needed".into()) };
    let seconds = user.parse::<f64>()? + system.parse::<f64>()?;
    Ok(Cost { seconds, peak_kib: peak.parse()? })
}

/// An export of about `size` bytes in UTF-16: keys, names and types in the proportions of a SYSTEM
/// hive, with text in all scripts here and there.
fn export(path: &Path, format: Format, size: usize) -> Result<()> {
    let mut writer = Writer::new(File::create(path)?, format);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut about = 0;
    writer.key(&ROOT.parse()?)?;
    for group in 0.. {
        let top = format!(r"{ROOT}\Group {group:05}");
        writer.key(&top.parse()?)?;
        for item in 0..100 {
            let key = format!(r"{top}\{{{:08X}-{item:04}}}", next(1 << 32));
            writer.key(&key.parse()?)?;
            about += 2 * (key.len() + 6);
            for value in 0..next(8) {
                let length = if next(40) == 0 { next(4000) } else { next(80) } as usize;
                let text: String = r"@%SystemRoot%\system32\drivers\etc,-1 "
                    .chars()
                    .cycle()
                    .take(length)
                    .collect();
                let value_of = match next(10) {
                    0..4 => Value::sz(text),
                    4..7 => Value::dword(next(1 << 32) as u32),
                    7 => Value::expand_sz(text),
                    8 => Value::multi_sz(["Größe", "大きさ", "x"]),
                    _ => Value::binary(text.into_bytes()),
                };
                let name = ValueName::new(format!("Value number {value}"))?;
                writer.value(&name, value_of.ty, &value_of.data)?;
                let shown = if value_of.as_text().is_some() && value_of.ty.0 == 1 { 1 } else { 6 };
                about += 2 * (18 + shown * value_of.data.len());
            }
        }
        // The estimate above is too high.
        if about >= size * 17 / 10 {
            break;
        }
    }
    writer.finish()?;
    Ok(())
}
