//! Start-up: the configuration from a file, from standard input and from the command line.
//!
//! ```text
//! larder [FILE | -] [--option value ...] [-]
//! ```
//!
//! The parts are read in the order file, standard input, options, and the last value of an option
//! counts. Options of the command line become lines of configuration text: an argument `--name`
//! starts a line, those after it are its values, quoted. The first value may itself begin with
//! `--`, except after `--save` and `--sentinel`, which may stand alone. An argument that holds name
//! and values, like `"--port 7000"`, is taken as the line it is.
//!
//! Nothing here touches the file system but through [`Files`], so that tests need none. Reading has
//! no effects: the working directory is not changed, and what only the server can judge (`user`
//! rules, `rename-command` names) is handed on with its place, so that a refusal can point to it:
//! see [`Startup::directives`] and [`LoadError::at`].

use super::table::{DIRECTIVES, Flags, Row};
use super::value::{Occurrence, Reason};
use super::{Config, REDIS_VERSION, utf8};
use crate::stdx::glob;
use crate::stdx::os::error::os_words;
use crate::stdx::words::{quote, split};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What the command line asks for.
#[derive(Debug)]
pub enum Launch {
    /// To serve.
    Serve(Box<Startup>),
    /// `-v`, `--version`: to say which version this is.
    Version,
    /// `-h`, `--help`: to say how it is used.
    Help,
    /// `--test-memory MEGABYTES`: to test memory; without a number, to say how that is used.
    TestMemory(Option<u64>),
    /// `--check-system`: to look for settings of the system that harm.
    CheckSystem,
}

/// The configuration to serve with.
#[derive(Debug)]
pub struct Startup {
    /// The absolute path of the configuration file, if one was given.
    pub config_file: Option<PathBuf>,
    /// The configuration; its `dir` is absolute.
    pub config: Config,
    /// Whether the role is that of Sentinel.
    pub sentinel: bool,
    /// The directives that are no options, in the order met.
    pub directives: Vec<Directive>,
}

/// A line of configuration text that is no option: `user`, `rename-command`, `loadmodule`,
/// `sentinel`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    /// Which directive it is.
    pub name: &'static str,
    /// The words after it.
    pub words: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// Where a line of configuration text stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file, or what stands for one.
    pub source: Source,
    /// The line's number, from 1.
    pub line: usize,
    /// The line itself, without the blanks around it.
    pub text: String,
}

/// A source of configuration text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// The command line, each option a line.
    CommandLine,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// Why a configuration cannot be started with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// A line is refused. The text is the message that Redis writes to standard error, with the
    /// source added.
    Line {
        /// The line.
        place: Place,
        /// Why.
        reason: Reason,
    },
    /// A file cannot be read. The text is the message that Redis writes to its log.
    Open {
        /// The file.
        path: PathBuf,
        /// Why, in the operating system's words.
        reason: String,
    },
}

impl LoadError {
    /// A refusal of the line at `place`.
    pub fn at(place: &Place, reason: impl Into<Reason>) -> Self {
        Self::Line { place: place.clone(), reason: reason.into() }
    }

    fn open(path: &Path, error: &io::Error) -> Self {
        Self::Open { path: path.to_owned(), reason: os_words(error) }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { place: Place { source, line, text }, reason } => write!(
                f,
                "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\n\
                 Reading the configuration file, at line {line} ({source})\n\
                 >>> '{text}'\n\
                 {reason}"
            ),
            Self::Open { path, reason } => {
                write!(f, "Fatal error, can't open config file '{}': {reason}", path.display())
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// What loading needs of the file system.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// What the file system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Standard input to its end.
    ///
    /// # Errors
    /// What reading says.
    fn read_stdin(&self) -> io::Result<Vec<u8>>;

    /// The names in a directory; none if it cannot be read.
    fn list(&self, directory: &Path) -> Vec<OsString>;

    /// The real, absolute path of a directory that may be entered.
    ///
    /// # Errors
    /// Why it cannot be entered.
    fn resolve_dir(&self, path: &Path) -> io::Result<PathBuf>;

    /// The working directory, absolute.
    ///
    /// # Errors
    /// What the operating system says.
    fn current_dir(&self) -> io::Result<PathBuf>;
}

/// The file system of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct OsFiles;

impl Files for OsFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn read_stdin(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        io::Read::read_to_end(&mut io::stdin().lock(), &mut text)?;
        Ok(text)
    }

    fn list(&self, directory: &Path) -> Vec<OsString> {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name())).collect()
    }

    fn resolve_dir(&self, path: &Path) -> io::Result<PathBuf> {
        let path = std::fs::canonicalize(path)?;
        if std::fs::metadata(&path)?.is_dir() {
            Ok(path)
        } else {
            Err(nix::errno::Errno::ENOTDIR.into())
        }
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        std::env::current_dir()
    }
}

