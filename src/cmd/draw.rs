//! Elements drawn with repetition: a client may ask for any number of them, whatever there are.

use crate::resp::{CmdError, Reply};

/// Bytes that a reply of drawn elements may have. A real server goes on until its memory is gone.
const REPLY_MAX: usize = 512 << 20;
/// Most elements drawn between two looks at the reply's length,
const PORTION_MAX: usize = 1024;
/// and bytes of a portion after which the next is of one element: they may be long.
const PORTION_BYTES: usize = 1 << 20;

/// Lets `draw` add `count` elements to a reply, so many at a time as it is told.
///
/// # Errors
/// The reply would be longer than 512 MB.
pub fn with_repetition(
    reply: &mut Reply<'_>,
    count: usize,
    mut draw: impl FnMut(&mut Reply<'_>, usize),
) -> Result<(), CmdError> {
    let before = reply.written();
    let mut left = count;
    let mut portion = 1;
    while left > 0 {
        let start = reply.written();
        let drawn = left.min(portion);
        draw(reply, drawn);
        left -= drawn;
        if reply.written() - before > REPLY_MAX {
            return Err(CmdError::Msg("value is out of range"));
        }
        let were_short = reply.written() - start < PORTION_BYTES;
        portion = if were_short { (2 * portion).min(PORTION_MAX) } else { 1 };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::{Out, Resp};

    #[test]
    fn as_many_are_drawn_as_are_asked_for_and_no_more_than_fit() {
        let mut out = Out::default();
        let mut reply = Reply::new(&mut out, Resp::V2);
        let mut drawn = 0;
        let done = with_repetition(&mut reply, 1000, |reply, n| {
            drawn += n;
            (0..n).for_each(|_| reply.int(1));
        });
        assert_eq!((done, drawn, reply.written()), (Ok(()), 1000, 4000));
        let long = vec![b'x'; REPLY_MAX / 16];
        let refused = with_repetition(&mut reply, usize::MAX, |reply, n| {
            (0..n).for_each(|_| reply.bulk(&long));
        });
        assert!(refused.is_err());
    }
}
