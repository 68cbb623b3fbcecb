//! GEOADD: ZADD with scores made of longitudes and latitudes.

use super::{ZADD, command, specs, take_point};
use crate::cmd::args::Args;
use crate::cmd::{Command, DONE, Outcome, Run};
use crate::resp::{Argv, CmdError};
use crate::server::KeysCtx;
use crate::types::Zset;
use crate::types::zset::{AddOptions, Added};
use smallvec::SmallVec;

/// This command.
pub(super) static COMMANDS: &[Command] = &[command(specs::GEOADD, Run::Keys(geoadd))];

/// A place on its way in: its score and its name.
type Places<'a> = SmallVec<[(u64, &'a [u8]); 4]>;

fn geoadd(c: &mut KeysCtx<'_>, argv: &Argv<'_>) -> Outcome {
    let key = &argv[1];
    let mut args = Args::new(argv, 2);
    let mut options = AddOptions::default();
    let mut count_changed = false;
    loop {
        if args.word("nx") {
            options.only_new = true;
        } else if args.word("xx") {
            options.only_existing = true;
        } else if args.word("ch") {
            count_changed = true;
        } else {
            break;
        }
    }
    let triples = args.left() > 0 && args.left().is_multiple_of(3);
    if !triples || (options.only_new && options.only_existing) {
        return Err(CmdError::Syntax);
    }
    let mut places = Places::new();
    while args.left() > 0 {
        let point = take_point(&mut args)?;
        places.push((point.score(), args.any()?));
    }
    let (added, updated) = add(c, key, &places, options)?;
    if added + updated > 0 {
        propagate(c, argv, &places);
    }
    c.reply.len(added + if count_changed { updated } else { 0 });
    DONE
}

/// Adds them; how many were new, and how many moved.
fn add(
    c: &mut KeysCtx<'_>,
    key: &[u8],
    places: &Places<'_>,
    options: AddOptions,
) -> Result<(usize, usize), CmdError> {
    let limits = c.limits;
    let held = if options.only_existing {
        c.db.edit_as::<Zset>(key)?
    } else {
        let longest = places[0].1.len();
        Some(c.db.edit_or_new(key, || Zset::with_hints(limits, places.len(), longest))?)
    };
    let Some(mut zset) = held else { return Ok((0, 0)) };
    if places.len() > limits.zset_max_listpack_entries {
        zset.expect(limits, places.len(), 0);
    }
    let (mut added, mut updated) = (0, 0);
    for (score, member) in places {
        match zset.add(limits, member, *score as f64, options) {
            Ok(Added::New(_)) => added += 1,
            Ok(Added::Updated(_)) => updated += 1,
            Ok(Added::Unchanged(_) | Added::Skipped) | Err(_) => {}
        }
    }
    match added + updated {
        0 => zset.unchanged(),
        changes => zset.done_times(ZADD, changes as u64),
    }
    Ok((added, updated))
}

/// Replicas and the AOF get the scores, so that none of them has to agree on the arithmetic.
fn propagate(c: &mut KeysCtx<'_>, argv: &Argv<'_>, places: &Places<'_>) {
    let scores: Vec<String> = places.iter().map(|(score, _)| score.to_string()).collect();
    let key_and_options = argv.len() - 1 - 3 * places.len();
    let mut words: Vec<&[u8]> = vec![b"zadd"];
    words.extend(argv.from(1).take(key_and_options));
    for (score, (_, member)) in scores.iter().zip(places) {
        words.extend([score.as_bytes(), member]);
    }
    c.propagate_as(&words);
}
