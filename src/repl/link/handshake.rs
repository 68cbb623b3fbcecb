//! What a replica and its primary say to each other before data come.
//!
//! ```text
//!   PING                                 +PONG, or that a password is wanted
//!   AUTH [user] password                 +OK
//!   REPLCONF listening-port <port>       +OK; an error of an old primary does no harm, here and below
//!   REPLCONF ip-address <ip>
//!   REPLCONF capa eof capa psync2
//!   REPLCONF version <x.y.z>             +OK of Valkey, an error of Redis
//!   PSYNC <id> <offset>, or PSYNC ? -1   +CONTINUE [<id>], +FULLRESYNC <id> <offset>
//!   PSYNC <id> <offset> FAILOVER         the same, of a replica that leads from now on
//!   SYNC                                 where the primary does not know PSYNC
//! ```
//! All between the first and the last is sent at once.

use super::{Fault, Retry};
use crate::resp::request::push_command;
use std::collections::VecDeque;

/// Bytes of a line of the handshake, at most.
const LINE_MAX: usize = 1024;

/// The version of Valkey whose RDB files are read here. Valkey writes them as of 7.2 for who tells none, and then fails
/// where a field of a hash has a deadline.
const READS_FILES_OF: &[u8] = b"9.0.0";

/// What a replica tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Who it is at the primary; empty for the default user.
    pub user: String,
    /// The password; empty for none.
    pub password: String,
    /// The port that it is reached at.
    pub port: u16,
    /// The address that it is reached at, if it is not that of the connection.
    pub ip: String,
    /// The history it has, and the offset of the byte it wants next.
    pub history: Option<(String, u64)>,
    /// The primary is to become its replica: FAILOVER.
    pub failover: bool,
}

/// What is awaited of the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Ping,
    Auth,
    Port,
    Ip,
    Capabilities,
    Version,
    Psync,
}

/// How a handshake ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Continues(Option<String>),
    FullSync(Option<(String, u64)>),
    /// It was asked to lead, and does not; the reason, for the log.
    Refused(String),
}

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Handshake {
    terms: Terms,
    asked: VecDeque<Asked>,
}

impl Handshake {
    /// Begins one.
    pub(super) fn begin(terms: Terms, out: &mut Vec<u8>) -> Self {
        say(out, &[b"PING"]);
        Self { terms, asked: VecDeque::from([Asked::Ping]) }
    }

