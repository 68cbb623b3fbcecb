//! All state, owned in one place, and the views of it that commands get. No logic.

mod facts;
mod info;
mod pause;
mod views;

pub use facts::{AllocatorFigures, CpuFigures, Facts, Figures, Timer};
pub use views::{ClientCtx, KeysCtx};

use crate::client::{ClientId, Clients, Pause, Throttle};
use crate::cluster::migrate::Migrations;
use crate::config::special::NotifyFlags;
use crate::config::{Choice, Config, MaxMemory};
use crate::effects::{Effects, EndHow, Feed};
use crate::keyspace::{Keyspace, Lfu, Listener, Record, Round};
use crate::persist::Persist;
use crate::persist::rdb::Dumper;
use crate::persist::snapshot::in_flight_max;
use crate::pubsub::Pubsub;
use crate::repl::Repl;
use crate::resp::Reply;
use crate::script::Scripting;
use crate::spec::{CommandId, Table};
use crate::stats::{Guard, Stats};
use crate::stdx::alloc::Mover;
use crate::stdx::hash::Seed;
use crate::stdx::memory::MemoryGroup;
use crate::types::Limits;
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// The Redis version whose behaviour clients may count on; they branch on it.
pub const REDIS_VERSION: &str = "7.2.4";

/// Of `maxmemory` so much may wait to be freed while the freeing thread is given small values too.
const UNFREED_SHARE: u64 = 100;

/// Of `maxmemory` so much of what a snapshot has encoded is not evicted for.
const SURPLUS_SHARE: u64 = 8;

/// A whole server.
#[derive(Debug)]
pub struct Server {
    /// The keys.
    pub keyspace: Keyspace,
    /// Who is connected.
    pub clients: Clients,
    /// What commands caused and is not delivered yet.
    pub effects: Effects,
    /// Counters.
    pub stats: Stats,
    /// Every option.
    pub config: Config,
    /// Where collections change their encoding; follows the configuration.
    pub limits: Limits,
    /// What is known of each command.
    pub commands: Table,
    /// The process it runs in.
    pub facts: Facts,
    /// The stream of writes, and who follows whom.
    pub repl: Repl,
    /// Keys on their way to other servers.
    pub migrations: Migrations,
    /// Randomness, from a seed.
    pub rng: SmallRng,
    /// Makes DUMP payloads.
    pub dumper: Dumper,
    /// Files: snapshots, the append-only file, loading.
    pub persist: Persist,
    /// Who is subscribed to what.
    pub pubsub: Pubsub,
    /// Scripts and functions.
    pub scripting: Scripting,
    /// Clients that see every command.
    pub monitors: Vec<ClientId>,
    /// Whose commands wait.
    pub pause: Pause,
    /// The signal that asked for an end which has not begun.
    pub signalled: Option<&'static str>,
    /// The end that waits for something.
    pub ending: Option<Ending>,
    /// Who waits for the end, and is told if it does not come about.
    pub told_of_end: Vec<ClientId>,
    /// Set once the process is about to end.
    pub shutting_down: bool,
    /// How durations are measured.
    pub timer: Timer,
    /// When the last command ended, in the timer's ticks: the next one begins there.
    pub last_tick: u64,
    /// Keys whose removal DEBUG SET-ACTIVE-EXPIRE 0 leaves to those who look them up.
    pub active_expire: bool,
    /// Bytes that `maxmemory` comes to; 0 is no limit.
    pub maxmemory: u64,
    /// What bounds that further where RAM is short.
    pub guard: Guard,
    /// More than that is in use and nothing can be evicted, as of the command that came last.
    pub out_of_memory: bool,
    /// When to look again how much is in use.
    pub next_look: NextLook,
    /// Who waits for memory that is on its way.
    pub throttle: Throttle,
    /// Active defragmentation.
    pub defrag: Defrag,
    /// DEBUG PAUSE-CRON: nothing is done that only time asks for.
    pub pause_cron: bool,
}

/// Where active defragmentation is.
#[derive(Debug, Default)]
pub struct Defrag {
    /// The walk through all keys, if one is under way, and what moves their allocations.
    pub walk: Option<(Round, Mover)>,
    /// Percent of the time that it takes; 0 while it does nothing.
    pub percent: u32,
    /// When it was last looked how memory is, microseconds since the epoch.
    pub looked_us: u64,
    /// After a walk that gained nothing none begins before this, microseconds since the epoch,
    pub rests_until_us: u64,
    /// while about as many bytes are allocated as were then.
    pub rests_at: u64,
}

/// When to look again how much memory is in use: once a command of another database comes, or once so much has
/// been allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NextLook {
    /// The database of the command before which it was looked last.
    pub db: u32,
    /// The count of allocated bytes from which on it is due.
    pub due: u64,
}

