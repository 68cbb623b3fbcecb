//! Persistence: snapshots in RDB files, the append-only file, and what is known of both.
//!
//! Nothing here touches a file but through [`disk::Disk`], and nothing starts a thread: `net` carries out what
//! takes time, and tells the state machines in `exec` how it ended.

pub mod aof;
pub mod disk;
pub mod info;
pub mod leftovers;
pub mod load;
pub mod rdb;
mod saving;
pub mod snapshot;

pub use saving::{Running, Saving};

use aof::Aof;
use disk::{Disk, Files};
use load::Loading;
use snapshot::Snapshots;
use std::sync::Arc;

/// What the server knows of its files.
#[derive(Debug)]
pub struct Persist {
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
    /// Snapshots that are being taken.
    pub snapshots: Snapshots,
    /// Saving to the RDB file.
    pub saving: Saving,
    /// The append-only file.
    pub aof: Aof,
    /// Loading a data set.
    pub loading: Loading,
}

impl Default for Persist {
    fn default() -> Self {
        Self {
            disk: Arc::new(Files),
            snapshots: Snapshots::default(),
            saving: Saving::default(),
            aof: Aof::default(),
            loading: Loading::default(),
        }
    }
}
