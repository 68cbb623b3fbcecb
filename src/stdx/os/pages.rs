//! Zeroed memory straight from the operating system, for tables too big to clear by hand; and how
//! much memory goes back to it at once.
//!
//! The kernel hands out zeroed pages one by one as they are first touched, so making a
//! table of a gigabyte costs one system call, and its zeroing is spread over its use. The
//! allocator does not know of this memory: [`mapped_bytes`] is what `used_memory` must add.
//!
//! Huge pages are not asked for. In a dict of 10 million items they made a lookup 10 to 15 %
//! cheaper, but the fault that clears 2 MB took 0.25 ms, and 6 ms in a virtual machine whose
//! host had yet to find the memory; a fault on a small page takes 1.5 µs, or 11 µs there.
//! Nothing may pause the server for more than 1 ms.
//!
//! # Giving back
//! The kernel takes about 0.1 ms a megabyte to take pages back, more on a busy machine. One that does not
//! preempt its own work lets nobody else have the CPU before it comes to one of few places inside: so
//! where the loop shares a CPU with the freeing thread, it waits. So memory goes back in pieces of
//! [`PIECE`] bytes, and between two of them the CPU is free for whoever waits.
#![expect(unsafe_code, reason = "mmap, munmap and madvise")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is given back by one call, in bytes.
pub const PIECE: usize = 1 << 20;

/// Bytes held by all living [`ZeroPages`] of the process.
static MAPPED: AtomicUsize = AtomicUsize::new(0);

/// How many bytes all [`ZeroPages`] of the process hold, touched or not.
pub fn mapped_bytes() -> usize {
    MAPPED.load(Ordering::Relaxed)
}

/// An owned block of memory, page-aligned and zeroed when made; unmapped on drop.
#[derive(Debug)]
pub struct ZeroPages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the block is owned by this value alone and has no tie to the thread that made it.
unsafe impl Send for ZeroPages {}

impl ZeroPages {
    /// A block of `len` bytes, or `None` if the system gives none (or `len` is 0).
    pub fn new(len: usize) -> Option<Self> {
        let start = os::map(len)?;
        MAPPED.fetch_add(len, Ordering::Relaxed);
        Some(Self { start, len })
    }

    /// The first byte. The block may be read and written through it while `self` lives.
    #[inline]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.start
    }

    /// The length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for ZeroPages {
    fn drop(&mut self) {
        // SAFETY: `start` and `len` are those of one `map`, and nobody uses the block any
        // more: it lived as long as `self`.
        unsafe { os::unmap(self.start, self.len) };
        MAPPED.fetch_sub(self.len, Ordering::Relaxed);
    }
}

/// Gives the pages of a block back to the system, piece by piece, and after each calls `pause`. The
/// block stays its owner's; of its bytes, those in whole pages are zero afterwards, or as they were.
///
/// # Safety
/// The block is `len` bytes of private memory that belongs to no file, and nobody uses it meanwhile.
pub unsafe fn empty(start: NonNull<u8>, len: usize, pause: impl Fn()) {
    let skipped = start.align_offset(PAGE).min(len);
    let whole = (len - skipped) / PAGE * PAGE;
    for at in (0..whole).step_by(PIECE) {
        // SAFETY: `at` is below the block's end, and so is the end of the piece.
        unsafe { os::empty(start.add(skipped + at), PIECE.min(whole - at)) };
        pause();
    }
}

/// The smallest page there is on the systems that this runs on. Where pages are larger, a piece is
/// still a whole number of them, and one that begins within a page is refused and stays.
const PAGE: usize = 4096;

