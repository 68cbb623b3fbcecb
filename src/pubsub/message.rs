//! A push, encoded when first needed.

use crate::resp::{Out, Reply, Resp};
use bytes::Bytes;

/// Pushes up to this length are copied: that costs less than sharing them, in time and in memory.
const COPIED_MAX: usize = 256;
/// Room that an output without any is given for them: several messages often come before it is sent.
const FIRST_ROOM: usize = 256;

/// A push of bulk strings to any number of clients.
#[derive(Debug)]
pub struct Message<'a> {
    parts: &'a [&'a [u8]],
    v2: Option<Bytes>,
    v3: Option<Bytes>,
}

impl<'a> Message<'a> {
    /// A push of these strings.
    pub fn new(parts: &'a [&'a [u8]]) -> Self {
        Self { parts, v2: None, v3: None }
    }

    /// Its bytes in a protocol.
    pub fn encoded(&mut self, resp: Resp) -> &Bytes {
        let slot = match resp {
            Resp::V2 => &mut self.v2,
            Resp::V3 => &mut self.v3,
        };
        slot.get_or_insert_with(|| encode(self.parts, resp))
    }

    /// Appends it to a client's output.
    pub fn append_to(&mut self, out: &mut Out, resp: Resp) {
        append(out, self.encoded(resp));
    }
}

/// Appends a push that others may get as well.
pub(super) fn append(out: &mut Out, push: &Bytes) {
    if push.len() <= COPIED_MAX {
        if out.tail_capacity() == 0 {
            out.tail().reserve(FIRST_ROOM);
        }
        out.put(push);
    } else {
        out.put_shared(push.clone());
    }
}

fn encode(parts: &[&[u8]], resp: Resp) -> Bytes {
    let mut out = Out::default();
    let mut reply = Reply::new(&mut out, resp);
    reply.push(parts.len());
    for part in parts {
        reply.bulk(part);
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_shared_by_all_who_get_it() {
        let text = vec![b'x'; 1000];
        let words: [&[u8]; 3] = [b"message", b"c", &text];
        let mut message = Message::new(&words);
        let at = message.encoded(Resp::V2).as_ptr();
        let mut outs = [Out::default(), Out::default()];
        for out in &mut outs {
            message.append_to(out, Resp::V2);
            let mut slices = [std::io::IoSlice::new(&[]); 2];
            assert_eq!(out.chunks(&mut slices), 1);
            assert_eq!(slices[0].as_ptr(), at);
        }
    }

    #[test]
    fn protocols_differ_in_the_head_alone() {
        let mut message = Message::new(&[b"message", b"c", b"hi"]);
        let tail = "$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n";
        assert_eq!(message.encoded(Resp::V2), &format!("*3\r\n{tail}"));
        assert_eq!(message.encoded(Resp::V3), &format!(">3\r\n{tail}"));
    }
}
