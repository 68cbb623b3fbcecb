//! OS calls: the only unsafe code below `ds` besides the allocator.
//!
//! Each file wraps one small family of calls that neither `std` nor `nix` offers safely, and gives
//! it a safe face. What a caller must respect nevertheless (before any thread, once per process)
//! stands on the function.
pub mod crash;
pub mod error;
pub mod fork;
pub mod pages;
pub mod priority;
pub mod syslog;
pub mod time;
pub mod title;
pub mod uname;