/// Reads the arguments after the program's name, and what they lead to.
///
/// # Errors
/// The first line that is refused, or the file that cannot be read.
pub fn parse_args(args: &[OsString]) -> Result<Launch, LoadError> {
    parse_args_with(args, false, &OsFiles)
}

/// As [`parse_args`], from `files`; `sentinel` says that the program's name asks for that role.
///
/// # Errors
/// As [`parse_args`].
pub fn parse_args_with(
    args: &[OsString],
    sentinel: bool,
    files: &dyn Files,
) -> Result<Launch, LoadError> {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    match args.first().copied() {
        Some(b"-v" | b"--version") => return Ok(Launch::Version),
        Some(b"-h" | b"--help") => return Ok(Launch::Help),
        Some(b"--check-system") => return Ok(Launch::CheckSystem),
        Some(b"--test-memory") => {
            let megabytes = match args[1..] {
                [number] => std::str::from_utf8(number).ok().and_then(|n| n.parse().ok()),
                _ => None,
            };
            return Ok(Launch::TestMemory(megabytes));
        }
        _ => {}
    }
    let sentinel = sentinel || args.contains(&b"--sentinel".as_slice());
    let line = CommandLine::new(&args);
    let current = files.current_dir().map_err(|e| LoadError::open(Path::new("."), &e))?;
    let config_file = line.file.map(|file| current.join(std::ffi::OsStr::from_bytes(file)));
    let mut loader = Loader::new(files, current, sentinel);
    if let Some(path) = &config_file {
        loader.load_file(path, 0)?;
    }
    if line.stdin {
        let text = files.read_stdin().map_err(|e| LoadError::open(Path::new("-"), &e))?;
        loader.load_text(&text, &Source::Stdin, 0)?;
    }
    loader.load_text(&line.options, &Source::CommandLine, 0)?;
    loader.finish(config_file).map(|startup| Launch::Serve(Box::new(startup)))
}

/// Reads configuration text as if it were the file `path`.
///
/// # Errors
/// As [`parse_args`].
pub fn parse_text(text: &[u8], path: &Path, files: &dyn Files) -> Result<Startup, LoadError> {
    let current = files.current_dir().map_err(|e| LoadError::open(Path::new("."), &e))?;
    let mut loader = Loader::new(files, current, false);
    loader.load_text(text, &Source::File(path.to_owned()), 0)?;
    loader.finish(Some(path.to_owned()))
}

/// The command line, taken apart.
struct CommandLine<'a> {
    file: Option<&'a [u8]>,
    stdin: bool,
    /// The options as configuration text, one a line.
    options: Vec<u8>,
}

