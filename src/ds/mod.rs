//! Data structures that know nothing above them.
mod corrupt;
pub mod deadlines;
pub mod dict;
pub mod entry;
pub mod geohash;
pub mod handle;
pub mod hll;
pub mod idmap;
pub mod intset;
pub mod listpack;
pub mod member;
pub mod quicklist;
pub mod sds;
pub mod skiplist;
pub mod streamnode;

pub use corrupt::Corrupt;
