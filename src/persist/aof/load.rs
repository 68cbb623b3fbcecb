//! Reading an append-only file back, file by file, as [`Event`]s for whoever makes the data set of them.
//!
//! The last command of the last file may be torn: the machine stopped while it was written. It is cut off then, with all of
//! the transaction it is part of. Whatever else is wrong is no sign of that, and nothing is loaded or changed.

use super::batch::{CommandFile, Commands, ReadError};
use super::files::Folder;
use crate::persist::disk::Open;
use crate::stdx::os::error::os_words;
use std::io;

/// Bytes of commands that make an event.
const EVENT_BYTES: usize = 64 * 1024;
/// Commands that do.
const EVENT_COMMANDS: usize = 512;

/// What comes out of the files, in order.
#[derive(Debug)]
pub enum Event {
    /// A file begins.
    File {
        /// Its name,
        name: String,
        /// its length,
        bytes: u64,
        /// and whether it is the base.
        base: bool,
    },
    /// Commands of it.
    Commands(Commands),
    /// It has ended. A transaction that has not is none.
    End,
}

/// What was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loaded {
    /// Bytes of all files.
    pub bytes: u64,
    /// Whether there was any.
    pub any: bool,
}

/// A file of which only a part makes sense.
struct Torn {
    /// So much of it does.
    whole: u64,
    in_transaction: bool,
}

/// Reads all files that the manifest lists. A torn end is cut off if `cut_torn`.
///
/// # Errors
/// Why the data set is not whole, as the log tells it; or what `take` says.
pub fn load(
    folder: &Folder,
    cut_torn: bool,
    take: &mut dyn FnMut(Event) -> Result<(), String>,
) -> Result<Loaded, String> {
    let mut loaded = Loaded::default();
    let pieces: Vec<_> = folder.manifest().to_load().collect();
    let mut lengths = Vec::new();
    for piece in &pieces {
        lengths.push(folder.length(&piece.name).map_err(|error| {
            let (name, why) = (&piece.name, os_words(&error));
            format!("Unable to obtain the AOF file {name} length. stat: {why}")
        })?);
    }
    // Increments that were begun and not yet written to follow no command.
    let last = lengths.iter().rposition(|bytes| *bytes > 0);
    let base = folder.manifest().base.as_ref();
    for (number, (piece, bytes)) in pieces.iter().zip(lengths).enumerate() {
        if bytes == 0 {
            continue;
        }
        loaded.any = true;
        take(Event::File { name: piece.name.clone(), bytes, base: Some(*piece) == base })?;
        let torn = load_file(folder, &piece.name, take)?;
        loaded.bytes += torn.as_ref().map_or(bytes, |torn| torn.whole);
        if let Some(torn) = torn {
            cut(folder, &piece.name, &torn, cut_torn, Some(number) == last)?;
        }
        take(Event::End)?;
    }
    Ok(loaded)
}

/// Reads a file; tells where it is torn, if it is.
fn load_file(
    folder: &Folder,
    name: &str,
    take: &mut dyn FnMut(Event) -> Result<(), String>,
) -> Result<Option<Torn>, String> {
    let file = folder.disk().open(&folder.names().path(name), Open::Read);
    let file = file.map_err(|error| {
        let why = os_words(&error);
        format!("Fatal error: can't open the append log file {name} for reading: {why}")
    })?;
    load_commands(CommandFile::new(file, 0), name, take)
}

fn load_commands(
    mut file: CommandFile<impl io::Read>,
    name: &str,
    take: &mut dyn FnMut(Event) -> Result<(), String>,
) -> Result<Option<Torn>, String> {
    let mut commands = Commands::default();
    loop {
        let more = match file.next(&mut commands) {
            Ok(true) => true,
            Ok(false) if file.in_multi() => false,
            Ok(false) => {
                take(Event::Commands(commands))?;
                return Ok(None);
            }
            Err(ReadError::Torn) => false,
            Err(error) => return Err(unreadable(name, error)),
        };
        if !more {
            take(Event::Commands(commands))?;
            return Ok(Some(Torn { whole: file.whole(), in_transaction: file.in_multi() }));
        }
        if commands.bytes.len() >= EVENT_BYTES || commands.len() >= EVENT_COMMANDS {
            take(Event::Commands(std::mem::take(&mut commands)))?;
        }
    }
}

fn unreadable(name: &str, error: ReadError) -> String {
    match error {
        ReadError::Io(error) => {
            format!("Unrecoverable error reading the append only file {name}: {}", os_words(&error))
        }
        ReadError::Corrupt(corrupt) => format!(
            "Bad file format reading the append only file {name}: make a backup of your AOF file, then use \
             ./redis-check-aof --fix <filename.manifest> ({corrupt})"
        ),
        ReadError::Torn => unexpected_end(name),
    }
}

fn unexpected_end(name: &str) -> String {
    format!(
        "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF file, \
         then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
         'aof-load-truncated' configuration option to yes and restart the server."
    )
}

/// Cuts a torn end off, where that may be done.
fn cut(folder: &Folder, name: &str, torn: &Torn, may: bool, last: bool) -> Result<(), String> {
    let Torn { whole, in_transaction } = torn;
    if !may {
        return Err(unexpected_end(name));
    }
    if !last {
        return Err(format!(
            "The AOF file {name} ends inside the command at offset {whole}\nFatal error: the truncated file is not \
             the last file"
        ));
    }
    if *in_transaction {
        tracing::warn!("Revert incomplete MULTI/EXEC transaction in AOF file {name}");
    }
    tracing::warn!("!!! Warning: short read while loading the AOF file {name}!!!");
    tracing::warn!("!!! Truncating the AOF {name} at offset {whole} !!!");
    let file = folder.disk().open(&folder.names().path(name), Open::Append);
    let cut = file.and_then(|mut file| file.cut(*whole).and_then(|()| file.sync()));
    cut.map_err(|error| format!("Error truncating the AOF file {name}: {}", os_words(&error)))?;
    tracing::warn!("AOF {name} loaded anyway because aof-load-truncated is enabled");
    Ok(())
}