/// An end of the process that waits.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// How it ends.
    pub how: EndHow,
    /// What it waits for.
    pub waits: EndWait,
}

/// What an end of the process waits for.
#[derive(Debug, Clone, Copy)]
pub enum EndWait {
    /// That replicas have the stream up to this offset, but not beyond this time, ms since the epoch.
    #[expect(missing_docs, reason = "told above")]
    Replicas { until_ms: u64, offset: u64 },
    /// The last save.
    Save,
}

impl Ending {
    /// Until when it waits for replicas, if it does, ms since the epoch.
    pub fn replicas_until_ms(&self) -> Option<u64> {
        match self.waits {
            EndWait::Replicas { until_ms, .. } => Some(until_ms),
            EndWait::Save => None,
        }
    }
}

impl Server {
    /// A server that runs the commands of `commands`, in the process that `facts` describe, with
    /// all randomness from `seed`.
    pub fn new(config: Config, commands: Table, facts: Facts, timer: Timer, seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let hash_seed = Seed::new(rand::Rng::next_u64(&mut rng), rand::Rng::next_u64(&mut rng));
        let mut stats = Stats::new(commands.len());
        stats.startup_memory = (facts.figures.used_memory)();
        let repl = Repl::new(&mut rng);
        let mut persist = Persist::default();
        persist.saving.last_save_ms = facts.started_ms;
        let mut server = Self {
            keyspace: Keyspace::new(config.databases as usize, hash_seed),
            clients: Clients::default(),
            effects: Effects::new(hash_seed),
            stats,
            limits: config.limits(hash_seed),
            config,
            commands,
            facts,
            repl,
            migrations: Migrations::default(),
            rng,
            dumper: Dumper::default(),
            persist,
            pubsub: Pubsub::default(),
            scripting: Scripting::default(),
            monitors: Vec::new(),
            pause: Pause::default(),
            signalled: None,
            ending: None,
            told_of_end: Vec::new(),
            shutting_down: false,
            timer,
            last_tick: timer.now(),
            active_expire: true,
            maxmemory: 0,
            guard: Guard::default(),
            out_of_memory: false,
            next_look: NextLook::default(),
            throttle: Throttle::default(),
            defrag: Defrag::default(),
            pause_cron: false,
        };
        server.configure();
        server
    }

    /// The time, ms since the epoch, as of the running command.
    pub fn now_ms(&self) -> u64 {
        self.keyspace.shared.now_ms
    }

    /// Makes the parts follow the configuration, after it changed.
    pub fn configure(&mut self) {
        self.follow_memory();
        self.limits = Limits {
            list_packed_threshold: self.limits.list_packed_threshold,
            ..self.config.limits(self.limits.seed)
        };
        self.stats.configure(&self.config, self.keyspace.shared.now_ms);
        self.dumper.set_version(self.config.rdb_version.number());
        self.persist.loading.pace.set(self.config.key_load_delay);
        let writable = !self.repl.is_primary() && !self.config.replica_read_only;
        self.keyspace.shared.listen(Listener::Own, writable);
        let channels = NotifyFlags::KEYSPACE.union(NotifyFlags::KEYEVENT);
        let channels = channels.union(NotifyFlags::SUBKEYS);
        let flags = self.config.notify_keyspace_events;
        let wanted = flags.intersects(channels);
        self.keyspace.shared.listen(Listener::Notifications, wanted);
        let fields = flags.intersects(NotifyFlags::SUBKEYS) && flags.contains(NotifyFlags::HASH);
        self.keyspace.shared.listen(Listener::Fields, fields);
        let overwrites = NotifyFlags::OVERWRITTEN.union(NotifyFlags::TYPE_CHANGED);
        let wanted = wanted && flags.intersects(overwrites);
        self.keyspace.shared.listen(Listener::Overwrites, wanted);
    }

    /// Bytes that may be in use: `maxmemory`, or less where RAM is short.
    #[inline]
    pub fn memory_limit(&self) -> u64 {
        self.maxmemory.min(self.guard.bound())
    }