impl<'a> CommandLine<'a> {
    fn new(args: &[&'a [u8]]) -> Self {
        let mut rest = args;
        let mut file = None;
        let mut stdin = false;
        match args {
            [b"-", tail @ ..] => (stdin, rest) = (true, tail),
            [first, tail @ ..] if !first.starts_with(b"-") => {
                file = Some(*first).filter(|name| !name.is_empty());
                rest = tail;
            }
            _ => {}
        }
        if let [head @ .., b"-"] = rest {
            (stdin, rest) = (true, head);
        }
        Self { file, stdin, options: compose(rest) }
    }
}

/// Makes lines of configuration text of the options on the command line.
fn compose(args: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::new();
    // Whether the next argument is the option's first value, whatever it looks like.
    let mut value_due = false;
    for (i, arg) in args.iter().enumerate() {
        let name = arg.strip_prefix(b"--").filter(|_| !value_due);
        let Some(name) = name else {
            text.extend(quote(arg).into_bytes());
            text.push(b' ');
            value_due = false;
            continue;
        };
        if !text.is_empty() {
            text.push(b'\n');
        }
        text.extend(name);
        text.push(b' ');
        value_due = split(arg).is_some_and(|words| words.len() == 1);
        let no_value_follows = args.get(i + 1).is_none_or(|next| next.starts_with(b"--"));
        if no_value_follows && name.eq_ignore_ascii_case(b"save") {
            text.extend(b"\"\"");
            value_due = false;
        } else if no_value_follows && name.eq_ignore_ascii_case(b"sentinel") {
            value_due = false;
        }
    }
    text
}

/// Options that Redis once had: a line with one value is read over.
const RETIRED: [&str; 3] =
    ["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

/// The refusal of what is no directive at all, or has the wrong number of words.
const BAD_DIRECTIVE: &str = "Bad directive or wrong number of arguments";

/// How deep files may include files.
const INCLUDE_DEPTH_MAX: u32 = 32;

struct Loader<'a> {
    files: &'a dyn Files,
    config: Config,
    sentinel: bool,
    directives: Vec<Directive>,
    /// Where a `dir` line has led so far: later relative paths start there.
    cwd: PathBuf,
    /// The options met, for those that gather lines.
    seen: Vec<&'static str>,
    /// The last `replicaof` line, which may turn out to be wrong at the end.
    replicaof: Option<Place>,
}

impl<'a> Loader<'a> {
    fn new(files: &'a dyn Files, cwd: PathBuf, sentinel: bool) -> Self {
        Self {
            files,
            config: Config::default(),
            sentinel,
            directives: Vec::new(),
            cwd,
            seen: Vec::new(),
            replicaof: None,
        }
    }

    fn load_file(&mut self, path: &Path, depth: u32) -> Result<(), LoadError> {
        let text = self.files.read(path).map_err(|e| LoadError::open(path, &e))?;
        self.load_text(&text, &Source::File(path.to_owned()), depth)
    }

    fn load_text(&mut self, text: &[u8], source: &Source, depth: u32) -> Result<(), LoadError> {
        for (i, line) in text.split(|&b| b == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let text = String::from_utf8_lossy(line).into_owned();
            let place = Place { source: source.clone(), line: i + 1, text };
            self.load_line(line, &place, depth)?;
        }
        Ok(())
    }

    fn load_line(&mut self, line: &[u8], place: &Place, depth: u32) -> Result<(), LoadError> {
        let refuse = |reason: Reason| LoadError::at(place, reason);
        let words = split(line).ok_or("Unbalanced quotes in configuration line");
        let words = words.map_err(|reason| refuse(reason.into()))?;
        let words: Vec<&str> =
            words.iter().map(|word| utf8(word)).collect::<Result<_, _>>().map_err(refuse)?;
        let Some((&name, args)) = words.split_first() else {
            return Ok(());
        };
        if let Some(row) = Row::find(name) {
            return self.load_option(row, args, place).map_err(refuse);
        }
        match (name.to_ascii_lowercase().as_str(), args) {
            ("include", [pattern]) => self.include(pattern, place, depth),
            (retired, [_]) if RETIRED.contains(&retired) => Ok(()),
            (directive, _) => {
                let name = DIRECTIVES.into_iter().find(|known| *known == directive);
                let name = name.ok_or_else(|| refuse(BAD_DIRECTIVE.into()))?;
                self.load_directive(name, args, place).map_err(refuse)
            }
        }
    }

