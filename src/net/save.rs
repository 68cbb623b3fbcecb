//! Snapshots on their way to files: the loop reads, a thread writes.

use super::door::Door;
use super::sync;
use crate::effects::Action;
use crate::exec::{save, snapshot};
use crate::keyspace::Reading;
use crate::persist::disk::Disk;
use crate::persist::snapshot::{
    Destination, IN_FLIGHT_MAX, InFlight, Purpose, Target, Task, in_flight_max, write,
};
use crate::server::Server;
use crate::stdx::alloc;
use crate::stdx::os::priority;
use crate::stdx::os::time::thread_cpu_ns;
use std::time::{Duration, Instant};

/// How long to wait for the thread then.
const PATIENCE: Duration = Duration::from_millis(1);

/// A shorter wait is not worth a timer, which has a resolution of a millisecond.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// How long it is looked how much of the loop's time clients take.
const WINDOW: Duration = Duration::from_millis(5);

/// How often a long wait looks whether it is still for something.
const STEP: Duration = Duration::from_millis(10);

/// Starts the threads for the snapshots that have begun, and reads them in slices.
pub(super) fn begin(door: &Door) {
    for task in door.enter(|s| s.persist.snapshots.take_tasks()) {
        let (number, in_flight) = (task.number, task.in_flight.clone());
        match task.to.clone() {
            Destination::File(target) => save(door, task, target),
            Destination::Replicas(form) => sync::send(door, task, form),
        }
        tokio::task::spawn_local(read(door.clone(), number, in_flight));
    }
}

/// Starts the thread that writes a file.
fn save(door: &Door, task: Task, target: Target) {
    let (number, actions) = (task.number, door.actions());
    let disk = door.enter(|s| s.persist.disk.clone());
    let thread = std::thread::Builder::new().name("larder-save".into());
    let started = thread.spawn(move || {
        alloc::register_thread();
        priority::step_back();
        let result = write(&*disk, &target, &task.parts, &task.in_flight);
        // At the loop's end nobody asks any more.
        let _ = actions.send(Action::SnapshotEnded { number, result });
    });
    if let Err(error) = started {
        door.enter(|s| snapshot::ended(s, number, Err(format!("Can't start a thread: {error}"))));
    }
}

/// Reads the snapshot of this number to its end.
async fn read(door: Door, number: u64, in_flight: InFlight) {
    let mut demand = Demand::new();
    let mut price = Price::default();
    // What is to be waited yet before the snapshot has no more than its share.
    let mut owed = Duration::ZERO;
    // Keys it was past when the latest slice ended.
    let mut past = 0;
    while door.enter(|s| s.persist.snapshots.reading == Some(number)) {
        if in_flight.bytes() > door.enter(|s| in_flight_max(s.maxmemory)) {
            tokio::time::sleep(PATIENCE).await;
            continue;
        }
        let began = Instant::now();
        let (reading, keys, delay, share) = door.enter(|s| {
            // Some were encoded since, for they were about to change: those are waited for as well, so that so many
            // keys take as long whoever writes meanwhile.
            let since = s.keyspace.shared.snapshot_keys();
            let reading = snapshot::slice(s);
            let now = s.keyspace.shared.snapshot_keys();
            let delay = Duration::from_micros(snapshot::delay_us(s, now.saturating_sub(past)));
            let keys = (since.saturating_sub(past), now.saturating_sub(since));
            past = now;
            (reading, keys, delay, s.config.snapshot_loop_share)
        });
        if reading == Reading::Complete {
            return;
        }
        let took = began.elapsed();
        let between = price.of_those_between(keys, took);
        let share = demand.share_left(took, share);
        owed += wait_for(took, between, share).max(delay);
        if owed < SLEEP_MIN {
            tokio::task::yield_now().await;
        } else {
            wait(&door, std::mem::take(&mut owed)).await;
        }
    }
}

/// How long to wait after a slice that took so long, and keys between it and the one before that took as long as is said,
/// so that both have this share of the time.
fn wait_for(took: Duration, between: Duration, share: f64) -> Duration {
    /// The part of its share that a slice has whatever was encoded between: else a snapshot could stand still.
    const LEAST: f64 = 0.25;
    let rest = |share: f64| 1.0 / share - 1.0;
    (took + between).mul_f64(rest(share)).min(took.mul_f64(rest(share * LEAST)))
}

