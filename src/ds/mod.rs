//! Data structures that know nothing above them.
pub mod deadlines;
pub mod dict;
pub mod entry;
pub mod sds;