#[cfg(not(miri))]
mod os {
    use super::PIECE;
    use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};
    use std::num::NonZeroUsize;
    use std::ptr::NonNull;

    pub(super) fn map(len: usize) -> Option<NonNull<u8>> {
        let len = NonZeroUsize::new(len)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh private mapping at a place of the kernel's choice touches no
        // memory that anyone has.
        let start = unsafe { mmap_anonymous(None, len, access, MapFlags::MAP_PRIVATE) };
        start.ok().map(NonNull::cast)
    }

    /// Gives the pages of one `map` back to the system.
    ///
    /// # Safety
    /// Nobody uses them any more.
    pub(super) unsafe fn unmap(start: NonNull<u8>, len: usize) {
        for at in (0..len).step_by(PIECE) {
            // SAFETY: as the caller promises; the piece is inside the mapping.
            let done = unsafe { munmap(start.add(at).cast(), PIECE.min(len - at)) };
            debug_assert!(done.is_ok(), "munmap of one's own mapping: {done:?}");
        }
    }

    /// Lets the system take these pages back, which are zero when they are touched again.
    ///
    /// # Safety
    /// They are private anonymous memory that nobody uses meanwhile.
    pub(super) unsafe fn empty(start: NonNull<u8>, len: usize) {
        // SAFETY: as the caller promises. What the system refuses stays as it is.
        let _ = unsafe { madvise(start.cast(), len, MmapAdvise::MADV_DONTNEED) };
    }
}

/// Miri knows no `mmap`: the allocator's zeroed memory stands in.
#[cfg(miri)]
mod os {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    use super::PAGE;

    pub(super) fn map(len: usize) -> Option<NonNull<u8>> {
        if len == 0 {
            return None;
        }
        let layout = Layout::from_size_align(len, PAGE).ok()?;
        // SAFETY: the layout is not of size zero.
        NonNull::new(unsafe { alloc_zeroed(layout) })
    }

    pub(super) unsafe fn unmap(start: NonNull<u8>, len: usize) {
        // SAFETY: `map` made a layout of the same size and alignment, and succeeded.
        unsafe { dealloc(start.as_ptr(), Layout::from_size_align_unchecked(len, PAGE)) };
    }

    pub(super) unsafe fn empty(start: NonNull<u8>, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { start.write_bytes(0, len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(block: &mut ZeroPages) -> &mut [u8] {
        // SAFETY: the block is `len` initialised bytes, borrowed mutably with `block`.
        unsafe { std::slice::from_raw_parts_mut(block.as_ptr().as_ptr(), block.len()) }
    }

    #[test]
    fn a_block_is_aligned_zeroed_writable_and_counted() {
        for len in [4096, 300 << 10, 4 << 20, 6 << 20, (6 << 20) + 4096] {
            if cfg!(miri) && len > 4096 {
                continue;
            }
            let mut block = ZeroPages::new(len).expect("memory for a test");
            assert!(mapped_bytes() >= len);
            assert_eq!(block.len(), len);
            assert_eq!(block.as_ptr().as_ptr().align_offset(4096), 0);
            assert!(bytes(&mut block).iter().all(|&b| b == 0));
            bytes(&mut block)[0] = 1;
            bytes(&mut block)[len - 1] = 1;
        }
    }

    #[test]
    fn an_emptied_block_keeps_what_is_in_no_whole_page_and_is_zero_elsewhere() {
        const LEN: usize = 3 * PIECE + 3 * PAGE;
        let mut block = ZeroPages::new(LEN).expect("memory for a test");
        bytes(&mut block).fill(7);
        let pauses = std::cell::Cell::new(0);
        // SAFETY: the part is inside the block, and nobody uses it.
        unsafe {
            let part = block.as_ptr().add(1);
            empty(part, LEN - 2, || pauses.set(pauses.get() + 1));
        }
        assert_eq!(pauses.get(), 4);
        let (front, rest) = bytes(&mut block).split_at(PAGE);
        let (whole, back) = rest.split_at(rest.len() - PAGE);
        assert!(front.iter().chain(back).all(|&byte| byte == 7));
        assert!(whole.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn an_empty_or_impossible_block_is_refused() {
        assert!(ZeroPages::new(0).is_none());
        assert!(ZeroPages::new(isize::MAX as usize & !0xFFF).is_none());
    }
}
