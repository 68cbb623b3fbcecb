//! Checks the files of an append-only log: of commands, with an RDB file before them or without, alone or as a
//! manifest names them. Cuts what is torn off, if it is told to.
//!
//! Options, words and exit codes are those of redis-check-aof. Two things differ: a cut to a time does not
//! leave half a transaction, and what the server would refuse to load is never called valid.

#[cfg(test)]
mod tests;

use super::check_rdb::{self, Input};
use super::{BAD, Console, GOOD, Refused, file_argument, file_of};
use crate::persist::aof::manifest::Manifest;
use crate::persist::aof::read::{Damage, Fault, Item, Missing, Reader, Torn, timestamp};
use crate::persist::disk::{self, Disk, File, Open, folder_of};
use crate::stdx::os::error::os_words;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::io::{self, Read};
use std::path::Path;

/// How many bytes are read at once.
const PIECE: usize = 64 * 1024;

pub(super) fn command() -> Command {
    Command::new("check-aof")
        .about("Checks an append-only file, or all files of a manifest")
        .arg(
            Arg::new("fix")
                .long("fix")
                .action(ArgAction::SetTrue)
                .help("Cut off what is not whole at the end of the last file, after asking"),
        )
        .arg(
            Arg::new("timestamp")
                .long("truncate-to-timestamp")
                .value_name("timestamp")
                .conflicts_with("fix")
                .help("Cut off what was written later than this, in seconds since 1970"),
        )
        .arg(file_argument("file.manifest|file.aof"))
}

pub(super) fn run(
    matches: &ArgMatches,
    disk: &dyn Disk,
    now_ms: u64,
    console: &mut Console<'_>,
) -> u8 {
    let timestamp: Option<&String> = matches.get_one("timestamp");
    let repair = match timestamp.map(|text| text.parse()) {
        None if matches.get_flag("fix") => Repair::Fix,
        None | Some(Ok(0)) => Repair::None,
        Some(Ok(seconds)) => Repair::CutTo(seconds),
        Some(Err(_)) => {
            console.say("Invalid timestamp, aborting...");
            return BAD;
        }
    };
    let mut check = Check { console, disk, now_ms, repair, elements: 0 };
    match check.path(file_of(matches)) {
        Ok(()) => GOOD,
        Err(Refused) => BAD,
    }
}

/// What is to be done about what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repair {
    None,
    /// Cut off what is not whole.
    Fix,
    /// Cut off what was written later.
    CutTo(u64),
}

/// How a file was found, or left.
enum Verdict {
    Empty,
    Valid,
    Cut,
}

/// One file to check.
struct Part<'a> {
    path: &'a Path,
    /// As it is called in what is said.
    name: String,
    /// No other file follows: it may be cut.
    last: bool,
}

/// What was found in a file.
struct Found {
    size: u64,
    /// Up to where it stands for itself.
    whole: u64,
    end: End,
}

/// Where the reading of a file ended.
enum End {
    Whole,
    Torn(Torn),
    Damaged(Damage),
    /// What follows `whole` was written later than is wanted.
    Later,
}

struct Check<'a, 'c> {
    console: &'a mut Console<'c>,
    disk: &'a dyn Disk,
    now_ms: u64,
    repair: Repair,
    /// Counts, lengths and arguments of all files so far: the lines, as this tool counts them.
    elements: u64,
}

impl Check<'_, '_> {
    /// Checks what is there: a manifest and its files, or one file.
    fn path(&mut self, path: &Path) -> Result<(), Refused> {
        let mut file = self.open(path)?;
        let first = first_piece(&mut *file).map_err(|error| self.cannot("read", path, &error))?;
        if is_manifest(path, &first) {
            return self.multi_part(path);
        }
        self.console.say("Start checking Old-Style AOF");
        let name = path.display().to_string();
        let part = Part { path, name: name.clone(), last: true };
        match self.file(&part, &mut *file, first)? {
            Verdict::Empty => self.console.say(format_args!("AOF {name} is empty")),
            Verdict::Valid => self.console.say(format_args!("AOF {name} is valid")),
            Verdict::Cut => {}
        }
        Ok(())
    }

