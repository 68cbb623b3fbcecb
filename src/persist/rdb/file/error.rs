//! Why a file cannot be read.

use std::fmt;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// Offset in the file: of what is wrong, or of the section that it is in.
    pub at: u64,
    /// What it is.
    pub fault: Fault,
}

/// What can be wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is no RDB file.
    Magic,
    /// It is of a version that is not known here.
    Version(u16),
    /// Its bytes make no sense.
    Corrupt(&'static str),
    /// It ends inside the section that begins there.
    EarlyEnd,
    /// A section, or a value's type, that is not known here.
    Unknown(u8),
    /// A library of functions as a release candidate of Redis 7.0 wrote it.
    EarlyFunction,
    /// Data of a module: its value where there is a type byte, else beside the keys.
    #[expect(missing_docs, reason = "told above")]
    Module { name: String, version: u16, kind: Option<u8> },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("wrong magic, this is no RDB file"),
            Self::Version(version) => write!(f, "RDB version {version} cannot be read"),
            Self::Corrupt(what) => f.write_str(what),
            Self::EarlyEnd => f.write_str("the file ends inside the section"),
            Self::Unknown(byte) => write!(f, "unknown type or opcode {byte}"),
            Self::EarlyFunction => f.write_str("functions in the form before release (opcode 246)"),
            Self::Module { name, version, kind: Some(kind) } => {
                write!(f, "a value of the module {name}, encoding {version} (type {kind})")
            }
            Self::Module { name, version, kind: None } => {
                write!(f, "data of the module {name}, encoding {version} (opcode 247)")
            }
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.fault == Fault::EarlyEnd { "that begins " } else { "" };
        write!(f, "{} {of}at byte {}", self.fault, self.at)
    }
}

impl std::error::Error for ReadError {}

impl Fault {
    /// Data of the module with this number: nine characters of six bits each, and ten bits of its
    /// encoding's version.
    pub(super) fn module(id: u64, kind: Option<u8>) -> Self {
        const CHARACTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let character = |n: u32| CHARACTERS[(id >> (58 - 6 * n) & 63) as usize];
        let name = (0..9).map(|n| char::from(character(n))).collect();
        Self::Module { name, version: (id & 1023) as u16, kind }
    }
}
