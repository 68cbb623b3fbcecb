//! The library `bit`: operations on the 32 bits of numbers.

use super::api;
use super::raw::{Done, Function, Kind, Lua, Outcome, Raised};

/// Added to a number it moves the number's low bits to the end of the double.
const SHIFT: f64 = 6_755_399_441_055_744.0;
/// Digits of 32 bits.
const DIGITS: usize = 8;

static FUNCTIONS: &[(&str, Function)] = &[
    ("tobit", |lua| {
        let bits = argument(lua, 1)?;
        answer(lua, bits)
    }),
    ("bnot", |lua| {
        let bits = argument(lua, 1)?;
        answer(lua, !bits)
    }),
    ("bswap", |lua| {
        let bits = argument(lua, 1)?;
        answer(lua, bits.swap_bytes())
    }),
    ("band", |lua| fold(lua, |a, b| a & b)),
    ("bor", |lua| fold(lua, |a, b| a | b)),
    ("bxor", |lua| fold(lua, |a, b| a ^ b)),
    ("lshift", |lua| shift(lua, |bits, by| bits << by)),
    ("rshift", |lua| shift(lua, |bits, by| bits >> by)),
    ("arshift", |lua| shift(lua, |bits, by| ((bits as i32) >> by) as u32)),
    ("rol", |lua| shift(lua, u32::rotate_left)),
    ("ror", |lua| shift(lua, u32::rotate_right)),
    ("tohex", tohex),
];

/// Pushes the library.
pub(super) fn push_library(lua: Lua) {
    lua.push_table(0, FUNCTIONS.len());
    api::add_functions(lua, FUNCTIONS);
}

/// The 32 bits of argument `n`, rounded to an integer and taken modulo 2³².
fn argument(lua: Lua, n: usize) -> Result<u32, Raised> {
    Ok((lua.number_argument(n)? + SHIFT).to_bits() as u32)
}

fn answer(lua: Lua, bits: u32) -> Outcome {
    lua.push_number(f64::from(bits as i32));
    Ok(Done::Values(1))
}

fn fold(lua: Lua, both: fn(u32, u32) -> u32) -> Outcome {
    let mut bits = argument(lua, 1)?;
    for n in 2..=lua.top() {
        bits = both(bits, argument(lua, n)?);
    }
    answer(lua, bits)
}

fn shift(lua: Lua, by: fn(u32, u32) -> u32) -> Outcome {
    let (bits, count) = (argument(lua, 1)?, argument(lua, 2)? & 31);
    answer(lua, by(bits, count))
}

/// In hexadecimal digits: so many, in capitals if the number is negative.
fn tohex(lua: Lua) -> Outcome {
    let bits = argument(lua, 1)?;
    let wanted = match lua.kind(2) {
        Kind::None => DIGITS as i32,
        _ => argument(lua, 2)? as i32,
    };
    let digits = wanted.unsigned_abs().min(DIGITS as u32) as usize;
    let all = if wanted < 0 { format!("{bits:08X}") } else { format!("{bits:08x}") };
    lua.push(&all.as_bytes()[DIGITS - digits..]);
    Ok(Done::Values(1))
}
