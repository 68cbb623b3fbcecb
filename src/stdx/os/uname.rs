//! The kernel's name for itself.
#![expect(unsafe_code, reason = "uname(2) has no safe form in std or nix's chosen features")]

use std::{ffi::CStr, mem::MaybeUninit};

/// What `uname -srm` prints, in three parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uname {
    /// `Linux`
    pub system: String,
    /// `6.1.0-18-amd64`
    pub release: String,
    /// `x86_64`
    pub machine: String,
}

/// Asks the kernel.
#[must_use]
pub fn uname() -> Uname {
    let mut names = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the pointer is valid for the call; all-zero bytes are a valid `utsname` of empty
    // strings, so the value may be taken whatever the call answered.
    let names = unsafe {
        libc::uname(names.as_mut_ptr());
        names.assume_init()
    };
    Uname {
        system: text(&names.sysname),
        release: text(&names.release),
        machine: text(&names.machine),
    }
}

fn text(field: &[libc::c_char]) -> String {
    // SAFETY: the kernel ends each field with a NUL inside its array, and an untouched one is all
    // zeros.
    let name = unsafe { CStr::from_ptr(field.as_ptr()) };
    name.to_string_lossy().into_owned()
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_proc_says() {
        let kernel = uname();
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(kernel.system, "Linux");
        assert_eq!(kernel.release, release.trim_end());
        assert!(!kernel.machine.is_empty());
    }
}
