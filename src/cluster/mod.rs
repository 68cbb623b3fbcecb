//! What servers that share keys tell each other: so far, how keys move from one to another.

pub mod migrate;
