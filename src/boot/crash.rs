//! The crash report, and panics in the log.
//!
//! ```text
//! === LARDER BUG REPORT START (REDIS BUG REPORT START) ===
//! 4021:M 20 Nov 2026 17:01:02.123 # larder 0.1.0 crashed by signal: 11, si_code: 1
//! 4021:M 20 Nov 2026 17:01:02.123 # Accessing address: 0x10
//! 4021:M 20 Nov 2026 17:01:02.123 # Crashed running the instruction at: 0x55d0c1a2b3c4
//!
//! ------ STACK TRACE ------
//! larder(+0x4b1234)[0x55d0c1a2b234]
//! ...
//! === LARDER BUG REPORT END ===
//! ```
//!
//! The words tools search for are Redis's. The report is written inside a signal handler, perhaps
//! with the heap broken: nothing here allocates or takes a lock.
use crate::{
    boot::log::{self, Moment},
    stdx::os::crash::{self, Fault, Frame},
};
use std::{
    fmt::{self, Write},
    panic,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The pid file to remove when the process dies of a fault.
static PID_FILE: OnceLock<PathBuf> = OnceLock::new();

/// Switches the report for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT on or off:
/// `crash-log-enabled`. After it the signal kills as it would have.
pub fn set_enabled(enabled: bool) {
    if enabled {
        crash::install(report);
    } else {
        crash::uninstall();
    }
}

/// Names the pid file, which a crash then removes. Once.
pub fn set_pid_file(path: &Path) {
    // A second name would mean a second pid file, which a process does not have.
    let _ = PID_FILE.set(path.to_owned());
}

/// Logs panics as warnings, with place and thread; the default hook's lines on stderr remain when
/// stderr is where somebody may look.
pub fn log_panics() {
    let default_hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed").to_owned();
        crate::log_warning!("=== PANIC === {}", describe(info, &thread));
        default_hook(info);
    }));
}

fn describe(info: &panic::PanicHookInfo<'_>, thread: &str) -> String {
    let what = info.payload_as_str().unwrap_or("(no message)");
    match info.location() {
        Some(place) => format!("{what} at {}:{} in thread {thread}", place.file(), place.line()),
        None => format!("{what} in thread {thread}"),
    }
}

/// Text gathered on the stack, so that a line is one write.
struct Line {
    bytes: [u8; 256],
    len: usize,
}

impl Line {
    fn new() -> Self {
        Self { bytes: [0; 256], len: 0 }
    }

    fn write_to(&self, fd: i32) {
        crash::write_fd(fd, &self.bytes[..self.len]);
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let taken = text.len().min(room.len());
        room[..taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

/// One line of the log, in Redis's format whatever the log's own is.
fn say(fd: i32, message: fmt::Arguments<'_>) {
    let mut line = Line::new();
    // Line takes what it has room for and never fails.
    let _ = write!(line, "{}:{} ", std::process::id(), char::from(log::role() as u8));
    let _ = Moment::now_without_lock().write_redis(&mut line);
    let _ = writeln!(line, " # {message}");
    line.write_to(fd);
}

fn report(fault: &Fault) {
    let fd = log::crash_fd();
    write_report(fd, fault);
    if let Some(path) = PID_FILE.get() {
        // Paths of usual length are passed on from the stack.
        let _ = std::fs::remove_file(path);
    }
}

fn write_report(fd: i32, fault: &Fault) {
    crash::write_fd(fd, b"\n\n=== LARDER BUG REPORT START (REDIS BUG REPORT START) ===\n");
    let (signal, code) = (fault.signal, fault.code);
    let version = env!("CARGO_PKG_VERSION");
    say(fd, format_args!("larder {version} crashed by signal: {signal}, si_code: {code}"));
    match fault.sender {
        Some((pid, uid)) => say(fd, format_args!("Killed by PID: {pid}, UID: {uid}")),
        None => say(fd, format_args!("Accessing address: {:#x}", fault.address)),
    }
    if let Some(at) = fault.instruction {
        say(fd, format_args!("Crashed running the instruction at: {at:#x}"));
    }
    crash::write_fd(fd, b"\n------ STACK TRACE ------\n");
    crash::for_each_frame(&mut |frame| write_frame(fd, frame));
    crash::write_fd(
        fd,
        b"(addr2line -Cfe larder OFFSET names the functions)\n\n=== LARDER BUG REPORT END ===\n\
          Please report this with the lines above and the version.\n",
    );
}

/// `larder(+0x4b1234)[0x55d0c1a2b234]`, with the function's name before the plus where it is
/// exported.
fn write_frame(fd: i32, frame: &Frame<'_>) {
    let utf8 = |bytes| std::str::from_utf8(bytes).unwrap_or("?");
    let module = frame.library.map_or("larder", utf8);
    let symbol = frame.symbol.map_or("", utf8);
    let mut line = Line::new();
    // Line takes what it has room for and never fails.
    let _ = writeln!(line, "{module}({symbol}+{:#x})[{:#x}]", frame.offset, frame.address);
    line.write_to(fd);
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use std::{io::Read, os::fd::AsRawFd};

    fn written(fault: &Fault) -> String {
        let (mut reader, writer) = std::io::pipe().unwrap();
        write_report(writer.as_raw_fd(), fault);
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_fault_of_the_program_names_its_address() {
        let text = written(&Fault {
            signal: 11,
            code: 1,
            address: 16,
            instruction: Some(0xabc),
            sender: None,
        });
        for wanted in [
            "REDIS BUG REPORT START",
            " crashed by signal: 11, si_code: 1\n",
            " # Accessing address: 0x10\n",
            " # Crashed running the instruction at: 0xabc\n",
            "STACK TRACE",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
    }

    #[test]
    fn a_signal_from_a_process_names_the_sender() {
        let text = written(&Fault {
            signal: 6,
            code: 0,
            address: 0,
            instruction: None,
            sender: Some((77, 1000)),
        });
        assert!(text.contains("Killed by PID: 77, UID: 1000"), "{text}");
        assert!(!text.contains("Accessing address"), "{text}");
    }

    #[test]
    fn a_line_longer_than_its_room_is_cut() {
        let mut line = Line::new();
        write!(line, "{}", "x".repeat(1000)).unwrap();
        assert_eq!(line.len, 256);
    }
}
