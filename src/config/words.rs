//! Options whose value is one word of a list.

use super::value::{Occurrence, Reason, Rule, Setting, single};

/// Declares an enum and the words it is spelt with. The first word of a variant is the one printed;
/// the order is that in which a refusal lists the words.
macro_rules! words {
    ($(
        $(#[$meta:meta])*
        $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal $(| $other:literal)*,)+
        }
    )+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Every spelling with what it means.
            const WORDS: &[(&str, Self)] =
                &[$(($word, Self::$variant), $(($other, Self::$variant),)*)+];

            /// The word that this is printed as.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl Setting for $name {
            fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
                *self = find(Self::WORDS, single(words)?)?;
                Ok(())
            }

            fn print(&self, _: &Rule) -> String {
                self.word().to_owned()
            }
        }
    )+};
}

/// Finds a word in a list, in any case, or says which words there are.
pub(super) fn find<T: Copy>(list: &[(&str, T)], word: &str) -> Result<T, Reason> {
    match list.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(word)) {
        Some((_, meaning)) => Ok(*meaning),
        None => {
            let spellings: Vec<&str> = list.iter().map(|(spelling, _)| *spelling).collect();
            let list = spellings.join(", ");
            Err(format!("argument(s) must be one of the following: {list}").into())
        }
    }
}

words! {
    /// Who may use a guarded feature.
    Guard {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Clients on the loopback interface or the unix socket.
        Local = "local",
    }

    /// How much is logged.
    LogLevel {
        /// What only development needs.
        Debug = "debug",
        /// Much, rarely of use.
        Verbose = "verbose",
        /// What production wants.
        Notice = "notice",
        /// Only what is important or critical.
        Warning = "warning",
        /// Nothing.
        Nothing = "nothing",
    }

    /// The shape of a log line.
    LogFormat {
        /// `pid:role date mark message`, as Redis writes it.
        Redis = "redis" | "legacy",
        /// One JSON object a line.
        Json = "json",
        /// `key=value` pairs.
        Logfmt = "logfmt",
    }

    /// The syslog facility.
    SyslogFacility {
        /// LOG_USER.
        User = "user",
        /// LOG_LOCAL0.
        Local0 = "local0",
        /// LOG_LOCAL1.
        Local1 = "local1",
        /// LOG_LOCAL2.
        Local2 = "local2",
        /// LOG_LOCAL3.
        Local3 = "local3",
        /// LOG_LOCAL4.
        Local4 = "local4",
        /// LOG_LOCAL5.
        Local5 = "local5",
        /// LOG_LOCAL6.
        Local6 = "local6",
        /// LOG_LOCAL7.
        Local7 = "local7",
    }

    /// Which init system watches the server.
    Supervised {
        /// Upstart: stop with SIGSTOP when ready.
        Upstart = "upstart",
        /// systemd: tell it over `NOTIFY_SOCKET`.
        Systemd = "systemd",
        /// Whichever the environment shows.
        Auto = "auto",
        /// None.
        No = "no",
    }

    /// When the append-only file is synced.
    AppendFsync {
        /// Once a second.
        Everysec = "everysec",
        /// Before every reply to a write.
        Always = "always",
        /// When the operating system pleases.
        No = "no",
    }

    /// A version of the RDB format.
    RdbVersion {
        /// Redis 5.0's.
        V9 = "9",
        /// Redis 7.0's.
        V10 = "10",
        /// Redis 7.2's.
        V11 = "11",
        /// Redis 7.4's.
        V12 = "12",
        /// Valkey 9.0's.
        V80 = "80",
    }

    /// Which keys go when memory is short.
    EvictionPolicy {
        /// Least recently used keys with a deadline.
        VolatileLru = "volatile-lru",
        /// Least frequently used keys with a deadline.
        VolatileLfu = "volatile-lfu",
        /// Random keys with a deadline.
        VolatileRandom = "volatile-random",
        /// Keys with the nearest deadline.
        VolatileTtl = "volatile-ttl",
        /// Keys with a deadline that were not changed for longest.
        VolatileLrm = "volatile-lrm",
        /// Least recently used keys.
        AllkeysLru = "allkeys-lru",
        /// Least frequently used keys.
        AllkeysLfu = "allkeys-lfu",
        /// Random keys.
        AllkeysRandom = "allkeys-random",
        /// Keys that were not changed for longest.
        AllkeysLrm = "allkeys-lrm",
        /// None: writes that need memory are refused.
        Noeviction = "noeviction",
    }

    /// How a replica takes a full synchronisation from the socket.
    DisklessLoad {
        /// Not at all: through a file.
        Disabled = "disabled",
        /// When it holds no data.
        OnEmptyDb = "on-empty-db",
        /// Beside its old data, which is swapped out at the end.
        Swapdb = "swapdb",
    }

    /// Whose DUMP payloads and synchronisations are checked in depth.
    SanitizePayload {
        /// Nobody's.
        No = "no",
        /// Everybody's.
        Yes = "yes",
        /// Those of clients, not of the primary.
        Clients = "clients",
    }

    /// Whether TLS clients must show a certificate.
    TlsAuthClients {
        /// No certificate is asked for.
        No = "no",
        /// A valid one is required.
        Yes = "yes",
        /// One that is shown must be valid.
        Optional = "optional",
    }

    /// How the kernel's out-of-memory score is set.
    OomScoreAdj {
        /// It is left alone.
        No = "no",
        /// Relative to the score at start-up.
        Relative = "yes" | "relative",
        /// As given.
        Absolute = "absolute",
    }

    /// What channels a new user may use.
    AclPubsubDefault {
        /// All.
        Allchannels = "allchannels",
        /// None.
        Resetchannels = "resetchannels",
    }

    /// How cluster nodes are named to clients.
    EndpointType {
        /// By address.
        Ip = "ip",
        /// By announced host name.
        Hostname = "hostname",
        /// Not at all: clients reuse the address they came from.
        UnknownEndpoint = "unknown-endpoint",
    }

    /// What follows when a replicated command fails.
    PropagationError {
        /// Nothing but a log line.
        Ignore = "ignore",
        /// The server stops.
        Panic = "panic",
        /// A replica stops.
        PanicOnReplicas = "panic-on-replicas",
    }
}

