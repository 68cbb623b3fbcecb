//! Which keys cost most: HOTKEYS, as Redis 8.6 has it and as Valkey has.
//!
//! Redis's form is a [`Session`] that is begun and ended by hand and sums up the time and the bytes of each key's commands. Valkey's
//! are [`Windows`]: as long as `hotkey-top-k` is not 0, accesses are counted in windows of time, and the last that is over is what is told.
//! Neither costs anything while it is off: `Watch` lets commands through here only where one is on.

mod summary;

pub use summary::{Counter, Summary};

use super::Watch;
use crate::config::Config;

/// Counters for each key that a session is to tell: the more, the surer are the first.
const SPARE: usize = 8;

/// What HOTKEYS START asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Sum up time.
    pub cpu: bool,
    /// Sum up bytes.
    pub net: bool,
    /// How many keys are told, 1 to 64.
    pub count: usize,
    /// One command in so many is looked at, 1 at least.
    pub sample: u64,
    /// When it ends by itself, ms since the epoch.
    pub until_ms: Option<u64>,
}

/// One session of HOTKEYS START.
#[derive(Debug)]
pub struct Session {
    /// What was asked for.
    pub wanted: Wanted,
    /// When it began, ms since the epoch.
    pub began_ms: u64,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// The process's system and user time at its beginning and, once it is over, at its end, seconds.
    cpu_seconds: ((f64, f64), Option<(f64, f64)>),
    /// Time of all commands, ns,
    pub nanos: u64,
    /// and their bytes, coming and going.
    pub bytes: u64,
    by_nanos: Summary,
    by_bytes: Summary,
}

impl Session {
    /// Begins one.
    pub fn new(wanted: Wanted, now_ms: u64, cpu_seconds: (f64, f64)) -> Self {
        Self {
            wanted,
            began_ms: now_ms,
            ended_ms: None,
            cpu_seconds: (cpu_seconds, None),
            nanos: 0,
            bytes: 0,
            by_nanos: Summary::new(wanted.count * SPARE),
            by_bytes: Summary::new(wanted.count * SPARE),
        }
    }

    /// The keys whose commands took the most time; weights are ns.
    pub fn by_time(&self) -> Vec<Counter> {
        self.by_nanos.top(self.wanted.count)
    }

    /// The keys whose commands moved the most bytes.
    pub fn by_bytes(&self) -> Vec<Counter> {
        self.by_bytes.top(self.wanted.count)
    }

    /// System and user time that the process has spent since it began, ms; `now` is the process's in seconds.
    pub fn cpu_ms(&self, now: (f64, f64)) -> (u64, u64) {
        let (from, ended) = self.cpu_seconds;
        let to = ended.unwrap_or(now);
        let ms = |from: f64, to: f64| ((to - from) * 1000.0).max(0.0) as u64;
        (ms(from.0, to.0), ms(from.1, to.1))
    }

    /// How long it has lasted, ms.
    pub fn lasted_ms(&self, now_ms: u64) -> u64 {
        self.ended_ms.unwrap_or(now_ms).saturating_sub(self.began_ms)
    }
}

/// Accesses counted in windows of time.
#[derive(Debug)]
pub struct Windows {
    settings: Settings,
    began_ms: u64,
    live: Summary,
    /// The last that is over: what it counted, how long it was, ms, and the share it counted, percent.
    frozen: Option<(Summary, u64, u64)>,
}

/// The options of the windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settings {
    top_k: usize,
    percentage: u64,
    window_ms: u64,
}

impl Windows {
    fn new(settings: Settings, now_ms: u64) -> Self {
        let live = Summary::new(settings.top_k);
        Self { settings, began_ms: now_ms, live, frozen: None }
    }

    /// Ends the window that runs, if its time is over.
    fn turn(&mut self, now_ms: u64) {
        let lasted_ms = now_ms.saturating_sub(self.began_ms);
        if lasted_ms >= self.settings.window_ms {
            let live = std::mem::replace(&mut self.live, Summary::new(self.settings.top_k));
            self.frozen = Some((live, lasted_ms, self.settings.percentage));
            self.began_ms = now_ms;
        }
    }

    /// The keys of the last window that is over, and how often each was accessed in a second.
    pub fn rates(&mut self, now_ms: u64) -> Vec<(Counter, u64)> {
        self.turn(now_ms);
        let Some((summary, lasted_ms, percentage)) = &self.frozen else { return Vec::new() };
        let rate = |counter: &Counter| {
            // The middle between what it has at least and at most.
            let twice = u128::from(2 * counter.weight - counter.error);
            let per = 2 * u128::from(*percentage) * u128::from(*lasted_ms);
            ((twice * 100 * 1000 + per / 2) / per.max(1)) as u64
        };
        let counters = summary.top(self.settings.top_k).into_iter();
        let mut rates: Vec<_> = counters.map(|counter| (rate(&counter), counter)).collect();
        rates.sort_by_key(|(rate, _)| std::cmp::Reverse(*rate));
        rates.into_iter().map(|(rate, counter)| (counter, rate)).collect()
    }
}