    /// Makes the parts follow what is configured of memory, and how much of it there is.
    pub fn follow_memory(&mut self) {
        self.next_look = NextLook::default();
        let figures = &self.facts.figures;
        let group = match self.config.maxmemory {
            MaxMemory::Bytes(0) => MemoryGroup { limit: 0, held: 0 },
            _ => (figures.memory_group)()
                .unwrap_or_else(|| MemoryGroup { limit: (figures.total_memory)(), held: 0 }),
        };
        self.maxmemory = self.config.maxmemory.bytes(group.limit);
        self.guard.set_memory(group.limit, group.held.saturating_sub((figures.anonymous)()));
        if self.maxmemory == 0 {
            self.out_of_memory = false;
            (0..self.keyspace.len())
                .for_each(|db| self.keyspace.set_table_room(db as u32, usize::MAX));
        }
        let choice = self.config.maxmemory_policy.choice();
        let record = match choice {
            Choice::Lfu => Record::Count(Lfu {
                log_factor: self.config.lfu_log_factor,
                decay_minutes: self.config.lfu_decay_time,
            }),
            Choice::Lrm => Record::Change,
            Choice::Lru | Choice::Random | Choice::Ttl | Choice::Nothing => Record::Use,
        };
        let is_ranked = matches!(choice, Choice::Lru | Choice::Lrm | Choice::Lfu);
        let fine = self.maxmemory > 0 && is_ranked;
        let shared = &mut self.keyspace.shared;
        shared.access.set_record(record, fine, shared.clock_ms());
        shared.set_unfreed_max(self.maxmemory / UNFREED_SHARE);
    }

    /// Bytes of running snapshots beyond what may well wait to be written: what was encoded because it changed or
    /// went. To evict more for them would only make them more. Without end they are not left out, for the disk
    /// may be stuck.
    pub fn snapshot_surplus(&self) -> u64 {
        let surplus =
            self.persist.snapshots.in_flight().saturating_sub(in_flight_max(self.maxmemory));
        (surplus as u64).min(self.maxmemory / SURPLUS_SHARE)
    }

    /// Bytes of buffers that eviction itself fills, so that to count them would make it go on and on; they
    /// empty by themselves.
    pub fn not_counted_for_eviction(&self) -> u64 {
        self.persist.aof.behind() + self.stream_for_replicas()
    }

    /// Bytes of the stream of writes beyond what is kept of it anyway: it is there for replicas that are behind.
    pub fn stream_for_replicas(&self) -> u64 {
        if self.repl.replicas.is_empty() {
            return 0;
        }
        let stream = self.repl.backlog.memory() as u64;
        stream.saturating_sub(self.config.repl_backlog_size)
    }

    /// Whether a new session must authenticate.
    pub fn needs_password(&self) -> bool {
        !self.config.requirepass.is_empty()
    }

    /// Where client `id`'s reply goes.
    pub fn reply(&mut self, id: ClientId) -> Reply<'_> {
        let session = self.clients.running(id);
        Reply::new(&mut session.out, session.resp)
    }

    /// Begins a new history of writes.
    pub fn change_replication_id(&mut self) {
        self.repl.change_id(&mut self.rng);
    }

    /// Adds a taker of writes.
    pub fn add_feed(&mut self, feed: Box<dyn Feed>) {
        self.effects.add_feed(feed);
        self.keyspace.shared.listen(Listener::Feed, true);
    }

    /// Begins to log writes, or ends it, as the log itself does.
    pub fn follow_log(&mut self) {
        self.effects.set_logged(self.persist.aof.log.is_on());
        self.keyspace.shared.listen(Listener::Feed, self.effects.is_feeding());
    }

    /// Begins to collect writes for replicas, or ends it, as the role and the backlog ask.
    pub fn follow_stream(&mut self) {
        let wanted = self.repl.is_primary() && self.repl.backlog.is_kept();
        self.effects.set_replicated(wanted);
        self.keyspace.shared.listen(Listener::Feed, self.effects.is_feeding());
    }

    /// Hands what was collected for the log and others to them.
    pub fn deliver_writes(&mut self) {
        let now_ms = self.now_ms();
        let log = &mut self.persist.aof.log;
        log.set_time(self.config.aof_timestamp_enabled.then_some(now_ms));
        // A replica's stream is its primary's, not its own.
        self.repl.has_news = self.repl.backlog.is_kept();
        let stream = self.repl.is_primary().then_some(&mut self.repl.backlog as &mut dyn Feed);
        self.effects.deliver(log, stream);
    }

    /// Forgets what a client watches.
    pub fn unwatch(&mut self, id: ClientId) {
        let session = self.clients.running(id);
        session.flags.watch_broken = false;
        self.effects.watch.unwatch(id, session);
        self.keyspace.shared.listen(Listener::Watch, !self.effects.watch.is_empty());
    }

    /// Ends a client's transaction, if there is one; what the client watches for it is forgotten.
    pub fn end_transaction(&mut self, id: ClientId) {
        self.unwatch(id);
        self.clients.running(id).transaction = None;
    }

    /// The full name of a command, for errors about it.
    pub fn command_name(&self, id: CommandId) -> &str {
        &self.commands.row(id).full_name
    }
}
