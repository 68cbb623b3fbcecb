//! BITFIELD: integers of any width, anywhere in a string.

use super::{BAD_OFFSET, SETBIT, bit_offset, writable};
use crate::cmd::args::{Args, is};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::ds::entry::NewValue;
use crate::ds::sds::Sds;
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Arg, Group, KeyFlags, Spec, acl, arg, flag, key, keyflag};
use crate::stdx::{bits, num};
use crate::types::{Str, Value};

const ENCODING: Arg = arg::string("encoding");
const OFFSET: Arg = arg::integer("offset");

/// These commands.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "bitfield",
            summary: "Reads, sets and increments integers of any width in a string.",
            since: "3.2.0",
            group: Group::Bitmap,
            complexity: "O(1) for each operation",
            arity: -2,
            flags: flag::WRITE.with(flag::DENYOOM),
            acl: acl::BITMAP,
            keys: &[key(1)
                .rw()
                .access()
                .update()
                .variable_flags()
                .notes("Read only where GET is all that is asked")],
            key_flags: Some(key_flags),
            args: &[
                arg::key("key"),
                arg::one_of(
                    "operation",
                    &[
                        arg::block("get-block", &[ENCODING, OFFSET]).after("GET"),
                        arg::block("write", &[OVERFLOW, WRITE]),
                    ],
                )
                .optional()
                .multiple(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(bitfield),
        ..Command::NEW
    },
    Command {
        spec: Spec {
            name: "bitfield_ro",
            summary: "Reads integers of any width in a string.",
            since: "6.0.0",
            group: Group::Bitmap,
            complexity: "O(1) for each operation",
            arity: -2,
            flags: flag::READONLY.with(flag::FAST),
            acl: acl::BITMAP,
            keys: &[key(1).ro().access()],
            args: &[
                arg::key("key"),
                arg::block("get-block", &[ENCODING, OFFSET])
                    .after("GET")
                    .optional()
                    .multiple_token(),
            ],
            ..Spec::NEW
        },
        run: Run::Keys(bitfield_ro),
        ..Command::NEW
    },
];

const OVERFLOW: Arg = arg::one_of(
    "overflow-block",
    &[arg::token("wrap", "WRAP"), arg::token("sat", "SAT"), arg::token("fail", "FAIL")],
)
.after("OVERFLOW")
.optional();

const WRITE: Arg = arg::one_of(
    "write-operation",
    &[
        arg::block("set-block", &[ENCODING, OFFSET, arg::integer("value")]).after("SET"),
        arg::block("incrby-block", &[ENCODING, OFFSET, arg::integer("increment")]).after("INCRBY"),
    ],
);

/// Where nothing is set or incremented, the key is only read.
fn key_flags(argv: &mut dyn Iterator<Item = &[u8]>) -> KeyFlags {
    if argv.skip(2).any(|word| is(word, "SET") || is(word, "INCRBY")) {
        keyflag::RW.with(keyflag::ACCESS).with(keyflag::UPDATE)
    } else {
        keyflag::RO.with(keyflag::ACCESS)
    }
}

/// What an integer is: `i8`, `u63`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    signed: bool,
    /// 1 to 64; an unsigned one has at most 63, so that each value is an integer reply.
    width: u32,
}

impl Kind {
    fn parse(arg: &[u8]) -> Result<Self, CmdError> {
        let fault = CmdError::Msg(
            "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but \
             i64 is.",
        );
        let (signed, max) = match arg.first() {
            Some(b'i') => (true, 64),
            Some(b'u') => (false, 63),
            _ => return Err(fault),
        };
        let width = num::parse_i64(&arg[1..]).filter(|width| (1..=max).contains(width));
        width.map(|width| Self { signed, width: width as u32 }).ok_or(fault)
    }

    fn min(self) -> i128 {
        if self.signed { -1 << (self.width - 1) } else { 0 }
    }

    fn max(self) -> i128 {
        (1 << (self.width - u32::from(self.signed))) - 1
    }

