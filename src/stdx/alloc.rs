//! The allocator: jemalloc as the global one, its figures and its switches.
//!
//! # Size classes
//! jemalloc is built with eight size classes per doubling, where it has four as it comes: 72, 80, 88 and
//! so on to 128, then 144, 160. What is rounded up to a class wastes half as much: an entry of 88 bytes
//! takes 88, not 96. There is no option for it, so `.cargo/config.toml` has a header of ours included
//! before each of its files, which changes the one constant that all of its tables are derived from.
//! Without that everything still works, with larger classes; [`classes_per_doubling`] tells.
//!
//! # Alignment
//! jemalloc is built with `lg_quantum=3`: size classes 8 bytes apart, so that a 24-byte entry takes
//! 24 bytes. The price is that `malloc` then promises 8-byte alignment only. Whatever asks for more
//! goes through `mallocx` with its alignment: the rule `alignment <= 8` below is what keeps
//! 16-byte aligned loads sound. Without the build setting everything still works, with larger
//! classes; [`quantum_is_8`] tells.
//!
//! # What is in use
//! jemalloc counts, per thread, the bytes handed out and taken back, in sizes of its classes.
//! [`used`] adds up those counters without asking jemalloc: two loads a thread. It knows the
//! threads that called [`register_thread`]: the loop, and every helper that allocates or frees for
//! it. A thread that ends leaves its balance behind, for what it freed was allocated by others.
//!
//! # Settings, and why these
//! Measured on two cores: freeing 900 MB of small blocks and going on with small work; freeing a
//! 500 MB block in a helper; allocating a zeroed 64 MB table afterwards. CPU time of the loop's
//! longest step:
//!
//! | | small blocks decay | zeroed table | 500 MB freed in a helper |
//! |---|---|---|---|
//! | jemalloc as it comes | **4 to 9 ms** | 4 µs | the helper takes 30 to 50 ms |
//! | `dirty_decay_ms` shorter | 4 to 8 ms | 4 µs | the same |
//! | `background_thread` | 0.2 ms | **2.4 ms** | 5 µs; 500 MB stay resident for 10 s |
//! | the same, large blocks at once | 0.2 ms | 4 µs | the helper takes 30 to 50 ms |
//!
//! Without background threads it is the loop that returns the pages which its earlier frees left,
//! some at every decay step. With them, jemalloc also stops returning large blocks at once, so that
//! a zeroed table gets used pages and clears them by hand. [`background_threads`] therefore sets
//! the arena of large blocks (8 MB and more) back to returning at once. No option is baked into the
//! binary: the threads may only start after the fork into the background, and the other options
//! (`oversize_threshold:0`, `muzzy_decay_ms`, `metadata_thp`) gained nothing here. `dirty_decay_ms:0`
//! made the freeing of small blocks four times as long.
#![expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait over jemalloc's C functions")]

mod mover;

pub use mover::Mover;

use crate::stdx::os::pages;
use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    ptr::NonNull,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The global allocator: `#[global_allocator] static ALLOC: Jemalloc = Jemalloc;`
#[derive(Clone, Copy, Debug, Default)]
pub struct Jemalloc;

