//! Persistence.
pub mod info;
pub mod rdb;
