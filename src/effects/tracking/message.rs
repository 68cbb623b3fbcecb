//! The messages of client-side caching, each encoded at most once for each form it is sent in.

use crate::resp::{Out, Reply, Resp};
use bytes::Bytes;

/// Where a client of RESP2 that is subscribed gets them.
const CHANNEL: &[u8] = b"__redis__:invalidate";
/// Messages up to this length are copied: that costs less than sharing them.
const COPIED_MAX: usize = 256;

/// What is not to be relied upon any more.
#[derive(Debug)]
pub(super) struct Invalidation<'a> {
    /// These keys; without them, all.
    keys: Option<&'a [&'a [u8]]>,
    push: Option<Bytes>,
    message: Option<Bytes>,
}

impl<'a> Invalidation<'a> {
    pub(super) fn new(keys: Option<&'a [&'a [u8]]>) -> Self {
        Self { keys, push: None, message: None }
    }

    /// Appends it to a client's output: as a push of its own in RESP3, in RESP2 as a message of the
    /// channel.
    pub(super) fn append_to(&mut self, out: &mut Out, resp: Resp) {
        let slot = match resp {
            Resp::V3 => &mut self.push,
            Resp::V2 => &mut self.message,
        };
        let bytes = slot.get_or_insert_with(|| encode(self.keys, resp));
        if bytes.len() <= COPIED_MAX {
            out.put(bytes);
        } else {
            out.put_shared(bytes.clone());
        }
    }
}

fn encode(keys: Option<&[&[u8]]>, resp: Resp) -> Bytes {
    let mut out = Out::default();
    let mut reply = Reply::new(&mut out, resp);
    match resp {
        Resp::V3 => {
            reply.push(2);
            reply.bulk(b"invalidate");
        }
        Resp::V2 => {
            reply.push(3);
            reply.bulk(b"message");
            reply.bulk(CHANNEL);
        }
    }
    match keys {
        None => reply.null(),
        Some(keys) => {
            reply.array(keys.len());
            keys.iter().for_each(|key| reply.bulk(key));
        }
    }
    out.into_bytes()
}

/// Tells a client of RESP3 that whom it redirects to is gone.
pub(super) fn append_broken(out: &mut Out, number: u64) {
    let mut reply = Reply::new(out, Resp::V3);
    reply.push(2);
    reply.bulk(b"tracking-redir-broken");
    reply.int(number as i64);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(keys: Option<&[&[u8]]>, resp: Resp) -> Bytes {
        let mut out = Out::default();
        Invalidation::new(keys).append_to(&mut out, resp);
        out.into_bytes()
    }

    #[test]
    fn each_protocol_has_its_form() {
        let keys: &[&[u8]] = &[b"a", b"bc"];
        let push = ">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$2\r\nbc\r\n";
        let head = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";
        assert_eq!(sent(Some(keys), Resp::V3), push);
        assert_eq!(sent(Some(keys), Resp::V2), format!("{head}*2\r\n$1\r\na\r\n$2\r\nbc\r\n"));
        assert_eq!(sent(None, Resp::V3), ">2\r\n$10\r\ninvalidate\r\n_\r\n");
        assert_eq!(sent(None, Resp::V2), format!("{head}$-1\r\n"));
    }
}
