//! larder: an in-memory data store that takes redis-server's place.
//!
//! # The road of a command
//! ```text
//!   socket → net → resp → exec (find, gates, call) → cmd::<family> → keyspace → types → ds
//! ```
//! The bytes of a reply are appended to the client's buffer on the way back. Then [`exec`]'s `settle`
//! delivers what the command changed, and [`net`] writes the replies of the turn with one call.
//!
//! # The map
//! From the roof down; a module imports only from rows below its own, and `tests/tidy.rs` checks it.
//!
//! | module | what lives there |
//! |---|---|
//! | `main.rs`, `start.rs`, [`boot`] | start-up: configuration, process, log. [`testing`] is the same without a process: a server in one thread of a test |
//! | [`tools`] | the programs that check files |
//! | [`net`] | listeners, connections, timers, signals: the only asynchronous code |
//! | [`exec`] | the road: the table, the gates, the call, settling, what time asks for |
//! | [`cmd`] | one file or folder for each family of commands |
//! | [`server`] | `struct Server`: owns all parts and hands out views of them; no logic |
//! | [`cluster`] | keys on their way to other servers |
//! | [`repl`] | the stream of writes: the backlog, the replicas, the link to a primary |
//! | [`persist`] | snapshots, RDB files, the append-only file, and the seam to the disk |
//! | [`effects`] | what follows from a change |
//! | [`script`] | Lua, which sees the server by one trait |
//! | [`client`], [`stats`] | sessions in a slab, found by number; what is counted |
//! | [`keyspace`] | databases: find, edit, expire, scan. It records changes and knows no client |
//! | [`resp`], [`spec`], [`config`] | the wire; a command described as data; the options, a row each |
//! | [`types`] | values: which encoding holds them |
//! | [`ds`] | data structures that know nothing above them |
//! | [`stdx`] | what std lacks: clocks, OS calls, numbers as text, glob, checksums, the allocator |
//!
//! # Invariants
//! 1. Below [`net`] nothing awaits, opens a socket, reads the clock or draws randomness. Time and random
//!    numbers come in as arguments, and what only `net` can do goes out as an [`effects::Action`].
//!    The same inputs therefore give the same run.
//! 2. One thread runs commands, one at a time and each to its end. All state has one owner,
//!    [`server::Server`], behind one cell, `net`'s door; no borrow of it crosses a wait.
//! 3. A command's power is its type ([`cmd::Run`]): what works on data sees one database and its reply,
//!    never the server.
//! 4. Every write goes through a guard, [`keyspace::Edit`], whose `done` counts the change, names the event
//!    and keeps the deadline index in step: that is the one place.
//! 5. A key whose deadline has come is never seen, and is removed at its deadline, not when it is looked
//!    for.
//! 6. On an error nothing of a half-written reply remains.
//! 7. Whatever a peer can make grow has a bound; foreign bytes never cause a panic.
//! 8. Nothing holds the thread for longer than about a millisecond beyond what a reply needs: growing
//!    tables, mass expiry and freeing are cut into slices or done elsewhere.
//! 9. `unsafe` stands only in [`ds`], [`stdx::os`], [`stdx::alloc`] and where [`script`] touches Lua.

pub mod boot;
pub mod client;
pub mod cluster;
pub mod cmd;
pub mod config;
pub mod ds;
pub mod effects;
pub mod exec;
pub mod keyspace;
pub mod net;
pub mod persist;
pub mod pubsub;
pub mod repl;
pub mod resp;
pub mod script;
pub mod server;
pub mod spec;
pub mod stats;
pub mod stdx;
pub mod testing;
pub mod tools;
pub mod types;
