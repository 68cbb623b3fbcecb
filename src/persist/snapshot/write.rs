//! The writing of a snapshot, to its file or for replicas: what runs on a thread of its own.

use super::{InFlight, Part};
use crate::persist::disk::{Disk, File, Open, folder_of};
use crate::persist::rdb::encode::{Encoder, Verbatim, compress};
use crate::stdx::crc::crc64;
use crate::stdx::lzf::Compressor;
use crate::stdx::os::error::os_words;
use bytes::Bytes;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

/// With `rdb-save-incremental-fsync` so many bytes are synced at a time, so that the last sync has
/// little to do and the system no reason to hold others up.
const SYNC_EVERY: u64 = 4 << 20;

/// Bytes of a block that is sent to replicas.
const BLOCK: usize = 64 * 1024;

/// Why there is no file of a snapshot that nobody wants any more.
const GIVEN_UP: &str = "The snapshot was given up";

/// What becomes of a snapshot.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A file.
    File(Target),
    /// It is sent to replicas that wait for it.
    Replicas(Form),
}

/// How a snapshot is written down.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// `rdbcompression`.
    pub compress: bool,
    /// Whether the format ends with a checksum, and whether it is worked out (`rdbchecksum`).
    pub checksum: Option<bool>,
    /// Sync as it grows.
    pub sync_often: bool,
}

/// The file that a snapshot goes to, and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// The file that is written,
    pub temp: PathBuf,
    /// and the name it gets when it is whole.
    pub path: PathBuf,
    /// How it is written.
    pub form: Form,
}

/// Where bytes of a snapshot go.
trait Sink: Write {
    /// Makes sure that what was written stays.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for Box<dyn File> {
    fn sync(&mut self) -> io::Result<()> {
        File::sync(&mut **self)
    }
}

/// Blocks for replicas.
struct Blocks<'a> {
    block: Vec<u8>,
    take: &'a mut dyn FnMut(Bytes) -> bool,
}

impl Blocks<'_> {
    fn send(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let taken = (self.take)(Bytes::from(block));
        if taken { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }
}

impl Write for Blocks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.send()?;
        }
        Ok(taken)
    }

    /// Blocks are sent when they are full, and the last at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Blocks<'_> {
    fn sync(&mut self) -> io::Result<()> {
        if self.block.is_empty() { Ok(()) } else { self.send() }
    }
}

/// What is being written.
struct Output<S> {
    form: Form,
    sink: S,
    crc: u64,
    written: u64,
    unsynced: u64,
    /// Made when there is something to compress: it takes a quarter of a megabyte.
    compressor: Option<Compressor>,
    /// Room for a part compressed.
    room: Vec<u8>,
}

/// Writes the parts of a snapshot to the target's temporary file and puts that in its place; how many
/// bytes it has. After a failure, or if the snapshot was given up, the temporary file is gone and what was
/// there before is still there.
///
/// # Errors
/// Why there is no file, as the log tells it.
pub fn write(
    disk: &dyn Disk,
    target: &Target,
    parts: &Receiver<Part>,
    in_flight: &InFlight,
) -> Result<u64, String> {
    let written = write_parts(disk, target, parts, in_flight);
    in_flight.end();
    if written.is_err() {
        // It may not even be there.
        let _ = disk.remove(&target.temp);
    }
    written
}

fn write_parts(
    disk: &dyn Disk,
    target: &Target,
    parts: &Receiver<Part>,
    in_flight: &InFlight,
) -> Result<u64, String> {
    let temp = target.temp.display();
    let file = disk.open(&target.temp, Open::Create);
    let file = file.map_err(|e| {
        format!("Failed opening the temp RDB file {temp} for saving: {}", os_words(&e))
    })?;
    let bytes = Output::new(file, target.form).write_all(parts, in_flight)?;
    if in_flight.is_abandoned() {
        return Err(GIVEN_UP.to_owned());
    }
    put_in_place(disk, &target.temp, &target.path)?;
    Ok(bytes)
}

/// Writes the parts of a snapshot in blocks, which `take` is given in order and answers whether to go on; how many
/// bytes there were.
///
/// # Errors
/// Why not all of it was given.
pub fn write_blocks(
    form: Form,
    parts: &Receiver<Part>,
    in_flight: &InFlight,
    take: &mut dyn FnMut(Bytes) -> bool,
) -> Result<u64, String> {
    let blocks = Blocks { block: Vec::with_capacity(BLOCK), take };
    let written =
        Output::new(blocks, Form { sync_often: false, ..form }).write_all(parts, in_flight);
    in_flight.end();
    written
}

impl<S: Sink> Output<S> {
    fn new(sink: S, form: Form) -> Self {
        Self { form, sink, crc: 0, written: 0, unsynced: 0, compressor: None, room: Vec::new() }
    }

    /// Writes what comes, to its end; how many bytes that were.
    fn write_all(mut self, parts: &Receiver<Part>, in_flight: &InFlight) -> Result<u64, String> {
        let failed = |e: io::Error| format!("Write error saving DB on disk: {}", os_words(&e));
        loop {
            let Ok(part) = parts.recv() else { return Err(GIVEN_UP.to_owned()) };
            let size = part.size();
            let put = match part {
                Part::Sections(bytes, places) => self.sections(&bytes, &places),
                Part::Text(text) => self.text(&text),
                Part::End => return self.finish().map_err(failed),
            };
            in_flight.written(size);
            put.map_err(failed)?;
        }
    }

    fn sections(&mut self, bytes: &[u8], places: &[Verbatim]) -> io::Result<()> {
        if !self.form.compress || places.is_empty() {
            return self.put(bytes);
        }
        let mut compressed = std::mem::take(&mut self.room);
        compressed.clear();
        let compressor = self.compressor.get_or_insert_default();
        compress(bytes, places, compressor, &mut compressed);
        let put = self.put(&compressed);
        self.room = compressed;
        put
    }

    fn text(&mut self, text: &[u8]) -> io::Result<()> {
        let mut encoded = Vec::new();
        let compress = self.form.compress;
        let compressor = compress.then(|| self.compressor.get_or_insert_default());
        Encoder::new(&mut encoded, compressor).string(text);
        self.put(&encoded)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.form.checksum == Some(true) {
            self.crc = crc64(self.crc, bytes);
        }
        self.sink.write_all(bytes)?;
        self.written += bytes.len() as u64;
        self.unsynced += bytes.len() as u64;
        if self.form.sync_often && self.unsynced >= SYNC_EVERY {
            self.sink.sync()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<u64> {
        if self.form.checksum.is_some() {
            // It is not part of what it sums up, and stays zero where it is switched off.
            let sum = self.crc.to_le_bytes();
            self.put(&sum)?;
        }
        self.sink.sync()?;
        Ok(self.written)
    }
}

fn put_in_place(disk: &dyn Disk, temp: &Path, path: &Path) -> Result<(), String> {
    disk.rename(temp, path).and_then(|()| disk.sync_dir(folder_of(path))).map_err(|e| {
        let (temp, path) = (temp.display(), path.display());
        format!(
            "Error moving temp DB file {temp} on the final destination {path}: {}",
            os_words(&e)
        )
    })
}
