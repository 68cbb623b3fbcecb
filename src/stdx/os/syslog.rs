//! The system logger, through libc.
#![expect(unsafe_code, reason = "openlog(3) and syslog(3) exist only as C functions")]

use std::{
    ffi::CString,
    sync::{Mutex, PoisonError},
};

/// libc keeps the pointer it was given, so the name lives here for as long as it is in use.
static IDENT: Mutex<Option<CString>> = Mutex::new(None);

/// Whom a message is filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facility {
    /// `LOG_USER`
    User,
    /// `LOG_LOCAL0` to `LOG_LOCAL7`; larger numbers count as 7.
    Local(u8),
}

/// How urgent a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// `LOG_DEBUG`
    Debug,
    /// `LOG_INFO`
    Info,
    /// `LOG_NOTICE`
    Notice,
    /// `LOG_WARNING`
    Warning,
}

impl Facility {
    fn code(self) -> libc::c_int {
        match self {
            Self::User => libc::LOG_USER,
            // The facilities stand 8 apart: their low three bits hold the priority.
            Self::Local(number) => libc::LOG_LOCAL0 + (libc::c_int::from(number.min(7)) << 3),
        }
    }
}

impl Priority {
    fn code(self) -> libc::c_int {
        match self {
            Self::Debug => libc::LOG_DEBUG,
            Self::Info => libc::LOG_INFO,
            Self::Notice => libc::LOG_NOTICE,
            Self::Warning => libc::LOG_WARNING,
        }
    }
}

/// Names the program and chooses the facility. May be called again with other values.
pub fn open(ident: &str, facility: Facility) {
    let name = c_text(ident);
    let mut held = IDENT.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: `name`'s heap buffer does not move when the CString does; it is stored below, and the
    // one libc held before is dropped only after `openlog` has replaced it.
    unsafe {
        libc::openlog(
            name.as_ptr(),
            libc::LOG_PID | libc::LOG_NDELAY | libc::LOG_NOWAIT,
            facility.code(),
        );
    }
    *held = Some(name);
}

/// Hands one message over. A NUL inside ends it early.
pub fn write(priority: Priority, message: &str) {
    let text = c_text(message);
    // SAFETY: both are NUL-terminated strings living through the call; the format takes exactly one
    // string.
    unsafe { libc::syslog(priority.code(), c"%s".as_ptr(), text.as_ptr()) }
}

/// The text up to its first NUL, as C wants it.
fn c_text(text: &str) -> CString {
    let whole = text.split('\0').next().unwrap_or_default();
    CString::new(whole).expect("cut at the first NUL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facilities_have_their_numbers() {
        assert_eq!(Facility::User.code(), 8);
        assert_eq!(Facility::Local(0).code(), 128);
        assert_eq!(Facility::Local(7).code(), 184);
        assert_eq!(Facility::Local(200).code(), 184);
    }

    #[test]
    fn text_is_cut_at_a_nul() {
        assert_eq!(c_text("a\0b").as_bytes(), b"a");
    }
}
