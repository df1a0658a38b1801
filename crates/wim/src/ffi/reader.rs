//! `Reader`: wimlib as an independent reader of a WIM.

use std::any::Any;
use std::ffi::{CString, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

use wimlib_sys::{
    WIMLIB_OPEN_FLAG_CHECK_INTEGRITY, WIMStruct, wimlib_dir_entry, wimlib_free,
    wimlib_iterate_dir_tree, wimlib_open_wim_with_progress, wimlib_progress_info,
    wimlib_progress_msg, wimlib_progress_msg_WIMLIB_PROGRESS_MSG_VERIFY_INTEGRITY as MSG_INTEGRITY,
    wimlib_progress_msg_WIMLIB_PROGRESS_MSG_VERIFY_STREAMS as MSG_STREAMS, wimlib_progress_status,
    wimlib_progress_status_WIMLIB_PROGRESS_STATUS_ABORT as ABORT,
    wimlib_progress_status_WIMLIB_PROGRESS_STATUS_CONTINUE as CONTINUE,
    wimlib_reference_resource_files, wimlib_verify_wim,
};

use super::library::{Failure, library};

/// Called with `(done, total)` in bytes.
type Watch<'a> = &'a mut dyn FnMut(u64, u64);

/// A WIM opened for reading by wimlib. `Send` and not `Sync`, as wimlib requires.
pub(crate) struct Reader<'w> {
    raw: NonNull<WIMStruct>,
    /// The context of wimlib's progress function: a leaked box, freed after `raw`.
    context: NonNull<Context<'w>>,
}

struct Context<'w> {
    watch: Option<Watch<'w>>,
    /// A panic of `watch`, kept until wimlib has returned.
    panic: Option<Box<dyn Any + Send>>,
}

/// A file as wimlib reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) size: u64,
    pub(crate) sha1: [u8; 20],
    pub(crate) attributes: u32,
    pub(crate) security_size: usize,
}

impl<'w> Reader<'w> {
    /// Opens `path`, and checks its integrity table if `check_integrity` is set.
    pub(crate) fn open(
        path: &Path,
        check_integrity: bool,
        watch: Option<Watch<'w>>,
    ) -> Result<Self, Failure> {
        let path = c_path(path)?;
        let library = library()?;
        let flags = if check_integrity { WIMLIB_OPEN_FLAG_CHECK_INTEGRITY } else { 0 };
        let context = NonNull::from(Box::leak(Box::new(Context { watch, panic: None })));
        let mut raw = ptr::null_mut();
        // SAFETY: `path` and `raw` outlive the call; `context` lives until it is freed below
        // or by `Reader`, in both cases after the last use by wimlib; `on_progress` never unwinds.
        let opened = library.check(|| unsafe {
            wimlib_open_wim_with_progress(
                path.as_ptr(),
                flags.cast_signed(),
                &raw mut raw,
                Some(on_progress),
                context.as_ptr().cast(),
            )
        });
        if let (Ok(()), Some(raw)) = (&opened, NonNull::new(raw)) {
            let mut reader = Self { raw, context };
            reader.resume();
            return Ok(reader);
        }
        // SAFETY: leaked above, and wimlib has not kept it: there is no open WIM.
        let context = unsafe { Box::from_raw(context.as_ptr()) };
        if let Some(panic) = context.panic {
            resume_unwind(panic);
        }
        Err(opened.expect_err("wimlib returned 0, so it set the pointer"))
    }

    /// Adds the data of further parts of a split WIM.
    pub(crate) fn reference(&mut self, parts: &[PathBuf]) -> Result<(), Failure> {
        if parts.is_empty() {
            return Ok(());
        }
        let paths = parts.iter().map(|part| c_path(part)).collect::<Result<Vec<_>, _>>()?;
        let raw: Vec<_> = paths.iter().map(|path| path.as_ptr()).collect();
        let count = u32::try_from(raw.len()).expect("a set has at most 65535 parts");
        self.call(|wim| {
            // SAFETY: `raw` is an array of `count` NUL-terminated strings that outlives the call.
            unsafe { wimlib_reference_resource_files(wim, raw.as_ptr(), count, 0, 0) }
        })
    }

