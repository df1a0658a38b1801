//! The batch file that passes a CHAP name and secret to the login script of an image.

use super::chap::Chap;

/// The name under which a boot server adds the batch file to `Windows\System32` of an image that it boots.
///
/// The login script of the image calls it there. wimboot takes names of at most 31 characters of ASCII.
pub const CHAP_AT_BOOT: &str = "winpe-iscsi-chap.cmd";

/// A batch file that sets `chap_user` and `chap_secret`. It is always 512 bytes long, so that its
/// size reveals nothing about them.
///
/// ```
/// use winpe_san::{Chap, Secret, chap_script};
/// let chap = Chap::new("lab", Secret::new("secret-of-lab"))?;
/// let script = String::from_utf8(chap_script(&chap)).unwrap();
/// assert!(script.contains("@set \"chap_user=lab\"\r\n@set \"chap_secret=secret-of-lab\"\r\n"));
/// assert_eq!(script.len(), 512);
/// # Ok::<(), winpe_san::ChapError>(())
/// ```
#[must_use]
pub fn chap_script(chap: &Chap) -> Vec<u8> {
    const SIZE: usize = 512;
    let mut text = format!(
        "@rem The name and secret for CHAP. Whoever has this file can log in.\r\n\
         @set \"chap_user={}\"\r\n@set \"chap_secret={}\"\r\n@rem ",
        chap.user(),
        word(chap)
    );
    let padding = SIZE.saturating_sub(text.len() + "\r\n".len());
    text.push_str(&".".repeat(padding));
    text.push_str("\r\n");
    text.into_bytes()
}

/// The secret as one argument of a command. `iscsicli` reads an argument that begins with `0x` as
/// hex digits, which no command processor alters; a secret of plain characters is left unchanged.
fn word(chap: &Chap) -> String {
    let secret = chap.secret().expose();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if secret.chars().all(plain) && !secret.to_ascii_lowercase().starts_with("0x") {
        return secret.to_owned();
    }
    secret.bytes().fold("0x".to_owned(), |word, byte| format!("{word}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::super::chap::Secret;
    use super::*;

    #[test]
    fn a_secret_is_one_argument_for_any_command_processor() {
        let word = |secret: &str| word(&Chap::new("lab", Secret::new(secret)).unwrap());
        assert_eq!(word("plain.word-12"), "plain.word-12");
        assert_eq!(word("0x1234567890"), "0x307831323334353637383930");
        assert_eq!(word("a\"b%PATH%&^ \\"), "0x61226225504154482526 5e205c".replace(' ', ""));
    }

    #[test]
    fn its_size_reveals_nothing_about_name_and_secret() {
        for (user, secret) in [("lab", "secret-of-lab"), ("a-longer-name", "secret&of&labora")] {
            let script = chap_script(&Chap::new(user, Secret::new(secret)).unwrap());
            assert_eq!(script.len(), 512);
            assert!(String::from_utf8(script).unwrap().contains(&format!("chap_user={user}\"")));
        }
    }

    #[test]
    fn wimboot_accepts_the_name() {
        assert!(CHAP_AT_BOOT.len() <= 31 && CHAP_AT_BOOT.is_ascii());
        assert!(!CHAP_AT_BOOT.contains(['/', '\\', ':']));
    }
}
