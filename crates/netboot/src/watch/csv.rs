//! Boots as a table for spreadsheets (RFC 4180).

use super::api::status_name;
use crate::timeline::BootView;

const HEAD: &str = "machine,table,host name,address,platform,UUID,state,signature,summary,chosen,began,\
                    last seen,bytes\r\n";

/// The boots as a table, one in a line.
pub(super) fn table(boots: &[BootView]) -> String {
    let mut text = HEAD.to_owned();
    for boot in boots {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = [
            boot.client.clone(),
            optional(&boot.table),
            optional(&boot.host_name),
            optional(&boot.address),
            optional(&boot.platform),
            optional(&boot.uuid),
            status_name(boot.verdict.status).to_owned(),
            boot.verdict.signature.to_owned(),
            boot.verdict.summary.clone(),
            optional(&boot.chosen),
            date(boot.began.as_millis()),
            date(boot.last.as_millis()),
            boot.bytes.to_string(),
        ];
        text.push_str(&cells.map(|cell| quoted(&cell)).join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell. Spreadsheets run one that begins like a formula, and names come from machines.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

/// As `2026-12-01 00:32:26`, in UTC, which spreadsheets read as a time.
fn date(millis: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis);
    let text = httpdate::HttpDate::from(time).to_string();
    // As `Tue, 01 Dec 2026 00:32:26 GMT`.
    let parts: Vec<_> = text.split(' ').collect();
    let [_, day, month, year, clock, _] = parts[..] else { return text };
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = MONTHS.find(month).map_or(0, |at| at / 3 + 1);
    format!("{year}-{month:02}-{day} {clock}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_run_nothing() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("a \"b\"\n"), "\"a \"\"b\"\"\n\"");
        assert_eq!(quoted("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(quoted("@a,b"), "\"'@a,b\"");
        assert_eq!(date(1_796_085_146_000), "2026-12-01 00:32:26");
    }
}
