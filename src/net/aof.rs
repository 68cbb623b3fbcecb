//! The thread that writes the append-only file.
//!
//! The loop puts jobs into a queue, once for all connections that are ready together, and goes on; the thread takes all there are at once and reports what came of
//! them, so what many turns wrote becomes one write and one sync. It is woken only where it sleeps.

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
        if std::mem::take(&mut queue.sleeps) {
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

    /// Waits for jobs, but no longer than `most`; takes those there are, and whether there will be no
    /// more.
    fn take(&self, most: Option<Duration>) -> (Vec<Job>, bool) {
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
        (std::mem::take(&mut queue.jobs), queue.ended)
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
    loop {
        let wake = writer.wake_at().map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
        let (jobs, ended) = queue.take(wake);
        jobs.into_iter().for_each(|job| writer.add(job));
        if ended {
            return writer.end();
        }
        if let Some(pause) = writer.pause() {
            std::thread::sleep(pause);
        }
        for report in writer.work(now_ms()) {
            // At the loop's end nobody listens any more.
            let _ = reports.send(report);
        }
    }
}
