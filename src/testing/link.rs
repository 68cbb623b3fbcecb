//! The connection to a primary, carried by a test instead of a socket.

use super::InProcess;
use crate::client::PeerAddr;
use crate::effects::Connect;
use crate::exec::link::{self, Next, Receipt, Wants, sync};
use crate::exec::load::{self, Slice};
use crate::persist::load::Task;
use crate::server::Server;
use std::io::{self, Cursor, Read};
use std::task::Waker;

/// A data set on its way: how it is taken, and what has come of it.
#[derive(Debug)]
pub(super) struct Receiving {
    receipt: Receipt,
    bytes: Vec<u8>,
}

/// The end of a data set, or of a connection in the midst of one.
#[derive(Debug)]
struct End {
    whole: bool,
}

impl Read for End {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        if self.whole { Ok(0) } else { Err(io::ErrorKind::ConnectionReset.into()) }
    }
}

impl InProcess {
    /// Takes the connections to a primary that were asked for.
    pub fn take_connects(&mut self) -> Vec<Connect> {
        std::mem::take(&mut self.connects)
    }

    /// The connection of an attempt is there; whether it is still wanted.
    pub fn link_connected(&mut self, attempt: u64) -> bool {
        let connected = link::connected(&mut self.server, attempt, PeerAddr::Unix("".into()), -1);
        self.work();
        connected
    }

    /// Whether the connection of an attempt is still wanted.
    pub fn link_is_open(&mut self, attempt: u64) -> bool {
        link::poll(&mut self.server, attempt, Waker::noop()) != Wants::End
    }

    /// Takes what is to be sent over the connection.
    pub fn link_output(&mut self) -> Vec<u8> {
        link::take_output(&mut self.server)
    }

    /// Bytes come over the connection of an attempt. When this returns, the server has done all it can do with them.
    pub fn link_receive(&mut self, attempt: u64, bytes: &[u8]) {
        let server = &mut self.server;
        server.repl.link.input.extend_from_slice(bytes);
        let mut next = link::received(server, attempt, bytes.len());
        loop {
            match next {
                Next::Close => break,
                Next::Go | Next::Yield => {}
                Next::Receive(receipt) => {
                    self.receiving = Some(Receiving { receipt: *receipt, bytes: Vec::new() });
                }
                Next::Part(part) => {
                    if let Some(receiving) = &mut self.receiving {
                        receiving.bytes.extend(part);
                    }
                }
                Next::Whole => self.end_receiving(attempt, true),
            }
            let server = &mut self.server;
            let before = (server.repl.link.input.len(), server.repl.link.state_name());
            next = link::work(server, attempt);
            let after = (server.repl.link.input.len(), server.repl.link.state_name());
            if matches!(next, Next::Go) && before == after {
                break;
            }
        }
        self.work();
    }

    /// The connection of an attempt has ended, as this end sees it.
    pub fn link_closed(&mut self, attempt: u64) {
        link::closed(&mut self.server, attempt, "Connection lost.");
        if self.receiving.is_some() {
            self.end_receiving(attempt, false);
        }
        self.work();
    }

    /// No more parts of a data set come.
    fn end_receiving(&mut self, attempt: u64, whole: bool) {
        let Some(Receiving { receipt, bytes }) = self.receiving.take() else { return };
        let mut input = Cursor::new(bytes).chain(End { whole });
        let server = &mut self.server;
        match receipt {
            Receipt::File(to) => {
                let accept = |libraries: Vec<_>| sync::accept(server, &libraries);
                let result = to.run(&mut input, accept);
                sync::received(server, attempt, result);
            }
            Receipt::Direct(options) => {
                let task = Task { input: Box::new(input), options };
                run(server, task);
            }
        }
        self.work();
    }
}

/// Runs a load to its end, on the same thread.
pub(super) fn run(s: &mut Server, task: Task) {
    let result = task.run(&mut |mut batch| loop {
        match load::insert(s, &mut batch) {
            Slice::More => {}
            Slice::Whole => return true,
            Slice::Refused => return false,
        }
    });
    load::ended(s, result);
}
