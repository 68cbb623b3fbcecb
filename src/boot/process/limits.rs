//! The limit of open files, and the number of clients that follows from it.
use crate::boot::log::Note;
use crate::stdx::os::error::os_words;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io;

/// Descriptors kept for what is not a client: listeners, files, links, the runtime's own.
pub const RESERVED_FDS: u64 = 32;

/// How far one attempt lies below the one before.
const STEP: u64 = 16;

/// What came out of the adjustment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjusted {
    /// The number of clients there is room for: what was asked for, or less.
    pub maxclients: u64,
    /// What to log about it.
    pub notes: Vec<Note>,
}

/// The limit leaves no room for a single client; the text says so. The server logs it as a warning
/// and exits with status 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooFewFiles(pub Note);

/// Raises the limit of open files to what `maxclients` needs, as far as the system allows; lowers
/// `maxclients` to what there is when that is not enough.
///
/// # Errors
/// When the limit is too low for any client.
pub fn adjust_open_files(maxclients: u64) -> Result<Adjusted, TooFewFiles> {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(unknown_limit(maxclients));
    };
    adjust(maxclients, soft, |limit| {
        // The hard limit is raised if need be, which takes privilege, but never lowered.
        Ok(setrlimit(Resource::RLIMIT_NOFILE, limit, hard.max(limit))?)
    })
}

/// Where the limit cannot be read, the usual 1024 is assumed.
fn unknown_limit(maxclients: u64) -> Adjusted {
    let assumed = 1024 - RESERVED_FDS;
    Adjusted {
        maxclients: maxclients.min(assumed),
        notes: vec![Note::warning(format!(
            "The limit of open files cannot be read. It is taken to be 1024, so maxclients is {}.",
            maxclients.min(assumed)
        ))],
    }
}

/// `set` tries to make a number the limit.
fn adjust(
    maxclients: u64,
    soft: u64,
    set: impl FnMut(u64) -> io::Result<()>,
) -> Result<Adjusted, TooFewFiles> {
    let wanted = maxclients.saturating_add(RESERVED_FDS);
    if soft >= wanted {
        return Ok(Adjusted { maxclients, notes: Vec::new() });
    }
    let (reached, refusal) = raise_towards(wanted, soft, set);
    if reached >= wanted {
        let note = format!(
            "Increased maximum number of open files to {wanted} (it was originally set to {soft})."
        );
        return Ok(Adjusted { maxclients, notes: vec![Note::notice(note)] });
    }
    if reached <= RESERVED_FDS {
        return Err(TooFewFiles(Note::warning(format!(
            "Your current 'ulimit -n' of {soft} is not enough for the server to start. Please \
             increase your open file limit to at least {wanted}. Exiting."
        ))));
    }
    let reduced = reached - RESERVED_FDS;
    let why = refusal.map_or_else(|| "unknown".to_owned(), |error| os_words(&error));
    let notes = [
        format!(
            "You requested maxclients of {maxclients} requiring at least {wanted} max file \
             descriptors."
        ),
        format!("Server can't set maximum open files to {wanted} because of OS error: {why}."),
        format!(
            "Current maximum open files is {reached}. maxclients has been reduced to {reduced} to \
             compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
        ),
    ];
    Ok(Adjusted { maxclients: reduced, notes: notes.map(Note::warning).to_vec() })
}

/// Looks for the highest limit that is taken, in steps below `wanted`; the limit then in force, and
/// the last refusal.
fn raise_towards(
    wanted: u64,
    soft: u64,
    mut set: impl FnMut(u64) -> io::Result<()>,
) -> (u64, Option<io::Error>) {
    let mut refusal = None;
    let mut reached = soft;
    // From `most` steps down on limits are taken, and above `least` steps down they are refused.
    let (mut least, mut most) = (0, wanted.saturating_sub(soft).div_ceil(STEP));
    let mut steps = 0;
    while least < most {
        let attempt = wanted - steps * STEP;
        match set(attempt) {
            Ok(()) => {
                reached = attempt;
                most = steps;
            }
            Err(error) => {
                refusal = Some(error);
                least = steps + 1;
            }
        }
        steps = least.midpoint(most);
    }
    (reached, refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system that takes limits up to `ceiling`.
    fn under(ceiling: u64, soft: u64, maxclients: u64) -> Result<Adjusted, TooFewFiles> {
        adjust(maxclients, soft, |limit| {
            if limit <= ceiling {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(nix::errno::Errno::EPERM as i32))
            }
        })
    }

    #[track_caller]
    fn texts(adjusted: &Adjusted) -> Vec<&str> {
        adjusted.notes.iter().map(|n| n.text.as_str()).collect()
    }

    #[test]
    fn enough_is_enough() {
        let adjusted = under(0, 10_032, 10_000).unwrap();
        assert_eq!((adjusted.maxclients, adjusted.notes.len()), (10_000, 0));
    }

    #[test]
    fn a_limit_that_can_be_raised_is_raised() {
        let adjusted = under(u64::MAX, 1024, 10_000).unwrap();
        assert_eq!(adjusted.maxclients, 10_000);
        assert_eq!(
            texts(&adjusted),
            ["Increased maximum number of open files to 10032 (it was originally set to 1024)."]
        );
    }

    #[test]
    fn a_fixed_limit_lowers_maxclients() {
        let adjusted = under(500, 500, 600).unwrap();
        assert_eq!(adjusted.maxclients, 468);
        assert_eq!(
            texts(&adjusted),
            [
                "You requested maxclients of 600 requiring at least 632 max file descriptors.",
                "Server can't set maximum open files to 632 because of OS error: Operation not \
                 permitted.",
                "Current maximum open files is 500. maxclients has been reduced to 468 to \
                 compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
            ]
        );
    }

    #[test]
    fn a_hard_limit_in_between_is_approached_in_steps() {
        let adjusted = under(1000, 100, 2000).unwrap();
        // 2032 - 65 * 16 = 992 is the first step that is taken.
        assert_eq!(adjusted.maxclients, 992 - 32);
    }

    #[test]
    fn no_room_for_a_client_stops_the_start() {
        let refused = under(0, 32, 10_000).unwrap_err();
        assert_eq!(
            refused.0.text,
            "Your current 'ulimit -n' of 32 is not enough for the server to start. Please \
             increase your open file limit to at least 10032. Exiting."
        );
        assert_eq!(under(0, 33, 10_000).unwrap().maxclients, 1);
    }

    #[cfg(not(miri))]
    #[test]
    fn the_real_limit_is_not_lowered() {
        let before = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(adjust_open_files(1).unwrap().maxclients, 1);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), before);
    }
}