    /// The value of this kind with the same low bits.
    fn wrap(self, value: i128) -> i64 {
        let unused = i128::BITS - self.width;
        let shifted = value << unused;
        let wrapped =
            if self.signed { shifted >> unused } else { (shifted as u128 >> unused) as i128 };
        wrapped as i64
    }

    fn read(self, bytes: &[u8], at: u64) -> i64 {
        self.wrap(i128::from(bits::field(bytes, at, self.width)))
    }

    /// What is stored in place of `value`: nothing, where it does not fit and must.
    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = (self.min(), self.max());
        if (min..=max).contains(&value) {
            return Some(value as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.wrap(value)),
            Overflow::Saturate => Some(value.clamp(min, max) as i64),
            Overflow::Fail => None,
        }
    }
}

/// What becomes of a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overflow {
    /// Its low bits are kept.
    Wrap,
    /// The nearest value that fits takes its place.
    Saturate,
    /// Nothing is stored.
    Fail,
}

impl Overflow {
    fn parse(arg: &[u8]) -> Result<Self, CmdError> {
        match () {
            () if is(arg, "WRAP") => Ok(Self::Wrap),
            () if is(arg, "SAT") => Ok(Self::Saturate),
            () if is(arg, "FAIL") => Ok(Self::Fail),
            () => Err(CmdError::Msg("Invalid OVERFLOW type specified")),
        }
    }
}

/// What is done with one integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64),
    IncrBy(i64),
}

/// One step of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operation {
    kind: Kind,
    /// Its first bit.
    at: u64,
    action: Action,
    overflow: Overflow,
}

