//! What a connection said of itself with REPLCONF, before it asks to become a replica's.

/// What is to be in the snapshot that a replica gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// The keys.
    pub data: bool,
    /// The libraries of functions.
    pub functions: bool,
}

impl Content {
    /// Everything.
    pub const ALL: Self = Self { data: true, functions: true };
}

/// What a replica-to-be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The port that it listens to; 0 where it did not say.
    pub port: u16,
    /// Its address, where that is not the connection's.
    pub ip: Option<String>,
    /// It takes a snapshot whose length is not known.
    pub eof: bool,
    /// It takes another replication id when it goes on.
    pub psync2: bool,
    /// It wants a snapshot, and nothing behind it.
    pub rdb_only: bool,
    /// What it wants in it.
    pub content: Content,
    /// It told a version that reads Valkey's own RDB files, which Redis's does not.
    pub of_valkey: bool,
}

impl Default for Announced {
    fn default() -> Self {
        Self {
            port: 0,
            ip: None,
            eof: false,
            psync2: false,
            rdb_only: false,
            content: Content::ALL,
            of_valkey: false,
        }
    }
}
