//! The driver in process: a server in this very thread, whose clock the scripts move.

use std::collections::HashMap;
use std::ffi::OsString;

use larder::client::ClientId;
use larder::config::load::{self, Launch};
use larder::testing::InProcess;

use crate::reply::{Replies, Reply};
use crate::run::{Absent, Driver};

/// Every server draws its randomness from this seed.
const SEED: u64 = 20_231_114;

pub(crate) struct Local {
    server: InProcess,
    clients: Vec<ClientId>,
    replies: HashMap<usize, Replies>,
}

impl Local {
    /// A server with these command-line options.
    pub(crate) fn start(options: &[String]) -> Result<Self, String> {
        let fixed = ["--save", "", "--enable-debug-command", "yes"].map(OsString::from);
        let args: Vec<_> = fixed.into_iter().chain(options.iter().map(OsString::from)).collect();
        match load::parse_args(&args) {
            Ok(Launch::Serve(startup)) => Ok(Self {
                server: InProcess::new(startup.config, SEED),
                clients: Vec::new(),
                replies: HashMap::new(),
            }),
            Ok(other) => Err(format!("the options ask for {other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    fn receive(&mut self, client: usize) -> &mut Replies {
        let bytes = self.server.take_output(self.clients[client]);
        let replies = self.replies.entry(client).or_default();
        replies.push(&bytes);
        replies
    }
}

impl Driver for Local {
    fn open(&mut self) -> usize {
        self.clients.push(self.server.connect());
        self.clients.len() - 1
    }

    fn close(&mut self, client: usize) {
        self.server.disconnect(self.clients[client]);
    }

    fn send(&mut self, client: usize, bytes: &[u8]) {
        self.server.send(self.clients[client], bytes);
    }

    fn read_reply(&mut self, client: usize) -> Result<Reply, Absent> {
        match self.receive(client).next() {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) if self.server.is_closed(self.clients[client]) => Err(Absent::Closed),
            Ok(None) => Err(Absent::Silent),
            Err(error) => Err(Absent::Malformed(error)),
        }
    }

    fn is_silent(&mut self, client: usize) -> bool {
        self.receive(client).is_empty()
    }

    fn is_closed(&mut self, client: usize) -> bool {
        self.receive(client).is_empty() && self.server.is_closed(self.clients[client])
    }

    fn settle(&mut self) {}

    fn is_process(&self) -> bool {
        false
    }

    fn advance(&mut self, ms: u64) {
        self.server.advance(ms);
    }
}
