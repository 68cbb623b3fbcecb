//! Persistence: snapshots in RDB files, the append-only file, and what is known of both.
//!
//! Nothing here touches a file but through [`disk::Disk`], and nothing starts a thread: `net` carries out what
//! takes time, and tells the state machines in `exec` how it ended.

pub mod aof;
pub mod disk;
pub mod info;
pub mod rdb;
mod saving;

pub use saving::Saving;

use disk::{Disk, Files};
use std::sync::Arc;

/// What the server knows of its files.
#[derive(Debug)]
pub struct Persist {
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
    /// Snapshots to the RDB file.
    pub saving: Saving,
}

impl Default for Persist {
    fn default() -> Self {
        Self { disk: Arc::new(Files), saving: Saving::default() }
    }
}
