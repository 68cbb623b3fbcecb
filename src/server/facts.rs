//! What a server knows of the process it runs in. It is told, never asks: `main` finds out.

use crate::stdx::memory::MemoryGroup;

/// The process, as INFO tells of it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Process id.
    pub pid: u32,
    /// Forty hex digits, new with every start.
    pub run_id: String,
    /// When it started, ms since the epoch.
    pub started_ms: u64,
    /// Path of the program.
    pub executable: String,
    /// Path of the configuration file, empty if there is none.
    pub config_file: String,
    /// Kernel, release and machine.
    pub os: String,
    /// How it is supervised: `no`, `systemd`, `upstart`, `unknown`.
    pub supervised: &'static str,
    /// The allocator's name and version: `jemalloc-5.3.1`.
    pub allocator: String,
    /// Distance of the allocator's small size classes, bytes; 8 as larder means it to be built.
    pub allocator_quantum: u32,
    /// Size classes of the allocator per doubling; 8 as well.
    pub allocator_classes: usize,
    /// What durations are measured with, as INFO's `monotonic_clock` tells it.
    pub monotonic_clock: String,
    /// Figures that only the operating system has, read when INFO asks.
    pub figures: Figures,
}

/// Reads figures of the process and its allocator; a test gives fixed ones.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Bytes the allocator has given out. Read several times a second, so it must be cheap.
    pub used_memory: fn() -> u64,
    /// Bytes that the allocator has ever given to the calling thread. Read before every command where
    /// there is a `maxmemory`.
    pub allocated: fn() -> u64,
    /// Bytes of the process in RAM.
    pub rss: fn() -> u64,
    /// The same without pages of files, which the system takes back when it wants them.
    pub anonymous: fn() -> u64,
    /// Bytes of RAM the machine has.
    pub total_memory: fn() -> u64,
    /// The control group that bounds the process's RAM, if one does.
    pub memory_group: fn() -> Option<MemoryGroup>,
    /// The allocator's own account.
    pub allocator: fn() -> AllocatorFigures,
    /// CPU time used.
    pub cpu: fn() -> CpuFigures,
    /// Gives free pages back to the system.
    pub purge: fn(),
    /// The allocator's full report.
    pub malloc_stats: fn() -> String,
    /// Tells the peer of this socket that its connection has ended. The socket stays open: it is closed by its owner.
    pub hang_up: fn(i32),
}

impl Default for Figures {
    /// Zeros and empty texts.
    fn default() -> Self {
        Self {
            used_memory: || 0,
            allocated: || 0,
            rss: || 0,
            anonymous: || 0,
            total_memory: || 0,
            memory_group: || None,
            allocator: AllocatorFigures::default,
            cpu: CpuFigures::default,
            purge: || {},
            malloc_stats: String::new,
            hang_up: |_| {},
        }
    }
}

/// The allocator's account, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AllocatorFigures {
    /// In live allocations.
    pub allocated: u64,
    /// In pages that hold one.
    pub active: u64,
    /// In RAM.
    pub resident: u64,
    /// In pages that hold none and are kept.
    pub dirty: u64,
    /// Freed lazily: the system may take it when it is short.
    pub muzzy: u64,
}

/// CPU seconds of the process, its children, and the thread that runs commands: in the kernel and
/// in the program.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuFigures {
    /// The process: system, user.
    pub process: (f64, f64),
    /// Children that ended: system, user.
    pub children: (f64, f64),
    /// The calling thread: system, user.
    pub thread: (f64, f64),
}

/// A counter that grows with time, and what it counts: commands are timed with it.
#[derive(Debug, Clone, Copy)]
pub struct Timer {
    now: fn() -> u64,
    to_nanos: fn(u64) -> u64,
}

impl Timer {
    /// A timer that reads `now` and converts a difference by `to_nanos`.
    pub const fn new(now: fn() -> u64, to_nanos: fn(u64) -> u64) -> Self {
        Self { now, to_nanos }
    }

    /// A timer that stands still.
    pub const fn still() -> Self {
        Self { now: || 0, to_nanos: |ticks| ticks }
    }

    /// Its reading.
    #[inline]
    pub fn now(self) -> u64 {
        (self.now)()
    }

    /// Nanoseconds of a difference of two readings.
    #[inline]
    pub fn nanos(self, ticks: u64) -> u64 {
        (self.to_nanos)(ticks)
    }
}
