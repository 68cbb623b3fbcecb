//! The lines a server says at start-up, which tools and test suites wait for.
//!
//! ```text
//! oO0OoO0OoO0Oo larder is starting oO0OoO0OoO0Oo
//! larder version=0.1.0, redis_version=7.2.4, bits=64, pid=1234, just started
//! Configuration loaded
//! (the logo with " PID: 1234", or: Running mode=standalone, port=6379.)
//! Server initialized
//! Ready to accept connections tcp
//! ```
use crate::boot::log::{self, Level};
use std::io::IsTerminal;

/// What the server runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By itself, or as a primary or replica.
    Standalone,
    /// A node of a cluster.
    Cluster,
    /// A sentinel.
    Sentinel,
}

impl Mode {
    /// Its name in the log and in INFO's `redis_mode`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
        }
    }
}

/// What the lines tell.
#[derive(Clone, Copy, Debug)]
pub struct Banner<'a> {
    /// larder's version.
    pub version: &'a str,
    /// The Redis version whose behaviour it has.
    pub redis_version: &'a str,
    /// What it runs as.
    pub mode: Mode,
    /// The TCP port, or the TLS port if there is only that.
    pub port: u16,
    /// The process.
    pub pid: u32,
}

/// A way clients can come in, as the last line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// TCP
    Tcp,
    /// TCP with TLS
    Tls,
    /// A unix socket
    Unix,
}

/// A larder's two shelves; the texts stand beside the rows from the third on.
const SHELVES: [&str; 11] = [
    r"    ________________________________    ",
    r"   /_______________________________/|   ",
    r"  |   _    ____     __      ___    ||   ",
    r"  |  (_)  |____|   |~~|    /   \   ||   ",
    r"  |  | |  |o  o|   |  |   | o o |  ||   ",
    r"  |__|_|__|____|___|__|____\___/___||   ",
    r"  |        __         _____        ||   ",
    r"  |  __   (__)   _   |=====|  _.-. ||   ",
    r"  | |::|  |  |  (_)  |     | (    )||   ",
    r"  |_|::|__|__|__|_|__|_____|__'--'_|/   ",
    r"  ''                               ''   ",
];

impl Banner<'_> {
    /// The first line of all.
    #[must_use]
    pub fn starting(&self) -> String {
        "oO0OoO0OoO0Oo larder is starting oO0OoO0OoO0Oo".to_owned()
    }

    /// Versions and process.
    #[must_use]
    pub fn versions(&self) -> String {
        format!(
            "larder version={}, redis_version={}, bits={}, pid={}, just started",
            self.version,
            self.redis_version,
            usize::BITS,
            self.pid
        )
    }

    /// Where the configuration came from.
    #[must_use]
    pub fn configuration(&self, config_file: Option<&str>, program: &str) -> log::Note {
        match config_file {
            Some(_) => log::Note::notice("Configuration loaded"),
            None => log::Note::warning(format!(
                "Warning: no config file given, all options have their defaults. \
                 To name one: {program} /path/to/redis.conf"
            )),
        }
    }

    /// The drawing, with mode, port and process beside it.
    #[must_use]
    pub fn logo(&self) -> String {
        let beside = |row: usize| match row {
            2 => format!(
                "larder {} (Redis {}), {} bit",
                self.version,
                self.redis_version,
                usize::BITS
            ),
            4 => format!("Running in {} mode", self.mode.name()),
            5 => format!("Port: {}", self.port),
            6 => format!("PID: {}", self.pid),
            _ => String::new(),
        };
        let mut text = String::from("\n");
        for (row, shelf) in SHELVES.iter().enumerate() {
            let line = format!("{shelf}{}", beside(row));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push('\n');
        text
    }

    /// What stands for the logo where it is not shown.
    #[must_use]
    pub fn one_line(&self) -> String {
        format!("Running mode={}, port={}.", self.mode.name(), self.port)
    }

    /// Logs the logo or its line. By itself the logo is for someone who watches: output to a
    /// terminal and to nowhere else.
    pub fn log_logo(&self, always_show_logo: bool, settings: &log::Settings) {
        let watched = settings.output == log::Output::Stdout
            && settings.syslog.is_none()
            && std::io::stdout().is_terminal();
        if always_show_logo || watched {
            log::raw(Level::Notice, &self.logo());
        } else {
            crate::log_notice!("{}", self.one_line());
        }
    }
}

/// Said when the data structures stand and nothing is loaded yet.
#[must_use]
pub fn initialized() -> &'static str {
    "Server initialized"
}

/// Said per listener when clients may come.
#[must_use]
pub fn ready(door: Door) -> &'static str {
    match door {
        Door::Tcp => "Ready to accept connections tcp",
        Door::Tls => "Ready to accept connections tls",
        Door::Unix => "Ready to accept connections unix",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANNER: Banner<'static> = Banner {
        version: "0.1.0",
        redis_version: "7.2.4",
        mode: Mode::Standalone,
        port: 6379,
        pid: 1234,
    };

    #[test]
    fn the_logo_has_what_tools_look_for() {
        let logo = BANNER.logo();
        for wanted in [
            " PID: 1234\n",
            " Port: 6379\n",
            " Running in standalone mode\n",
            " larder 0.1.0 (Redis 7.2.4), 64 bit\n",
        ] {
            assert!(logo.contains(wanted), "{wanted} in {logo}");
        }
    }

    #[test]
    fn the_drawing_is_straight() {
        assert!(SHELVES.iter().all(|shelf| shelf.len() == SHELVES[0].len()));
    }

    #[test]
    fn the_other_lines() {
        assert_eq!(BANNER.one_line(), "Running mode=standalone, port=6379.");
        assert!(BANNER.starting().contains(" is starting "));
        assert!(BANNER.versions().ends_with("pid=1234, just started"));
        assert_eq!(ready(Door::Unix), "Ready to accept connections unix");
    }
}
