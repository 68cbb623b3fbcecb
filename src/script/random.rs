//! `math.random`: the generator of POSIX's `drand48`, which gives the same numbers everywhere for a seed.

use super::raw::{Done, Function, Lua, Outcome, Raised};

/// The largest number drawn, and one more than the largest that is used.
const MAX: u64 = i32::MAX as u64;

/// The functions.
pub(super) static FUNCTIONS: &[(&str, Function)] =
    &[("random", random), ("randomseed", randomseed)];

/// The generator's state for a seed.
pub(super) fn seeded(seed: u32) -> u64 {
    u64::from(seed) << 16 | 0x330e
}

/// The next state.
fn step(state: u64) -> u64 {
    state.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff
}

fn random(lua: Lua) -> Outcome {
    let state = &lua.host().engine.random;
    state.set(step(state.get()));
    let drawn = ((state.get() >> 17) % MAX) as f64 / MAX as f64;
    let number = match lua.top() {
        0 => drawn,
        1 => {
            let upper = lua.number_argument(1)?.trunc();
            if upper < 1.0 {
                return Err(Raised::Argument(1, c"interval is empty"));
            }
            (drawn * upper).floor() + 1.0
        }
        2 => {
            let (lower, upper) = (lua.number_argument(1)?.trunc(), lua.number_argument(2)?.trunc());
            if lower > upper {
                return Err(Raised::Argument(2, c"interval is empty"));
            }
            (drawn * (upper - lower + 1.0)).floor() + lower
        }
        _ => return Err(Raised::Words(c"wrong number of arguments")),
    };
    lua.push_number(number);
    Ok(Done::Values(1))
}

fn randomseed(lua: Lua) -> Outcome {
    let seed = lua.number_argument(1)? as i64;
    lua.host().engine.random.set(seeded(seed as u32));
    Ok(Done::Values(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_numbers_that_it_gives_elsewhere() {
        // Recorded from redis-server 8.0.6: math.randomseed(5), then random(1000) twice and random(1, 6).
        let mut state = seeded(5);
        let mut draw = |upper: f64| {
            state = step(state);
            (((state >> 17) % MAX) as f64 / MAX as f64 * upper).floor() + 1.0
        };
        assert_eq!([draw(1000.0), draw(1000.0), draw(6.0)], [525.0, 273.0, 5.0]);
    }
}
