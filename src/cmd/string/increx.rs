//! INCREX: a counter with bounds and a time to live, in one command.

use super::counter::{INCRBY, INCRBYFLOAT, finite, float};
use super::ttl::{self, Deadline, Ttl};
use super::{DEL, EXPIRE, PERSIST};
use crate::cmd::args::{Args, Choice};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::ds::entry::NewValue;
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError, Reply};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::stdx::f80::{F80, Text};
use crate::stdx::num;
use crate::types::{Str, Value, new_text};

/// This command.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "increx",
        summary: "Adds to the number that a key holds, within bounds, and sets a time to live.",
        since: "8.8.0",
        group: Group::String,
        complexity: "O(1)",
        arity: -2,
        flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
        acl: acl::STRING,
        keys: &[key(1).rw().access().update()],
        args: &[
            arg::key("key"),
            arg::one_of(
                "increment",
                &[arg::double("float").after("BYFLOAT"), arg::integer("integer").after("BYINT")],
            )
            .optional(),
            arg::token("saturate", "SATURATE").optional(),
            arg::string("lowerbound").after("LBOUND").optional(),
            arg::string("upperbound").after("UBOUND").optional(),
            arg::one_of("expiration", &[ttl::EX, ttl::PX, ttl::EXAT, ttl::PXAT, ttl::PERSIST])
                .optional(),
            arg::token("enx", "ENX").optional(),
        ],
        ..Spec::NEW
    },
    run: Run::Keys(increx),
    ..Command::NEW
}];

/// The increment, and by it the kind of number that everything else is.
#[derive(Debug, Clone, Copy)]
enum By<'a> {
    Int(&'a [u8]),
    Float(&'a [u8]),
}

/// The options as received; no word may stand twice.
#[derive(Debug, Default)]
struct Options<'a> {
    by: Choice<By<'a>>,
    low: Choice<&'a [u8]>,
    high: Choice<&'a [u8]>,
    saturate: Choice<()>,
    ttl: Choice<Ttl<'a>>,
    enx: Choice<()>,
}

impl<'a> Options<'a> {
    fn parse(mut args: Args<'a>) -> Result<Self, CmdError> {
        let mut options = Self::default();
        while args.left() > 0 {
            if args.word("BYINT") {
                options.by.set(By::Int(args.any()?))?;
            } else if args.word("BYFLOAT") {
                options.by.set(By::Float(args.any()?))?;
            } else if args.word("LBOUND") {
                options.low.set(args.any()?)?;
            } else if args.word("UBOUND") {
                options.high.set(args.any()?)?;
            } else if args.word("SATURATE") {
                options.saturate.set(())?;
            } else if args.word("ENX") {
                options.enx.set(())?;
            } else if args.word("PERSIST") {
                options.ttl.set(Ttl::Persist)?;
            } else {
                options.ttl.set(Ttl::take(&mut args)?.ok_or(CmdError::Syntax)?)?;
            }
        }
        match options.ttl.take() {
            Some(Ttl::Persist) if options.enx.is_set() => Err(CmdError::Syntax),
            None if options.enx.is_set() => Err(CmdError::Msg("ENX flag requires an expiration")),
            _ => Ok(options),
        }
    }
}

fn increx(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let options = Options::parse(Args::new(argv, 2))?;
    match options.by.take() {
        Some(By::Float(by)) => increment(c, &argv[1], &Step::<F80>::parse(by, &options)?, &options),
        Some(By::Int(by)) => increment(c, &argv[1], &Step::<i64>::parse(by, &options)?, &options),
        None => increment(c, &argv[1], &Step::<i64>::parse(b"1", &options)?, &options),
    }
}

/// A number that INCREX counts in.
trait Number: Copy + PartialOrd {
    /// What a change is told as.
    const EVENT: Event;
    /// What a text must be and is not.
    const KIND: &'static str;

