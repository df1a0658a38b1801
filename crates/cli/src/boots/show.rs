//! A boot in the terminal.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::printer::{Printer, Tone};

/// What is shown of a boot.
#[derive(Deserialize)]
pub(super) struct Boot {
    pub(super) id: u64,
    pub(super) client: String,
    pub(super) address: Option<String>,
    platform: Option<String>,
    began_ms: u64,
    last_ms: u64,
    pub(super) verdict: Verdict,
    chain: Vec<Link>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
pub(super) struct Verdict {
    status: String,
    pub(super) summary: String,
    reason: Option<String>,
    remedy: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    label: String,
    percent: Option<u64>,
}

#[derive(Deserialize)]
struct Step {
    time_ms: u64,
    text: String,
    count: u32,
    file: Option<File>,
}

#[derive(Deserialize)]
struct File {
    protocol: String,
    name: String,
    bytes: u64,
    outcome: String,
    reason: Option<String>,
    millis: Option<u64>,
    sha256: Option<String>,
}

impl Boot {
    pub(super) fn of(value: &Value) -> Result<Self, Failure> {
        Ok(Self::deserialize(value)?)
    }
}

pub(super) fn show(boot: &Boot, now: u64, printer: &mut Printer) -> Result<(), Failure> {
    let tone = match boot.verdict.status.as_str() {
        "stopped" => Tone::Bad,
        "up" => Tone::Good,
        _ => Tone::Plain,
    };
    let about = [Some(boot.client.as_str()), boot.address.as_deref(), boot.platform.as_deref()];
    let about: Vec<_> = about.into_iter().flatten().map(plain).collect();
    let ago = ago(Duration::from_millis(now.saturating_sub(boot.last_ms)));
    let status = format!("{:11}", boot.verdict.status);
    printer.toned(tone, &status, format_args!(" {}  {ago}", about.join("  ")))?;
    let links = boot.chain.iter().map(|link| match link.percent {
        Some(percent) => format!("{} {percent} %", plain(&link.label)),
        None => plain(&link.label),
    });
    printer.line(format_args!("            {}", links.collect::<Vec<_>>().join(" > ")))?;
    printer.line(format_args!("            {}", plain(&boot.verdict.summary)))?;
    for (word, text) in [("why", &boot.verdict.reason), ("try", &boot.verdict.remedy)] {
        if let Some(text) = text {
            printer.line(format_args!("      {word}:  {}", plain(text)))?;
        }
    }
    for step in &boot.steps {
        let seconds = Duration::from_millis(step.time_ms.saturating_sub(boot.began_ms));
        let text = match &step.file {
            Some(file) => described(file),
            None => plain(&step.text),
        };
        let times = if step.count > 1 { format!(" ({} times)", step.count) } else { String::new() };
        printer.line(format_args!("{:>9.2} s  {text}{times}", seconds.as_secs_f64()))?;
        if let Some(sha256) = step.file.as_ref().and_then(|file| file.sha256.as_ref()) {
            printer.line(format_args!("             SHA-256 {}", plain(sha256)))?;
        }
    }
    Ok(())
}

fn described(file: &File) -> String {
    let outcome = file.reason.as_ref().unwrap_or(&file.outcome);
    let mut text = format!("{} {}: {}", file.protocol, plain(&file.name), plain(outcome));
    if file.bytes > 0 {
        text = format!("{text}, {} bytes", file.bytes);
    }
    if let Some(millis) = file.millis.filter(|millis| *millis > 0) {
        let speed = file.bytes as f64 / millis as f64 / 1000.0;
        text = format!("{text} in {:.2} s, {speed:.1} MB/s", millis as f64 / 1000.0);
    }
    text
}

fn ago(time: Duration) -> String {
    match time.as_secs() {
        0..=1 => "now".to_owned(),
        seconds @ 2..=59 => format!("{seconds} s ago"),
        seconds @ 60..=3599 => format!("{} min ago", seconds / 60),
        seconds => format!("{} h ago", seconds / 3600),
    }
}

/// What a machine sent, without what would steer the terminal or turn the direction of writing.
fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_machine_steers_the_terminal() {
        assert_eq!(plain("a\u{1b}[2J\nb\u{202e}c"), "a\u{fffd}[2J\u{fffd}b\u{fffd}c");
        assert_eq!(plain("01-52-54…"), "01-52-54…");
    }

    #[test]
    fn times_are_told_in_the_largest_unit() {
        let text = |secs| ago(Duration::from_secs(secs));
        assert_eq!(
            [text(0), text(59), text(61), text(7300)],
            ["now", "59 s ago", "1 min ago", "2 h ago"]
        );
    }
}
