//! Numbers as text, by Redis's rules.
//!
//! Everything a client sends is text, so whether `+1`, `01` or ` 1` is a number decides which
//! encoding a value gets and which commands fail. The rules are part of the protocol and differ
//! from `std`'s:
//!
//! | | integer | double |
//! |---|---|---|
//! | empty, trailing bytes | refused | refused |
//! | leading white space | refused | refused, allowed in a range bound |
//! | `+1`, `01`, `-0` | refused | accepted |
//! | `1.`, `.5`, `1e3`, `0x1p3` | refused | accepted |
//! | `inf`, `Infinity` | refused | accepted |
//! | `nan` | refused | refused |
//! | out of range | refused | refused, saturated in a range bound |
//!
//! An integer is accepted only in the one spelling that [`write_i64`] would give it. That is why
//! SET may store the number instead of the text, and there is no second, laxer integer parser.
//!
//! Doubles are written by one rule everywhere, replies of both protocols and scores turned into
//! text alike; see [`f64_text`].

pub(crate) mod binary;
mod float;
mod int;

pub use float::{
    FloatText, f64_shortest_text, f64_text, parse_f64, parse_f64_bound, parse_f64_weight, write_f64,
};
pub use int::{digits10, i64_len, parse_i64, parse_u64, parse_u64_as_c, write_i64, write_u64};
