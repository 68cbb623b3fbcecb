//! The programs beside the server, which check its files: `larder check-rdb` and `larder check-aof`, also under the
//! names redis-check-rdb and redis-check-aof.
//!
//! They read through [`Disk`], ask and tell through a [`Console`], and end with an exit code; so a test needs neither
//! files nor a process.

mod check_aof;
mod check_rdb;

use crate::persist::disk::Disk;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches};
use std::fmt::Display;
use std::io::{BufRead, Write};
use std::path::PathBuf;

/// The exit code of a tool that has found what it checks in order.
const GOOD: u8 = 0;
/// Any other.
const BAD: u8 = 1;

/// Where a tool asks and tells.
pub struct Console<'a> {
    /// What is typed.
    pub input: &'a mut dyn BufRead,
    /// What is shown.
    pub out: &'a mut dyn Write,
}

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Checks an append-only file.
    CheckAof,
    /// Checks an RDB file.
    CheckRdb,
}

/// It was said why a file is not in order.
struct Refused;

/// Each tool as an argument of larder, and as a program of its own.
const NAMES: &[(&str, &str, Tool)] = &[
    ("check-aof", "redis-check-aof", Tool::CheckAof),
    ("check-rdb", "redis-check-rdb", Tool::CheckRdb),
];

impl Tool {
    /// The tool that a program of this name is.
    #[must_use]
    pub fn of_program(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, program, _)| name.ends_with(program)).map(|(_, _, tool)| *tool)
    }

    /// The tool that larder is to be, by its first argument.
    #[must_use]
    pub fn of_argument(word: &str) -> Option<Self> {
        NAMES.iter().find(|(argument, ..)| *argument == word).map(|(_, _, tool)| *tool)
    }

    /// Runs it, called by `name` with `args`, at `now_ms`; answers the exit code.
    pub fn run(
        self,
        name: &str,
        args: impl IntoIterator<Item = std::ffi::OsString>,
        disk: &dyn Disk,
        now_ms: u64,
        mut console: Console<'_>,
    ) -> u8 {
        let command = match self {
            Self::CheckAof => check_aof::command(),
            Self::CheckRdb => check_rdb::command(),
        };
        let command = command
            .display_name(name.to_owned())
            .bin_name(name.to_owned())
            .version(env!("CARGO_PKG_VERSION"))
            .disable_version_flag(true)
            .arg(Arg::new("version").short('v').long("version").action(ArgAction::Version));
        let names = std::iter::once(name.into());
        match command.try_get_matches_from(names.chain(args)) {
            Ok(matches) => match self {
                Self::CheckAof => check_aof::run(&matches, disk, now_ms, &mut console),
                Self::CheckRdb => check_rdb::run(&matches, disk, now_ms, &mut console),
            },
            Err(answer) => console.answer(&answer),
        }
    }
}

impl Console<'_> {
    /// Shows a line.
    pub fn say(&mut self, line: impl Display) {
        // With nobody to read it the exit code has to do.
        let _ = writeln!(self.out, "{line}");
    }

    /// Asks whether to go on; anything but a yes is a no.
    pub fn confirms(&mut self, question: &str) -> bool {
        let _ = write!(self.out, "{question} [y/N]: ");
        let _ = self.out.flush();
        let mut line = String::new();
        let read = self.input.read_line(&mut line);
        read.is_ok() && line.starts_with(['y', 'Y'])
    }

    /// What a command line is answered that asks for help, or cannot be understood.
    fn answer(&mut self, answer: &clap::Error) -> u8 {
        let _ = write!(self.out, "{answer}");
        match answer.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => GOOD,
            _ => BAD,
        }
    }
}

/// The argument that names the file.
fn file_argument(placeholder: &'static str) -> Arg {
    let parser = clap::value_parser!(PathBuf);
    Arg::new("file").value_name(placeholder).value_parser(parser).required(true)
}

fn file_of(matches: &ArgMatches) -> &PathBuf {
    matches.get_one("file").expect("it is required")
}
