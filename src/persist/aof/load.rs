//! Reading an append-only file back, file by file, as [`Event`]s for whoever makes the data set of them.
//!
//! The last command of the last file may be torn: the machine stopped while it was written. It is cut off then, with all of
//! the transaction it is part of, once all before it has been taken. Whatever else is wrong is no sign of that: then nothing
//! is loaded, and the files stay as they are.

use super::batch::{CommandFile, Commands, ReadError};
use super::files::Folder;
use super::writer::Writer;
use crate::persist::disk::Open;
use crate::persist::load::{Batch, Failure, Options, read_rdb};
use crate::stdx::os::error::os_words;
use std::io::{self, Cursor, Read};

/// Bytes of commands that make an event.
const EVENT_BYTES: usize = 64 * 1024;
/// Commands that do.
const EVENT_COMMANDS: usize = 512;
/// How a snapshot begins, of Redis and of Valkey.
const MAGICS: [&[u8]; 2] = [b"REDIS", b"VALKEY"];
/// Bytes of the longer one.
const MAGIC_MAX: u64 = 6;

/// What comes out of the files, in order.
#[derive(Debug)]
pub enum Event {
    /// A file begins.
    File {
        /// Its name,
        name: String,
        /// and whether it is the base.
        base: bool,
        /// Bytes of the files before it.
        before: u64,
    },
    /// Keys of the snapshot that it begins with.
    Keys(Batch),
    /// Commands of it.
    Commands(Commands),
    /// It has ended. A transaction that has not is none.
    End,
    /// All files have. Nothing is changed in them unless all that came was taken.
    All,
}

/// Takes events; whether there are to be more. Of [`Event::All`] it answers when the others have been taken.
pub type Sink<'a> = &'a mut dyn FnMut(Event) -> bool;

/// A load to be run on a thread.
#[derive(Debug)]
pub struct Task {
    /// Where the files are.
    pub folder: Folder,
    /// A torn end is cut off.
    pub cut_torn: bool,
    /// How snapshots are loaded.
    pub options: Options,
    /// Writing goes on behind what is loaded.
    pub goes_on: Option<GoesOn>,
}

/// How writing goes on behind what is loaded.
#[derive(Debug)]
pub struct GoesOn {
    /// The base, if there is none yet: of no keys,
    pub empty_base: Vec<u8>,
    /// and whether it is a snapshot.
    pub snapshot: bool,
    /// Whether files that are needed no longer stay.
    pub keeps_history: bool,
    /// The offset of the log.
    pub offset: u64,
}

/// What was loaded.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Bytes of all files.
    pub bytes: u64,
    /// Whether there was any.
    pub any: bool,
    /// What goes on with them.
    pub writer: Option<Box<Writer>>,
}

/// A file of which only a part makes sense.
struct Torn {
    /// So much of it does.
    whole: u64,
    in_transaction: bool,
}

impl Task {
    /// Bytes of all files that are to be read.
    ///
    /// # Errors
    /// One is not there.
    pub fn bytes(&self) -> Result<u64, String> {
        lengths(&self.folder).map(|lengths| lengths.iter().sum())
    }

    /// Reads all files that the manifest lists.
    ///
    /// # Errors
    /// Why the data set is not whole, as the log tells it.
    pub fn run(mut self, take: Sink<'_>) -> Result<Loaded, String> {
        let (mut loaded, torn) = self.load(take)?;
        put(take, Event::All)?;
        if let Some((name, torn)) = torn {
            cut(&self.folder, &name, &torn)?;
        }
        if let Some(goes_on) = self.goes_on.take() {
            let GoesOn { empty_base, snapshot, keeps_history, offset } = goes_on;
            self.folder.set_keeps_history(keeps_history);
            let opened = self.folder.open(&empty_base, snapshot).map_err(|error| {
                let why = os_words(&error);
                format!("Can't open the append-only file for writing: {why}")
            })?;
            let writer = Writer::with_file(self.folder, opened, offset);
            loaded.writer = Some(Box::new(writer));
        }
        Ok(loaded)
    }

