//! Snapshots on their way to replicas: a thread makes or reads blocks, the loop gives them to the replicas' sockets. A
//! slow replica holds up the thread, and by that the reading of the snapshot, not the server.

use super::door::Door;
use crate::exec::primary::sync;
use crate::exec::snapshot;
use crate::persist::disk::File;
use crate::persist::snapshot::{Form, Task, write_blocks};
use crate::repl::FileTask;
use crate::stdx::alloc;
use crate::stdx::os::error::os_words;
use crate::stdx::os::priority;
use bytes::Bytes;
use std::io::{ErrorKind, Read};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

/// Blocks that wait for the loop.
const BLOCKS: usize = 8;
/// Bytes read from a file at once.
const BLOCK: usize = 64 * 1024;
/// How long the loop waits before it looks again whether the sockets have taken enough.
const PATIENCE: Duration = Duration::from_millis(1);

/// Begins to send a snapshot that has begun, as it is taken.
pub(super) fn send(door: &Door, task: Task, form: Form) {
    let number = task.number;
    let made = on_thread(move |blocks| {
        let mut take = |block| blocks.blocking_send(block).is_ok();
        write_blocks(form, &task.parts, &task.in_flight, &mut take)
    });
    let door = door.clone();
    tokio::task::spawn_local(async move {
        let result = give(&door, number, made).await;
        door.enter(|s| snapshot::ended(s, number, result));
    });
}

/// Begins to send the files that replicas wait for.
pub(super) fn send_files(door: &Door) {
    for FileTask { number, mut file } in door.enter(|s| std::mem::take(&mut s.repl.files)) {
        let read = on_thread(move |blocks| read_blocks(&mut *file, blocks));
        let door = door.clone();
        tokio::task::spawn_local(async move {
            let result = give(&door, number, read).await;
            door.enter(|s| sync::file_ended(s, number, result));
        });
    }
}

/// Blocks that a thread sends, and how it ended.
type Sent<T> = (Receiver<Bytes>, oneshot::Receiver<Result<T, String>>);

/// Runs what sends blocks on a thread of its own.
fn on_thread<T: Send + 'static>(
    run: impl FnOnce(&Sender<Bytes>) -> Result<T, String> + Send + 'static,
) -> Sent<T> {
    let (blocks, queue) = channel(BLOCKS);
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("larder-sync".into());
    let started = thread.spawn(move || {
        alloc::register_thread();
        priority::step_back();
        let result = run(&blocks);
        // The loop learns that this was all by the queue's end.
        drop(blocks);
        let _ = done.send(result);
    });
    if let Err(error) = started {
        // What the closure held is dropped with it, and the loop sees that nothing comes.
        tracing::warn!("Can't start a thread: {error}");
    }
    (queue, result)
}

/// Gives blocks to the replicas, as fast as their sockets take them.
async fn give<T>(door: &Door, number: u64, (mut queue, result): Sent<T>) -> Result<T, String> {
    while let Some(block) = queue.recv().await {
        if !door.enter(|s| sync::push(s, number, &block)) {
            break;
        }
        while door.enter(|s| sync::are_full(s, number)) {
            tokio::time::sleep(PATIENCE).await;
        }
    }
    // With nobody to take the blocks the thread ends at the next one.
    drop(queue);
    result.await.unwrap_or_else(|_| Err("The thread that sends it died".to_owned()))
}

fn read_blocks(file: &mut dyn File, blocks: &Sender<Bytes>) -> Result<(), String> {
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        match file.take(BLOCK as u64).read_to_end(&mut block) {
            Ok(0) => return Ok(()),
            Ok(_) if blocks.blocking_send(Bytes::from(block)).is_err() => {
                return Err("No replica wants it any more".to_owned());
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(os_words(&error)),
        }
    }
}
