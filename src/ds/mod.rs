//! Data structures that know nothing above them.
pub mod dict;
pub mod entry;
pub mod sds;
