//! `docs/limits.md` beside the limits of the server.

use std::collections::BTreeMap;
use std::fs;

use winpe_netboot::config::{Limit, Limits};
use winpe_tests::workspace;

/// Rows of the table are `| limit | key | default | metric | when it is met |`.
#[test]
fn the_table_of_limits_is_the_code() {
    let text = fs::read_to_string(workspace().join("docs/limits.md")).unwrap();
    let (_, rows) = text.split_once("<!-- [serve.limits] begins -->").expect("a mark");
    let (rows, _) = rows.split_once("<!-- [serve.limits] ends -->").expect("a mark");
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> =
        rows.lines().filter(|line| line.contains('`')).map(cells).collect();
    let written: BTreeMap<_, _> =
        rows.iter().map(|row| (row[2].clone(), (row[3].clone(), row[4].clone()))).collect();
    assert_eq!(written.len(), rows.len(), "a key is written once");
    let is: BTreeMap<_, _> = Limit::ALL
        .into_iter()
        .map(|limit| {
            let (key, number) = (limit.key(), Limits::default().of(limit));
            let metric = format!("`limit=\"{key}\"`");
            (format!("`{key}`"), (number.to_string(), metric))
        })
        .collect();
    assert_eq!(written, is);
}
