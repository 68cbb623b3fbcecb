//! CLIENT TRACKING and its kin: client-side caching.

use crate::client::{ClientId, Redirect, Session, Tracking, TrackingMode};
use crate::cmd::args::{Args, is};
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::keyspace::Listener;
use crate::resp::{Argv, CmdError};
use crate::server::{ClientCtx, Server};
use crate::spec::{CommandFlags, Group, Spec, acl, arg, flag};

/// Prefixes that one client may have.
const PREFIXES_MAX: usize = 16_384;

const FLAGS: CommandFlags = flag::NOSCRIPT.with(flag::LOADING).with(flag::STALE);

pub(super) const TRACKING: Command = Command {
    spec: Spec {
        name: "tracking",
        summary: "Tells the connection when keys change that it may have in a cache.",
        since: "6.0.0",
        group: Group::Connection,
        complexity: "O(1); O(N log M) with N prefixes among M",
        arity: -3,
        flags: FLAGS,
        acl: acl::CONNECTION,
        args: &[
            arg::one_of("status", &[arg::token("on", "ON"), arg::token("off", "OFF")]),
            arg::integer("client-id").after("REDIRECT").optional(),
            arg::string("prefix").after("PREFIX").optional().multiple_token(),
            arg::token("bcast", "BCAST").optional(),
            arg::token("optin", "OPTIN").optional(),
            arg::token("optout", "OPTOUT").optional(),
            arg::token("noloop", "NOLOOP").optional(),
        ],
        ..Spec::NEW
    },
    run: Run::Server(tracking),
    ..Command::NEW
};

pub(super) const CACHING: Command = Command {
    spec: Spec {
        name: "caching",
        summary: "Says whether the keys of the next command are cached.",
        since: "6.0.0",
        group: Group::Connection,
        complexity: "O(1)",
        arity: 3,
        flags: FLAGS,
        acl: acl::CONNECTION,
        args: &[arg::one_of("mode", &[arg::token("yes", "YES"), arg::token("no", "NO")])],
        ..Spec::NEW
    },
    run: Run::Client(caching),
    ..Command::NEW
};

pub(super) const TRACKINGINFO: Command = Command {
    spec: Spec {
        name: "trackinginfo",
        summary: "Answers how the connection tracks keys.",
        since: "6.2.0",
        group: Group::Connection,
        complexity: "O(N) for N prefixes",
        arity: 2,
        flags: FLAGS,
        acl: acl::CONNECTION,
        ..Spec::NEW
    },
    run: Run::Client(trackinginfo),
    ..Command::NEW
};

pub(super) const GETREDIR: Command = Command {
    spec: Spec {
        name: "getredir",
        summary: "Answers whom invalidation messages are redirected to.",
        since: "6.0.0",
        group: Group::Connection,
        complexity: "O(1)",
        arity: 2,
        flags: FLAGS,
        acl: acl::CONNECTION,
        ..Spec::NEW
    },
    run: Run::Client(getredir),
    ..Command::NEW
};

