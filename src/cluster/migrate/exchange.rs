//! What is said on the connection to a server that is given keys: bytes come in, bytes and verdicts come out.
//!
//! ```text
//!   here    AUTH user password   SELECT db │ RESTORE a …  RESTORE b …            RESTORE c …
//!   there                        +OK   +OK │                  +OK  -BUSYKEY …            +OK
//!                                  opening │ keys, as many on the way as there is room for
//! ```
//! No key is sent before the opening has succeeded: it would land in another database, or show what it holds to
//! somebody who does not know the password.

use super::Key;
use crate::resp::request::{push_head, push_word};
use std::collections::VecDeque;

/// An answer takes one line, no longer than this.
const LINE_MAX: usize = 1024;

/// Who this server is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    /// The user, where it is not the default one.
    pub user: Option<Vec<u8>>,
    /// The password.
    pub password: Vec<u8>,
}

/// A password is shown to nobody.
impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What was answered is no answer to what was sent: the connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// What was answered about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The key.
    pub key: Key,
    /// Whether it is there now.
    pub taken: bool,
}

/// One conversation. A connection that is kept has several, one after the other.
#[derive(Debug, Default)]
pub struct Exchange {
    output: Vec<u8>,
    /// An answer that has not come whole.
    input: Vec<u8>,
    /// Answers to the opening that are awaited.
    opening: usize,
    /// Keys that were sent and whose answers are awaited, in order.
    awaited: VecDeque<Key>,
    /// The first error that was answered,
    refusal: Option<String>,
    /// which the opening got.
    is_shut: bool,
}

impl Exchange {
    /// Begins with what has to succeed before any key is sent.
    pub fn open(auth: Option<&Auth>, select: Option<i64>) -> Self {
        let mut this = Self::default();
        if let Some(Auth { user, password }) = auth {
            let user = user.as_deref().into_iter();
            let words: Vec<&[u8]> = [&b"AUTH"[..]].into_iter().chain(user).collect();
            push_head(&mut this.output, words.len() + 1);
            words.into_iter().for_each(|word| push_word(&mut this.output, word));
            push_word(&mut this.output, password);
            this.opening += 1;
        }
        if let Some(db) = select {
            push_head(&mut this.output, 2);
            push_word(&mut this.output, b"SELECT");
            push_word(&mut this.output, itoa::Buffer::new().format(db).as_bytes());
            this.opening += 1;
        }
        this
    }

    /// Sends a key, once the other side [is open](Self::is_open) for it; 0 is no time to live.
    pub fn send(&mut self, key: Key, ttl_ms: u64, payload: &[u8], replace: bool) {
        push_head(&mut self.output, if replace { 5 } else { 4 });
        push_word(&mut self.output, b"RESTORE");
        push_word(&mut self.output, &key);
        push_word(&mut self.output, itoa::Buffer::new().format(ttl_ms).as_bytes());
        push_word(&mut self.output, payload);
        if replace {
            push_word(&mut self.output, b"REPLACE");
        }
        self.awaited.push_back(key);
    }

    /// Bytes of what is to be sent.
    pub fn unwritten(&self) -> usize {
        self.output.len()
    }

    /// What is to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Bytes came; what they say of keys, in the order in which those were sent.
    ///
    /// # Errors
    /// They are no answers. What is said of keys before that is in `verdicts` all the same.
    pub fn handle_received(
        &mut self,
        bytes: &[u8],
        verdicts: &mut Vec<Verdict>,
    ) -> Result<(), Broken> {
        self.input.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(len) = self.input[at..].iter().position(|byte| *byte == b'\n') {
            let line = self.input[at..at + len].to_vec();
            at += len + 1;
            self.handle_line(line.strip_suffix(b"\r").ok_or(Broken)?, verdicts)?;
        }
        self.input.drain(..at);
        if self.input.len() > LINE_MAX { Err(Broken) } else { Ok(()) }
    }

    fn handle_line(&mut self, line: &[u8], verdicts: &mut Vec<Verdict>) -> Result<(), Broken> {
        let (taken, words) = match line {
            [b'+', words @ ..] => (true, words),
            [b'-', words @ ..] => (false, words),
            _ => return Err(Broken),
        };
        let is_opening = self.opening > 0;
        if is_opening {
            self.opening -= 1;
            self.is_shut |= !taken;
        } else {
            let key = self.awaited.pop_front().ok_or(Broken)?;
            verdicts.push(Verdict { key, taken });
        }
        if !taken && self.refusal.is_none() {
            self.refusal = Some(String::from_utf8_lossy(words).into_owned());
        }
        Ok(())
    }

    /// Whether keys may be sent.
    pub fn is_open(&self) -> bool {
        self.opening == 0 && !self.is_shut
    }

    /// Whether no key will ever be taken: the opening was refused.
    pub fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// Whether an answer is awaited.
    pub fn awaits(&self) -> bool {
        self.opening > 0 || !self.awaited.is_empty()
    }

    /// The first error that was answered.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// The keys that were sent and not answered.
    pub fn into_awaited(self) -> VecDeque<Key> {
        self.awaited
    }
}
