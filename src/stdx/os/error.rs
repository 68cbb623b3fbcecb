//! The operating system's errors in its own words.

use nix::errno::Errno;
use std::io;

/// The system's words for an error, without the number that std puts behind them.
#[must_use]
pub fn os_words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_left_out() {
        let error = io::Error::from_raw_os_error(libc::ENOENT);
        assert_eq!(os_words(&error), "No such file or directory");
        assert_eq!(os_words(&io::Error::other("odd")), "odd");
    }
}
