//! The process title, as `ps` and `top` show it.
//!
//! Linux shows the memory between two addresses it noted at exec: first the arguments, right behind
//! them the environment. A title is written over that memory.
//!
//! ```text
//!  arg_start                arg_end = env_start             env_end
//!  |larder\0/etc/larder.conf\0|HOME=/root\0PATH=/usr/bin...\0|
//!  |larder 127.0.0.1:6379\0\0.|\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0|   short title
//!  |larder 127.0.0.1:6379 [cluster] /etc/larder.conf\0\0\0\0\0|   long title
//! ```
//!
//! When the byte before `arg_end` is not NUL, the kernel takes that as the sign of a rewritten
//! title and shows the text from `arg_start` up to the first NUL, across `arg_end` if need be. So a
//! short title leaves a dot there.
//!
//! The environment must have moved out first: [`Title::take`] copies it.
#![expect(unsafe_code, reason = "the argument area belongs to the process but to no Rust object")]

use std::{ffi::CString, fs, ptr, slice};

unsafe extern "C" {
    /// The environment of the process: a null-terminated array of `NAME=value` strings.
    static mut environ: *mut *mut libc::c_char;
}

/// The right to write over the argument area. One per process.
#[derive(Debug)]
pub struct Title {
    /// From `arg_start` to `env_end`.
    area: &'static mut [u8],
    /// `arg_end - arg_start`; at least 1.
    args_len: usize,
}

impl Title {
    /// Finds the area and moves the environment out of it. `None` where the kernel does not tell
    /// the addresses.
    ///
    /// To be called at most once (a second call gives `None`), while the process has one thread,
    /// and after the arguments have been copied: `std::env::args` reads the very memory that
    /// [`Title::set`] overwrites.
    #[must_use]
    pub fn take() -> Option<Self> {
        use std::sync::atomic::{AtomicBool, Ordering};
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if cfg!(miri) || TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let addresses = Addresses::parse(&stat)?;
        move_environment();
        // SAFETY: the kernel put the arguments and the environment at these addresses of the main
        // stack, which stays mapped and writable for the life of the process. Nothing else refers
        // to the environment part any more (it was moved just now), nor, by this function's
        // contract, to the arguments; TAKEN makes the slice unique.
        let area = unsafe {
            slice::from_raw_parts_mut(
                ptr::with_exposed_provenance_mut::<u8>(addresses.arg_start),
                addresses.env_end - addresses.arg_start,
            )
        };
        Some(Self { area, args_len: addresses.arg_end - addresses.arg_start })
    }

    /// Shows `title`, cut to the room there is. NULs in it end it.
    pub fn set(&mut self, title: &[u8]) {
        write_title(self.area, self.args_len, title);
    }
}

/// Fills `area` with the title so that the kernel shows exactly the title.
fn write_title(area: &mut [u8], args_len: usize, title: &[u8]) {
    let title = title.split(|&b| b == 0).next().unwrap_or_default();
    // The last byte of the area stays NUL.
    let len = title.len().min(area.len() - 1);
    area.fill(0);
    area[..len].copy_from_slice(&title[..len]);
    // The mark must stand behind the title's own NUL; a title that reaches it is a mark itself.
    if len + 1 < args_len {
        area[args_len - 1] = b'.';
    }
}

/// Points `environ` at heap copies, which live as long as the process.
fn move_environment() {
    // SAFETY: by the contract of `Title::take` no other thread exists that could read or change the
    // environment. Up to the null that ends it, `environ` holds valid C strings (each is copied
    // before anything is overwritten).
    unsafe {
        if environ.is_null() {
            return;
        }
        let mut copy = Vec::new();
        let mut at = environ;
        while !(*at).is_null() {
            let entry = std::ffi::CStr::from_ptr(*at).to_owned();
            copy.push(CString::into_raw(entry));
            at = at.add(1);
        }
        copy.push(ptr::null_mut());
        environ = Box::leak(copy.into_boxed_slice()).as_mut_ptr();
    }
}

/// The fields 48 to 51 of `/proc/self/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Addresses {
    arg_start: usize,
    arg_end: usize,
    env_end: usize,
}

impl Addresses {
    fn parse(stat: &str) -> Option<Self> {
        // Field 2 is the name in parentheses and may hold anything: count from behind it, where
        // field 3 starts.
        let (_, after_name) = stat.rsplit_once(')')?;
        let mut numbers = after_name.split_ascii_whitespace().skip(48 - 3);
        let mut next = || numbers.next()?.parse::<usize>().ok();
        let (arg_start, arg_end, env_start, env_end) = (next()?, next()?, next()?, next()?);
        if arg_start == 0 || arg_end <= arg_start {
            return None;
        }
        let follows = env_start == arg_end && env_end > env_start;
        Some(Self { arg_start, arg_end, env_end: if follows { env_end } else { arg_end } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(args_len: usize, area_len: usize, title: &str) -> String {
        let mut area = vec![b'x'; area_len];
        write_title(&mut area, args_len, title.as_bytes());
        String::from_utf8(area).unwrap().replace('\0', "_")
    }

    #[test]
    fn a_short_title_ends_in_nul_and_leaves_the_mark() {
        assert_eq!(written(10, 14, "larder"), "larder___.____");
    }

    #[test]
    fn a_title_as_long_as_the_arguments_is_its_own_mark() {
        assert_eq!(written(6, 9, "larder"), "larder___");
        assert_eq!(written(7, 9, "larder"), "larder___");
        assert_eq!(written(8, 9, "larder"), "larder_._");
    }

    #[test]
    fn a_long_title_runs_into_the_environment_and_is_cut_at_its_end() {
        assert_eq!(written(4, 12, "larder *:6379"), "larder *:63_");
        assert_eq!(written(4, 4, "larder"), "lar_");
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let fields: Vec<String> = (3..=52).map(|n: u32| n.to_string()).collect();
        let stat = format!("17 (a) b (c)) {}\n", fields.join(" "));
        let expected = Addresses { arg_start: 48, arg_end: 49, env_end: 49 };
        assert_eq!(Addresses::parse(&stat), Some(expected));
        assert_eq!(Addresses::parse("17 (a) S 1 2"), None);
    }
}
