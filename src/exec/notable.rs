//! Commands that took long or were large, and events that held the loop up: what the command logs, the latency monitor and
//! the search for hot keys get. Nothing of this runs for an ordinary command.

use crate::client::ClientId;
use crate::resp::Argv;
use crate::server::Server;
use crate::spec::{CommandId, Spec, flag, keys_of};
use crate::stats::hotkeys::Keys;
use crate::stats::{LogKind, Ran, Stats};
use rand::Rng;

/// A command took longer than one of the bounds.
#[cold]
pub fn took_long(s: &mut Server, id: ClientId, command: CommandId, argv: &Argv<'_>, nanos: u64) {
    let flags = s.commands.row(command).spec.flags;
    let now_ms = s.now_ms();
    if let Some((stats, keys, draw)) = hotkeys(s, id, command, argv) {
        stats.hotkeys.took(nanos, keys, now_ms, draw);
    }
    // What a script runs is the script's.
    if s.scripting.is_running() && !flags.has(flag::COMPOSITE) {
        return;
    }
    if nanos >= s.stats.watch.slow_nanos {
        log(s, id, command, argv, LogKind::Slow, nanos / 1000);
    }
    note_latency(s, if flags.has(flag::FAST) { "fast-command" } else { "command" }, nanos);
}

/// A command's request and reply are together larger than one of the bounds.
#[cold]
pub fn was_large(s: &mut Server, id: ClientId, command: CommandId, argv: &Argv<'_>, reply: usize) {
    let request = argv.wire_len();
    if request >= s.stats.watch.request_bytes {
        log(s, id, command, argv, LogKind::LargeRequest, request as u64);
    }
    if reply >= s.stats.watch.reply_bytes {
        log(s, id, command, argv, LogKind::LargeReply, reply as u64);
    }
    if let Some((stats, keys, draw)) = hotkeys(s, id, command, argv) {
        stats.hotkeys.moved((request + reply) as u64, keys, draw);
    }
}

/// Where hot keys are looked for: what counts them, the keys of a command, and a random number. Nothing of a command that runs
/// others, which are seen by themselves.
fn hotkeys<'a>(
    s: &'a mut Server,
    id: ClientId,
    command: CommandId,
    argv: &'a Argv<'_>,
) -> Option<(&'a mut Stats, impl Fn() -> Keys<'a>, u64)> {
    let spec = s.commands.row(command).spec;
    if !s.stats.hotkeys.is_on() || spec.flags.has(flag::COMPOSITE) {
        return None;
    }
    let (now_ms, cpu) = (s.now_ms(), s.facts.figures.cpu);
    s.stats.end_hotkeys(&s.config, now_ms, true, || cpu().process);
    let (db, draw) = (s.clients.running(id).db, s.rng.next_u64());
    Some((&mut s.stats, move || Keys { db, keys: names_of(spec, argv) }, draw))
}

/// The keys that a command names.
fn names_of<'a>(spec: &Spec, argv: &'a Argv<'_>) -> Vec<&'a [u8]> {
    let keys = keys_of(spec, argv.len(), |at| argv.at(at)).unwrap_or_default();
    keys.iter().map(|key| argv.at(key.index)).collect()
}

/// An event that is no command began at `began`, in the timer's ticks, and is over now. Answers how
/// many nanoseconds it took.
pub fn lasted(s: &mut Server, event: &'static str, began: u64) -> u64 {
    let nanos = s.timer.nanos(s.timer.now().wrapping_sub(began));
    note_latency(s, event, nanos);
    nanos
}

fn note_latency(s: &mut Server, event: &'static str, nanos: u64) {
    if nanos >= s.stats.watch.latency_nanos {
        let now_s = s.now_ms() / 1000;
        s.stats.latency.add(event, now_s, nanos / 1_000_000);
    }
}

fn log(
    s: &mut Server,
    id: ClientId,
    command: CommandId,
    argv: &Argv<'_>,
    kind: LogKind,
    value: u64,
) {
    let spec = s.commands.row(command).spec;
    if spec.flags.has(flag::SKIP_SLOWLOG) {
        return;
    }
    let now_s = s.now_ms() / 1000;
    let session = s.clients.running(id);
    let is_secret = |i| spec.secrets.cover(i, |at| argv.at(at));
    let ran = Ran::new(argv.iter(), is_secret, session.addr.peer(), session.name());
    let max_len = kind.max_len(&s.config);
    s.stats.logs.of_mut(kind).push(now_s, value, ran, max_len);
}