/// What a key costs that is encoded: for those that commands encode between slices nobody measures it.
#[derive(Debug, Default)]
struct Price {
    /// Of one key lately, seconds.
    per_key: f64,
}

impl Price {
    /// What the first so many keys cost, as the others did, which were encoded in a slice that took so long.
    fn of_those_between(
        &mut self,
        (between, in_slice): (usize, usize),
        took: Duration,
    ) -> Duration {
        if in_slice > 0 {
            self.per_key = took.as_secs_f64() / in_slice as f64;
        }
        Duration::from_secs_f64(self.per_key * between as f64)
    }
}

/// How much of the loop's time clients ask for.
struct Demand {
    /// When the window began in which it is measured, and what CPU time the loop had used by then.
    window: (Instant, u64),
    /// Time that slices took in it.
    slices: Duration,
    /// The share of the loop's time that others took lately; all of it before it is known.
    taken: f64,
}

impl Demand {
    fn new() -> Self {
        Self { window: (Instant::now(), thread_cpu_ns()), slices: Duration::ZERO, taken: 1.0 }
    }

    /// The share of the loop's time that slices may take after one that took so long: what clients leave, and
    /// so many percent at least.
    ///
    /// If clients want a part `d` of the time and have the part `p`, they are busy for `d / p` of that. Their
    /// part is made the root of `d`, so that it is as much larger than what they want as the whole is
    /// larger than their part: few wait for a slice to end where the loop is nearly idle, and where it is
    /// busy the slices keep to the percentage.
    fn share_left(&mut self, took: Duration, percent: u32) -> f64 {
        self.slices += took;
        let wall = self.window.0.elapsed();
        if wall >= WINDOW {
            let cpu = thread_cpu_ns();
            let used = Duration::from_nanos(cpu.saturating_sub(self.window.1));
            let taken = used.saturating_sub(self.slices).div_duration_f64(wall);
            self.taken = self.taken.min(1.0).midpoint(taken.min(1.0));
            self.window = (Instant::now(), cpu);
            self.slices = Duration::ZERO;
        }
        (1.0 - self.taken.sqrt()).max(f64::from(percent) / 100.0)
    }
}

/// Waits so long, or until nobody wants the snapshot any more: what comes next may not begin before it is gone.
async fn wait(door: &Door, long: Duration) {
    let until = Instant::now() + long;
    let wanted = || door.enter(|s| !s.persist.snapshots.is_given_up());
    while wanted() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(STEP)).await;
    }
}

/// Saves at once, while nothing else is done; whether there is a file now.
pub(super) fn save_now(s: &mut Server) -> bool {
    while snapshot::slice(s) == Reading::More {}
    if save::begin_now(s).is_err() {
        return false;
    }
    let disk = s.persist.disk.clone();
    let Some(task) = s.persist.snapshots.take_task(Purpose::Save) else { return false };
    let number = task.number;
    let result = read_and_write(s, &*disk, task);
    let saved = result.is_ok();
    snapshot::ended(s, number, result);
    saved
}

/// Reads a snapshot to its end while a thread writes it.
fn read_and_write(s: &mut Server, disk: &dyn Disk, task: Task) -> Result<u64, String> {
    let in_flight = task.in_flight.clone();
    let Destination::File(target) = &task.to else {
        return Err("It is not saved, but sent".to_owned());
    };
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            alloc::register_thread();
            write(disk, target, &task.parts, &task.in_flight)
        });
        while snapshot::slice(s) == Reading::More {
            while in_flight.bytes() > IN_FLIGHT_MAX && !writer.is_finished() {
                std::thread::sleep(PATIENCE / 4);
            }
        }
        writer.join().unwrap_or_else(|_| Err("The thread that writes the snapshot died".to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_was_encoded_between_slices_is_part_of_the_share() {
        assert_eq!(wait_for(ms(1), ms(0), 0.2), ms(4));
        assert_eq!(wait_for(ms(1), ms(1), 0.2), ms(8));
        assert_eq!(wait_for(ms(1), ms(100), 0.2), ms(19), "a slice goes on all the same");
    }

    #[test]
    fn a_key_costs_what_the_latest_slice_shows() {
        let mut price = Price::default();
        assert_eq!(price.of_those_between((5, 0), ms(1)), ms(0), "no key was measured yet");
        assert_eq!(price.of_those_between((10, 100), ms(1)), Duration::from_micros(100));
        assert_eq!(price.of_those_between((20, 0), ms(1)), Duration::from_micros(200));
    }
}
