//! The writing of a snapshot to its file: what runs on a thread of its own.

use super::{InFlight, Part};
use crate::persist::disk::{Disk, File, Open, folder_of};
use crate::persist::rdb::encode::{Encoder, Verbatim, compress};
use crate::stdx::crc::crc64;
use crate::stdx::lzf::Compressor;
use crate::stdx::os::error::os_words;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

/// With `rdb-save-incremental-fsync` so many bytes are synced at a time, so that the last sync has
/// little to do and the system no reason to hold others up.
const SYNC_EVERY: u64 = 4 << 20;

/// Why there is no file of a snapshot that nobody wants any more.
const GIVEN_UP: &str = "The snapshot was given up";

/// Where a snapshot goes and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// The file that is written,
    pub temp: PathBuf,
    /// and the name it gets when it is whole.
    pub path: PathBuf,
    /// `rdbcompression`.
    pub compress: bool,
    /// Whether the format ends with a checksum, and whether it is worked out (`rdbchecksum`).
    pub checksum: Option<bool>,
    /// Sync as it grows.
    pub sync_often: bool,
}

/// A file that is being written.
struct Output<'a> {
    target: &'a Target,
    file: Box<dyn File>,
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
    let mut output = Output {
        target,
        file,
        crc: 0,
        written: 0,
        unsynced: 0,
        compressor: None,
        room: Vec::new(),
    };
    let failed = |e: io::Error| format!("Write error saving DB on disk: {}", os_words(&e));
    loop {
        let (part, size) = match parts.recv() {
            Ok(Part::Sections(bytes, places)) => (output.sections(&bytes, &places), bytes.len()),
            Ok(Part::Text(text)) => (output.text(&text), text.len()),
            Ok(Part::End) => break,
            Err(_) => return Err(GIVEN_UP.to_owned()),
        };
        in_flight.written(size);
        part.map_err(failed)?;
    }
    let bytes = output.finish().map_err(failed)?;
    if in_flight.is_abandoned() {
        return Err(GIVEN_UP.to_owned());
    }
    put_in_place(disk, &target.temp, &target.path)?;
    Ok(bytes)
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

impl Output<'_> {
    fn sections(&mut self, bytes: &[u8], places: &[Verbatim]) -> io::Result<()> {
        if !self.target.compress || places.is_empty() {
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
        let compress = self.target.compress;
        let compressor = compress.then(|| self.compressor.get_or_insert_default());
        Encoder::new(&mut encoded, compressor).string(text);
        self.put(&encoded)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.target.checksum == Some(true) {
            self.crc = crc64(self.crc, bytes);
        }
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        self.unsynced += bytes.len() as u64;
        if self.target.sync_often && self.unsynced >= SYNC_EVERY {
            self.file.sync()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<u64> {
        if self.target.checksum.is_some() {
            // It is not part of what it sums up, and stays zero where it is switched off.
            let sum = self.crc.to_le_bytes();
            self.put(&sum)?;
        }
        self.file.sync()?;
        Ok(self.written)
    }
}
