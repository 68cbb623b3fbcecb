//! The loop's own tasks: timers, signals, and what commands ask of the process.

use super::accept::{Endpoints, Listeners};
use super::door::{Asked, Door, Room};
use super::{link, load, migrate, save, sync};
use crate::config::rewrite::{Missing, rewrite_file};
use crate::config::{SetError, Undo};
use crate::effects::Action;
use crate::exec::{self, aof, aof_load, cron, defrag, reconfigure, shutdown, snapshot, throttle};
use crate::persist::aof::writer::Report;
use crate::persist::leftovers;
use crate::resp::CmdError;
use crate::server::Server;
use crate::stdx::os::error::os_words;
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// How often it is looked whether there is memory for those who wait.
const ROOM_STEP: Duration = Duration::from_millis(1);

/// How often it is looked whether there is anything to defragment.
const DEFRAG_LOOK: Duration = Duration::from_millis(100);
/// Slices of defragmentation that came too late are made up for within so much time.
const DEFRAG_BEHIND_MAX: Duration = Duration::from_millis(5);

/// What start-up hands to the loop.
pub struct Startup {
    /// The server, its keyspace filled.
    pub server: Server,
    /// The process around it.
    pub process: Rc<dyn Process>,
}

/// What the loop asks of the process around it.
pub trait Process {
    /// Everything listens; nothing is loaded yet.
    fn listens(&self, server: &Server);
    /// The data set is loaded.
    fn ready(&self, server: &Server);
    /// The configuration changed.
    ///
    /// # Errors
    /// Which option cannot be followed, and why.
    fn reconfigure(&self, server: &Server) -> Result<(), SetError>;
    /// The kernel's score of the process is to follow the configuration and the role; whether it does.
    fn adjust_oom_score(&self, server: &Server) -> bool;
    /// Relative names of files are in this folder from now on; its full path.
    ///
    /// # Errors
    /// It cannot be entered.
    fn enter_dir(&self, dir: &str) -> io::Result<String>;
    /// The server is a replica now, or a primary.
    fn role_changed(&self, server: &Server);
    /// The log file may have been moved away.
    fn reopen_log(&self);
    /// DEBUG SEGFAULT.
    fn crash(&self);
}

/// Serves until something ends the process; its exit code.
///
/// # Errors
/// Why it cannot begin: an address that cannot be bound.
pub fn serve(startup: Startup) -> Result<i32, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Sockets are looked at often enough that timers and accepts keep their time under load.
        .event_interval(61)
        .build()
        .map_err(|e| format!("Can't start the event loop: {e}"))?;
    LocalSet::new().block_on(&runtime, run(startup))
}

async fn run(startup: Startup) -> Result<i32, String> {
    let Startup { server, process } = startup;
    let (door, Asked { mut actions, reports }) = Door::new(server);
    // Before anybody can know that the server is there.
    let signals = Signals::catch();
    let mut listeners = Listeners::open(&door, &door.enter(|s| endpoints(s)))?;
    door.enter(|s| process.listens(s));
    tokio::task::spawn_local(tick(door.clone()));
    tokio::task::spawn_local(expire(door.clone()));
    tokio::task::spawn_local(take_reports(door.clone(), reports));
    tokio::task::spawn_local(hand_over_log(door.clone()));
    tokio::task::spawn_local(make_room(door.clone()));
    tokio::task::spawn_local(defragment(door.clone()));
    tokio::task::spawn_local(signals.obey(door.clone(), Rc::clone(&process)));
    door.enter(|s| {
        leftovers::remove(&*s.persist.disk, s.facts.pid, &s.config.dbfilename, &process_runs);
    });
    door.enter(exec::link::at_start);
    door.enter(|s| match s.config.appendonly {
        true => aof_load::at_start(s),
        false => exec::load::at_start(s),
    })?;
    tokio::task::spawn_local(get_ready(door.clone(), Rc::clone(&process)));
    let code = carry_out(&door, &mut actions, &mut listeners, &*process).await;
    // The system takes back what the server holds; to free all keys one by one would only put the end off.
    std::mem::forget(door);
    Ok(code)
}

/// Whether there is a process of this number. One that may not be signalled is one.
fn process_runs(pid: u32) -> bool {
    let found = i32::try_from(pid).map(|pid| kill(Pid::from_raw(pid), None));
    matches!(found, Ok(Ok(()) | Err(Errno::EPERM)))
}

/// Loads the data set, if there is one, and says that the server is ready.
async fn get_ready(door: Door, process: Rc<dyn Process>) {
    run_loads(door.clone()).await;
    if door.enter(|s| !s.persist.loading.failed) {
        door.enter(|s| process.ready(s));
    }
}