    /// Reads everything that the images refer to and checks its SHA-1.
    pub(crate) fn verify(&mut self) -> Result<(), Failure> {
        self.call(|wim| {
            // SAFETY: `wim` is the open WIM of this reader.
            unsafe { wimlib_verify_wim(wim, 0) }
        })
    }

    /// The file or folder at `path` of an image; found in any case, `/` between names.
    pub(crate) fn entry(&mut self, image: u32, path: &str) -> Result<Seen, Failure> {
        let path = CString::new(path).map_err(|_| nul_in_path())?;
        let image = c_int::try_from(image).unwrap_or(c_int::MAX);
        let mut seen: Option<Seen> = None;
        let context: *mut c_void = (&raw mut seen).cast();
        self.call(|wim| {
            // SAFETY: `path` outlives the call; `context` points to `seen`, which is not touched
            // by anyone else until the call is over; `on_entry` never unwinds.
            unsafe {
                wimlib_iterate_dir_tree(wim, image, path.as_ptr(), 0, Some(on_entry), context)
            }
        })?;
        seen.ok_or(Failure { code: 0, text: "wimlib reported no entry".to_owned() })
    }

    fn call(&mut self, call: impl FnOnce(*mut WIMStruct) -> c_int) -> Result<(), Failure> {
        let result = library()?.check(|| call(self.raw.as_ptr()));
        self.resume();
        result
    }

    /// Resumes the panic of a callback, if there was one.
    fn resume(&mut self) {
        // SAFETY: the context lives as long as `self`, and no call into wimlib is running.
        let panic = unsafe { self.context.as_mut() }.panic.take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `wimlib_open_wim_with_progress` and freed only here; `context` was leaked
        // by `Reader::open` and has no user once the WIM is gone.
        unsafe {
            wimlib_free(self.raw.as_ptr());
            drop(Box::from_raw(self.context.as_ptr()));
        }
    }
}

unsafe extern "C" fn on_progress(
    message: wimlib_progress_msg,
    info: *mut wimlib_progress_info,
    context: *mut c_void,
) -> wimlib_progress_status {
    // SAFETY: wimlib hands back the pointer given at opening: the context of the `Reader`,
    // which nothing else borrows while a call into wimlib runs.
    let context = unsafe { &mut *context.cast::<Context<'_>>() };
    let Some(watch) = &mut context.watch else { return CONTINUE };
    let (done, total) = match message {
        // SAFETY: with this message wimlib fills `verify_streams`.
        MSG_STREAMS => unsafe {
            let streams = &(*info).verify_streams;
            (streams.completed_bytes, streams.total_bytes)
        },
        // SAFETY: with this message wimlib fills `integrity`.
        MSG_INTEGRITY => unsafe {
            let integrity = &(*info).integrity;
            (integrity.completed_bytes, integrity.total_bytes)
        },
        _ => return CONTINUE,
    };
    match catch_unwind(AssertUnwindSafe(|| watch(done, total))) {
        Ok(()) => CONTINUE,
        Err(panic) => {
            context.panic = Some(panic);
            ABORT
        }
    }
}

unsafe extern "C" fn on_entry(entry: *const wimlib_dir_entry, context: *mut c_void) -> c_int {
    // SAFETY: `context` is the `seen` of `Reader::entry`, not borrowed elsewhere during the call.
    let seen = unsafe { &mut *context.cast::<Option<Seen>>() };
    // SAFETY: `entry` is valid for the duration of the callback, and its array of streams always
    // has a first element.
    let (entry, stream) = unsafe { (&*entry, &*(*entry).streams.as_ptr()) };
    *seen = Some(Seen {
        size: stream.resource.uncompressed_size,
        sha1: stream.resource.sha1_hash,
        attributes: entry.attributes,
        security_size: entry.security_descriptor_size,
    });
    0
}

fn c_path(path: &Path) -> Result<CString, Failure> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| nul_in_path())
}

fn nul_in_path() -> Failure {
    Failure { code: 0, text: "a path holds a NUL character".to_owned() }
}