/// What CLIENT TRACKING was told.
#[derive(Default)]
struct Options<'a> {
    redirect: Option<Redirect>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    noloop: bool,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(s: &Server, mut args: Args<'a>) -> Result<Self, CmdError> {
        let mut options = Self::default();
        while args.left() > 0 {
            if args.left() > 1 && args.word("redirect") {
                if options.redirect.is_some() {
                    const TWO: &str = "A client can only redirect to a single other client";
                    return Err(CmdError::Msg(TWO));
                }
                options.redirect = Some(client_numbered(s, args.int()?)?);
            } else if args.word("bcast") {
                options.broadcast = true;
            } else if args.word("optin") {
                options.opt_in = true;
            } else if args.word("optout") {
                options.opt_out = true;
            } else if args.word("noloop") {
                options.noloop = true;
            } else if args.left() > 1 && args.word("prefix") {
                options.prefixes.push(args.any()?);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    /// Whether they go together, and with how the client tracks already.
    fn check(&self, now: Option<&Tracking>) -> Result<(), CmdError> {
        let mode = now.map(|tracking| tracking.mode);
        let fault = if !self.broadcast && !self.prefixes.is_empty() {
            "PREFIX option requires BCAST mode to be enabled"
        } else if mode.is_some_and(|mode| self.broadcast != (mode == TrackingMode::Broadcast)) {
            "You can't switch BCAST mode on/off before disabling tracking for this client, and \
             then re-enabling it with a different mode."
        } else if self.broadcast && (self.opt_in || self.opt_out) {
            "OPTIN and OPTOUT are not compatible with BCAST"
        } else if self.opt_in && self.opt_out {
            "You can't specify both OPTIN mode and OPTOUT mode"
        } else if (self.opt_in && mode == Some(TrackingMode::OptOut))
            || (self.opt_out && mode == Some(TrackingMode::OptIn))
        {
            "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and \
             then re-enabling it with a different mode."
        } else {
            return self.check_prefixes(now);
        };
        Err(CmdError::Msg(fault))
    }

    /// No prefix of one client begins another: it would be told twice.
    fn check_prefixes(&self, now: Option<&Tracking>) -> Result<(), CmdError> {
        let fault = |prefix: &[u8], which: &str, other: &[u8]| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            CmdError::err(format_args!(
                "Prefix '{}' overlaps with {which} prefix '{}'. Prefixes for a single client must \
                 not overlap.",
                text(prefix),
                text(other)
            ))
        };
        let known = now.map_or(0, |tracking| tracking.prefixes.iter().len());
        if known + self.prefixes.len() > PREFIXES_MAX {
            return Err(CmdError::Msg("A client cannot have so many prefixes"));
        }
        for (i, prefix) in self.prefixes.iter().enumerate() {
            let overlaps = |other: &&[u8]| other.starts_with(prefix) || prefix.starts_with(other);
            let mut known = now.into_iter().flat_map(|t| t.prefixes.iter().map(|known| &**known));
            if let Some(other) = known.find(overlaps) {
                return Err(fault(prefix, "an existing", other));
            }
            if let Some(other) = self.prefixes[i + 1..].iter().copied().find(overlaps) {
                return Err(fault(prefix, "another provided", other));
            }
        }
        Ok(())
    }

    fn mode(&self) -> TrackingMode {
        match (self.broadcast, self.opt_in, self.opt_out) {
            (true, ..) => TrackingMode::Broadcast,
            (_, true, _) => TrackingMode::OptIn,
            (.., true) => TrackingMode::OptOut,
            _ => TrackingMode::Read,
        }
    }
}

fn client_numbered(s: &Server, number: i64) -> Result<Redirect, CmdError> {
    const GONE: CmdError = CmdError::Msg("The client ID you want redirect to does not exist");
    let number = u64::try_from(number).map_err(|_| GONE)?;
    let found = s.clients.iter().find(|(_, session)| session.number == number);
    let (client, _) = found.ok_or(GONE)?;
    Ok(Redirect { client, number })
}

fn tracking(s: &mut Server, id: ClientId, argv: &Argv<'_>) -> Outcome {
    let mut options = Options::parse(s, Args::new(argv, 3))?;
    let on = is(&argv[2], "on");
    if !on && !is(&argv[2], "off") {
        return Err(CmdError::Syntax);
    }
    let Server { clients, effects, keyspace, .. } = s;
    let session = clients.running(id);
    if on {
        options.check(session.tracking.as_deref())?;
        if options.broadcast && options.prefixes.is_empty() {
            options.prefixes.push(b"");
        }
        let tracking = Tracking {
            mode: options.mode(),
            noloop: options.noloop,
            redirect: options.redirect,
            ..Tracking::default()
        };
        effects.tracking.begin(id, session, tracking, &options.prefixes);
    } else {
        effects.tracking.end(id, session);
    }
    keyspace.shared.listen(Listener::Tracking, effects.tracking.is_on());
    s.reply(id).ok();
    DONE
}

fn caching(c: &mut ClientCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let tracking = c.session.tracking.as_mut().ok_or(CmdError::Msg(
        "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled",
    ))?;
    let (mode, fault) = match &argv[2] {
        word if is(word, "yes") => (
            TrackingMode::OptIn,
            "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        ),
        word if is(word, "no") => (
            TrackingMode::OptOut,
            "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        ),
        _ => return Err(CmdError::Syntax),
    };
    if tracking.mode != mode {
        return Err(CmdError::Msg(fault));
    }
    tracking.caching = true;
    c.reply().ok();
    DONE
}

fn trackinginfo(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    let words = words(c.session.tracking.as_deref());
    let redirect = redirect(c.session);
    let tracking = c.session.tracking.as_ref();
    let prefixes: Vec<_> = tracking.into_iter().flat_map(|t| t.prefixes.iter().cloned()).collect();
    let mut reply = c.reply();
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(words.len());
    words.iter().for_each(|word| reply.bulk(word.as_bytes()));
    reply.bulk(b"redirect");
    reply.int(redirect);
    reply.bulk(b"prefixes");
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    DONE
}

/// CLIENT TRACKINGINFO's flags.
fn words(tracking: Option<&Tracking>) -> Vec<&'static str> {
    let Some(tracking) = tracking else { return vec!["off"] };
    let mut words = vec!["on"];
    let (mode, caching) = match tracking.mode {
        TrackingMode::Read => (None, ""),
        TrackingMode::OptIn => (Some("optin"), "caching-yes"),
        TrackingMode::OptOut => (Some("optout"), "caching-no"),
        TrackingMode::Broadcast => (Some("bcast"), ""),
    };
    words.extend(mode);
    words.extend(tracking.caching.then_some(caching));
    words.extend(tracking.noloop.then_some("noloop"));
    words.extend(tracking.is_broken.then_some("broken_redirect"));
    words
}

/// The number of the client that is told in another's place: 0 if none is, -1 if it does not track.
pub(super) fn redirect(session: &Session) -> i64 {
    let tracking = session.tracking.as_ref();
    tracking.map_or(-1, |t| t.redirect.map_or(0, |redirect| redirect.number as i64))
}

fn getredir(c: &mut ClientCtx<'_>, _: &Argv<'_>) -> Outcome {
    let redirect = redirect(c.session);
    c.reply().int(redirect);
    DONE
}
