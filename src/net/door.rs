//! The one cell of the program, and what stands beside the server behind it.

use super::aof::LogThread;
use super::migrate::Idle;
use crate::client::ClientId;
use crate::effects::Action;
use crate::exec::primary;
use crate::exec::turn::Scratch;
use crate::keyspace::Garbage;
use crate::persist::aof::writer::{Failure, Report};
use crate::server::Server;
use crate::stdx::alloc;
use crate::stdx::clock::Clock;
use crate::stdx::os::priority;
use bytes::BytesMut;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use tokio::sync::{Notify, mpsc};

/// Bytes read from a socket at once.
pub(super) const READ_SIZE: usize = 64 * 1024;
/// An output buffer that grew past this is not kept for the next turn.
const POOLED_MAX: usize = 256 * 1024;
/// Values that wait for the freeing thread; beyond that the loop frees them itself.
const GARBAGE_MAX: usize = 4096;

/// Bytes of the log that are handed over without waiting for those of the other connections.
const LOG_MAX: usize = 1 << 20;

/// What the freeing thread is given.
#[derive(Debug)]
enum Job {
    Free(Garbage),
    /// Have the allocator give free pages back.
    Purge,
    /// Answer the client that waited for all before it.
    Answer(ClientId),
}

/// Frees what it is given, in order, until the loop is gone.
fn free(jobs: &Receiver<Job>, actions: &mpsc::UnboundedSender<Action>) {
    alloc::register_thread();
    alloc::free_patiently();
    // On a machine with one CPU for all, freeing goes on in the time that the loop leaves.
    priority::step_back();
    for job in jobs {
        match job {
            Job::Free(garbage) => {
                let purge = garbage.whole_database;
                drop(garbage);
                if purge {
                    alloc::purge();
                }
            }
            Job::Purge => alloc::purge(),
            Job::Answer(client) => {
                // At the loop's end nobody waits any more.
                let _ = actions.send(Action::Answer { client });
            }
        }
    }
}

/// The server and what a turn needs beside it.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) server: Server,
    pub(super) scratch: Scratch,
    /// Where every connection reads to.
    pub(super) input: Vec<u8>,
    /// An output buffer for the client whose turn it is.
    tail: BytesMut,
    freer: SyncSender<Job>,
    log: LogThread,
    actions: mpsc::UnboundedSender<Action>,
    bells: Rc<Bells>,
    /// Connections for keys that move to other servers.
    pub(super) idle: Idle,
}

/// What tasks of the loop wait for.
#[derive(Debug, Default)]
pub(super) struct Bells {
    /// A deadline came to be that is nearer than the one waited for.
    pub(super) expiry: Notify,
    /// There is something for the writer of the append-only file to do.
    pub(super) log: Notify,
    /// Clients wait for memory.
    pub(super) memory: Notify,
}

/// What comes to the loop from the server and its threads.
#[derive(Debug)]
pub struct Asked {
    /// What the server asks of the process.
    pub actions: mpsc::UnboundedReceiver<Action>,
    /// What the writer of the append-only file reports.
    pub reports: mpsc::UnboundedReceiver<Report>,
}

/// Lets one task at a time to the server.
#[derive(Debug, Clone)]
pub struct Door {
    room: Rc<RefCell<Room>>,
    bells: Rc<Bells>,
}

impl Door {
    /// A door before `server`, and what comes from behind it.
    pub fn new(server: Server) -> (Self, Asked) {
        let (freer, jobs) = sync_channel(GARBAGE_MAX);
        let (actions, asked) = mpsc::unbounded_channel();
        let (reports, reported) = mpsc::unbounded_channel();
        let answers = actions.clone();
        let freeing = std::thread::Builder::new().name("larder-free".into());
        freeing.spawn(move || free(&jobs, &answers)).expect("a thread can be started at start-up");
        let bells = Rc::new(Bells::default());
        let room = Room {
            server,
            scratch: Scratch::default(),
            input: vec![0; READ_SIZE],
            tail: BytesMut::new(),
            freer,
            log: LogThread::new(reports),
            actions,
            bells: Rc::clone(&bells),
            idle: Idle::default(),
        };
        let asked = Asked { actions: asked, reports: reported };
        (Self { room: Rc::new(RefCell::new(room)), bells }, asked)
    }

    /// Runs `f` on the server, at the time it is now, and carries out what follows.
    pub fn enter<R>(&self, f: impl FnOnce(&mut Server) -> R) -> R {
        self.enter_room(|room| f(&mut room.server))
    }

    pub(super) fn enter_room<R>(&self, f: impl FnOnce(&mut Room) -> R) -> R {
        let mut room = self.room.borrow_mut();
        room.server.keyspace.shared.set_now_us(Clock.now_us().unsigned_abs());
        let result = f(&mut room);
        room.follow_up();
        result
    }

    /// Where threads report what they have done.
    pub(super) fn actions(&self) -> mpsc::UnboundedSender<Action> {
        self.room.borrow().actions.clone()
    }

    /// Writes and syncs the append-only file to its end.
    ///
    /// # Errors
    /// Not all of it could be.
    pub(super) fn end_log(&self) -> Result<(), Failure> {
        let mut room = self.room.borrow_mut();
        room.hand_over_log();
        room.log.end()
    }

    /// What tasks of the loop wait for.
    pub(super) fn bells(&self) -> &Bells {
        &self.bells
    }
}

impl Room {
    /// Lends the pooled output buffer.
    pub(super) fn lend_tail(&mut self) -> BytesMut {
        std::mem::take(&mut self.tail)
    }

    /// Takes an emptied output buffer back.
    pub(super) fn return_tail(&mut self, tail: BytesMut) {
        if tail.capacity() <= POOLED_MAX && tail.capacity() > self.tail.capacity() {
            self.tail = tail;
        }
    }

    /// Gives the writer of the append-only file what there is for it.
    pub(super) fn hand_over_log(&mut self) {
        if self.server.persist.aof.has_jobs() {
            self.log.hand_over(&mut self.server.persist.aof);
        }
    }

    fn follow_up(&mut self) {
        if self.server.repl.has_news || self.server.repl.wants_acks {
            primary::end_turn(&mut self.server);
        }
        let shared = &mut self.server.keyspace.shared;
        if shared.has_garbage() {
            for garbage in shared.take_garbage() {
                // With the queue full it is freed here and now: a bound before a promise.
                if let Err(TrySendError::Full(job)) = self.freer.try_send(Job::Free(garbage)) {
                    drop(job);
                }
            }
        }
        // All connections that are ready have their turn first, so that what they write goes together.
        if self.server.persist.aof.log.pending().len() > LOG_MAX {
            self.hand_over_log();
        } else if self.server.persist.aof.has_jobs() {
            self.bells.log.notify_one();
        }
        if std::mem::take(&mut self.server.keyspace.shared.nearer_deadline) {
            self.bells.expiry.notify_one();
        }
        if self.server.throttle.take_news() {
            self.bells.memory.notify_one();
        }
        if self.server.effects.has_actions() {
            for action in self.server.effects.take_actions() {
                let job = match action {
                    Action::AwaitFreeing { client } => Some(Job::Answer(client)),
                    Action::Purge => Some(Job::Purge),
                    _ => None,
                };
                if job.is_some_and(|job| self.freer.try_send(job).is_ok()) {
                    continue;
                }
                // The receiver lives as long as the loop; at its end nothing is asked any more.
                let _ = self.actions.send(action);
            }
        }
    }
}
