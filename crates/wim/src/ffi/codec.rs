//! Compression and decompression of one chunk.

use std::ptr::{self, NonNull};

use wimlib_sys::{
    wimlib_compress, wimlib_compressor, wimlib_create_compressor, wimlib_create_decompressor,
    wimlib_decompress, wimlib_decompressor, wimlib_free_compressor, wimlib_free_decompressor,
};

use super::library::{Failure, library};

/// Compresses chunks of one format.
pub(crate) struct Compressor {
    raw: NonNull<wimlib_compressor>,
    largest: usize,
}

impl Compressor {
    /// `format` is the number of the compression type in the WIM format; `largest` the chunk size;
    /// `level` as in `wimlib-imagex --compress=TYPE:LEVEL`.
    pub(crate) fn new(format: u32, largest: usize, level: u32) -> Result<Self, Failure> {
        let library = library()?;
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is a valid place for the pointer; the other arguments are plain numbers.
        library
            .check(|| unsafe { wimlib_create_compressor(format, largest, level, &raw mut raw) })?;
        let raw = NonNull::new(raw).expect("wimlib returned 0, so it set the pointer");
        Ok(Self { raw, largest })
    }

    /// Compresses `plain` into `packed`. `None` if the result is not smaller than `plain`.
    pub(crate) fn compress<'a>(
        &mut self,
        plain: &[u8],
        packed: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        assert!(plain.len() <= self.largest, "a chunk is at most the chunk size");
        let room = plain.len().checked_sub(1)?;
        packed.resize(room, 0);
        // SAFETY: both buffers are valid for the lengths given and do not overlap, and `&mut self`
        // makes this the only use of the compressor.
        let size = unsafe {
            wimlib_compress(
                plain.as_ptr().cast(),
                plain.len(),
                packed.as_mut_ptr().cast(),
                room,
                self.raw.as_ptr(),
            )
        };
        packed.truncate(size);
        (size > 0).then_some(packed.as_slice())
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        // SAFETY: made by `wimlib_create_compressor` and freed only here.
        unsafe { wimlib_free_compressor(self.raw.as_ptr()) }
    }
}

// SAFETY: a compressor is separate memory that is not tied to a thread; `&mut self` keeps it to one.
unsafe impl Send for Compressor {}

/// Decompresses chunks of one format.
pub(crate) struct Decompressor {
    raw: NonNull<wimlib_decompressor>,
    largest: usize,
}

impl Decompressor {
    /// See [`Compressor::new`].
    pub(crate) fn new(format: u32, largest: usize) -> Result<Self, Failure> {
        let library = library()?;
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is a valid place for the pointer; the other arguments are plain numbers.
        library.check(|| unsafe { wimlib_create_decompressor(format, largest, &raw mut raw) })?;
        let raw = NonNull::new(raw).expect("wimlib returned 0, so it set the pointer");
        Ok(Self { raw, largest })
    }

    /// Decompresses `packed` into exactly `plain.len()` bytes; `false` if that fails.
    #[must_use]
    pub(crate) fn decompress(&mut self, packed: &[u8], plain: &mut [u8]) -> bool {
        assert!(plain.len() <= self.largest, "a chunk is at most the chunk size");
        // SAFETY: both buffers are valid for the lengths given and do not overlap, and `&mut self`
        // makes this the only use of the decompressor.
        let code = unsafe {
            wimlib_decompress(
                packed.as_ptr().cast(),
                packed.len(),
                plain.as_mut_ptr().cast(),
                plain.len(),
                self.raw.as_ptr(),
            )
        };
        code == 0
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: made by `wimlib_create_decompressor` and freed only here.
        unsafe { wimlib_free_decompressor(self.raw.as_ptr()) }
    }
}

// SAFETY: as for `Compressor`.
unsafe impl Send for Decompressor {}
