//! Finds the keys of a command's arguments by its key rules.

use super::{Begin, Find, KeyFlags, KeySpec, Spec};

/// One key found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPosition {
    /// Its index in argv.
    pub index: usize,
    /// What the command does to it.
    pub flags: KeyFlags,
}

/// The positions of the keys in `argv`, in the order of the rules; `None` where the arguments do
/// not suit a rule (a count that is no number, or larger than what follows).
pub fn keys_of<'a>(
    spec: &Spec,
    argc: usize,
    arg: impl Fn(usize) -> &'a [u8],
) -> Option<Vec<KeyPosition>> {
    if let Some(places_in) = spec.all_keys {
        let flags = spec.keys.first().map_or(KeyFlags::NONE, |rule| rule.flags);
        let places = places_in(&mut (0..argc).map(&arg))?;
        return Some(places.map(|index| KeyPosition { index, flags }).collect());
    }
    let mut found = Vec::new();
    for rule in spec.keys {
        let Some(begin) = begin_of(rule, argc, &arg) else { continue };
        match rule.find {
            Find::Range { last, step, limit } => {
                let last = match (last, limit) {
                    (0.., _) => begin + usize::from(last.unsigned_abs()),
                    (-1, 2..) => begin + (argc - begin) / usize::from(limit) - 1,
                    (back, _) => argc.checked_sub(usize::from(back.unsigned_abs()))?,
                };
                push_all(&mut found, rule, begin, last, usize::from(step));
            }
            Find::KeyNum { num, first, step } => {
                let text = Some(begin + usize::from(num)).filter(|at| *at < argc).map(&arg)?;
                let count: usize = std::str::from_utf8(text).ok()?.parse().ok()?;
                if count == 0 {
                    continue;
                }
                let first = begin + usize::from(first);
                let last = (count - 1).checked_mul(usize::from(step))?.checked_add(first)?;
                if last >= argc {
                    return None;
                }
                push_all(&mut found, rule, first, last, usize::from(step));
            }
            Find::Unknown => {}
        }
    }
    if let (Some(index_in), Some(rule)) = (spec.movable_key, spec.keys.last()) {
        let index = index_in(&mut (0..argc).map(&arg));
        found.extend(index.map(|index| KeyPosition { index, flags: rule.flags }));
    }
    found.retain(|key| key.index < argc);
    if let Some(flags_of) = spec.key_flags {
        let flags = flags_of(&mut (0..argc).map(&arg));
        found.iter_mut().for_each(|key| key.flags = flags);
    }
    Some(found)
}

/// First key, last key and step as COMMAND INFO told them before there were key rules: those of
/// the first rule that is a range, widened over the rules that go on with the same step.
pub fn legacy_range(spec: &Spec) -> (i64, i64, i64) {
    let mut ranges = spec.keys.iter().filter_map(|rule| match (rule.begin, rule.find) {
        (Begin::Index(first), Find::Range { last, step, .. }) => {
            let first = i64::from(first);
            let last = if last >= 0 { first + i64::from(last) } else { i64::from(last) };
            Some((first, last, i64::from(step)))
        }
        _ => None,
    });
    let Some((first, mut last, step)) = ranges.next() else { return (0, 0, 0) };
    for (next, end, next_step) in ranges {
        if next_step != step || last < 0 || next != last + 1 {
            break;
        }
        last = end;
    }
    (first, last, step)
}

fn begin_of<'a>(rule: &KeySpec, argc: usize, arg: &impl Fn(usize) -> &'a [u8]) -> Option<usize> {
    match rule.begin {
        Begin::Index(at) => Some(usize::from(at)).filter(|at| *at < argc),
        Begin::Keyword(word, from) => {
            let is_word = |at: &usize| arg(*at).eq_ignore_ascii_case(word.as_bytes());
            let at = if from >= 0 {
                (usize::from(from.unsigned_abs())..argc).find(is_word)
            } else {
                (1..=argc.saturating_sub(usize::from(from.unsigned_abs()))).rev().find(is_word)
            };
            at.map(|at| at + 1).filter(|at| *at < argc)
        }
        Begin::Unknown => None,
    }
}

fn push_all(found: &mut Vec<KeyPosition>, rule: &KeySpec, first: usize, last: usize, step: usize) {
    let keys = (first..=last).step_by(step.max(1));
    found.extend(keys.map(|index| KeyPosition { index, flags: rule.flags }));
}