/// Runs the load that has begun, of whichever kind.
async fn run_loads(door: Door) {
    load::run(door.clone()).await;
    load::run_log(door).await;
}

fn endpoints(s: &Server) -> Endpoints {
    let config = &s.config;
    let unix = (!config.unixsocket.is_empty())
        .then(|| (PathBuf::from(&config.unixsocket), config.unixsocketperm));
    Endpoints {
        bind: config.bind.0.clone(),
        port: config.port,
        backlog: config.tcp_backlog as i32,
        unix,
    }
}

/// Does what commands ask of the process, until one asks for its end.
async fn carry_out(
    door: &Door,
    asked: &mut UnboundedReceiver<Action>,
    listeners: &mut Listeners,
    process: &dyn Process,
) -> i32 {
    while let Some(action) = asked.recv().await {
        match action {
            Action::Shutdown(how) => door.enter(|s| shutdown::begin(s, how)),
            Action::Exit(code) => {
                if code == 0 {
                    if let Err(failure) = door.end_log() {
                        tracing::warn!("Fail to fsync the AOF file: {}.", failure.why);
                    }
                    tracing::warn!("larder is now ready to exit, bye bye...");
                }
                return code;
            }
            Action::FlushedAll => door.enter(exec::save::flushed_all),
            // The freeing thread had too much else to do.
            Action::Purge => {}
            Action::Answer { client } | Action::AwaitFreeing { client } => {
                door.enter(|s| reconfigure::answer(s, Some(client), Ok(())));
            }
            Action::Crash => process.crash(),
            Action::GoOnWithScript => drop(tokio::task::spawn_local(go_on(door.clone()))),
            Action::WriteSnapshot => save::begin(door),
            Action::SendFile => sync::send_files(door),
            Action::SnapshotEnded { number, result } => {
                door.enter(|s| snapshot::ended(s, number, result));
            }
            Action::Connect(to) => drop(tokio::task::spawn_local(link::run(door.clone(), *to))),
            Action::Migrate(number) => {
                drop(tokio::task::spawn_local(migrate::run(door.clone(), number)));
            }
            Action::RoleChanged => door.enter(|s| process.role_changed(s)),
            Action::Load => drop(tokio::task::spawn_local(run_loads(door.clone()))),
            Action::ReloadLog { client } => door.enter(|s| aof_load::reload(s, client)),
            Action::Reload { client, save, how } => door.enter(|s| {
                exec::load::prepare(s);
                let saved = !save || save::save_now(s);
                exec::load::saved(s, client, saved, how);
            }),
            Action::Save { client } => door.enter(|s| {
                let saved = save::save_now(s);
                exec::save::answer(s, Some(client), saved);
            }),
            Action::Reconfigure { client, undo, listen } => {
                let followed = follow(door, listeners, process, &undo, listen).await;
                door.enter(|s| {
                    let answer = followed.map_err(|why| {
                        let error = reconfigure::undo(s, &undo, why);
                        // What was in force a moment ago can be again.
                        let _ = process.reconfigure(s);
                        if option_of_score(&undo).is_some() {
                            process.adjust_oom_score(s);
                        }
                        error
                    });
                    reconfigure::answer(s, client, answer);
                });
            }
            Action::RewriteConfig { client, missing } => {
                let written = door.enter(|s| rewrite_config(s, missing));
                door.enter(|s| reconfigure::answer(s, client, written));
            }
        }
    }
    0
}

/// Runs the suspended script to its end, with others' turns between.
async fn go_on(door: Door) {
    while door.enter(exec::scripting::go_on) {
        tokio::task::yield_now().await;
    }
}

/// Makes the process follow the configuration.
async fn follow(
    door: &Door,
    listeners: &mut Listeners,
    process: &dyn Process,
    undo: &Undo,
    listen: bool,
) -> Result<(), SetError> {
    if !undo.changed("dir") {
        return follow_all(door, listeners, process, undo, listen).await;
    }
    let entered = process.enter_dir(&door.enter(|s| s.config.dir.clone()));
    let dir = entered.map_err(|e| SetError::failed("dir", os_words(&e)))?;
    let followed = follow_all(door, listeners, process, undo, listen).await;
    match followed {
        Ok(()) => door.enter(|s| s.config.dir = dir),
        // It was left a moment ago.
        Err(_) => drop(process.enter_dir(&undo.before().dir)),
    }
    followed
}

