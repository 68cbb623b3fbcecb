//! Whether foreign bytes are a listpack.

use crate::ds::Corrupt;

use super::element::{backlen_size, lead_size, span, write_backlen};
use super::{COUNT_UNKNOWN, END, HEAD};

/// Bytes of the longest back length.
const BACKLEN_MAX: usize = 5;

/// Counts the elements of a whole listpack.
pub(super) fn elements(bytes: &[u8]) -> Result<usize, Corrupt> {
    let corrupt = |at, what| Err(Corrupt { at, what });
    let [t0, t1, t2, t3, c0, c1, .., last] = *bytes else {
        return corrupt(0, "shorter than an empty listpack");
    };
    if u32::from_le_bytes([t0, t1, t2, t3]) as usize != bytes.len() {
        return corrupt(0, "another length than its head says");
    }
    let end = bytes.len() - 1;
    if last != END {
        return corrupt(end, "no end where the head says");
    }
    let (mut at, mut count) = (HEAD, 0);
    while at < end {
        match element(&bytes[at..end]) {
            Ok(size) => at += size,
            Err(what) => return corrupt(at, what),
        }
        count += 1;
    }
    let counted = u16::from_le_bytes([c0, c1]);
    if counted != COUNT_UNKNOWN && usize::from(counted) != count {
        return corrupt(4, "another count than its head says");
    }
    Ok(count)
}

/// How many bytes the element at the start of `bytes` takes, or what is wrong with it.
fn element(bytes: &[u8]) -> Result<usize, &'static str> {
    let lead = lead_size(bytes[0]).ok_or("an element of unknown form")?;
    if lead > bytes.len() {
        return Err("an element whose lead is cut off");
    }
    let span = span(bytes);
    let mut backlen = [0; BACKLEN_MAX];
    let backlen = &mut backlen[..backlen_size(span)];
    write_backlen(backlen, span);
    match bytes.get(span..span + backlen.len()) {
        None => Err("an element that reaches over the end"),
        Some(found) if found != backlen => Err("an element with a wrong back length"),
        Some(_) => Ok(span + backlen.len()),
    }
}