    fn parse(text: &[u8]) -> Option<Self>;
    fn of(held: Str<'_>) -> Result<Self, CmdError>;
    /// The lowest and the highest there is.
    fn limits() -> (Self, Self);
    /// The sum, if it can be stored.
    fn plus(self, by: Self) -> Option<Self>;
    /// The difference to what `held` spells.
    fn minus(self, held: Str<'_>) -> Result<Self, CmdError>;
    fn text(self) -> Text;
    fn stored(self, text: &[u8]) -> NewValue<'_, Value>;
    fn reply(self, reply: &mut Reply<'_>);
}

impl Number for i64 {
    const EVENT: Event = INCRBY;
    const KIND: &'static str = "an integer or out of range";

    fn parse(text: &[u8]) -> Option<Self> {
        num::parse_i64(text)
    }

    fn of(held: Str<'_>) -> Result<Self, CmdError> {
        held.int().ok_or(CmdError::NotInteger)
    }

    fn limits() -> (Self, Self) {
        (Self::MIN, Self::MAX)
    }

    fn plus(self, by: Self) -> Option<Self> {
        self.checked_add(by)
    }

    fn minus(self, held: Str<'_>) -> Result<Self, CmdError> {
        self.checked_sub(Self::of(held)?).ok_or(CmdError::Overflow)
    }

    fn text(self) -> Text {
        Text::from_slice(itoa::Buffer::new().format(self).as_bytes())
    }

    fn stored(self, _: &[u8]) -> NewValue<'_, Value> {
        NewValue::Int(self)
    }

    fn reply(self, reply: &mut Reply<'_>) {
        reply.int(self);
    }
}

impl Number for F80 {
    const EVENT: Event = INCRBYFLOAT;
    const KIND: &'static str = "a valid float";

    fn parse(text: &[u8]) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn of(held: Str<'_>) -> Result<Self, CmdError> {
        float(held)
    }

    fn limits() -> (Self, Self) {
        let limit = |text: &[u8]| Self::parse(text).expect("the largest number is a number");
        (limit(b"-0x1.fffffffffffffffep16383"), limit(b"0x1.fffffffffffffffep16383"))
    }

    fn plus(self, by: Self) -> Option<Self> {
        Some(self.add(by)).filter(|sum| sum.is_finite())
    }

    /// The sign is turned in the text, where that rounds nothing.
    fn minus(self, held: Str<'_>) -> Result<Self, CmdError> {
        let text = held.to_vec();
        let turned = match text.as_slice() {
            [b'-', digits @ ..] => digits.to_vec(),
            [b'+', digits @ ..] | digits => [b"-", digits].concat(),
        };
        finite(self.add(float(Str::Bytes(&turned))?))
    }

    fn text(self) -> Text {
        self.to_text()
    }

    fn stored(self, text: &[u8]) -> NewValue<'_, Value> {
        new_text(text)
    }

    fn reply(self, reply: &mut Reply<'_>) {
        reply.double_text(&self.to_text());
    }
}

/// How far to count and where to stop.
#[derive(Debug)]
struct Step<N> {
    by: N,
    low: N,
    high: N,
    saturate: bool,
}

impl<N: Number> Step<N> {
    fn parse(by: &[u8], options: &Options<'_>) -> Result<Self, CmdError> {
        let number = |what: &str, text: &[u8]| {
            N::parse(text).ok_or_else(|| CmdError::err(format_args!("{what} is not {}", N::KIND)))
        };
        let (min, max) = N::limits();
        let by = number("Increment", by)?;
        let low = options.low.take().map_or(Ok(min), |text| number("LBOUND", text))?;
        let high = options.high.take().map_or(Ok(max), |text| number("UBOUND", text))?;
        if low > high {
            return Err(CmdError::Msg("LBOUND can't be greater than UBOUND"));
        }
        Ok(Self { by, low, high, saturate: options.saturate.is_set() })
    }

    /// The new number and what was added; `None` if that would leave the bounds.
    fn apply(&self, held: Str<'_>) -> Result<Option<(N, N)>, CmdError> {
        let old = N::of(held)?;
        let sum = old.plus(self.by);
        let bound = match sum {
            Some(sum) if sum > self.high => self.high,
            Some(sum) if sum < self.low => self.low,
            Some(sum) => return Ok(Some((sum, self.by))),
            None if self.by > N::of(Str::Int(0))? => self.high,
            None => self.low,
        };
        if self.saturate { Ok(Some((bound, bound.minus(held)?))) } else { Ok(None) }
    }
}

/// Counts, and gives others the result as SET or DEL: they need not know INCREX, round as this
/// machine does, or have the same time.
fn increment<N: Number>(
    c: &mut KeysCtx<'_>,
    key: &[u8],
    step: &Step<N>,
    options: &Options<'_>,
) -> Outcome {
    const ZERO: Str<'_> = Str::Int(0);
    let now = c.db.now_ms();
    let ttl = options.ttl.take();
    let wanted = ttl.map_or(Ok(None), |ttl| ttl.deadline(c.db.clock_ms(), "increx"))?;
    let found = c.db.upsert(key);
    let (held, before) = match &found {
        Ok(edit) => (edit.string().ok_or(CmdError::WrongType)?, edit.deadline()),
        Err(_) => (ZERO, None),
    };
    let Some((new, added)) = step.apply(held)? else {
        let unchanged = N::of(held)?;
        drop(found);
        return answer(c, unchanged, N::of(ZERO)?);
    };
    let deadline = match (wanted, ttl) {
        (Some(_), _) if options.enx.is_set() && before.is_some() => Deadline::Keep,
        (Some(at), _) => Deadline::At(at),
        (None, Some(Ttl::Persist)) if before.is_some() => Deadline::Clear,
        _ => Deadline::Keep,
    };
    let text = new.text();
    match (found, deadline) {
        (Ok(edit), Deadline::At(at)) if at <= now => edit.delete(DEL),
        (Err(_), Deadline::At(at)) if at <= now => return answer(c, new, added),
        (Ok(mut edit), _) => {
            match deadline {
                Deadline::Keep => edit.set_value(new.stored(&text)),
                Deadline::Clear => edit.set(new.stored(&text), None),
                Deadline::At(at) => edit.set(new.stored(&text), Some(at)),
            }
            edit.done(N::EVENT);
        }
        (Err(vacancy), _) => {
            let at = if let Deadline::At(at) = deadline { Some(at) } else { None };
            vacancy.insert(key, new.stored(&text), at, N::EVENT);
        }
    }
    tell_others(c, key, &text, deadline);
    answer(c, new, added)
}

/// Names what happened to the deadline, and gives the form to propagate.
fn tell_others(c: &mut KeysCtx<'_>, key: &[u8], text: &[u8], deadline: Deadline) {
    match deadline {
        Deadline::At(at) if at <= c.db.now_ms() => c.propagate_as(&[b"DEL", key]),
        Deadline::At(at) => {
            c.db.tell(key, EXPIRE);
            let at = itoa::Buffer::new().format(at).to_owned();
            c.propagate_as(&[b"SET", key, text, b"PXAT", at.as_bytes()]);
        }
        Deadline::Clear => {
            c.db.tell(key, PERSIST);
            c.propagate_as(&[b"SET", key, text]);
        }
        Deadline::Keep => c.propagate_as(&[b"SET", key, text, b"KEEPTTL"]),
    }
}

fn answer<N: Number>(c: &mut KeysCtx<'_>, value: N, added: N) -> Outcome {
    c.reply.array(2);
    value.reply(&mut c.reply);
    added.reply(&mut c.reply);
    DONE
}
