//! Loading: a thread reads and builds, the loop inserts and goes on serving.

use super::door::Door;
use crate::exec::aof_load::{self, Player};
use crate::exec::load::{self, Slice};
use crate::persist::aof::load::Event;
use crate::persist::load::{Batch, Failure, Task};
use crate::stdx::alloc;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::oneshot;

/// Batches that wait for the loop.
const BATCHES: usize = 8;

/// Runs the load that has begun, if one has, to its end.
pub(super) async fn run(door: Door) {
    if let Some(task) = door.enter(|s| s.persist.loading.task.take()) {
        run_task(door, task).await;
    }
}

/// Runs a load to its end.
pub(super) async fn run_task(door: Door, task: Task) {
    let (batches, queue) = channel(BATCHES);
    let (done, result) = oneshot::channel();
    let pace = task.options.pace.clone();
    let mut sink = move |batch: Batch| {
        let delay = Duration::from_micros(pace.delay_us(batch.keys.len()));
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        batches.blocking_send(batch).is_ok()
    };
    let thread = std::thread::Builder::new().name("larder-load".into());
    let read = move || {
        alloc::register_thread();
        let result = Task::run(task, &mut sink);
        // The loop learns that this was all by the queue's end.
        drop(sink);
        let _ = done.send(result);
    };
    if let Err(error) = thread.spawn(read) {
        door.enter(|s| load::ended(s, Err(Failure::Io(error))));
        return;
    }
    insert_all(&door, queue).await;
    let died = || io::Error::other("the thread that loads it died");
    let result = result.await.unwrap_or_else(|_| Err(Failure::Io(died())));
    door.enter(|s| load::ended(s, result));
}

/// Runs the load of the append-only file that has begun, if one has, to its end.
pub(super) async fn run_log(door: Door) {
    let Some(task) = door.enter(|s| s.persist.aof.load.take()) else { return };
    let (events, mut queue) = channel(BATCHES);
    let (done, result) = oneshot::channel();
    let (all_taken, taken) = oneshot::channel();
    let (mut all_taken, mut taken) = (Some(all_taken), Some(taken));
    let mut sink = move |event: Event| {
        let last = matches!(event, Event::All);
        let sent = events.blocking_send(event).is_ok();
        sent && (!last || taken.take().is_some_and(|taken| taken.blocking_recv().is_ok()))
    };
    let thread = std::thread::Builder::new().name("larder-load".into());
    let read = move || {
        alloc::register_thread();
        let result = task.run(&mut sink);
        drop(sink);
        let _ = done.send(result);
    };
    if let Err(error) = thread.spawn(read) {
        door.enter(|s| aof_load::ended(s, Err(format!("Can't start a thread: {error}"))));
        return;
    }
    let mut player = door.enter(Player::new);
    let mut slice = Slice::Whole;
    while slice != Slice::Refused
        && let Some(mut event) = queue.recv().await
    {
        slice = Slice::More;
        while slice == Slice::More {
            slice = door.enter(|s| player.take(s, &mut event));
            tokio::task::yield_now().await;
        }
        if matches!(event, Event::All)
            && let Some(told) = all_taken.take()
        {
            // The thread waits for this.
            let _ = told.send(());
        }
    }
    // Where the loop takes no more, the thread learns it by either: it may have read all and wait for the second.
    drop((queue, all_taken));
    let result = result.await.unwrap_or_else(|_| Err("The thread that loads it died".to_owned()));
    door.enter(|s| {
        player.end(s);
        aof_load::ended(s, result);
    });
}

/// Inserts what comes, until that ends or cannot be taken.
async fn insert_all(door: &Door, mut queue: Receiver<Batch>) {
    while let Some(mut batch) = queue.recv().await {
        loop {
            match door.enter(|s| load::insert(s, &mut batch)) {
                Slice::More => tokio::task::yield_now().await,
                Slice::Whole => break,
                Slice::Refused => return,
            }
        }
        tokio::task::yield_now().await;
    }
}
