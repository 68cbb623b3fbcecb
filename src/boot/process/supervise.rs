//! Talking to the process that started the server: systemd or upstart.
use crate::{boot::log::Note, log_warning};
use nix::sys::signal::{Signal, raise};
use sd_notify::NotifyState;
use std::env;

/// The option `supervised`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Supervised {
    /// Nobody is told.
    #[default]
    No,
    /// Whoever the environment names.
    Auto,
    /// systemd, through `NOTIFY_SOCKET`.
    Systemd,
    /// upstart, by stopping until it says to go on.
    Upstart,
}

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// Nobody.
    None,
    /// systemd
    Systemd,
    /// upstart
    Upstart,
}

impl Supervisor {
    /// Finds the supervisor that the option and the environment agree on; a note when the one asked
    /// for is not there. With upstart the process stops here, which is how that one sees that it is
    /// up.
    #[must_use]
    pub fn find(option: Supervised) -> (Self, Option<Note>) {
        let has = |name: &str| env::var_os(name).is_some();
        let (supervisor, note) = Self::choose(option, has("NOTIFY_SOCKET"), has("UPSTART_JOB"));
        if supervisor == Self::Upstart {
            // It fails for no signal that exists.
            let _ = raise(Signal::SIGSTOP);
        }
        (supervisor, note)
    }

    fn choose(option: Supervised, systemd: bool, upstart: bool) -> (Self, Option<Note>) {
        let missing = |text: &str| (Self::None, Some(Note::warning(text)));
        match option {
            Supervised::No => (Self::None, None),
            Supervised::Auto if upstart => (Self::Upstart, None),
            Supervised::Auto if systemd => (Self::Systemd, None),
            Supervised::Auto => (Self::None, None),
            Supervised::Systemd if systemd => (Self::Systemd, None),
            Supervised::Systemd => missing("systemd supervision error: NOTIFY_SOCKET not found!"),
            Supervised::Upstart if upstart => (Self::Upstart, None),
            Supervised::Upstart => {
                missing("upstart supervision requested, but UPSTART_JOB not found!")
            }
        }
    }

    /// INFO's `process_supervised`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "no",
            Self::Systemd => "systemd",
            Self::Upstart => "upstart",
        }
    }

    /// Whether somebody watches the process: then it must not go into the background.
    #[must_use]
    pub fn is_some(self) -> bool {
        self != Self::None
    }

    /// Clients may connect; `status` is for people.
    pub fn ready(self, status: &str) {
        self.tell(&[NotifyState::Status(status), NotifyState::Ready]);
    }

    /// What the server is at, for people: loading, following a primary.
    pub fn status(self, status: &str) {
        self.tell(&[NotifyState::Status(status)]);
    }

    /// The server is ending, which may take a while.
    pub fn stopping(self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// The configuration is read again; [`ready`](Self::ready) ends it.
    pub fn reloading(self) {
        match NotifyState::monotonic_usec_now() {
            Ok(since) => self.tell(&[NotifyState::Reloading, since]),
            Err(error) => log_warning!("systemd supervision error: {error}"),
        }
    }

    /// Loading takes long: the start must not time out within the next `seconds`.
    pub fn extend_timeout(self, seconds: u32) {
        self.tell(&[NotifyState::ExtendTimeoutUsec(seconds.saturating_mul(1_000_000))]);
    }

    fn tell(self, news: &[NotifyState<'_>]) {
        if self == Self::Systemd
            && let Err(error) = sd_notify::notify(news)
        {
            log_warning!("systemd supervision error: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(option: Supervised, systemd: bool, upstart: bool, expected: (Supervisor, bool)) {
        let (supervisor, note) = Supervisor::choose(option, systemd, upstart);
        assert_eq!((supervisor, note.is_some()), expected);
    }

    #[test]
    fn auto_takes_what_the_environment_names() {
        check(Supervised::Auto, false, false, (Supervisor::None, false));
        check(Supervised::Auto, true, false, (Supervisor::Systemd, false));
        check(Supervised::Auto, true, true, (Supervisor::Upstart, false));
    }

    #[test]
    fn a_supervisor_asked_for_and_not_there_is_said() {
        check(Supervised::Systemd, false, true, (Supervisor::None, true));
        check(Supervised::Upstart, true, false, (Supervisor::None, true));
        check(Supervised::No, true, true, (Supervisor::None, false));
    }

    #[test]
    fn nobody_is_told_nothing() {
        Supervisor::None.ready("ready");
        Supervisor::None.stopping();
        assert_eq!(Supervisor::None.name(), "no");
    }
}