    /// Reads all files; tells which is torn, if one is that may be.
    fn load(&self, take: Sink<'_>) -> Result<(Loaded, Option<(String, Torn)>), String> {
        let (mut loaded, mut torn_last) = (Loaded::default(), None);
        let lengths = lengths(&self.folder)?;
        // Increments that were begun and not yet written to follow no command.
        let last = lengths.iter().rposition(|bytes| *bytes > 0);
        let manifest = self.folder.manifest();
        for (number, (piece, bytes)) in manifest.to_load().zip(lengths).enumerate() {
            if bytes == 0 {
                continue;
            }
            loaded.any = true;
            let name = &piece.name;
            let (base, before) = (manifest.base.as_ref() == Some(piece), loaded.bytes);
            put(take, Event::File { name: name.clone(), base, before })?;
            let torn = self.load_file(name, bytes, take)?;
            loaded.bytes += torn.as_ref().map_or(bytes, |torn| torn.whole);
            if let Some(torn) = torn {
                may_be_cut(name, &torn, self.cut_torn, Some(number) == last)?;
                torn_last = Some((name.clone(), torn));
            }
            put(take, Event::End)?;
        }
        Ok((loaded, torn_last))
    }

    /// Reads a file; tells where it is torn, if it is.
    fn load_file(&self, name: &str, bytes: u64, take: Sink<'_>) -> Result<Option<Torn>, String> {
        let file = self.folder.disk().open(&self.folder.names().path(name), Open::Read);
        let mut file = file.map_err(|error| {
            let why = os_words(&error);
            format!("Fatal error: can't open the append log file {name} for reading: {why}")
        })?;
        let mut first = Vec::new();
        let read = (&mut file).take(MAGIC_MAX).read_to_end(&mut first);
        read.map_err(|error| unreadable(name, error.into()))?;
        let is_snapshot = MAGICS.iter().any(|magic| first.starts_with(magic));
        let mut whole = Cursor::new(first).chain(file);
        if !is_snapshot {
            return load_commands(CommandFile::new(whole, 0), name, take);
        }
        tracing::info!("Reading RDB base file on AOF loading...");
        let options = Options { total: Some(bytes), ..self.options.clone() };
        let mut read_to = 0;
        let mut sink = |batch: Batch| {
            read_to = batch.read;
            take(Event::Keys(batch))
        };
        let summary = read_rdb(&mut whole, &options, &mut sink).map_err(|failure| match failure {
            Failure::Stopped => given_up(),
            failure => format!(
                "Error reading the RDB preamble of the AOF file {name}, AOF loading aborted: {failure}"
            ),
        })?;
        let rest = Cursor::new(summary.rest).chain(whole);
        load_commands(CommandFile::new(rest, read_to), name, take)
    }
}

fn put(take: Sink<'_>, event: Event) -> Result<(), String> {
    if take(event) { Ok(()) } else { Err(given_up()) }
}

/// Whoever stopped it knows why.
fn given_up() -> String {
    "loading was given up".to_owned()
}

fn lengths(folder: &Folder) -> Result<Vec<u64>, String> {
    let length = |name: &str| {
        folder.length(name).map_err(|error| {
            let why = os_words(&error);
            format!("Unable to obtain the AOF file {name} length. stat: {why}")
        })
    };
    folder.manifest().to_load().map(|piece| length(&piece.name)).collect()
}

fn load_commands(
    mut file: CommandFile<impl io::Read>,
    name: &str,
    take: Sink<'_>,
) -> Result<Option<Torn>, String> {
    let mut commands = Commands::default();
    loop {
        let more = match file.next(&mut commands) {
            Ok(true) => true,
            Ok(false) if file.in_multi() => false,
            Ok(false) => {
                put(take, Event::Commands(commands))?;
                return Ok(None);
            }
            Err(ReadError::Torn) => false,
            Err(error) => return Err(unreadable(name, error)),
        };
        if !more {
            put(take, Event::Commands(commands))?;
            return Ok(Some(Torn { whole: file.whole(), in_transaction: file.in_multi() }));
        }
        if commands.bytes() >= EVENT_BYTES || commands.len() >= EVENT_COMMANDS {
            put(take, Event::Commands(std::mem::take(&mut commands)))?;
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

/// Says why a torn file may not be cut.
fn may_be_cut(name: &str, torn: &Torn, may: bool, last: bool) -> Result<(), String> {
    let whole = torn.whole;
    if !may {
        return Err(unexpected_end(name));
    }
    if !last {
        return Err(format!(
            "The AOF file {name} ends inside the command at offset {whole}\nFatal error: the truncated file is not \
             the last file"
        ));
    }
    Ok(())
}

/// Cuts a torn end off.
fn cut(folder: &Folder, name: &str, torn: &Torn) -> Result<(), String> {
    let Torn { whole, in_transaction } = torn;
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