/// The same but for the folder.
async fn follow_all(
    door: &Door,
    listeners: &mut Listeners,
    process: &dyn Process,
    undo: &Undo,
    listen: bool,
) -> Result<(), SetError> {
    door.enter(|s| process.reconfigure(s))?;
    if let Some(option) = option_of_score(undo)
        && !door.enter(|s| process.adjust_oom_score(s))
    {
        let why = "Failed to set current oom_score_adj. Check server logs.";
        return Err(SetError::failed(option, why));
    }
    door.enter(aof::configure);
    if !listen {
        return Ok(());
    }
    let wanted = door.enter(|s| endpoints(s));
    listeners.move_to(door, &wanted).await.map_err(|why| {
        tracing::warn!("{why}");
        reconfigure::cannot_listen(undo)
    })
}

/// The option that changed, if one did, of those about the kernel's score.
fn option_of_score(undo: &Undo) -> Option<&'static str> {
    ["oom-score-adj-values", "oom-score-adj"].into_iter().find(|name| undo.changed(name))
}

fn rewrite_config(s: &Server, missing: Missing) -> Result<(), CmdError> {
    let path = Path::new(&s.facts.config_file);
    rewrite_file(path, &s.config, missing).map_err(|e| {
        let why = os_words(&e);
        tracing::warn!("CONFIG REWRITE failed: {why}");
        match missing {
            Missing::Changed => CmdError::err(format_args!("Rewriting config file: {why}")),
            Missing::All => CmdError::err(format_args!("CONFIG-REWRITE-FORCE-ALL failed: {why}")),
        }
    })?;
    tracing::info!("CONFIG REWRITE executed with success.");
    Ok(())
}

/// Gives the writer of the append-only file what was written, once those that were ready had their turns.
async fn hand_over_log(door: Door) {
    loop {
        door.bells().log.notified().await;
        door.enter_room(Room::hand_over_log);
    }
}

/// Lets clients go on that wait for memory, once there is some.
async fn make_room(door: Door) {
    loop {
        door.bells().memory.notified().await;
        while door.enter(throttle::release) {
            tokio::time::sleep(ROOM_STEP).await;
        }
    }
}

/// Defragments memory in slices, which are as far apart as their share of the time asks.
async fn defragment(door: Door) {
    let mut due = Instant::now();
    loop {
        let slice = door.enter(defrag::slice);
        let now = Instant::now();
        match slice {
            Some(nanos) => {
                // A timer is late by up to two milliseconds, which are more than a slice.
                due = (due + Duration::from_nanos(nanos)).max(now - DEFRAG_BEHIND_MAX);
            }
            None => due = now + DEFRAG_LOOK,
        }
        if due > now {
            tokio::time::sleep_until(due).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
}

/// Passes on what the writer of the append-only file reports.
async fn take_reports(door: Door, mut reports: UnboundedReceiver<Report>) {
    while let Some(report) = reports.recv().await {
        door.enter(|s| aof::handle(s, report));
    }
}

async fn tick(door: Door) {
    loop {
        let hz = door.enter(|s| {
            cron::tick(s);
            s.config.hz
        });
        door.enter_room(Room::close_idle);
        while door.enter(cron::evict) {
            tokio::task::yield_now().await;
        }
        // A table is resized in the time that clients leave, which may take long for a big one; what
        // else time asks for does not wait for it.
        let next = Instant::now() + Duration::from_secs(1) / hz.max(1);
        while door.enter(cron::rehash) && Instant::now() < next {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep_until(next).await;
    }
}

/// Sleeps until the nearest deadline and removes what is due, in slices.
async fn expire(door: Door) {
    loop {
        while door.enter(cron::expire) {
            tokio::task::yield_now().await;
        }
        let wait = door.enter(|s| {
            let next = cron::next_deadline(s);
            s.keyspace.shared.armed_ms = next.unwrap_or(u64::MAX);
            next.map(|at| at.saturating_sub(s.now_ms()))
        });
        // The wall clock may be set while we sleep, so a far deadline is looked at again.
        let nap = Duration::from_millis(wait.unwrap_or(u64::MAX).min(60_000));
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            () = door.bells().expiry.notified() => {}
        }
    }
}

/// The signals that the server obeys.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    fn catch() -> Self {
        let on = |kind| signal(kind).expect("the runtime was built with signals");
        Self {
            term: on(SignalKind::terminate()),
            int: on(SignalKind::interrupt()),
            hup: on(SignalKind::hangup()),
        }
    }

    async fn obey(mut self, door: Door, process: Rc<dyn Process>) {
        loop {
            tokio::select! {
                _ = self.term.recv() => door.enter(|s| shutdown::on_signal(s, "SIGTERM")),
                _ = self.int.recv() => door.enter(|s| shutdown::on_signal(s, "SIGINT")),
                _ = self.hup.recv() => process.reopen_log(),
            }
        }
    }
}