    /// Checks the files of a manifest.
    fn multi_part(&mut self, path: &Path) -> Result<(), Refused> {
        self.console.say("Start checking Multi Part AOF");
        let bytes = disk::read(self.disk, path).map_err(|error| self.cannot("read", path, &error));
        let manifest = Manifest::parse(&bytes?).map_err(|error| self.refuse(&error.to_string()))?;
        let count = manifest.to_load().count();
        let has_base = usize::from(manifest.base.is_some());
        for (number, piece) in manifest.to_load().enumerate() {
            let path = folder_of(path).join(&piece.name);
            let mut file = self.open(&path)?;
            let first = first_piece(&mut *file);
            let first = first.map_err(|error| self.cannot("read", &path, &error))?;
            let is_base = number < has_base;
            if is_base {
                let format = if check_rdb::is_rdb(&first) { "RDB" } else { "RESP" };
                self.console.say(format_args!("Start to check BASE AOF ({format} format)."));
            } else if number == has_base {
                self.console.say("Start to check INCR files.");
            }
            let (role, name) = (if is_base { "BASE" } else { "INCR" }, piece.name.clone());
            let part = Part { path: &path, name, last: number + 1 == count };
            let how = match self.file(&part, &mut *file, first)? {
                Verdict::Empty => "empty",
                Verdict::Valid => "valid",
                Verdict::Cut => continue,
            };
            self.console.say(format_args!("{role} AOF {} is {how}", part.name));
        }
        self.console.say("All AOF files and manifest are valid");
        Ok(())
    }

    fn open(&mut self, path: &Path) -> Result<Box<dyn File>, Refused> {
        self.disk.open(path, Open::Read).map_err(|error| self.cannot("open", path, &error))
    }

    fn cannot(&mut self, what: &str, path: &Path, error: &io::Error) -> Refused {
        let words = os_words(error);
        self.console.say(format_args!("Cannot {what} file {}: {words}", path.display()));
        Refused
    }

    /// Checks a file, whose first bytes were read already.
    fn file(
        &mut self,
        part: &Part<'_>,
        file: &mut dyn File,
        first: Vec<u8>,
    ) -> Result<Verdict, Refused> {
        if first.is_empty() {
            return Ok(Verdict::Empty);
        }
        let reader = self.begin(part, file, first)?;
        let read = file.size().and_then(|size| self.read(reader, file, size));
        let found = read.map_err(|error| self.cannot("read", part.path, &error))?;
        match (&found.end, self.repair) {
            (End::Later, Repair::CutTo(seconds)) => return self.cut_to(part, &found, seconds),
            (End::Whole, Repair::CutTo(seconds)) => {
                let name = &part.name;
                let line = format!("Truncate nothing in AOF {name} to timestamp {seconds}");
                self.console.say(line);
                return Ok(Verdict::Valid);
            }
            (End::Torn(torn), _) => self.tell_torn(torn),
            (End::Damaged(damage), _) => self.tell_damage(part, damage),
            _ => {}
        }
        let Found { size, whole, .. } = found;
        let (line, diff) = (self.elements + 1, size - whole);
        self.console.say(format_args!(
            "AOF analyzed: filename={}, size={size}, ok_up_to={whole}, ok_up_to_line={line}, \
             diff={diff}",
            part.name
        ));
        match found.end {
            End::Whole => Ok(Verdict::Valid),
            _ => self.fix(part, &found),
        }
    }

    /// A reader of the commands in a file, behind an RDB file if it begins with one.
    fn begin(
        &mut self,
        part: &Part<'_>,
        file: &mut dyn File,
        first: Vec<u8>,
    ) -> Result<Reader, Refused> {
        let (mut reader, bytes) = if check_rdb::is_rdb(&first) {
            let name = part.path.display().to_string();
            let input = Input { name: &name, first, file };
            let tail = check_rdb::examine(input, self.now_ms, self.console)
                .map_err(|_| self.refuse("RDB preamble of AOF file is not sane, aborting."))?;
            self.console.say("RDB preamble is OK, proceeding with AOF tail...");
            (Reader::new(tail.at), tail.bytes)
        } else {
            (Reader::new(0), first)
        };
        reader.push(&bytes);
        Ok(reader)
    }

    /// Reads a file to its end, or to where the reading must end.
    fn read(&mut self, mut reader: Reader, file: &mut dyn File, size: u64) -> io::Result<Found> {
        let mut piece = vec![0; PIECE];
        let end = loop {
            if let Some(end) = self.items(&mut reader) {
                break end;
            }
            let len = file.read(&mut piece)?;
            if len == 0 {
                break reader.finish().map_or_else(End::Torn, |()| End::Whole);
            }
            reader.push(&piece[..len]);
        };
        self.elements += reader.elements();
        let whole = match end {
            End::Later if !reader.in_multi() => reader.item_at(),
            _ => reader.whole(),
        };
        Ok(Found { size, whole, end })
    }

    /// Goes through what has been read; an end if it must end here.
    fn items(&self, reader: &mut Reader) -> Option<End> {
        loop {
            let later = match reader.poll_item() {
                Ok(None) => return None,
                Ok(Some(Item::Command(_))) => false,
                Ok(Some(Item::Annotation(text))) => match self.repair {
                    Repair::CutTo(seconds) => timestamp(text).is_some_and(|when| when > seconds),
                    _ => false,
                },
                Err(damage) => return Some(End::Damaged(damage)),
            };
            if later {
                return Some(End::Later);
            }
        }
    }

