//! Data structures that know nothing above them.
pub mod entry;
pub mod sds;
