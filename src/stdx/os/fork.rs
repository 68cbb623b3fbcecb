//! Going into the background: the only fork in the program, taken before any thread exists.
#![expect(unsafe_code, reason = "fork(2) is unsafe in a process with threads")]

use nix::unistd::{ForkResult, fork, setsid};
use std::{fs, io};

/// Continues as a session leader without a terminal, in a child; the calling process ends with
/// status 0.
///
/// Refuses when other threads run, because they would be missing in the child with their locks
/// still held: so call it before the runtime, jemalloc's background threads and every helper.
///
/// # Errors
/// What fork or setsid answered, or `ResourceBusy` when there are other threads.
pub fn detach() -> io::Result<()> {
    if fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() > 1) {
        return Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "cannot go into the background once threads run",
        ));
    }
    // SAFETY: there is one thread (checked above where /proc tells; the callers come first in
    // `main`), so the child has a complete copy of a program in which no lock is held by a thread
    // that did not come along.
    match unsafe { fork() }? {
        // SAFETY: `_exit` may be called at any time. It runs no exit handlers: those belong to the
        // child now.
        ForkResult::Parent { .. } => unsafe { libc::_exit(0) },
        ForkResult::Child => {
            setsid()?;
            Ok(())
        }
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_not_forked() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        let refused = detach().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
        drop(done);
        assert!(thread.join().unwrap().is_err());
    }
}