    fn load_option(
        &mut self,
        row: &'static Row,
        args: &[&str],
        place: &Place,
    ) -> Result<(), Reason> {
        let occurrence =
            if self.seen.contains(&row.name) { Occurrence::Again } else { Occurrence::First };
        // `save "60 1 30 2"` means the same as `save 60 1 30 2`.
        let parts = match args {
            [list] if row.flags.contains(Flags::MULTI_ARG) && !list.is_empty() => {
                split(list.as_bytes()).ok_or("Unbalanced quotes in configuration line")?
            }
            _ => Vec::new(),
        };
        let parts: Vec<&str> = parts.iter().map(|part| utf8(part)).collect::<Result<_, _>>()?;
        let args = if parts.is_empty() { args } else { &parts };
        (row.value_mut)(&mut self.config).assign(args, &row.rule, occurrence)?;
        self.seen.push(row.name);
        match row.name {
            "dir" => self.enter_dir(),
            "replicaof" => {
                self.replicaof = Some(place.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Follows a `dir` line, as later relative paths do.
    fn enter_dir(&mut self) -> Result<(), Reason> {
        let path = self.cwd.join(&self.config.dir);
        self.cwd = self.files.resolve_dir(&path).map_err(|e| os_words(&e))?;
        Ok(())
    }

    fn load_directive(
        &mut self,
        name: &'static str,
        args: &[&str],
        place: &Place,
    ) -> Result<(), Reason> {
        let words: Vec<String> = args.iter().map(|&word| word.to_owned()).collect();
        match (name, args) {
            // `--sentinel` on the command line leaves such a line behind.
            ("sentinel", []) => return Ok(()),
            ("sentinel", _) if !self.sentinel => {
                return Err("sentinel directive while not in sentinel mode".into());
            }
            ("sentinel", _) => self.config.sentinel.push(words.clone()),
            ("loadmodule", [_, ..]) => self.config.modules.push(words.clone()),
            ("rename-command", [from, to]) => {
                self.config.renamed_commands.push(((*from).to_owned(), (*to).to_owned()));
            }
            ("user", [user, ..]) => {
                if self.config.users.iter().any(|known| known[0] == *user) {
                    let reason = format!(
                        "Error in user declaration '{user}': Duplicate user found. \
                         A user can only be defined once in config files"
                    );
                    return Err(reason.into());
                }
                self.config.users.push(words.clone());
            }
            _ => return Err(BAD_DIRECTIVE.into()),
        }
        self.directives.push(Directive { name, words, place: place.clone() });
        Ok(())
    }

    /// A path must be there; a pattern may match nothing.
    fn include(&mut self, pattern: &str, place: &Place, depth: u32) -> Result<(), LoadError> {
        if depth == INCLUDE_DEPTH_MAX {
            return Err(LoadError::at(place, "Too many levels of included files"));
        }
        if !pattern.contains(['*', '?', '[']) {
            return self.load_file(&self.cwd.join(pattern), depth + 1);
        }
        for path in self.expand(&self.cwd.join(pattern)) {
            self.load_file(&path, depth + 1)?;
        }
        Ok(())
    }

    /// The paths that match a pattern, sorted. Wildcards stand for no slash and for no leading dot.
    fn expand(&self, pattern: &Path) -> Vec<PathBuf> {
        let mut paths = vec![PathBuf::new()];
        let mut wild = false;
        for part in pattern {
            wild |= part.as_bytes().iter().any(|b| b"*?[".contains(b));
            if !wild {
                paths.iter_mut().for_each(|path| path.push(part));
                continue;
            }
            let part = part.as_bytes();
            let matching = |name: &OsString| {
                let name = name.as_bytes();
                glob::matches(part, name, false) && name.starts_with(b".") == part.starts_with(b".")
            };
            let children = |path: PathBuf| {
                let names = self.files.list(&path).into_iter().filter(matching);
                names.map(|name| path.join(name)).collect::<Vec<_>>()
            };
            paths = paths.into_iter().flat_map(children).collect();
        }
        paths.sort();
        paths
    }

    /// Looks at what only the whole can show.
    fn finish(mut self, config_file: Option<PathBuf>) -> Result<Startup, LoadError> {
        if let (Some(place), true, Some(_)) =
            (&self.replicaof, self.config.cluster_enabled, &self.config.replicaof)
        {
            return Err(LoadError::at(place, "replicaof directive not allowed in cluster mode"));
        }
        self.config.dir = self.cwd.to_string_lossy().into_owned();
        Ok(Startup {
            config_file,
            config: self.config,
            sentinel: self.sentinel,
            directives: self.directives,
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
