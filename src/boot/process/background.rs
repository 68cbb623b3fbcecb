//! Going into the background, and small switches of the process.
use crate::stdx::os::fork;
use nix::{
    sys::{
        prctl,
        stat::{Mode, umask},
    },
    unistd::{dup2_stderr, dup2_stdin, dup2_stdout},
};
use std::{
    fs::{self, OpenOptions},
    io,
};

/// Goes on in a child process without terminal, with the standard streams at `/dev/null`, as
/// `daemonize yes` asks; the process that was started ends with status 0. The working directory and
/// the umask stay, for paths in the configuration are relative to the one and unix sockets are made
/// under the other.
///
/// Before any thread exists: see [`fork::detach`]. Under a [`Supervisor`](super::Supervisor) it is
/// not to be called: that watches the process it started.
///
/// # Errors
/// What the system answered. The standard streams stay as they are when there is no `/dev/null`.
pub fn detach_from_terminal() -> io::Result<()> {
    fork::detach()?;
    let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") else {
        return Ok(());
    };
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}

/// The bits that new files do not get.
#[must_use]
pub fn current_umask() -> u32 {
    let told = fs::read_to_string("/proc/self/status").ok();
    told.and_then(|status| umask_in(&status)).unwrap_or_else(umask_by_setting)
}

fn umask_in(status: &str) -> Option<u32> {
    let octal = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(octal.trim(), 8).ok()
}

/// umask(2) tells the old value only when given a new one: for a moment, files that other threads
/// make get these bits.
fn umask_by_setting() -> u32 {
    let mask = umask(Mode::from_bits_truncate(0o077));
    umask(mask);
    mask.bits()
}

/// Whether the process may leave a core file, and whether others of its user may look into it.
///
/// # Errors
/// What the system answered.
pub fn set_dumpable(dumpable: bool) -> io::Result<()> {
    Ok(prctl::set_dumpable(dumpable)?)
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn both_ways_tell_the_same_umask() {
        assert_eq!(current_umask(), umask_by_setting());
        assert_eq!(umask_in("Name:\tx\nUmask:\t0027\n"), Some(0o027));
        assert_eq!(umask_in("Name:\tx\n"), None);
    }

    #[test]
    fn dumping_can_be_switched() {
        set_dumpable(true).unwrap();
        assert!(prctl::get_dumpable().unwrap());
    }
}
