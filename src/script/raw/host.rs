//! What belongs to a state beside it, and its allocator.

use super::CallerPointer;
use crate::script::engine::Engine;
use corosensei::Yielder;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

/// The alignment of all that Lua allocates.
const ALIGN: usize = 8;

/// What belongs to a state. Functions reach it through the state's allocator.
pub(in crate::script) struct Host {
    /// Bytes allocated.
    pub(super) used: Cell<usize>,
    /// Bytes that Lua code may make them.
    limit: usize,
    /// A function of ours runs, which no failed allocation may leave.
    pub(super) lenient: Cell<bool>,
    /// Who runs the script, while it runs.
    pub(super) caller: Cell<Option<CallerPointer>>,
    /// What suspends the script, while it runs.
    pub(super) yielder: Cell<Option<NonNull<Yielder<CallerPointer, ()>>>>,
    /// The end of the stack that the script runs on.
    pub(super) floor: Cell<usize>,
    /// The caller is to be asked now and then whether the script may go on.
    pub(super) watched: Cell<bool>,
    /// Steps of functions of ours that may run for long.
    pub(super) steps: Cell<u32>,
    /// The words of the error with which the script is to end.
    pub(super) killed: Cell<Option<&'static str>>,
    /// What our functions need beside the stack.
    pub(in crate::script) engine: Engine,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("used", &self.used.get()).finish_non_exhaustive()
    }
}

impl Host {
    /// One of a state whose code may make it grow to so many bytes.
    pub(in crate::script) fn new(limit: usize, engine: Engine) -> Self {
        Self {
            used: Cell::new(0),
            limit,
            lenient: Cell::new(true),
            caller: Cell::new(None),
            yielder: Cell::new(None),
            floor: Cell::new(0),
            watched: Cell::new(false),
            steps: Cell::new(0),
            killed: Cell::new(None),
            engine,
        }
    }

    /// Bytes that Lua code may make the state.
    pub(in crate::script) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that the state may grow by before allocations are refused.
    pub(in crate::script) fn room(&self) -> usize {
        self.limit.saturating_sub(self.used.get())
    }
}

/// Allocates for Lua: refuses what is beyond the limit, while Lua's own code runs.
///
/// # Safety
/// `ud` is a [`Host`], and `ptr` null or what this gave for `osize` bytes.
pub(super) unsafe extern "C" fn allocate(
    ud: *mut c_void,
    ptr: *mut c_void,
    osize: usize,
    nsize: usize,
) -> *mut c_void {
    // SAFETY: told above; a layout of 8 is valid for every size that memory can have.
    unsafe {
        let host = &*ud.cast::<Host>();
        let osize = if ptr.is_null() { 0 } else { osize };
        let used = host.used.get() - osize + nsize;
        if nsize > osize && used > host.limit && !host.lenient.get() {
            return ptr::null_mut();
        }
        host.used.set(used);
        let layout = |size| Layout::from_size_align_unchecked(size, ALIGN);
        if nsize == 0 {
            if osize > 0 {
                dealloc(ptr.cast(), layout(osize));
            }
            return ptr::null_mut();
        }
        let new = if osize == 0 {
            alloc(layout(nsize))
        } else {
            realloc(ptr.cast(), layout(osize), nsize)
        };
        if new.is_null() {
            handle_alloc_error(layout(nsize));
        }
        new.cast()
    }
}