/// Both forms.
#[derive(Debug, Default)]
pub struct Hotkeys {
    /// The session that runs, or ran last.
    pub session: Option<Session>,
    /// The windows, while they are on.
    pub windows: Option<Windows>,
}

impl Hotkeys {
    /// Whether a session runs.
    pub fn runs(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.ended_ms.is_none())
    }

    /// Whether something is to be counted.
    pub fn is_on(&self) -> bool {
        self.runs() || self.windows.is_some()
    }

    /// Makes commands come here while something is to be counted.
    pub fn follow(&self, watch: &mut Watch) {
        if self.is_on() {
            watch.nanos = 0;
            watch.bytes = 0;
        }
    }

    /// Takes over what the configuration says of windows.
    pub fn configure(&mut self, config: &Config, now_ms: u64) {
        let settings = Settings {
            top_k: config.hotkey_top_k as usize,
            percentage: u64::from(config.hotkey_sampling_percentage),
            window_ms: u64::from(config.hotkey_window_seconds) * 1000,
        };
        match &mut self.windows {
            _ if settings.top_k == 0 => self.windows = None,
            // What it has counted under other settings does not count; the last window stays.
            Some(windows) if windows.settings != settings => {
                let frozen = windows.frozen.take();
                *windows = Windows { frozen, ..Windows::new(settings, now_ms) };
            }
            Some(_) => {}
            none => *none = Some(Windows::new(settings, now_ms)),
        }
    }

    /// Ends the session that runs, or the one whose time is over; whether there was one. `cpu_seconds` tells the process's system and
    /// user time.
    pub fn end(
        &mut self,
        now_ms: u64,
        overdue: bool,
        cpu_seconds: impl Fn() -> (f64, f64),
    ) -> bool {
        let runs = |session: &&mut Session| {
            let due = session.wanted.until_ms.is_some_and(|at| at <= now_ms);
            session.ended_ms.is_none() && (due || !overdue)
        };
        let Some(session) = self.session.as_mut().filter(runs) else { return false };
        session.ended_ms = Some(session.wanted.until_ms.map_or(now_ms, |at| at.min(now_ms)));
        session.cpu_seconds.1 = Some(cpu_seconds());
        true
    }

    /// Forgets all that was counted.
    pub fn reset(&mut self, now_ms: u64) {
        self.session = None;
        self.windows
            .iter_mut()
            .for_each(|windows| *windows = Windows::new(windows.settings, now_ms));
    }

    /// A command with these keys took so long. `draw` is a random number.
    pub fn took<'a>(&mut self, nanos: u64, keys: impl Fn() -> Keys<'a>, now_ms: u64, draw: u64) {
        if let Some(session) = self.session.as_mut().filter(|session| session.ended_ms.is_none()) {
            session.nanos += nanos;
            if session.wanted.cpu && draw.is_multiple_of(session.wanted.sample) {
                keys().share(nanos, |db, key, nanos| session.by_nanos.add(db, key, nanos));
            }
        }
        if let Some(windows) = &mut self.windows {
            windows.turn(now_ms);
            if draw % 100 < windows.settings.percentage {
                let Keys { db, keys } = keys();
                keys.into_iter().for_each(|key| windows.live.add(db, key, 1));
            }
        }
    }

    /// A command with these keys moved so many bytes.
    pub fn moved<'a>(&mut self, bytes: u64, keys: impl Fn() -> Keys<'a>, draw: u64) {
        let running = self.session.as_mut().filter(|session| session.ended_ms.is_none());
        let Some(session) = running else { return };
        session.bytes += bytes;
        if session.wanted.net && draw.is_multiple_of(session.wanted.sample) {
            keys().share(bytes, |db, key, bytes| session.by_bytes.add(db, key, bytes));
        }
    }
}

/// The keys of a command.
#[derive(Debug)]
pub struct Keys<'a> {
    /// Their database.
    pub db: u32,
    /// Their names.
    pub keys: Vec<&'a [u8]>,
}

impl Keys<'_> {
    /// Gives each an equal share; what is left over goes to the first ones.
    fn share(&self, whole: u64, mut give: impl FnMut(u32, &[u8], u64)) {
        let count = self.keys.len() as u64;
        for (number, key) in (0..).zip(&self.keys) {
            give(self.db, key, whole / count + u64::from(number < whole % count));
        }
    }
}
