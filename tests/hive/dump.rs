//! The canonical dump of a hive: a line for each key and each value, parents first. Independent
//! tools computed the digests that the corpus states.

use sha2::{Digest, Sha256};
use winpe_hive::{Hive, ReadError};
use winpe_registry::NtString;

use crate::corpus::rows;

/// The counts of a hive, and the digest of its dump.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) keys: usize,
    pub(crate) values: usize,
    pub(crate) digest: String,
}

pub(crate) fn content(hive: &Hive) -> Result<Content, ReadError> {
    let lines = lines(hive)?;
    let count = |kind| lines.iter().filter(|line| line.starts_with(kind)).count();
    Ok(Content {
        keys: count('K'),
        values: count('V'),
        digest: digest(lines.join("\n").as_bytes()),
    })
}

/// `K path time class` and `V name type data`, names in hexadecimal UTF-16LE, long data as digests.
pub(crate) fn lines(hive: &Hive) -> Result<Vec<String>, ReadError> {
    let mut lines = vec![];
    let mut paths: Vec<Vec<u8>> = vec![];
    let mut walk = hive.root().walk();
    while let Some(visit) = walk.next() {
        let visit = visit?;
        paths.truncate(visit.depth);
        let path = match paths.last() {
            None => NtString::from("ROOT").to_utf16le(),
            Some(parent) => [&parent[..], b"\\\0", &visit.key.name().to_utf16le()].concat(),
        };
        let class = hex(&visit.key.class()?.to_utf16le());
        lines.push(format!("K {} {} {class}", hex(&path), visit.key.last_written().0));
        for entry in walk.values(&visit.key) {
            let entry = entry?;
            let data = entry.data()?;
            let shown = if data.len() > 64 { digest(&data) } else { hex(&data) };
            lines.push(format!("V {} {} {shown}", hex(&entry.name().to_utf16le()), entry.ty().0));
        }
        paths.push(path);
    }
    Ok(lines)
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| DIGITS[usize::from(digit)]).collect()
}

/// Files that the dumping tool reads though they are not valid hives: a name that exceeds its cell,
/// and inline data longer than their field.
const NO_HIVES: &[&str] = &["yarp/TruncatedNameHive", "parse-win32registry/winnt_value_tests.rf"];

#[test]
fn every_hive_has_the_content_that_other_tools_report() {
    let Some(table) = winpe_tests::corpus("CONTENT-hives.tsv") else { return };
    let table = std::fs::read_to_string(table).unwrap();
    let mut compared = 0;
    for row in rows(&table) {
        let (name, expected) = (row[0], &row[1..4]);
        let bytes = crate::corpus::sample(name).expect("the table lists what is there");
        // The dumping tool ignores the base block, so this test must ignore it too.
        let hive = Hive::open_lenient(bytes);
        if expected[2].starts_with("error") || NO_HIVES.contains(&name) {
            let whole = hive.map(|hive| content(&hive));
            assert!(!matches!(whole, Ok(Ok(_))), "{name} cannot be read whole, but was");
            continue;
        }
        let found = content(&hive.unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.keys.to_string(), expected[0], "keys of {name}");
        assert_eq!(found.values.to_string(), expected[1], "values of {name}");
        assert_eq!(found.digest, expected[2], "dump of {name}");
        compared += 1;
    }
    assert!(compared > 60, "only {compared} hives were compared");
}