    fn tell_torn(&mut self, torn: &Torn) {
        let at = torn.at;
        match torn.missing {
            Missing::Line => self.tell(at, "Expected \\r\\n, got: 0000"),
            Missing::Bytes { wanted, got } => {
                self.tell(at, &format!("Expected to read {wanted} bytes, got {got} bytes"));
            }
            Missing::Exec => self.tell(at, "Reached EOF before reading EXEC for MULTI"),
        }
    }

    fn tell_damage(&mut self, part: &Part<'_>, damage: &Damage) {
        let (at, name) = (damage.at, &part.name);
        match damage.fault {
            Fault::Start(_) | Fault::Annotation => {
                self.console.say(format_args!("AOF {name} format error"));
            }
            Fault::LineEnd([first, second]) | Fault::ArgumentEnd([first, second]) => {
                self.tell(at, &format!("Expected \\r\\n, got: {first:02x}{second:02x}"));
            }
            Fault::Count(count) => {
                self.tell(at, &format!("Expected at least one argument, got: {count}"));
            }
            Fault::Argument(byte) => {
                let byte = byte.escape_ascii();
                self.tell(at, &format!("Expected prefix '$', got: '{byte}'"));
            }
            Fault::Length(len) => {
                let what = "which is not in the suitable range";
                self.tell(at, &format!("Expected to read string of {len} bytes, {what}"));
            }
            Fault::NestedMulti => self.tell(at, &format!("Unexpected MULTI in AOF {name}")),
            Fault::LoneExec => self.tell(at, &format!("Unexpected EXEC in AOF {name}")),
        }
    }

    fn tell(&mut self, at: u64, what: &str) {
        self.console.say(format_args!("0x{at:16x}: {what}"));
    }

    /// What becomes of a file that is not whole.
    fn fix(&mut self, part: &Part<'_>, found: &Found) -> Result<Verdict, Refused> {
        let (name, size, whole) = (&part.name, found.size, found.whole);
        if self.repair != Repair::Fix {
            let hint = "Use the --fix option to try fixing it.";
            return Err(self.refuse(&format!("AOF {name} is not valid. {hint}")));
        }
        if !part.last {
            let why = "because it is not the last file";
            return Err(self.refuse(&format!("Failed to truncate AOF {name} {why}")));
        }
        let diff = size - whole;
        self.console.say(format_args!(
            "This will shrink the AOF {name} from {size} bytes, with {diff} bytes, to {whole} bytes"
        ));
        if !self.console.confirms("Continue?") {
            return Err(self.refuse("Aborting..."));
        }
        self.cut(part, whole)?;
        self.console.say(format_args!("Successfully truncated AOF {name}"));
        Ok(Verdict::Cut)
    }

    /// Cuts off what was written after `seconds`.
    fn cut_to(&mut self, part: &Part<'_>, found: &Found, seconds: u64) -> Result<Verdict, Refused> {
        let (path, whole) = (part.path.display(), found.whole);
        if whole == 0 {
            let what = format!("has nothing before timestamp {seconds}, aborting...");
            return Err(self.refuse(&format!("AOF {path} {what}")));
        }
        if !part.last {
            let place = format!("to timestamp {seconds} to offset {whole}");
            return Err(self.refuse(&format!(
                "Failed to truncate AOF {path} {place} because it is not the last file.\n\
                 To cut it nevertheless, first delete the files behind it and their lines in the \
                 manifest."
            )));
        }
        self.cut(part, whole)?;
        let name = &part.name;
        self.console.say(format_args!("Successfully truncated AOF {name} to timestamp {seconds}"));
        Ok(Verdict::Cut)
    }

    fn cut(&mut self, part: &Part<'_>, len: u64) -> Result<(), Refused> {
        let file = self.disk.open(part.path, Open::Append);
        let cut = file.and_then(|mut file| file.cut(len).and_then(|()| file.sync()));
        cut.map_err(|error| {
            let (name, words) = (&part.name, os_words(&error));
            self.refuse(&format!("Failed to truncate AOF {name}: {words}"))
        })
    }

    fn refuse(&mut self, why: &str) -> Refused {
        self.console.say(why);
        Refused
    }
}

/// The first bytes of a file, so many that it is known what it is.
fn first_piece(file: &mut dyn File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(PIECE as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a file is a manifest, by its name, or for what it begins with: its first line that is no comment names a file.
fn is_manifest(path: &Path, first: &[u8]) -> bool {
    if path.extension().is_some_and(|extension| extension == "manifest") {
        return true;
    }
    let mut lines = first.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#"));
    lines.next().is_some_and(|line| line.starts_with(b"file"))
}
