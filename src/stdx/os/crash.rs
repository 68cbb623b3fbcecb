//! Fatal signals: a handler that says what happened and lets the signal kill.
//!
//! The handler runs on a stack of its own, hands a [`Fault`] to one registered function, and raises
//! the signal again with its default action, so that the exit status and the core file are those of
//! the fault. What the function does must be safe inside a signal handler: no allocation, no lock,
//! only [`write_fd`] and its like.
#![expect(
    unsafe_code,
    reason = "signal handlers, the alternate stack and the backtrace are C interfaces"
)]

use std::{
    ffi::c_void,
    mem, ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering},
};

/// The signals a program cannot go on after.
const FATAL: [libc::c_int; 5] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT];

/// Room for the report and the unwinder; the CPU's own register frame takes up to 11 KB of it.
const STACK_SIZE: usize = 128 * 1024;

/// What the kernel tells about a fatal signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The signal's number.
    pub signal: i32,
    /// `si_code`: why; 0 or less when a process sent it.
    pub code: i32,
    /// The address whose access failed (for a fault of the program's own).
    pub address: usize,
    /// The instruction that was running, where the platform tells.
    pub instruction: Option<usize>,
    /// Who sent it, as process and user id, when a process did.
    pub sender: Option<(i32, u32)>,
}

/// A `fn(&Fault)` as an address, or null.
static REPORT: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
/// The thread that is reporting, 0 for none.
static REPORTER: AtomicI32 = AtomicI32::new(0);

/// Registers `report` for the fatal signals and gives the calling thread its alternate stack.
/// May be called again with another function.
pub fn install(report: fn(&Fault)) {
    REPORT.store(report as *mut (), Ordering::Release);
    use_alternate_stack();
    prepare_backtrace();
    for signal in FATAL {
        // SAFETY: a zeroed sigaction is valid (empty mask); the handler has the three-argument form
        // that SA_SIGINFO demands and keeps to async-signal-safe calls.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = on_fatal_signal as *const () as libc::sighandler_t;
            // NODEFER, so that raising the signal from inside kills at once.
            action.sa_flags =
                libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER | libc::SA_RESETHAND;
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
}

/// Gives the fatal signals their default action back.
pub fn uninstall() {
    for signal in FATAL {
        // SAFETY: SIG_DFL is valid for each of these signals.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Gives the calling thread a stack of its own for the handler, so that running out of stack is
/// reported too. A thread without this call uses the small one that std gave it. The memory is kept
/// until the process ends.
pub fn use_alternate_stack() {
    let stack = Box::leak(vec![0u8; STACK_SIZE].into_boxed_slice());
    let description =
        libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the memory is leaked, hence never reused, and is not the stack being run on.
    unsafe { libc::sigaltstack(&raw const description, ptr::null_mut()) };
}

extern "C" fn on_fatal_signal(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    // SAFETY: gettid has no conditions.
    let me = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
    match REPORTER.compare_exchange(0, me, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            // SAFETY: the kernel passes a valid siginfo and, on the platforms read below, a valid
            // ucontext.
            let fault = unsafe { describe(signal, info, context) };
            let report = REPORT.load(Ordering::Acquire);
            if !report.is_null() {
                // SAFETY: a non-null REPORT was stored from a `fn(&Fault)` by `install`.
                let report: fn(&Fault) = unsafe { mem::transmute(report) };
                report(&fault);
            }
        }
        // Another thread is reporting and will end the process: let it finish.
        Err(reporter) if reporter != me => loop {
            // SAFETY: pause has no conditions.
            unsafe { libc::pause() };
        },
        // The report itself failed: give up.
        Err(_) => {}
    }
    // SAFETY: both calls are async-signal-safe.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// # Safety
/// `info` and `context` are what the kernel passed to a SA_SIGINFO handler.
unsafe fn describe(
    signal: libc::c_int,
    info: *const libc::siginfo_t,
    context: *const c_void,
) -> Fault {
    // SAFETY: `info` is valid by contract; `si_code` says which of the overlapping fields holds:
    // the sender's ids for 0 and below, the address for the faults of the program itself. Reading
    // the other is harmless: both are plain numbers.
    unsafe {
        let code = (*info).si_code;
        Fault {
            signal,
            code,
            address: (*info).si_addr().addr(),
            instruction: instruction_pointer(context),
            sender: (code <= 0).then(|| ((*info).si_pid(), (*info).si_uid())),
        }
    }
}

/// # Safety
/// `context` is what the kernel passed to a SA_SIGINFO handler.
unsafe fn instruction_pointer(context: *const c_void) -> Option<usize> {
    let context = context.cast::<libc::ucontext_t>();
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    // SAFETY: by contract this is the kernel's ucontext of this platform.
    let at = Some(unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] } as usize);
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    // SAFETY: as above.
    let at = Some(unsafe { (*context).uc_mcontext.pc } as usize);
    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let at = {
        let _ = context;
        None
    };
    at
}

/// Writes all of `bytes`, or as much as the descriptor takes. Safe in a signal handler.
pub fn write_fd(fd: i32, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the buffer is valid for its length; a bad descriptor only answers an error.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        let Ok(written @ 1..) = usize::try_from(written) else {
            return;
        };
        bytes = &bytes[written..];
    }
}

