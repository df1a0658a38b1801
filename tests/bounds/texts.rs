//! Texts that users write: INF, `.reg`, recipe and profile.

use crate::random::Random;

const SIGNATURE: &str = "[Version]\r\nSignature=\"$Windows NT$\"\r\nClass=Net\r\n";

/// Repeats the output of `each` until `budget` is used up.
fn fill(budget: usize, mut each: impl FnMut(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        let piece = each(number);
        if text.len() + piece.len() > budget {
            break;
        }
        text += &piece;
    }
    text
}

/// An INF of at most `budget` bytes, or of half as many characters in UTF-16.
pub(crate) fn inf(random: &mut Random, budget: usize) -> Vec<u8> {
    let is_utf16 = random.below(4) == 0;
    let budget = if is_utf16 { budget / 2 - 2 } else { budget } - SIGNATURE.len() - 400;
    let half = budget / 2;
    let line = random.size(1, half);
    let body = match random.below(13) {
        // One section, copied again and again.
        0 => {
            let copies = fill(half, |_| "CopyFiles=l\n".to_owned());
            format!("[i]\n{copies}[l]\n{}", fill(half - 20, |_| "f\n".to_owned()))
        }
        1 => format!("[i]\nCopyFiles={}\n[l]\n{}", "l,".repeat(half / 2), "f\n".repeat(half / 2)),
        // A string that is inserted many times.
        2 => {
            let copies = fill(half, |number| format!("@%a%{number},"));
            let value = "x".repeat(line.min(half - 40));
            format!("[i]\nCopyFiles={copies}\n[Strings]\na={value}\n")
        }
        3 => format!("[i]\nCopyFiles=@{}\n[Strings]\na=xxxx\n", "%a%".repeat(half / 3)),
        // A disk with a long path, and its files.
        4 => {
            let files = fill(half, |number| format!("{number}=1\n"));
            let path = "p".repeat(line.min(half - 80));
            format!("[SourceDisksNames]\n1=,,,{path}\n[SourceDisksFiles]\n{files}")
        }
        // Continuation lines.
        5 => format!("[i]\n{}", "a\\\n".repeat(budget / 3)),
        6 => format!("[i]\n{}", "\"\",\"".repeat(budget / 4)),
        7 => format!("[Strings]\n{}", fill(budget - 20, |number| format!("{number}={number}\n"))),
        // Models, sections and IDs that grow by strings.
        8 => {
            let makers = fill(half, |number| format!("x=M{},NTamd64,NTx86,%a%\n", number % 1000));
            let models = fill(half - 1200, |number| format!("[m{number}.ntamd64]\nx=i,%a%\n"));
            format!("[Manufacturer]\n{makers}{models}[Strings]\na={}\n", "x".repeat(1000))
        }
        9 => {
            let needs = "%a%,".repeat((budget - 1200) / 4);
            format!("[DefaultInstall]\nNeeds={needs}\n[Strings]\na={}\n", "x".repeat(1000))
        }
        10 => {
            let services = fill(half, |number| format!("AddService=a,,{number}\n"));
            let sections =
                fill(half - 1200, |number| format!("[{number}]\nServiceBinary=%a%{number}\n"));
            let strings = format!("[Strings]\na={}\n", "x".repeat(1000));
            format!("[DefaultInstall.Services]\n{services}{sections}{strings}[DefaultInstall]\na\n")
        }
        11 => {
            let disks = fill(half, |number| format!("{number}=,,,%a%\n"));
            let files = fill(half - 1200, |number| format!("%a%{number}={number},%a%\n"));
            let strings = format!("[Strings]\na={}\n", "x".repeat(1000));
            format!("[SourceDisksNames]\n{disks}[SourceDisksFiles]\n{files}{strings}")
        }
        _ => fill(budget, |number| format!("[{number}]\na\n")),
    };
    let text = SIGNATURE.to_owned() + &body;
    if is_utf16 {
        return "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
    }
    text.into_bytes()
}

/// A `.reg` text of at most `budget` bytes.
pub(crate) fn reg(random: &mut Random, budget: usize) -> Vec<u8> {
    let head = "Windows Registry Editor Version 5.00\r\n\r\n";
    let key = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\k]\r\n";
    let is_utf16 = random.below(4) == 0;
    let budget = if is_utf16 { budget / 2 - 2 } else { budget } - head.len() - key.len() - 400;
    let body = match random.below(10) {
        0 => format!("{key}\"v\"=hex:{}00\r\n", "00,".repeat(budget / 3 - 10)),
        1 => format!("{key}\"v\"=hex:{}00\r\n", "00,\\\r\n  ".repeat(budget / 8 - 10)),
        2 => format!("{key}\"v\"=\"{}\"\r\n", "\\\\".repeat(budget / 2 - 10)),
        3 => format!("{key}{}", fill(budget, |number| format!("\"{number}\"=\"\"\r\n"))),
        4 => format!("{key}{}", "\"v\"=\"\"\r\n".repeat(budget / 8)),
        5 => fill(budget, |number| format!("[HKEY_LOCAL_MACHINE\\SOFTWARE\\{number}]\r\n")),
        6 => {
            let name = "k\\".repeat(random.size(1, 250));
            fill(budget, |number| format!("[HKEY_LOCAL_MACHINE\\SOFTWARE\\{name}{number}]\r\n"))
        }
        7 => fill(budget, |number| {
            let minus = if number % 2 == 0 { "-" } else { "" };
            format!("[{minus}HKEY_LOCAL_MACHINE\\SOFTWARE\\k{}]\r\n", number % 7)
        }),
        8 => format!("{key}{}", "; a comment\r\n".repeat(budget / 13)),
        _ => format!("{key}{}", "=\r\n".repeat(budget / 3)),
    };
    let text = head.to_owned() + &body;
    if is_utf16 {
        return "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
    }
    text.into_bytes()
}

/// A recipe of at most `budget` bytes.
pub(crate) fn recipe(random: &mut Random, budget: usize) -> String {
    let budget = budget - 100;
    match random.below(7) {
        0 => fill(budget, |number| format!("[inject.a{number}]\n")),
        1 => format!("[inject]\nwim = \"{}\"\n", "\\\\".repeat(budget / 2 - 20)),
        2 => format!("[inject]\nreg = [{}]\n", "\"\",".repeat(budget / 3 - 20)),
        3 => format!("[inject{}]\n", ".a".repeat(budget / 2 - 20)),
        4 => format!(
            "[inject]\nreg = {}{}\n",
            "[".repeat(budget / 2 - 20),
            "]".repeat(budget / 2 - 20)
        ),
        5 => fill(budget, |number| format!("[[inject.add]]\nfrom = \"{number}\"\n")),
        _ => format!("[inject]\n{}", fill(budget - 20, |number| format!("a.b{number}.c = 1\n"))),
    }
}
