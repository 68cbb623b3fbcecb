//! The connection to this server's primary.

use crate::resp::Reply;
use crate::stdx::fields::Fields;

/// The state of the connection to the primary.
#[derive(Debug, Default)]
pub struct Link {}

impl Link {
    /// Its lines of INFO's section `replication`.
    pub fn info(&self, _: &mut Fields) {}

    /// Whether the primary's stream comes in.
    pub fn is_up(&self) -> bool {
        false
    }

    /// The state and the offset that ROLE tells of it.
    pub fn role(&self, reply: &mut Reply<'_>) {
        reply.bulk(b"connect");
        reply.int(-1);
    }
}