/// Stack frames looked at, at most.
const FRAMES_MAX: usize = 100;

/// One frame of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where in memory.
    pub address: usize,
    /// Where in its file: what `addr2line` wants.
    pub offset: usize,
    /// The shared library's path; `None` for the program itself, whose name libc takes from the
    /// argument area, where the process title is.
    pub library: Option<&'a [u8]>,
    /// The exported function it is in, if any. Rust's own functions are not exported.
    pub symbol: Option<&'a [u8]>,
}

/// Shows the calling thread's stack, innermost frame first. Nothing where libc has no such call.
pub fn for_each_frame(visit: &mut dyn FnMut(&Frame<'_>)) {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        let mut addresses = [ptr::null_mut::<c_void>(); FRAMES_MAX];
        // SAFETY: the array is valid for the length given.
        let count = unsafe { libc::backtrace(addresses.as_mut_ptr(), FRAMES_MAX as libc::c_int) };
        let program = locate(on_fatal_signal as *const c_void).map(|place| place.dli_fbase);
        for &address in addresses.iter().take(count as usize) {
            let place = locate(address);
            visit(&frame(address, place.as_ref(), program));
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu", not(miri))))]
    let _ = visit;
}

/// What the loader knows about an address.
#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
fn locate(address: *const c_void) -> Option<libc::Dl_info> {
    // SAFETY: all-zero is a valid Dl_info; dladdr takes any address and fills the struct in.
    unsafe {
        let mut place: libc::Dl_info = mem::zeroed();
        (libc::dladdr(address, &raw mut place) != 0).then_some(place)
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
fn frame(
    address: *const c_void,
    place: Option<&libc::Dl_info>,
    program: Option<*mut c_void>,
) -> Frame<'static> {
    let text = |name: *const libc::c_char| {
        // SAFETY: a non-null name from dladdr is a C string of a loaded object; none is ever
        // unloaded here.
        (!name.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(name) }.to_bytes())
    };
    let base = place.map(|place| place.dli_fbase);
    Frame {
        address: address.addr(),
        offset: address.addr() - base.map_or(0, |base| base.addr()),
        library: place.filter(|_| base != program).and_then(|place| text(place.dli_fname)),
        symbol: place.and_then(|place| text(place.dli_sname)),
    }
}

/// Makes libc load the unwinder now: its first use allocates, which a handler must not.
fn prepare_backtrace() {
    static FRAMES: AtomicUsize = AtomicUsize::new(0);
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        let mut frames = [ptr::null_mut::<c_void>(); 4];
        // SAFETY: the array is valid for its length.
        let count = unsafe { libc::backtrace(frames.as_mut_ptr(), 4) };
        // Keeps the call from being left out as unused.
        FRAMES.store(count as usize, Ordering::Relaxed);
    }
    let _ = FRAMES.load(Ordering::Relaxed);
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use std::{io::Read, os::fd::AsRawFd};

    #[test]
    fn everything_reaches_the_descriptor() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        write_fd(writer.as_raw_fd(), b"two ");
        write_fd(writer.as_raw_fd(), b"parts");
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "two parts");
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn the_stack_begins_here_and_ends_in_libc() {
        let mut frames = Vec::new();
        for_each_frame(&mut |frame| frames.push((frame.library.is_none(), frame.offset)));
        assert!(frames[0].0, "the innermost frame is the program's");
        assert!(frames.iter().any(|(own, _)| !own), "libc started the thread");
        assert!(frames.iter().all(|(_, offset)| *offset > 0));
    }

    #[test]
    fn a_bad_descriptor_is_ignored() {
        write_fd(-1, b"lost");
    }
}
