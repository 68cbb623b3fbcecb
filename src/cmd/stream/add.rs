//! XADD.

use super::idempotence::{self, Named};
use super::trim::{self, Left, Options};
use super::{id, reply_id};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Event;
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::spec::{Group, Spec, acl, arg, flag, key};
use crate::types::Limits;
use crate::types::stream::{AddError, Id, NewId, Stream, Trim};

/// Bytes of an entry's fields and values at most.
const ENTRY_MAX: usize = 1 << 30;

/// These commands.
pub(super) static COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "xadd",
        summary: "Appends an entry to a stream, which comes to be if there is none.",
        since: "5.0.0",
        group: Group::Stream,
        complexity: "O(1), and O(N) of N entries that trimming removes",
        arity: -5,
        flags: flag::WRITE.with(flag::DENYOOM).with(flag::FAST),
        acl: acl::STREAM,
        tips: &["nondeterministic_output"],
        keys: &[key(1).rw().update()],
        args: &[
            arg::key("key"),
            arg::token("nomkstream", "NOMKSTREAM").optional().since("6.2.0"),
            trim::REFERENCES,
            idempotence::OPTION,
            arg::block("trim", trim::OPTIONS).optional(),
            arg::one_of("id_or_auto", &[arg::token("auto_id", "*"), arg::string("id")]),
            arg::block("field_value", &[arg::string("field"), arg::string("value")]).multiple(),
        ],
        history: &[
            ("6.2.0", "Takes NOMKSTREAM, MINID and LIMIT."),
            ("7.0.0", "Takes `<ms>-*` as an id."),
            ("8.2.0", "Takes KEEPREF, DELREF and ACKED."),
            ("8.6.0", "Takes IDMP and IDMPAUTO."),
        ],
        ..Spec::NEW
    },
    run: Run::Keys(xadd),
    ..Command::NEW
}];

struct Request<'a> {
    /// The stream must be there.
    existing: bool,
    options: Options,
    trim: Option<Trim>,
    id: NewId,
    /// The number of the argument that is the id.
    id_at: usize,
    named: Option<Named<'a>>,
}

fn parse<'a>(argv: &Argv<'a>, limits: &Limits, is_replayed: bool) -> Result<Request<'a>, CmdError> {
    let mut args = Args::new(argv, 2);
    let (mut existing, mut options, mut named) = (false, Options::default(), None);
    let (id, id_at) = loop {
        // No id begins with a letter: most entries are compared with no option.
        let first = args.peek().and_then(<[u8]>::first);
        if first.is_some_and(u8::is_ascii_alphabetic) {
            if args.word("NOMKSTREAM") {
                existing = true;
                continue;
            }
            if options.take(&mut args)? || Named::take(&mut named, &mut args)? {
                continue;
            }
        }
        let at = args.position();
        let Some(word) = args.next() else { return Err(CmdError::Arity("xadd")) };
        if word == b"*" {
            break (NewId::Auto, at);
        }
        break match id::to_give(word)? {
            (ms, None) => (NewId::AutoSeq(ms), at),
            (ms, Some(seq)) => (NewId::Given(Id::new(ms, seq)), at),
        };
    };
    let trim = options.finish(limits, is_replayed)?;
    if args.left() < 2 || args.left() % 2 == 1 {
        return Err(CmdError::Arity("xadd"));
    }
    if id == NewId::Given(Id::MIN) {
        return Err(CmdError::Msg("The ID specified in XADD must be greater than 0-0"));
    }
    if named.is_some() && id != NewId::Auto {
        return Err(CmdError::Msg("IDMP/IDMPAUTO can be used only with auto-generated IDs"));
    }
    Ok(Request { existing, options, trim, id, id_at, named })
}

fn xadd(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let request = parse(argv, c.limits, c.is_replayed)?;
    let now_ms = c.db.clock_ms();
    let mut held = if request.existing {
        let Some(stream) = c.db.edit_as::<Stream>(&argv[1])? else {
            c.reply.null();
            return DONE;
        };
        stream
    } else {
        c.db.edit_or_new(&argv[1], Stream::default)?
    };
    let words = argv.from(request.id_at + 1);
    let name = request.named.as_ref().map(|named| (named, named.name_of(words.clone())));
    if let Some((named, name)) = &name
        && let Some(id) = known(&mut held, named.producer, name, now_ms)
    {
        held.done_untold(0);
        reply_id(&mut c.reply, id);
        return DONE;
    }
    let next = held.next_id(request.id, now_ms).map_err(refused);
    let size = || words.clone().map(<[u8]>::len).sum::<usize>();
    let next = match next {
        Ok(_) if argv.extent() > ENTRY_MAX && size() > ENTRY_MAX => {
            Err(CmdError::Msg("Elements are too large to be stored"))
        }
        next => next,
    };
    let id = match next {
        Ok(id) => id,
        Err(error) => {
            held.unchanged();
            return Err(error);
        }
    };
    let stream: &mut Stream = &mut held;
    stream.append(id, words, c.limits);
    if let Some((named, name)) = &name {
        let known = stream.idempotence_mut(idempotence::usual(c.limits));
        known.record(named.producer, name, id, now_ms);
        known.added += 1;
    }
    let trimmed = request.trim.is_some_and(|trim| stream.trim(&trim) > 0);
    let left = Left::of(stream);
    if trimmed {
        held.event(Event::stream("xadd"));
        held.done(Event::stream("xtrim"));
    } else {
        held.done(Event::stream("xadd"));
    }
    reply_id(&mut c.reply, id);
    let given = matches!(request.id, NewId::Given(_));
    let behind = (request.id_at, (!given).then_some(id));
    let named = request.named.as_ref().map_or(0..0, |named| named.at.clone());
    request.options.propagate(c, argv, &left, behind, named);
    if let Some((named, name)) = name.filter(|_| c.is_feeding()) {
        let mut text = [0; Id::TEXT_MAX];
        let id: &[u8] = id.text(&mut text);
        c.propagate_as(&[b"XIDMPRECORD", &argv[1], named.producer, &name, id]);
    }
    DONE
}

/// The entry that a producer has added under this name; that it came once more is counted.
fn known(stream: &mut Stream, producer: &[u8], name: &[u8], now_ms: u64) -> Option<Id> {
    let id = stream.idempotence()?.find(producer, name, now_ms)?;
    let usual = stream.idempotence()?.memory();
    stream.idempotence_mut(usual).duplicates += 1;
    Some(id)
}

#[cold]
fn refused(error: AddError) -> CmdError {
    CmdError::Msg(match error {
        AddError::IdTooLow => {
            "The ID specified in XADD is equal or smaller than the target stream top item"
        }
        AddError::Exhausted => {
            "The stream has exhausted the last possible ID, unable to add more items"
        }
    })
}
