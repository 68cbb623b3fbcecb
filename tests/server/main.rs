//! The real program: started as a process, talked to over its sockets, ended by signals.
//!
//! No test fails for being slow: what must come about is waited for, with a stop that only a server
//! that hangs can reach.

mod aof;
mod clients;
mod config;
mod harness;
mod limits;
mod migrate;
mod net;
mod process;
mod replication;
mod saving;
mod scripts;