// SAFETY: `je` hands out blocks of at least the layout's size and alignment, keeps them until they
// are given back, never unwinds, and moves contents in `resize`.
unsafe impl GlobalAlloc for Jemalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `je` asks for.
        unsafe { je::allocate(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { je::allocate_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() >= EMPTIED_FIRST {
            // SAFETY: as above: nobody uses the block any more.
            unsafe { empty_patiently(block, layout) }
        }
        // SAFETY: as above.
        unsafe { je::release(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { je::resize(block, layout, new_size) }
    }
}

/// Blocks of so many bytes lose their pages before they are freed, if their thread is patient: jemalloc
/// would give them back by one call. They have their pages to themselves.
const EMPTIED_FIRST: usize = 4 << 20;

thread_local! {
    static PATIENT: Cell<bool> = const { Cell::new(false) };
}

/// Lets the calling thread free large blocks piece by piece, and yield the CPU after each piece: for
/// one that frees what others have given up.
pub fn free_patiently() {
    PATIENT.set(true);
}

/// # Safety
/// As [`GlobalAlloc::dealloc`]; the block is still to be freed.
#[cold]
unsafe fn empty_patiently(block: *mut u8, layout: Layout) {
    // A thread that ends has no pieces to wait for.
    if PATIENT.try_with(Cell::get).unwrap_or(false)
        && let Some(block) = NonNull::new(block)
    {
        // SAFETY: jemalloc's memory is private and anonymous, and the block is nobody's by contract.
        unsafe { pages::empty(block, layout.size(), std::thread::yield_now) }
    }
}

/// Whether size classes are 8 bytes apart, as the build setting asks.
#[must_use]
pub fn quantum_is_8() -> bool {
    good_size(24) == 24
}

/// How many size classes there are between a power of two and the next; 8, as the build setting asks.
#[must_use]
pub fn classes_per_doubling() -> usize {
    (129..=256).filter(|size| good_size(*size) == *size).count()
}

/// Bytes that an allocation of `size` bytes really takes; 0 for 0.
#[must_use]
pub fn good_size(size: usize) -> usize {
    if size == 0 { 0 } else { je::class_of(size) }
}

/// Bytes that `block` really takes.
///
/// # Safety
/// `block` is null or a live allocation of [`Jemalloc`].
#[must_use]
pub unsafe fn usable_size(block: *const u8) -> usize {
    // SAFETY: the caller's promise.
    unsafe { je::usable_size(block) }
}

/// The allocator's name and version, as INFO's `mem_allocator` has it: `jemalloc-5.3.1`.
#[must_use]
pub fn name() -> String {
    match je::version() {
        Some(version) => {
            let number = version.split('-').next().unwrap_or_default();
            format!("jemalloc-{number}")
        }
        None => "system".to_owned(),
    }
}

/// One thread's counters, which jemalloc keeps in that thread's local memory.
struct Meter {
    allocated: *const AtomicU64,
    deallocated: *const AtomicU64,
}

// SAFETY: the pointers are only read through, as atomics, and a thread takes its meter off the list
// before its local memory goes.
unsafe impl Send for Meter {}

impl Meter {
    /// Bytes allocated and not freed by this thread, modulo 2^64: negative for one that frees for
    /// others.
    fn balance(&self) -> u64 {
        // SAFETY: the meter is on the list (or just taken off by its own thread), so its thread's
        // local memory is still there. jemalloc writes the aligned 8 bytes with plain stores; an
        // atomic load sees some whole value of theirs.
        let (allocated, deallocated) = unsafe {
            ((*self.allocated).load(Ordering::Relaxed), (*self.deallocated).load(Ordering::Relaxed))
        };
        allocated.wrapping_sub(deallocated)
    }
}

/// All registered threads, and the balances of those that ended.
struct Meters {
    running: Vec<(u64, Meter)>,
    ended: u64,
    next_id: u64,
}

static METERS: Mutex<Meters> = Mutex::new(Meters { running: Vec::new(), ended: 0, next_id: 0 });

fn with_meters<R>(work: impl FnOnce(&mut Meters) -> R) -> R {
    work(&mut METERS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A thread's place on the list. Dropped when the thread ends.
struct Registration {
    id: Cell<Option<u64>>,
}

thread_local! {
    static REGISTRATION: Registration = const { Registration { id: Cell::new(None) } };
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(id) = self.id.get() else { return };
        with_meters(|meters| {
            if let Some(at) = meters.running.iter().position(|(other, _)| *other == id) {
                let (_, meter) = meters.running.swap_remove(at);
                meters.ended = meters.ended.wrapping_add(meter.balance());
            }
        });
    }
}

/// Lets [`used`] count the calling thread. First thing in `main` and in every helper thread; again
/// is harmless.
pub fn register_thread() {
    let Some((allocated, deallocated)) = je::thread_counters() else {
        return;
    };
    ALLOCATED_HERE.set(NonNull::new(allocated.cast_mut()));
    REGISTRATION.with(|mine| {
        if mine.id.get().is_some() {
            return;
        }
        with_meters(|meters| {
            let id = meters.next_id;
            meters.next_id += 1;
            let meter = Meter { allocated, deallocated };
            meters.running.push((id, meter));
            mine.id.set(Some(id));
        });
    });
}

thread_local! {
    /// Where jemalloc counts what it hands out to this thread.
    static ALLOCATED_HERE: Cell<Option<NonNull<AtomicU64>>> = const { Cell::new(None) };
}

/// Bytes handed out to the calling thread so far, whatever became of them; 0 before it
/// [registered](register_thread).
#[inline]
#[must_use]
pub fn allocated_here() -> u64 {
    ALLOCATED_HERE.get().map_or(0, |count| {
        // SAFETY: the count lies in this thread's local memory of jemalloc, which is there as long as the
        // thread's own code runs; only this thread writes to it.
        unsafe { count.as_ref() }.load(Ordering::Relaxed)
    })
}

/// Bytes handed out and not yet freed, as the [registered](register_thread) threads count them, in
/// real block sizes. Exact when they are at rest; costs a lock that is nearly always free and two
/// loads a thread.
#[must_use]
pub fn used() -> u64 {
    let total = with_meters(|meters| {
        let running = meters.running.iter().map(|(_, meter)| meter.balance());
        running.fold(meters.ended, u64::wrapping_add)
    });
    // Unregistered threads may have allocated what a registered one freed.
    if (total as i64) < 0 { 0 } else { total }
}

/// jemalloc's own figures, in bytes. All zero where it cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocStats {
    /// In live allocations.
    pub allocated: u64,
    /// In pages that hold at least one live allocation.
    pub active: u64,
    /// In RAM, by jemalloc's reckoning: active, metadata and dirty pages.
    pub resident: u64,
    /// Address space given back to jemalloc's store but not to the system.
    pub retained: u64,
    /// In active extents, mapped from the system.
    pub mapped: u64,
    /// For jemalloc's own bookkeeping.
    pub metadata: u64,
    /// Freed and still in RAM, waiting for reuse or decay.
    pub dirty: u64,
    /// Freed lazily: the system may take it when it is short.
    pub muzzy: u64,
}

/// Refreshes and reads jemalloc's figures. Takes about 10 µs: for INFO, not for each command.
#[must_use]
pub fn stats() -> AllocStats {
    je::advance_epoch();
    let bytes = |name: &[u8]| je::read::<usize>(name).unwrap_or(0) as u64;
    let page = bytes(b"arenas.page\0");
    AllocStats {
        allocated: bytes(b"stats.allocated\0"),
        active: bytes(b"stats.active\0"),
        resident: bytes(b"stats.resident\0"),
        retained: bytes(b"stats.retained\0"),
        mapped: bytes(b"stats.mapped\0"),
        metadata: bytes(b"stats.metadata\0"),
        dirty: bytes(b"stats.arenas.4096.pdirty\0") * page,
        muzzy: bytes(b"stats.arenas.4096.pmuzzy\0") * page,
    }
}

/// Gives every free page back to the system, after emptying the calling thread's cache. Takes as
/// long as the kernel needs to unmap (about 0.1 s a GB): for MEMORY PURGE.
pub fn purge() {
    flush_thread_cache();
    // 4096 stands for all arenas.
    je::act(b"arena.4096.purge\0");
}

/// Empties the calling thread's cache of free blocks. A helper does this before it sleeps for long.
pub fn flush_thread_cache() {
    je::act(b"thread.tcache.flush\0");
}

/// Switches the calling thread's cache of free blocks. Off, each allocation and each free goes to
/// the arena.
pub fn thread_cache(enabled: bool) {
    je::write(b"thread.tcache.enabled\0", enabled);
}

/// Lets threads of jemalloc's own give free pages back, instead of whichever thread happens to
/// allocate or free; large blocks go back at once either way (see the module's settings). Only
/// after [`detach`](crate::stdx::os::fork::detach). Answers whether all took effect.
pub fn background_threads(enabled: bool) -> bool {
    je::write(b"background_thread\0", enabled) && return_large_blocks_at_once()
}

/// Sets the arena that jemalloc keeps for blocks above its `oversize_threshold` to no decay.
fn return_large_blocks_at_once() -> bool {
    let threshold = je::read::<usize>(b"opt.oversize_threshold\0").unwrap_or(0);
    if threshold == 0 {
        return false;
    }
    je::arena_of_block(threshold).is_some_and(|arena| {
        je::write(format!("arena.{arena}.dirty_decay_ms\0").as_bytes(), 0isize)
            && je::write(format!("arena.{arena}.muzzy_decay_ms\0").as_bytes(), 0isize)
    })
}

/// A setting or figure of jemalloc's that is an integer or a truth value, for DEBUG MALLCTL. `None` where
/// there is no such, or it is of another type.
#[must_use]
pub fn figure(name: &str) -> Option<u64> {
    let name = format!("{name}\0");
    let name = name.as_bytes();
    // A name is taken up to its first NUL, and jemalloc refuses a type of another size.
    if name[..name.len() - 1].contains(&0) {
        return None;
    }
    let wide = || je::read::<u64>(name);
    let narrow = || je::read::<u32>(name).map(u64::from);
    let truth = || je::read::<u8>(name).map(u64::from);
    wide().or_else(narrow).or_else(truth)
}

/// jemalloc's full report, for MEMORY MALLOC-STATS.
#[must_use]
pub fn malloc_stats_text() -> String {
    je::report()
}

/// How full the slab of a block is, and all slabs of its bin together. In the order that jemalloc's
/// `experimental.utilization.query` writes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct SlabUse {
    /// Address of the slab that the next block of this size comes from.
    current: usize,
    /// Places that are free,
    free: usize,
    /// of so many; of a block that has its pages to itself there is one.
    places: usize,
    /// Bytes of the slab.
    size: usize,
    /// The same of all slabs of the bin; 0 of a block that has its pages to itself.
    bin_free: usize,
    /// See above.
    bin_places: usize,
}

/// jemalloc's C interface.
#[cfg(not(miri))]
mod je {
    use super::SlabUse;
    use std::{
        alloc::Layout,
        ffi::{CStr, c_char, c_int, c_uint, c_void},
        ptr,
        sync::atomic::AtomicU64,
    };
    use tikv_jemalloc_ctl::{epoch, raw};
    use tikv_jemalloc_sys as sys;

    /// What plain `malloc` promises when built with `lg_quantum=3`.
    const PLAIN_ALIGN: usize = 8;

    /// The flags that ask for the layout's alignment; 0 where `malloc`'s own does.
    #[inline]
    fn flags(layout: Layout) -> c_int {
        if layout.align() <= PLAIN_ALIGN { 0 } else { sys::MALLOCX_ALIGN(layout.align()) }
    }

    /// # Safety
    /// As [`std::alloc::GlobalAlloc::alloc`]: the layout's size is not 0.
    #[inline]
    pub(super) unsafe fn allocate(layout: Layout) -> *mut u8 {
        // SAFETY: the size is not 0 (mallocx's one condition) by contract.
        let block = unsafe {
            match flags(layout) {
                0 => sys::malloc(layout.size()),
                flags => sys::mallocx(layout.size(), flags),
            }
        };
        block.cast()
    }

    /// # Safety
    /// As [`allocate`].
    #[inline]
    pub(super) unsafe fn allocate_zeroed(layout: Layout) -> *mut u8 {
        // SAFETY: as in `allocate`.
        let block = unsafe {
            match flags(layout) {
                0 => sys::calloc(1, layout.size()),
                flags => sys::mallocx(layout.size(), flags | sys::MALLOCX_ZERO),
            }
        };
        block.cast()
    }

    /// # Safety
    /// As [`std::alloc::GlobalAlloc::dealloc`]: `block` came from here with this layout.
    #[inline]
    pub(super) unsafe fn release(block: *mut u8, layout: Layout) {
        // SAFETY: size and alignment are those of the allocation, which is what sdallocx demands.
        unsafe { sys::sdallocx(block.cast(), layout.size(), flags(layout)) }
    }

    /// # Safety
    /// As [`std::alloc::GlobalAlloc::realloc`].
    #[inline]
    pub(super) unsafe fn resize(block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the block is live and the new size not 0, by contract.
        let moved = unsafe {
            match flags(layout) {
                0 => sys::realloc(block.cast(), new_size),
                flags => sys::rallocx(block.cast(), new_size, flags),
            }
        };
        moved.cast()
    }

    /// # Safety
    /// `block` is null or live.
    pub(super) unsafe fn usable_size(block: *const u8) -> usize {
        // SAFETY: the caller's promise.
        unsafe { sys::malloc_usable_size(block.cast::<c_void>()) }
    }

    /// As [`allocate`], past the thread's cache: the block is a free one of the slab that the arena is filling.
    ///
    /// # Safety
    /// As [`allocate`].
    pub(super) unsafe fn allocate_uncached(layout: Layout) -> *mut u8 {
        let flags = flags(layout) | sys::MALLOCX_TCACHE_NONE;
        // SAFETY: the size is not 0 by contract.
        unsafe { sys::mallocx(layout.size(), flags).cast() }
    }

    /// As [`release`], past the thread's cache: the block is free for the arena at once.
    ///
    /// # Safety
    /// As [`release`].
    pub(super) unsafe fn release_uncached(block: *mut u8, layout: Layout) {
        let flags = flags(layout) | sys::MALLOCX_TCACHE_NONE;
        // SAFETY: as in `release`.
        unsafe { sys::sdallocx(block.cast(), layout.size(), flags) }
    }

    /// Numbers in the place of a name, by which jemalloc finds a setting without reading it.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct SlabQuery([usize; 3]);

    impl SlabQuery {
        /// `None` where this jemalloc does not tell.
        pub(super) fn find() -> Option<Self> {
            let mut numbers = [0; 3];
            let mut len = numbers.len();
            // SAFETY: the name ends in NUL, and there is room for as many numbers as `len` says.
            let rc = unsafe {
                sys::mallctlnametomib(
                    c"experimental.utilization.query".as_ptr(),
                    numbers.as_mut_ptr(),
                    &raw mut len,
                )
            };
            (rc == 0 && len == numbers.len()).then_some(Self(numbers))
        }

        /// # Safety
        /// `block` is a live one of jemalloc's.
        pub(super) unsafe fn ask(self, mut block: *const u8) -> Option<SlabUse> {
            let mut answer = SlabUse::default();
            let mut len = size_of::<SlabUse>();
            // SAFETY: the query reads a pointer and writes one and five sizes, as `SlabUse` has them, whose
            // lengths are passed. It looks the block up and does not touch it.
            let rc = unsafe {
                sys::mallctlbymib(
                    self.0.as_ptr(),
                    self.0.len(),
                    (&raw mut answer).cast(),
                    &raw mut len,
                    (&raw mut block).cast(),
                    size_of::<*const u8>(),
                )
            };
            (rc == 0).then_some(answer)
        }
    }

    pub(super) fn class_of(size: usize) -> usize {
        // SAFETY: the size is not 0; nothing is allocated.
        unsafe { sys::nallocx(size, 0) }
    }

    /// Reads a setting. `None` when this jemalloc does not have it.
    /// `T` must be the type that jemalloc's manual gives for `name`: all callers are in this file,
    /// and jemalloc itself refuses a size that differs.
    pub(super) fn read<T: Copy>(name: &[u8]) -> Option<T> {
        // SAFETY: the name ends in NUL (raw::read asserts it), and the plain integers and pointers
        // read here are valid in every bit pattern.
        unsafe { raw::read(name) }.ok()
    }

    /// Writes a setting; whether it was taken. `T` as in [`read`].
    pub(super) fn write<T>(name: &[u8], value: T) -> bool {
        // SAFETY: as in `read`.
        unsafe { raw::write(name, value) }.is_ok()
    }

    /// The number of the arena that serves blocks of this size, found by allocating one.
    pub(super) fn arena_of_block(size: usize) -> Option<c_uint> {
        let mut arena: c_uint = 0;
        let mut arena_len = size_of::<c_uint>();
        // SAFETY: the size is not 0; the block is live while it is looked up, and is freed once
        // with its size. The lookup reads a pointer and writes an unsigned int, whose sizes are
        // passed.
        let rc = unsafe {
            let mut block = sys::mallocx(size, 0);
            if block.is_null() {
                return None;
            }
            let rc = sys::mallctl(
                c"arenas.lookup".as_ptr(),
                (&raw mut arena).cast(),
                &raw mut arena_len,
                (&raw mut block).cast(),
                size_of::<*mut c_void>(),
            );
            sys::sdallocx(block, size, 0);
            rc
        };
        (rc == 0).then_some(arena)
    }

    /// Runs a setting that takes and gives nothing.
    pub(super) fn act(name: &'static [u8]) {
        assert_eq!(name.last(), Some(&0), "C strings end in NUL");
        // SAFETY: the name ends in NUL, and null pointers mean no value either way. A name this
        // jemalloc does not know only answers an error.
        unsafe {
            sys::mallctl(
                name.as_ptr().cast(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                0,
            );
        }
    }

    /// Makes jemalloc gather its figures anew.
    pub(super) fn advance_epoch() {
        // It fails only in a jemalloc built without statistics, whose figures then read as nothing.
        let _ = epoch::advance();
    }

    pub(super) fn version() -> Option<&'static str> {
        tikv_jemalloc_ctl::version::read().ok()
    }

    /// Where jemalloc counts what the calling thread allocated and freed.
    pub(super) fn thread_counters() -> Option<(*const AtomicU64, *const AtomicU64)> {
        let allocated = read::<*const AtomicU64>(b"thread.allocatedp\0")?;
        let deallocated = read::<*const AtomicU64>(b"thread.deallocatedp\0")?;
        (!allocated.is_null() && !deallocated.is_null()).then_some((allocated, deallocated))
    }

    pub(super) fn report() -> String {
        let mut text = Vec::<u8>::new();
        // SAFETY: jemalloc calls `append` before it returns, with the address given here, and
        // nothing else touches `text` meanwhile. A null option string means the whole report.
        unsafe {
            sys::malloc_stats_print(Some(append), (&raw mut text).cast(), ptr::null());
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Takes the next piece of the report.
    ///
    /// # Safety
    /// `text` points to a `Vec<u8>` that nobody else uses, `piece` to a C string.
    unsafe extern "C" fn append(text: *mut c_void, piece: *const c_char) {
        // SAFETY: by contract.
        let (text, piece) = unsafe { (&mut *text.cast::<Vec<u8>>(), CStr::from_ptr(piece)) };
        text.extend_from_slice(piece.to_bytes());
    }
}

/// Miri runs no C: the system allocator, which counts nothing.
#[cfg(miri)]
mod je {
    use super::SlabUse;
    use std::{
        alloc::{GlobalAlloc, Layout, System},
        sync::atomic::AtomicU64,
    };

    pub(super) unsafe fn allocate(layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    pub(super) unsafe fn allocate_zeroed(layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    pub(super) unsafe fn release(block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    pub(super) unsafe fn resize(block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, new_size) }
    }

    pub(super) unsafe fn allocate_uncached(layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    pub(super) unsafe fn release_uncached(block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    #[derive(Clone, Copy, Debug)]
    pub(super) enum SlabQuery {}

    impl SlabQuery {
        pub(super) fn find() -> Option<Self> {
            None
        }

        pub(super) unsafe fn ask(self, _block: *const u8) -> Option<SlabUse> {
            match self {}
        }
    }

    pub(super) unsafe fn usable_size(_block: *const u8) -> usize {
        0
    }

    pub(super) fn class_of(size: usize) -> usize {
        size.next_multiple_of(8)
    }

    pub(super) fn read<T: Copy>(_name: &[u8]) -> Option<T> {
        None
    }

    pub(super) fn write<T>(_name: &[u8], _value: T) -> bool {
        false
    }

    pub(super) fn arena_of_block(_size: usize) -> Option<u32> {
        None
    }

    pub(super) fn act(_name: &'static [u8]) {}

    pub(super) fn advance_epoch() {}

    pub(super) fn version() -> Option<&'static str> {
        None
    }

    pub(super) fn thread_counters() -> Option<(*const AtomicU64, *const AtomicU64)> {
        None
    }

    pub(super) fn report() -> String {
        String::new()
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    /// Allocates, checks size and alignment, gives it to `look`, frees it.
    fn with_block<R>(size: usize, align: usize, look: impl FnOnce(*mut u8) -> R) -> R {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: the size is not 0, and the block is freed once, with its layout.
        unsafe {
            let block = Jemalloc.alloc(layout);
            assert!(!block.is_null());
            assert_eq!(block.addr() % align, 0, "{size} bytes aligned to {align}");
            assert!(usable_size(block) >= size);
            let answer = look(block);
            Jemalloc.dealloc(block, layout);
            answer
        }
    }

    /// Nests as many live blocks as there are sizes, so that neighbours in a slab are tried.
    fn nest(sizes: &[usize], align: usize) {
        if let [size, rest @ ..] = sizes {
            with_block(*size, align, |_| nest(rest, align));
        }
    }

    #[test]
    fn every_alignment_is_kept_in_every_small_class() {
        for align in [1, 2, 4, 8, 16, 32, 64, 4096] {
            for size in [1, 3, 8, 24, 52, 56, 100, 1000] {
                nest(&[size; 50], align);
            }
        }
    }

    #[test]
    fn zeroed_memory_is_zero_and_growing_keeps_the_contents() {
        for align in [8, 16] {
            let layout = Layout::from_size_align(40, align).unwrap();
            let grown = Layout::from_size_align(5000, align).unwrap();
            // SAFETY: sizes are not 0; the block is read within its bounds and freed once with its
            // present layout.
            unsafe {
                let block = Jemalloc.alloc_zeroed(layout);
                assert!(std::slice::from_raw_parts(block, 40).iter().all(|&b| b == 0));
                block.write_bytes(7, 40);
                let block = Jemalloc.realloc(block, layout, 5000);
                assert_eq!(block.addr() % align, 0);
                assert!(std::slice::from_raw_parts(block, 40).iter().all(|&b| b == 7));
                Jemalloc.dealloc(block, grown);
            }
        }
    }

    #[test]
    fn classes_are_eight_bytes_apart_as_built() {
        assert!(quantum_is_8(), "JEMALLOC_SYS_WITH_LG_QUANTUM=3 was not set");
        assert_eq!(good_size(0), 0);
        assert_eq!(good_size(33), 40);
    }

    #[test]
    fn there_are_eight_classes_per_doubling_as_built() {
        assert_eq!(
            classes_per_doubling(),
            8,
            "jemalloc was built without .cargo/jemalloc: cargo clean -p tikv-jemalloc-sys"
        );
    }

    #[test]
    fn what_is_used_follows_allocations_on_this_and_on_ended_threads() {
        const MEGABYTE: usize = 1 << 20;
        register_thread();
        register_thread();
        let before = used();
        let layout = Layout::from_size_align(MEGABYTE, 8).unwrap();
        let address = std::thread::spawn(move || {
            register_thread();
            // SAFETY: the size is not 0.
            unsafe { Jemalloc.alloc(layout) }.expose_provenance()
        })
        .join()
        .unwrap();
        // Other tests may run on other threads, but none of them is registered.
        assert_eq!(used() - before, MEGABYTE as u64);
        // SAFETY: the block allocated above, once.
        unsafe { Jemalloc.dealloc(std::ptr::with_exposed_provenance_mut(address), layout) };
        assert_eq!(used(), before);
    }

    #[test]
    fn figures_are_plausible() {
        let now = with_block(4 << 20, 8, |_| stats());
        assert!(now.allocated >= 4 << 20, "{now:?}");
        assert!(now.active >= now.allocated && now.mapped >= now.active, "{now:?}");
        assert!(malloc_stats_text().contains("jemalloc"));
        assert!(name().starts_with("jemalloc-5."), "{}", name());
    }

    #[test]
    fn a_large_block_goes_back_at_once_also_with_background_threads() {
        assert!(background_threads(true));
        let arena = je::arena_of_block(9 << 20).unwrap();
        let dirty = format!("stats.arenas.{arena}.pdirty\0");
        with_block(100 << 20, 8, |block| {
            // SAFETY: within the block's size.
            unsafe { block.write_bytes(1, 100 << 20) }
        });
        je::advance_epoch();
        assert_eq!(je::read::<usize>(dirty.as_bytes()), Some(0));
    }

    #[test]
    fn a_patient_thread_frees_a_large_block_once_and_for_all() {
        std::thread::spawn(|| {
            free_patiently();
            for size in [EMPTIED_FIRST - 1, EMPTIED_FIRST, 30 << 20] {
                with_block(size, 8, |block| {
                    // SAFETY: within the block's size.
                    unsafe { block.write_bytes(1, size) }
                });
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn switches_work() {
        thread_cache(false);
        with_block(100, 8, |_| ());
        thread_cache(true);
        purge();
    }
}
