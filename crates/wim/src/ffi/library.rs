//! Initialisation of wimlib, and its return codes and messages.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, OnceLock};

use rustix::fs::{MemfdFlags, memfd_create};
use wimlib_sys::{
    WIMLIB_INIT_FLAG_ASSUME_UTF8, WIMLIB_INIT_FLAG_DEFAULT_CASE_INSENSITIVE,
    wimlib_get_error_string, wimlib_global_init, wimlib_set_error_file_by_name,
    wimlib_set_print_errors,
};

/// A call of wimlib that did not return 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("wimlib error {code}: {text}")]
pub(crate) struct Failure {
    /// A `wimlib_error_code`.
    pub(crate) code: i32,
    /// The meaning of the code, and wimlib's messages about this occurrence.
    pub(crate) text: String,
}

/// The initialised library.
pub(super) struct Library {
    messages: Option<File>,
    /// Held by the call whose messages are being collected; the error file is shared by the
    /// process.
    catching: Mutex<()>,
}

/// The library, initialised on the first call.
///
/// `wimlib_global_cleanup` is never called: another user of wimlib in this process would break.
pub(super) fn library() -> Result<&'static Library, Failure> {
    static LIBRARY: OnceLock<Result<Library, Failure>> = OnceLock::new();
    LIBRARY.get_or_init(set_up).as_ref().map_err(Clone::clone)
}

fn set_up() -> Result<Library, Failure> {
    let flags = WIMLIB_INIT_FLAG_ASSUME_UTF8 | WIMLIB_INIT_FLAG_DEFAULT_CASE_INSENSITIVE;
    // SAFETY: called once (by the `OnceLock`), before any other function of wimlib.
    let code = unsafe { wimlib_global_init(flags.cast_signed()) };
    if code != 0 {
        return Err(Failure { code, text: meaning(code) });
    }
    Ok(Library { messages: catch_messages(), catching: Mutex::new(()) })
}

/// Redirects wimlib's messages from stderr to a file in memory. Without one (no memfd, no /proc)
/// they are lost, and errors have only the meaning of their code.
fn catch_messages() -> Option<File> {
    let file = File::from(memfd_create("wimlib messages", MemfdFlags::CLOEXEC).ok()?);
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    // SAFETY: `path` is a NUL-terminated string that outlives the call; wimlib opens the file.
    let opened = unsafe { wimlib_set_error_file_by_name(path.as_ptr()) };
    if opened != 0 {
        return None;
    }
    // SAFETY: takes a flag and no pointer.
    let printing = unsafe { wimlib_set_print_errors(true) };
    (printing == 0).then_some(file)
}

impl Library {
    /// Runs `call` and turns its return code into a result.
    pub(super) fn check(&self, call: impl FnOnce() -> i32) -> Result<(), Failure> {
        // Never waits: `call` may run a callback that calls wimlib again. If two calls race, the
        // loser gets the meaning of its code, and possibly messages of the other call.
        let _catching = self.catching.try_lock();
        let before = self.said();
        let code = call();
        if code == 0 {
            return Ok(());
        }
        let mut text = meaning(code);
        let details = self.messages_since(before);
        if !details.is_empty() {
            text = format!("{text} ({details})");
        }
        Err(Failure { code, text })
    }

    fn said(&self) -> u64 {
        self.messages.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len())
    }

    /// The `[ERROR]` lines written after the first `from` bytes of the file, joined into one line.
    fn messages_since(&self, from: u64) -> String {
        const LONGEST: u64 = 4096;
        let Some(file) = &self.messages else { return String::new() };
        let length = self.said().saturating_sub(from).min(LONGEST);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        if file.read_exact_at(&mut bytes, from).is_err() {
            return String::new();
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().starts_with("[WARNING]"))
            .map(|line| line.trim().trim_start_matches("[ERROR]").trim())
            .filter(|line| !line.is_empty())
            .collect();
        lines.join("; ")
    }
}

/// The meaning of a return code, in wimlib's words.
fn meaning(code: i32) -> String {
    let Ok(code) = u32::try_from(code) else { return "unknown error".to_owned() };
    // SAFETY: every code, known or not, yields a static NUL-terminated string.
    let text = unsafe { CStr::from_ptr(wimlib_get_error_string(code)) };
    text.to_string_lossy().into_owned()
}
