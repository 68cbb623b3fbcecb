//! The only async code: listeners, connections, timers, signals; it carries out what is asked below.
//!
//! All state is behind one [`Door`]. A connection is one hand-written future whose poll is a whole
//! turn: read, run, write, all synchronous, so no borrow crosses a wait.

mod accept;
mod aof;
mod connection;
mod control;
mod door;
mod link;
mod load;
mod migrate;
mod save;
mod stream;
mod sync;

pub use control::{Process, Startup, serve};
pub use door::Door;
