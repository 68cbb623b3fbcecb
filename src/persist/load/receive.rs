//! A data set that comes from a primary, on its way into a file.

use super::{Batch, Options, read_rdb};
use crate::persist::disk::{Disk, File, Open, folder_of};
use crate::stdx::os::error::os_words;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// What is to be done with it; plain code for a thread of its own.
#[derive(Debug)]
pub struct ToFile {
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
    /// What it is written to,
    pub temp: PathBuf,
    /// and what that is called once it is whole.
    pub path: PathBuf,
    /// How it would be loaded.
    pub options: Options,
}

/// Reads what comes, and writes it down.
struct Tee<'t> {
    input: &'t mut dyn Read,
    file: &'t mut dyn File,
    written: u64,
}

impl Read for Tee<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.input.read(buf)?;
        self.file.write_all(&buf[..len])?;
        self.written += len as u64;
        Ok(len)
    }
}

impl ToFile {
    /// Writes all of `input` to the file, and makes sure that it can be loaded: its bytes are looked through as they come, and
    /// `accept` is asked about the libraries of functions in it. How many bytes there were.
    ///
    /// # Errors
    /// Why there is no such file.
    pub fn run(
        self,
        input: &mut dyn Read,
        accept: impl FnOnce(Vec<Vec<u8>>) -> Result<(), String>,
    ) -> Result<u64, String> {
        let result = self.write(input, accept);
        if result.is_err() {
            // It may not be there.
            let _ = self.disk.remove(&self.temp);
        }
        result
    }

    fn write(
        &self,
        input: &mut dyn Read,
        accept: impl FnOnce(Vec<Vec<u8>>) -> Result<(), String>,
    ) -> Result<u64, String> {
        let told =
            |what: &'static str| move |error: io::Error| format!("{what}: {}", os_words(&error));
        let mut file = self
            .disk
            .open(&self.temp, Open::Create)
            .map_err(told("Opening the temp file needed for MASTER <-> REPLICA synchronization"))?;
        let mut tee = Tee { input, file: &mut *file, written: 0 };
        let options = Options { quiet: true, ..self.options.clone() };
        let mut libraries = Vec::new();
        let mut look = |mut batch: Batch| {
            libraries.append(&mut batch.functions);
            true
        };
        read_rdb(&mut tee, &options, &mut look).map_err(|failure| failure.to_string())?;
        let written = tee.written;
        accept(libraries)?;
        file.sync().map_err(told("syncing the file"))?;
        self.disk.rename(&self.temp, &self.path).map_err(told("renaming the file"))?;
        self.disk.sync_dir(folder_of(&self.path)).map_err(told("syncing the folder"))?;
        Ok(written)
    }
}
