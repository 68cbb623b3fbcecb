//! The thread that writes the append-only file.
//!
//! The loop puts jobs into a queue, once for all connections that are ready together, and goes on; the thread takes all there are at once and reports what came of
//! them, so what many turns wrote becomes one write and one sync. It is woken only where it sleeps.
//!
//! # Group commit
//! With `appendfsync always` a sync takes as long for one write as for many, and clients who are answered
//! together mostly write again together, a moment later. Were the next sync begun at once, with what had come
//! during the last, they would miss it, and all clients would fall into two halves that each wait for
//! two syncs. So after a sync the thread waits for those who were just answered, [`Gathering`] says how long.

use crate::persist::aof::Aof;
use crate::persist::aof::writer::{Failure, Job, Report, Writer};
use crate::stdx::alloc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// The loop's end of the queue.
#[derive(Debug)]
pub(super) struct LogThread {
    queue: Arc<Shared>,
    reports: UnboundedSender<Report>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: Vec<Job>,
    /// The thread sleeps until there are jobs.
    sleeps: bool,
    /// How often a client began to wait for what is in the jobs, those taken already too.
    waiters: u64,
    /// The thread waits until there were so many.
    gathers: Option<u64>,
    /// There will be no more.
    ended: bool,
}

impl LogThread {
    /// A thread that is started when there is something to write; it sends reports to `reports`.
    pub(super) fn new(reports: UnboundedSender<Report>) -> Self {
        Self { queue: Arc::default(), reports, thread: None }
    }

    /// Hands over what there is to do.
    pub(super) fn hand_over(&mut self, aof: &mut Aof) {
        if let Some(writer) = aof.take_writer() {
            let queue = Arc::clone(&self.queue);
            let reports = self.reports.clone();
            let named = std::thread::Builder::new().name("larder-aof".into());
            let spawned = named.spawn(move || run(*writer, &queue, &reports));
            self.thread = Some(spawned.expect("one more thread can be started"));
        }
        let mut queue = self.queue.lock();
        aof.hand_over(&mut queue.jobs);
        queue.waiters = aof.held_ever;
        let gathered = queue.gathers.is_some_and(|awaited| queue.waiters >= awaited);
        if std::mem::take(&mut queue.sleeps) || gathered {
            queue.gathers = None;
            drop(queue);
            self.queue.changed.notify_one();
        }
    }

    /// Waits until all that was handed over is written and synced, and ends the thread.
    ///
    /// # Errors
    /// Not all could be.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.queue.lock().ended = true;
        self.queue.changed.notify_one();
        thread.join().unwrap_or_else(|_| {
            Err(Failure { syncing: false, why: "the thread that writes it panicked".to_owned() })
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no holder of the lock panics")
    }

    /// Waits for jobs, but no longer than `most`; takes those there are, how often clients began to wait so far,
    /// and whether there will be no more.
    fn take(&self, most: Option<Duration>) -> (Vec<Job>, u64, bool) {
        let mut queue = self.lock();
        while queue.jobs.is_empty() && !queue.ended {
            queue.sleeps = true;
            let Some(most) = most else {
                queue = self.changed.wait(queue).expect("no holder of the lock panics");
                continue;
            };
            let waited = self.changed.wait_timeout(queue, most);
            queue = waited.expect("no holder of the lock panics").0;
            break;
        }
        queue.sleeps = false;
        (std::mem::take(&mut queue.jobs), queue.waiters, queue.ended)
    }

    /// Waits until so many more clients wait for what they wrote, but no longer than `most`: how many there are.
    fn gather(&self, awaited: u64, most: Duration) -> u64 {
        let mut queue = self.lock();
        let before = queue.waiters;
        let until = Instant::now() + most;
        queue.gathers = Some(before + awaited);
        while queue.gathers.is_some() && !queue.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(queue, left);
            queue = waited.expect("no holder of the lock panics").0;
        }
        queue.gathers = None;
        queue.waiters - before
    }
}

/// How long to wait after a sync for those it was made for.
struct Gathering {
    /// The part of those answered that is waited for: as many as came back in time before, and as long as all
    /// of them do, a few more.
    returning: f64,
    /// How often clients had begun to wait before the last sync.
    waiters: u64,
}

impl Gathering {
    /// Clients that come back in time make this a larger part of what is expected.
    const STEP: f64 = 1.0 / 16.0;

    fn new() -> Self {
        Self { returning: 1.0, waiters: 0 }
    }

    /// A sync that took so long was made for all who had begun to wait, so often. Waits for them, but no longer
    /// than the sync took: a wait that nobody comes in makes two of it at most.
    fn synced(&mut self, waiters: u64, took: Duration, queue: &Shared) {
        let answered = waiters - std::mem::replace(&mut self.waiters, waiters);
        let awaited = (answered as f64 * self.returning) as u64;
        if awaited == 0 {
            self.returning = (self.returning + Self::STEP).min(1.0);
            return;
        }
        let came = queue.gather(awaited, took);
        self.returning = match came < awaited {
            true => came as f64 / answered as f64,
            false => (self.returning + Self::STEP).min(1.0),
        };
    }
}

fn run(
    mut writer: Writer,
    queue: &Shared,
    reports: &UnboundedSender<Report>,
) -> Result<(), Failure> {
    alloc::register_thread();
    let started = Instant::now();
    let now_ms = || started.elapsed().as_millis() as u64;
    let mut gathering = Gathering::new();
    loop {
        let wake = writer.wake_at().map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
        let (jobs, waiters, ended) = queue.take(wake);
        jobs.into_iter().for_each(|job| writer.add(job));
        if ended {
            return writer.end();
        }
        if let Some(pause) = writer.pause() {
            std::thread::sleep(pause);
        }
        let (synced_to, began) = (writer.progress().synced, Instant::now());
        for report in writer.work(now_ms()) {
            // At the loop's end nobody listens any more.
            let _ = reports.send(report);
        }
        if writer.syncs_first() && writer.progress().synced != synced_to {
            gathering.synced(waiters, began.elapsed(), queue);
        }
    }
}
