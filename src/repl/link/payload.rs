//! The primary's data set on its way: an RDB file, its length told before it or its end marked.
//!
//! ```text
//!   \n \n                                 empty lines while the primary prepares it
//!   $<length>\r\n <bytes>                 from a file
//!   $EOF:<40 bytes>\r\n <bytes> <40 bytes> while it is being made: the mark ends it
//! ```

use super::handshake::{shown, take_line};
use super::{Fault, Retry};

/// Bytes of a mark.
const MARK: usize = 40;

/// What was taken of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It begins; so many bytes follow, if that is known.
    Begins(Option<u64>),
    /// Bytes of it.
    Part(Vec<u8>),
    /// It is complete.
    Ends,
}

/// How far it is.
#[derive(Debug, Default)]
pub(super) enum Payload {
    /// The line before it has not come.
    #[default]
    Head,
    /// So many bytes are missing.
    Counted(u64),
    /// The mark ends it. The last bytes that came may be a part of that, and are kept back.
    Marked { mark: [u8; MARK], kept: Vec<u8>, whole: bool },
}

impl Payload {
    /// Takes what the input holds of it.
    pub(super) fn take(&mut self, input: &mut Vec<u8>) -> Result<Option<Taken>, Fault> {
        match self {
            Self::Head => self.take_head(input),
            Self::Counted(0) => Ok(Some(Taken::Ends)),
            Self::Counted(_) | Self::Marked { whole: false, .. } if input.is_empty() => Ok(None),
            Self::Counted(missing) => {
                let len = (*missing).min(input.len() as u64);
                let rest = input.split_off(len as usize);
                *missing -= len;
                Ok(Some(Taken::Part(std::mem::replace(input, rest))))
            }
            Self::Marked { whole: true, .. } => Ok(Some(Taken::Ends)),
            Self::Marked { mark, kept, whole } => {
                let mut bytes = std::mem::take(kept);
                bytes.append(input);
                let body = bytes.len().saturating_sub(MARK);
                *kept = bytes.split_off(body);
                *whole = *kept == *mark;
                Ok(Some(Taken::Part(bytes)))
            }
        }
    }

    fn take_head(&mut self, input: &mut Vec<u8>) -> Result<Option<Taken>, Fault> {
        let line = loop {
            match take_line(input)? {
                None => return Ok(None),
                Some(line) if line.is_empty() => {}
                Some(line) => break line,
            }
        };
        let shown = shown(&line);
        let refuse = |why: String| Err(Fault::new(Retry::Soon, why));
        match line.as_slice() {
            [b'-', ..] => refuse(format!("MASTER aborted replication with an error: {shown}")),
            [b'$', b'E', b'O', b'F', b':', mark @ ..] => match mark.try_into() {
                Ok(mark) => {
                    *self = Self::Marked { mark, kept: Vec::new(), whole: false };
                    Ok(Some(Taken::Begins(None)))
                }
                Err(_) => refuse(format!("Bad protocol from MASTER, this is no end mark: {shown}")),
            },
            [b'$', digits @ ..] => {
                match std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()) {
                    Some(length) => {
                        *self = Self::Counted(length);
                        Ok(Some(Taken::Begins(Some(length))))
                    }
                    None => refuse(format!("Bad protocol from MASTER, this is no length: {shown}")),
                }
            }
            _ => refuse(format!(
                "Bad protocol from MASTER, the first byte is not '$' (we received '{shown}'), are you \
                 sure the host and port are right?"
            )),
        }
    }
}
