//! Conditions on what a key holds, digests of it, and deletion under such a condition.

use super::DEL;
use crate::cmd::args::is;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, Spec, acl, arg, flag, key};
use crate::types::Str;
use xxhash_rust::xxh3::xxh3_64;

/// Hex digits of a digest.
const DIGEST_LEN: usize = 16;

pub(super) const IFEQ: Arg = arg::string("ifeq-value").after("IFEQ");
pub(super) const IFNE: Arg = arg::string("ifne-value").after("IFNE");
pub(super) const IFDEQ: Arg = arg::string("ifdeq-digest").after("IFDEQ");
pub(super) const IFDNE: Arg = arg::string("ifdne-digest").after("IFDNE");

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "digest",
            summary: "Answers the XXH3 digest of the string that a key holds.",
            since: "8.4.0",
            group: Group::String,
            complexity: "O(N), N being the length of the string",
            arity: 2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::STRING,
            keys: &[key(1).ro().access()],
            args: &[arg::key("key")],
            ..Spec::NEW
        },
        run: Run::Keys(digest),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "delex",
            summary: "Deletes a key, if the string it holds or its digest is as wanted.",
            since: "8.4.0",
            group: Group::String,
            complexity: "O(1), or O(N) to compare digests, N being the length of the string",
            arity: -2,
            flags: flag::WRITE.with(flag::FAST),
            acl: acl::STRING,
            keys: &[key(1).rw().delete()],
            args: &[
                arg::key("key"),
                arg::one_of("condition", &[IFEQ, IFNE, IFDEQ, IFDNE]).optional(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(delex),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "delifeq",
            summary: "Deletes a key, if it holds the given string.",
            since: "9.0.0",
            group: Group::String,
            complexity: "O(1)",
            arity: 3,
            flags: flag::WRITE,
            acl: acl::STRING,
            keys: &[key(1).rm().access().delete()],
            args: &[arg::key("key"), arg::string("value")],
            ..Spec::NEW
        },
        run: Run::Keys(delifeq),
        ..Command::NEW
    },
];

/// On what terms a string is set or deleted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition<'a> {
    /// The key is missing.
    Nx,
    /// The key is there.
    Xx,
    /// It holds this string.
    IfEq(&'a [u8]),
    /// It does not hold this string.
    IfNe(&'a [u8]),
    /// It holds a string with this digest.
    IfDeq(&'a [u8]),
    /// It does not hold a string with this digest.
    IfDne(&'a [u8]),
}

impl<'a> Condition<'a> {
    /// The comparison that `word` introduces, of what comes behind it.
    pub(super) fn comparison(word: &[u8]) -> Option<fn(&'a [u8]) -> Self> {
        const WORDS: [&str; 4] = ["IFEQ", "IFNE", "IFDEQ", "IFDNE"];
        match WORDS.iter().position(|name| is(word, name))? {
            0 => Some(Self::IfEq),
            1 => Some(Self::IfNe),
            2 => Some(Self::IfDeq),
            _ => Some(Self::IfDne),
        }
    }

    /// Whether the value decides, not only whether there is one.
    pub(super) fn compares(self) -> bool {
        !matches!(self, Self::Nx | Self::Xx)
    }

    /// Whether a missing key meets it.
    pub(super) fn allows_missing(self) -> bool {
        matches!(self, Self::Nx | Self::IfNe(_) | Self::IfDne(_))
    }

    /// Whether a key that holds `held` meets it; `None` stands for another type than a string.
    pub(super) fn allows(self, held: Option<Str<'_>>) -> Result<bool, CmdError> {
        let string = held.ok_or(CmdError::WrongType);
        match self {
            Self::Nx => Ok(false),
            Self::Xx => Ok(true),
            Self::IfEq(wanted) => Ok(string?.equals(wanted)),
            Self::IfNe(wanted) => Ok(!string?.equals(wanted)),
            Self::IfDeq(wanted) => has_digest(string?, wanted),
            Self::IfDne(wanted) => has_digest(string?, wanted).map(|has| !has),
        }
    }
}

fn has_digest(held: Str<'_>, wanted: &[u8]) -> Result<bool, CmdError> {
    if wanted.len() != DIGEST_LEN || !wanted.iter().all(u8::is_ascii_hexdigit) {
        return Err(CmdError::Msg("must be exactly 16 hexadecimal characters"));
    }
    Ok(digest_of(held).as_bytes().eq_ignore_ascii_case(wanted))
}

/// XXH3's 64 bits as lower-case hex.
fn digest_of(held: Str<'_>) -> String {
    let hash = xxh3_64(held.bytes(&mut itoa::Buffer::new()));
    format!("{hash:0width$x}", width = DIGEST_LEN)
}

fn digest(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    match c.db.string(&argv[1])? {
        Some(held) => c.reply.bulk(digest_of(held).as_bytes()),
        None => c.reply.null(),
    }
    DONE
}

fn delex(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let condition = match argv.len() {
        2 => None,
        4 => {
            let words = "Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE";
            let of = Condition::comparison(&argv[2]).ok_or(CmdError::Msg(words))?;
            Some(of(argv.at(3)))
        }
        _ => return Err(CmdError::Arity("delex")),
    };
    let not_a_string = CmdError::Msg("Key should be of string type if conditions are specified");
    delete(c, &argv[1], condition, not_a_string)
}

fn delifeq(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    delete(c, &argv[1], Some(Condition::IfEq(argv.at(2))), CmdError::WrongType)
}

/// Deletes a key that meets the condition. It propagates as DEL: the comparison was made here, and
/// every version of Redis knows DEL.
fn delete(
    c: &mut KeysCtx<'_>,
    key: &[u8],
    condition: Option<Condition<'_>>,
    not_a_string: CmdError,
) -> Outcome {
    let deleted = match c.db.edit(key) {
        None => false,
        Some(edit) => {
            let allowed = match condition {
                None => true,
                Some(_) if edit.string().is_none() => return Err(not_a_string),
                Some(condition) => condition.allows(edit.string())?,
            };
            if allowed {
                edit.delete(DEL);
            }
            allowed
        }
    };
    if deleted {
        c.propagate_as(&[b"DEL", key]);
    }
    c.reply.int(i64::from(deleted));
    DONE
}