    /// Takes what has come; the end, if it is there.
    pub(super) fn take(
        &mut self,
        input: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Answer>, Fault> {
        while let Some(line) = take_line(input)? {
            // An empty line says that the primary is there and busy.
            if line.is_empty() {
                continue;
            }
            let text = shown(&line);
            let Some(asked) = self.asked.pop_front() else {
                let why = format!("Unexpected reply from master: {text}");
                return Err(Fault::new(Retry::Soon, why));
            };
            if asked == Asked::Psync {
                return self.take_answer(&text, out).map(Some);
            }
            let refused = line.first() == Some(&b'-');
            self.answered(asked, refused, &text)?;
            if asked == Asked::Ping {
                self.introduce(out);
            }
            if self.asked.is_empty() {
                self.ask_for_data(out);
            }
        }
        Ok(None)
    }

    /// What a reply to anything but PSYNC means.
    fn answered(&self, asked: Asked, refused: bool, text: &str) -> Result<(), Fault> {
        let fault = |why: String| Err(Fault::new(Retry::Soon, why));
        match asked {
            Asked::Ping if refused => {
                // It does not answer who has not said the password, which comes next.
                let wants_password = ["-NOAUTH", "-NOPERM", "-ERR operation not permitted"];
                if !wants_password.iter().any(|start| text.starts_with(start)) {
                    return fault(format!("Error reply to PING from master: '{text}'"));
                }
            }
            Asked::Ping if !text.starts_with('+') => {
                return fault(format!("Error reply to PING from master: '{text}'"));
            }
            Asked::Ping => {
                tracing::info!("Master replied to PING, replication can continue...");
            }
            Asked::Auth if refused => return fault(format!("Unable to AUTH to MASTER: {text}")),
            _ if refused => {
                let what = match asked {
                    Asked::Port => "REPLCONF listening-port",
                    Asked::Ip => "REPLCONF ip-address",
                    Asked::Version => "REPLCONF version",
                    _ => "REPLCONF capa",
                };
                tracing::info!("(Non critical) Master does not understand {what}: {text}");
            }
            _ => {}
        }
        Ok(())
    }

    /// Says who this is.
    fn introduce(&mut self, out: &mut Vec<u8>) {
        let Terms { user, password, port, ip, .. } = &self.terms;
        if !password.is_empty() {
            match user.is_empty() {
                true => say(out, &[b"AUTH", password.as_bytes()]),
                false => say(out, &[b"AUTH", user.as_bytes(), password.as_bytes()]),
            }
            self.asked.push_back(Asked::Auth);
        }
        say(out, &[b"REPLCONF", b"listening-port", port.to_string().as_bytes()]);
        self.asked.push_back(Asked::Port);
        if !ip.is_empty() {
            say(out, &[b"REPLCONF", b"ip-address", ip.as_bytes()]);
            self.asked.push_back(Asked::Ip);
        }
        say(out, &[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]);
        self.asked.push_back(Asked::Capabilities);
        say(out, &[b"REPLCONF", b"version", READS_FILES_OF]);
        self.asked.push_back(Asked::Version);
    }

    fn ask_for_data(&mut self, out: &mut Vec<u8>) {
        let (id, offset) = match &self.terms.history {
            Some((id, offset)) => {
                tracing::info!("Trying a partial resynchronization (request {id}:{offset}).");
                (id.as_str(), offset.to_string())
            }
            None => {
                tracing::info!("Partial resynchronization not possible (no cached master)");
                ("?", "-1".to_owned())
            }
        };
        let mut words: Vec<&[u8]> = vec![b"PSYNC", id.as_bytes(), offset.as_bytes()];
        if self.terms.failover {
            words.push(b"FAILOVER");
        }
        say(out, &words);
        self.asked.push_back(Asked::Psync);
    }

    /// What the reply to PSYNC means.
    fn take_answer(&self, text: &str, out: &mut Vec<u8>) -> Result<Answer, Fault> {
        let words: Vec<_> = text.split(' ').collect();
        match words.as_slice() {
            ["+CONTINUE"] if self.terms.history.is_some() => Ok(Answer::Continues(None)),
            ["+CONTINUE", id, ..] if self.terms.history.is_some() => match is_id(id) {
                true => Ok(Answer::Continues(Some((*id).to_owned()))),
                false => Err(bad_answer(text)),
            },
            ["+FULLRESYNC", id, offset] => match (is_id(id), offset.parse()) {
                (true, Ok(offset)) => Ok(Answer::FullSync(Some(((*id).to_owned(), offset)))),
                _ => Err(bad_answer(text)),
            },
            _ if self.terms.failover => {
                Ok(Answer::Refused(format!("Unexpected reply to PSYNC from master: {text}")))
            }
            ["-NOMASTERLINK" | "-LOADING", ..] => {
                let why = format!(
                    "Master is currently unable to PSYNC but should be in the future: {text}"
                );
                Err(Fault::new(Retry::Soon, why))
            }
            _ if text.starts_with('-') => {
                // Errors of a primary that knows no PSYNC are not worth a word.
                if !text.starts_with("-ERR") {
                    tracing::warn!("Unexpected reply to PSYNC from master: {text}");
                }
                tracing::info!("Retrying with SYNC...");
                say(out, &[b"SYNC"]);
                Ok(Answer::FullSync(None))
            }
            _ => Err(bad_answer(text)),
        }
    }
}

fn bad_answer(text: &str) -> Fault {
    Fault::new(Retry::Soon, format!("Unexpected reply to PSYNC from master: {text}"))
}

/// Forty hex digits, as the name of a history.
fn is_id(word: &str) -> bool {
    word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `REPLCONF ACK <applied> [FACK <synced>]`.
pub(super) fn acknowledge(out: &mut Vec<u8>, applied: u64, synced: Option<u64>) {
    let mut digits = itoa::Buffer::new();
    let mut more = itoa::Buffer::new();
    let applied = digits.format(applied).as_bytes();
    match synced {
        None => say(out, &[b"REPLCONF", b"ACK", applied]),
        Some(synced) => {
            let synced = more.format(synced).as_bytes();
            say(out, &[b"REPLCONF", b"ACK", applied, b"FACK", synced]);
        }
    }
}

fn say(out: &mut Vec<u8>, words: &[&[u8]]) {
    push_command(out, words.iter().copied());
}

/// A line of the primary's, for the log.
pub(super) fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Takes a line from the input, without its end; nothing if it has not come as a whole.
pub(super) fn take_line(input: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Fault> {
    let Some(end) = memchr::memchr(b'\n', &input[..input.len().min(LINE_MAX)]) else {
        if input.len() >= LINE_MAX {
            let start = shown(&input[..32]);
            let why = format!("Bad protocol from MASTER, a line without an end: {start}...");
            return Err(Fault::new(Retry::Soon, why));
        }
        return Ok(None);
    };
    let rest = input.split_off(end + 1);
    let mut line = std::mem::replace(input, rest);
    line.pop();
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(line))
}