impl RdbVersion {
    /// Its number.
    pub const fn number(self) -> u16 {
        match self {
            Self::V9 => 9,
            Self::V10 => 10,
            Self::V11 => 11,
            Self::V12 => 12,
            Self::V80 => 80,
        }
    }
}

/// By what the keys that go are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// None goes.
    Nothing,
    /// The least recently used.
    Lru,
    /// The least recently changed.
    Lrm,
    /// The least frequently used.
    Lfu,
    /// Any.
    Random,
    /// The nearest deadline.
    Ttl,
}

impl EvictionPolicy {
    /// By what keys are chosen.
    pub fn choice(self) -> Choice {
        match self {
            Self::Noeviction => Choice::Nothing,
            Self::AllkeysLru | Self::VolatileLru => Choice::Lru,
            Self::AllkeysLrm | Self::VolatileLrm => Choice::Lrm,
            Self::AllkeysLfu | Self::VolatileLfu => Choice::Lfu,
            Self::AllkeysRandom | Self::VolatileRandom => Choice::Random,
            Self::VolatileTtl => Choice::Ttl,
        }
    }

    /// Whether only keys with a deadline go.
    pub fn spares_persistent(self) -> bool {
        use EvictionPolicy::{VolatileLfu, VolatileLrm, VolatileLru, VolatileRandom, VolatileTtl};
        matches!(self, VolatileLfu | VolatileLrm | VolatileLru | VolatileRandom | VolatileTtl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_in_any_case() {
        let mut level = LogLevel::Notice;
        assert!(level.assign(&["DEBUG"], &Rule::Word, Occurrence::First).is_ok());
        assert_eq!(level.print(&Rule::Word), "debug");
    }

    #[test]
    fn a_refusal_lists_every_word() {
        let refusal = AppendFsync::No.assign(&["x"], &Rule::Word, Occurrence::First);
        let words = "argument(s) must be one of the following: everysec, always, no";
        assert_eq!(refusal, Err(words.into()));
    }

    #[test]
    fn a_second_spelling_prints_as_the_first() {
        let mut adj = OomScoreAdj::No;
        assert!(adj.assign(&["relative"], &Rule::Word, Occurrence::First).is_ok());
        assert_eq!(adj.print(&Rule::Word), "yes");
        let mut format = LogFormat::Json;
        assert!(format.assign(&["legacy"], &Rule::Word, Occurrence::First).is_ok());
        assert_eq!(format.print(&Rule::Word), "redis");
    }
}