impl Operation {
    /// The operations in their order; OVERFLOW holds for those behind it.
    fn parse_all(mut args: Args<'_>, max_bytes: u64) -> Result<Vec<Self>, CmdError> {
        let mut operations = Vec::new();
        let mut overflow = Overflow::Wrap;
        while let Some(word) = args.next() {
            let enough = |n: usize| args.left() >= n;
            if is(word, "GET") && enough(2) {
                let (kind, at) = place(&mut args, max_bytes)?;
                operations.push(Self { kind, at, action: Action::Get, overflow });
            } else if is(word, "SET") && enough(3) {
                let (kind, at) = place(&mut args, max_bytes)?;
                let action = Action::Set(args.int()?);
                operations.push(Self { kind, at, action, overflow });
            } else if is(word, "INCRBY") && enough(3) {
                let (kind, at) = place(&mut args, max_bytes)?;
                let action = Action::IncrBy(args.int()?);
                operations.push(Self { kind, at, action, overflow });
            } else if is(word, "OVERFLOW") && enough(1) {
                overflow = Overflow::parse(args.any()?)?;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(operations)
    }

    fn is_read(&self) -> bool {
        self.action == Action::Get
    }

    /// The bit behind its last one.
    fn end(&self) -> u64 {
        self.at + u64::from(self.kind.width)
    }

    /// Whether a value lies so far below the range that its distance from the greatest value is
    /// past 64 bits. Servers take it for one above the range then, and so does larder.
    fn is_far_below(&self, value: i64) -> bool {
        self.kind.width < 64 && self.kind.max() - i128::from(value) > i128::from(i64::MAX)
    }

    /// What it comes to in a string that is `bytes`.
    fn apply(&self, bytes: &[u8]) -> Step {
        let old = self.kind.read(bytes, self.at);
        let (wanted, answers_old) = match self.action {
            Action::Get => return Step { old, new: Some(old), answer: Some(old) },
            // An unsigned integer takes a negative value for a very large one.
            Action::Set(value) if !self.kind.signed => (i128::from(value as u64), true),
            Action::Set(value)
                if self.overflow == Overflow::Saturate && self.is_far_below(value) =>
            {
                (self.kind.max() + 1, true)
            }
            Action::Set(value) => (i128::from(value), true),
            Action::IncrBy(by) => (i128::from(old) + i128::from(by), false),
        };
        let new = self.kind.fit(wanted, self.overflow);
        Step { old, new, answer: if answers_old { new.map(|_| old) } else { new } }
    }
}

/// What an operation comes to.
struct Step {
    old: i64,
    /// Where it fits.
    new: Option<i64>,
    answer: Option<i64>,
}

impl Step {
    fn changes(&self) -> bool {
        self.new.is_some_and(|new| new != self.old)
    }

    fn reply(&self, reply: &mut Reply<'_>) {
        match self.answer {
            Some(value) => reply.int(value),
            None => reply.null(),
        }
    }
}

/// `encoding offset`; an offset with a `#` counts integers of that encoding.
fn place(args: &mut Args<'_>, max_bytes: u64) -> Result<(Kind, u64), CmdError> {
    let kind = Kind::parse(args.any()?)?;
    let offset = args.any()?;
    let Some(number) = offset.strip_prefix(b"#") else {
        return Ok((kind, bit_offset(offset, max_bytes)?));
    };
    let number = num::parse_i64(number).and_then(|number| u64::try_from(number).ok());
    let at = number.and_then(|number| number.checked_mul(u64::from(kind.width)));
    at.filter(|at| at / 8 < max_bytes).map(|at| (kind, at)).ok_or(BAD_OFFSET)
}

fn bitfield(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let operations = Operation::parse_all(Args::new(argv, 2), c.config.proto_max_bulk_len)?;
    if operations.iter().all(Operation::is_read) {
        read(c, &argv[1], &operations)
    } else {
        write(c, &argv[1], &operations)
    }
}

fn bitfield_ro(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let operations = Operation::parse_all(Args::new(argv, 2), c.config.proto_max_bulk_len)?;
    if !operations.iter().all(Operation::is_read) {
        return Err(CmdError::Msg("BITFIELD_RO only supports the GET subcommand"));
    }
    read(c, &argv[1], &operations)
}

fn read(c: &mut KeysCtx<'_>, key: &[u8], operations: &[Operation]) -> Outcome {
    let held = c.db.string(key)?.unwrap_or(Str::Bytes(b""));
    let mut digits = itoa::Buffer::new();
    let bytes = held.bytes(&mut digits);
    c.reply.array(operations.len());
    for operation in operations {
        c.reply.int(operation.kind.read(bytes, operation.at));
    }
    DONE
}

/// The string is made long enough for every operation that may write, even if in the end none does;
/// that alone is a change, but one that has no event.
fn write(c: &mut KeysCtx<'_>, key: &[u8], operations: &[Operation]) -> Outcome {
    let writes = operations.iter().filter(|operation| !operation.is_read());
    let len = writes.map(Operation::end).max().unwrap_or(0).div_ceil(8) as usize;
    match c.db.upsert(key) {
        Ok(mut edit) => {
            let held = edit.string().ok_or(CmdError::WrongType)?;
            let mut digits = itoa::Buffer::new();
            let held = held.bytes(&mut digits);
            let grows = held.len() < len;
            c.reply.array(operations.len());
            if !grows && operations.iter().all(|operation| !operation.apply(held).changes()) {
                operations.iter().for_each(|op| op.apply(held).reply(&mut c.reply));
                edit.unchanged();
            } else {
                let told = run(operations, writable(&mut edit, len), grows, &mut c.reply);
                edit.done(if told { SETBIT } else { Event::SILENT });
            }
        }
        Err(vacancy) => {
            let mut string = Sds::new();
            string.resize(len);
            c.reply.array(operations.len());
            let told = run(operations, string.as_mut_slice(), true, &mut c.reply);
            let event = if told { SETBIT } else { Event::SILENT };
            vacancy.insert(key, NewValue::Other(Value::raw(string)), None, event);
        }
    }
    DONE
}

/// Applies the operations to a string, which just `grew` or did not; whether there was something to
/// tell of.
fn run(operations: &[Operation], bytes: &mut [u8], grew: bool, reply: &mut Reply<'_>) -> bool {
    let mut told = false;
    for operation in operations {
        let step = operation.apply(bytes);
        step.reply(reply);
        if let Some(new) = step.new.filter(|_| !operation.is_read()) {
            told |= grew || step.changes();
            bits::set_field(bytes, operation.at, operation.kind.width, new as u64);
        }
    }
    told
}
