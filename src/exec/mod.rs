//! The road of a command: find, gates, call, settle.
//!
//! [`turn::run`] takes what a client sent, [`call::process`] runs one command of it,
//! [`settle::settle`] delivers what it caused, [`cron`] does what time asks for.

pub mod aof;
pub mod aof_load;
pub mod blocked;
pub mod call;
pub mod clients;
pub mod cron;
pub mod defrag;
pub mod eval;
pub mod evict;
pub mod evict_clients;
pub mod failover;
pub mod function;
pub mod gate;
pub mod guard;
pub mod held;
pub mod limits;
pub mod link;
pub mod load;
pub mod migrate;
pub mod multi;
pub mod notable;
pub mod notify;
pub mod pause;
pub mod persistence;
pub mod primary;
pub mod reconfigure;
pub mod save;
pub mod scripting;
pub mod settle;
pub mod shutdown;
pub mod snapshot;
pub mod table;
pub mod throttle;
pub mod tracking;
pub mod turn;
