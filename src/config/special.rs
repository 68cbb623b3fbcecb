//! Options with a grammar of their own: lists of points, classes, flags and addresses.
//!
//! Where an option takes several words, CONFIG SET gives them in one argument, split at single
//! blanks, and the file as words of the line (see
//! [`Flags::MULTI_ARG`](super::table::Flags::MULTI_ARG)). A single empty word, as in `save ""`,
//! stands for none.

use super::value::{
    Line, Occurrence, Reason, Rule, Setting, join, parse_memory, print_memory, single,
};
use super::words::find;
use crate::stdx::words::quote;

/// A condition that starts a snapshot: so many changes within so many seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavePoint {
    /// The seconds since the last save, at least 1.
    pub seconds: u64,
    /// The changes since the last save.
    pub changes: u64,
}

/// `save`: the conditions, any of which starts a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavePoints(pub Vec<SavePoint>);

impl SavePoints {
    /// After an hour, five minutes or one minute, the busier the sooner.
    pub(super) fn standard() -> Self {
        let point = |(seconds, changes)| SavePoint { seconds, changes };
        Self([(3600, 1), (300, 100), (60, 10_000)].map(point).into())
    }
}

impl Setting for SavePoints {
    /// The first `save` line of a file replaces the defaults, those after it add to it.
    fn assign(&mut self, words: &[&str], _: &Rule, occurrence: Occurrence) -> Result<(), Reason> {
        const INVALID: &str = "Invalid save parameters";
        if words == [""] {
            self.0.clear();
            return Ok(());
        }
        if !words.len().is_multiple_of(2) {
            return Err(INVALID.into());
        }
        let mut points = Vec::with_capacity(words.len() / 2);
        for pair in words.chunks_exact(2) {
            let seconds: i64 = pair[0].parse().map_err(|_| INVALID)?;
            let changes: i64 = pair[1].parse().map_err(|_| INVALID)?;
            match (u64::try_from(seconds), u64::try_from(changes)) {
                (Ok(seconds @ 1..), Ok(changes)) => points.push(SavePoint { seconds, changes }),
                _ => return Err(INVALID.into()),
            }
        }
        if occurrence == Occurrence::First || points.is_empty() {
            self.0.clear();
        }
        self.0.append(&mut points);
        Ok(())
    }

    fn print(&self, _: &Rule) -> String {
        join(self.0.iter().flat_map(|point| [point.seconds, point.changes]))
    }

    /// Always written: a file without a `save` line means the defaults.
    fn lines(&self, _: &Rule, _: bool) -> Vec<Line> {
        if self.0.is_empty() {
            return vec![Line { value: quote(b""), force: true }];
        }
        let line = |p: &SavePoint| Line { value: join([p.seconds, p.changes]), force: true };
        self.0.iter().map(line).collect()
    }
}

/// How much output may wait for a client of one class before it is cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutputLimit {
    /// Bytes at which the client is closed at once; 0 is no limit.
    pub hard: u64,
    /// Bytes above which the client is closed when it stays there for `soft_seconds`; 0 is no
    /// limit.
    pub soft: u64,
    /// How long the soft limit may be exceeded.
    pub soft_seconds: u64,
}

/// `client-output-buffer-limit`: the limits of the three classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutputLimits {
    /// Clients that only ask.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Clients subscribed to a channel or pattern.
    pub pubsub: OutputLimit,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            normal: OutputLimit { hard: 0, soft: 0, soft_seconds: 0 },
            replica: OutputLimit { hard: 256 << 20, soft: 64 << 20, soft_seconds: 60 },
            pubsub: OutputLimit { hard: 32 << 20, soft: 8 << 20, soft_seconds: 60 },
        }
    }
}

impl OutputLimits {
    const BAD_LIMIT: &str =
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.";

    fn class(&mut self, name: &str) -> Option<&mut OutputLimit> {
        match name.to_ascii_lowercase().as_str() {
            "normal" => Some(&mut self.normal),
            "slave" | "replica" => Some(&mut self.replica),
            "pubsub" => Some(&mut self.pubsub),
            _ => None,
        }
    }
}

impl Setting for OutputLimits {
    /// Classes that are not named keep their limits.
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        for entry in words.chunks_exact(4) {
            let class = self
                .class(entry[0])
                .ok_or("Invalid client class specified in buffer limit configuration.")?;
            let seconds = entry[3].parse::<i64>().ok().and_then(|n| u64::try_from(n).ok());
            *class = match (parse_memory(entry[1]), parse_memory(entry[2]), seconds) {
                (Some(hard), Some(soft), Some(soft_seconds)) => {
                    OutputLimit { hard, soft, soft_seconds }
                }
                _ => return Err(Self::BAD_LIMIT.into()),
            };
        }
        Ok(())
    }

    /// CONFIG GET keeps the old name of the replica class, which monitoring tools look for.
    fn print(&self, _: &Rule) -> String {
        let classes = [("normal", self.normal), ("slave", self.replica), ("pubsub", self.pubsub)];
        join(classes.map(|(name, l)| format!("{name} {} {} {}", l.hard, l.soft, l.soft_seconds)))
    }

    fn lines(&self, _: &Rule, _: bool) -> Vec<Line> {
        let standard = Self::default();
        [
            ("normal", self.normal, standard.normal),
            ("replica", self.replica, standard.replica),
            ("pubsub", self.pubsub, standard.pubsub),
        ]
        .map(|(name, limit, standard)| Line {
            value: format!(
                "{name} {} {} {}",
                print_memory(limit.hard),
                print_memory(limit.soft),
                limit.soft_seconds
            ),
            force: limit != standard,
        })
        .into()
    }
}

/// `bind`: the addresses that are listened on. `*` is every IPv4 address, `-` before an address
/// makes it optional.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindList(pub Vec<String>);

impl BindList {
    /// The most addresses there may be.
    const MAX: usize = 16;

    /// All interfaces, IPv6 where there is any.
    pub(super) fn standard() -> Self {
        Self(["*", "-::*"].map(str::to_owned).into())
    }
}

impl Setting for BindList {
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        if words.len() > Self::MAX {
            return Err("Too many bind addresses specified.".into());
        }
        let addresses = words.iter().filter(|word| !word.is_empty());
        self.0 = addresses.map(|&word| word.to_owned()).collect();
        Ok(())
    }

    fn print(&self, _: &Rule) -> String {
        join(&self.0)
    }

    fn lines(&self, rule: &Rule, is_default: bool) -> Vec<Line> {
        if is_default {
            return Vec::new();
        }
        let value = if self.0.is_empty() { quote(b"") } else { self.print(rule) };
        vec![Line { value, force: true }]
    }
}

/// `oom-score-adj-values`: the adjustment of a primary, of a replica, and of a helper process.
impl Setting for [i32; 3] {
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        let &[primary, replica, helper] = words else {
            return Err("wrong number of arguments".into());
        };
        for (value, word) in self.iter_mut().zip([primary, replica, helper]) {
            *value =
                word.parse().ok().filter(|n| (-2000..=2000).contains(n)).ok_or(
                    "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
                )?;
        }
        Ok(())
    }

    fn print(&self, _: &Rule) -> String {
        join(self)
    }
}

/// `latency-tracking-info-percentiles`: which percentiles INFO reports.
#[derive(Clone, PartialEq, Debug)]
pub struct Percentiles(pub Vec<f64>);

impl Setting for Percentiles {
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        let mut values = Vec::with_capacity(words.len());
        for word in words.iter().filter(|_| words != [""]) {
            let value: f64 = word
                .parse()
                .ok()
                .filter(|value: &f64| !value.is_nan())
                .ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&value) {
                let reason =
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
                return Err(reason.into());
            }
            values.push(value);
        }
        self.0 = values;
        Ok(())
    }

    /// Six decimals, without the zeros that end them.
    fn print(&self, _: &Rule) -> String {
        join(self.0.iter().map(|value| {
            let text = format!("{value:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }))
    }

    fn lines(&self, rule: &Rule, is_default: bool) -> Vec<Line> {
        let value = if self.0.is_empty() { quote(b"") } else { self.print(rule) };
        vec![Line { value, force: !is_default }]
    }
}

/// Where a primary is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrimaryAddress {
    /// The host name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// `replicaof`: the primary to follow, if any.
impl Setting for Option<PrimaryAddress> {
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        let &[host, port] = words else {
            return Err("wrong number of arguments".into());
        };
        if host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one") {
            *self = None;
            return Ok(());
        }
        let port = port.parse().map_err(|_| "Invalid master port")?;
        *self = Some(PrimaryAddress { host: host.to_owned(), port });
        Ok(())
    }

    fn print(&self, _: &Rule) -> String {
        match self {
            Some(primary) => format!("{} {}", primary.host, primary.port),
            None => String::new(),
        }
    }

    fn lines(&self, rule: &Rule, is_default: bool) -> Vec<Line> {
        match self {
            Some(_) => vec![Line { value: self.print(rule), force: !is_default }],
            None => Vec::new(),
        }
    }
}

/// `notify-keyspace-events`: which events are published, and on which kind of channel.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct NotifyFlags(u32);

impl NotifyFlags {
    /// `K`: on `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: Self = Self(1);
    /// `E`: on `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: Self = Self(1 << 1);
    /// `g`: commands of no one type, such as DEL.
    pub const GENERIC: Self = Self(1 << 2);
    /// `$`: strings.
    pub const STRING: Self = Self(1 << 3);
    /// `l`: lists.
    pub const LIST: Self = Self(1 << 4);
    /// `s`: sets.
    pub const SET: Self = Self(1 << 5);
    /// `h`: hashes.
    pub const HASH: Self = Self(1 << 6);
    /// `z`: sorted sets.
    pub const ZSET: Self = Self(1 << 7);
    /// `x`: keys whose deadline passed.
    pub const EXPIRED: Self = Self(1 << 8);
    /// `e`: keys that had to go for memory.
    pub const EVICTED: Self = Self(1 << 9);
    /// `t`: streams.
    pub const STREAM: Self = Self(1 << 10);
    /// `m`: lookups of keys that are not there.
    pub const KEY_MISS: Self = Self(1 << 11);
    /// `d`: values of modules.
    pub const MODULE: Self = Self(1 << 12);
    /// `n`: keys that come into being.
    pub const NEW: Self = Self(1 << 13);
    /// `o`: values that others took the whole place of.
    pub const OVERWRITTEN: Self = Self(1 << 14);
    /// `c`: keys that hold another type since.
    pub const TYPE_CHANGED: Self = Self(1 << 15);
    /// `S`: on `__subkeyspace@<db>__:<key>`.
    pub const SUBKEYSPACE: Self = Self(1 << 16);
    /// `T`: on `__subkeyevent@<db>__:<event>`.
    pub const SUBKEYEVENT: Self = Self(1 << 17);
    /// `I`: on `__subkeyspaceitem@<db>__:<key>\n<field>`.
    pub const SUBKEYSPACEITEM: Self = Self(1 << 18);
    /// `V`: on `__subkeyspaceevent@<db>__:<event>|<key>`.
    pub const SUBKEYSPACEEVENT: Self = Self(1 << 19);
    /// Every channel that tells of fields.
    pub const SUBKEYS: Self = Self(0b1111 << 16);
    /// `A`: all classes but misses, new keys, and values and types that changed.
    pub const ALL: Self = Self(0b1_0111_1111_1100);

    /// The letters in the order in which they are printed.
    const LETTERS: [(char, Self); 20] = [
        ('g', Self::GENERIC),
        ('$', Self::STRING),
        ('l', Self::LIST),
        ('s', Self::SET),
        ('h', Self::HASH),
        ('z', Self::ZSET),
        ('x', Self::EXPIRED),
        ('e', Self::EVICTED),
        ('t', Self::STREAM),
        ('d', Self::MODULE),
        ('n', Self::NEW),
        ('o', Self::OVERWRITTEN),
        ('c', Self::TYPE_CHANGED),
        ('K', Self::KEYSPACE),
        ('E', Self::KEYEVENT),
        ('m', Self::KEY_MISS),
        ('S', Self::SUBKEYSPACE),
        ('T', Self::SUBKEYEVENT),
        ('I', Self::SUBKEYSPACEITEM),
        ('V', Self::SUBKEYSPACEEVENT),
    ];

    /// Whether all of `other` is in this.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in this.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn parse(letters: &str) -> Option<Self> {
        letters.chars().try_fold(Self(0), |flags, letter| {
            if letter == 'A' {
                return Some(flags.union(Self::ALL));
            }
            let known = Self::LETTERS.iter().find(|(known, _)| *known == letter)?;
            Some(flags.union(known.1))
        })
    }
}

impl Setting for NotifyFlags {
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        *self = Self::parse(single(words)?)
            .ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
        Ok(())
    }

    /// Redis forgets an `n` that stands beside `A`; it is kept here, so that a rewritten file means
    /// the same.
    fn print(&self, _: &Rule) -> String {
        let all = self.contains(Self::ALL);
        let single = Self::LETTERS
            .iter()
            .filter(|(_, flag)| self.contains(*flag) && !(all && Self::ALL.contains(*flag)));
        all.then_some('A').into_iter().chain(single.map(|(letter, _)| *letter)).collect()
    }

    fn lines(&self, rule: &Rule, is_default: bool) -> Vec<Line> {
        vec![Line { value: quote(self.print(rule).as_bytes()), force: !is_default }]
    }
}

/// `shutdown-on-sigint` and `shutdown-on-sigterm`: the options of SHUTDOWN that a signal implies.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ShutdownOptions {
    /// Save even where no `save` point is set.
    pub save: bool,
    /// Do not save.
    pub nosave: bool,
    /// Do not wait for replicas that lag.
    pub now: bool,
    /// Go down even if saving fails.
    pub force: bool,
}

impl Setting for ShutdownOptions {
    fn assign(&mut self, words: &[&str], _: &Rule, _: Occurrence) -> Result<(), Reason> {
        let none = Self::default();
        let list = [
            ("default", none),
            ("save", Self { save: true, ..none }),
            ("nosave", Self { nosave: true, ..none }),
            ("now", Self { now: true, ..none }),
            ("force", Self { force: true, ..none }),
        ];
        let mut options = none;
        for word in if words.is_empty() { &[""] } else { words } {
            let word = find(&list, word)?;
            options.save |= word.save;
            options.nosave |= word.nosave;
            options.now |= word.now;
            options.force |= word.force;
        }
        if options.save && options.nosave {
            return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
        }
        *self = options;
        Ok(())
    }

    fn print(&self, _: &Rule) -> String {
        if *self == Self::default() {
            return "default".to_owned();
        }
        let words = [
            (self.save, "save"),
            (self.nosave, "nosave"),
            (self.now, "now"),
            (self.force, "force"),
        ];
        join(words.iter().filter(|(set, _)| *set).map(|(_, word)| word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Assigns the words of `text`, split at blanks, and prints the outcome.
    fn assign<T: Setting>(mut value: T, text: &str) -> Result<String, String> {
        let words: Vec<&str> = if text.is_empty() { vec![] } else { text.split(' ').collect() };
        value.assign(&words, &Rule::Special, Occurrence::First).map_err(|r| r.into_owned())?;
        Ok(value.print(&Rule::Special))
    }

    fn lines<T: Setting>(value: &T, is_default: bool) -> Vec<String> {
        value.lines(&Rule::Special, is_default).into_iter().map(|line| line.value).collect()
    }

    #[test]
    fn save_points_come_in_pairs() {
        let save = |text| assign(SavePoints::standard(), text);
        assert_eq!(SavePoints::standard().print(&Rule::Special), "3600 1 300 100 60 10000");
        assert_eq!(save("60 1 30 2").as_deref(), Ok("60 1 30 2"));
        assert_eq!(save("").as_deref(), Ok(""));
        for text in ["1", "1 x", "0 1", "1 -1", "60 1 30", "60 1  30 2", " 1 2", "-1 1"] {
            assert_eq!(save(text), Err("Invalid save parameters".to_owned()), "{text:?}");
        }
    }

    #[test]
    fn later_save_lines_add_and_an_empty_one_clears() {
        let mut save = SavePoints::standard();
        for (words, occurrence, expected) in [
            (["900", "1"].as_slice(), Occurrence::First, "900 1"),
            (&["300", "10"], Occurrence::Again, "900 1 300 10"),
            (&[""], Occurrence::Again, ""),
            (&["5", "6"], Occurrence::Again, "5 6"),
        ] {
            assert!(save.assign(words, &Rule::Special, occurrence).is_ok());
            assert_eq!(save.print(&Rule::Special), expected);
        }
        assert_eq!(lines(&save, false), ["5 6"]);
        assert_eq!(lines(&SavePoints(vec![]), false), ["\"\""]);
    }

    #[test]
    fn output_limits_change_only_the_classes_named() {
        let limits = |text| assign(OutputLimits::default(), text);
        assert_eq!(
            limits("normal 0 0 0 Replica 1k 1mb 3").as_deref(),
            Ok("normal 0 0 0 slave 1000 1048576 3 pubsub 33554432 8388608 60")
        );
        let standard = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        assert_eq!(limits("").as_deref(), Ok(standard));
        for (text, reason) in [
            ("normal 0 0", "Wrong number of arguments in buffer limit configuration."),
            ("master 0 0 0", "Invalid client class specified in buffer limit configuration."),
            ("normal 0 0 -1", OutputLimits::BAD_LIMIT),
            ("normal 5% 0 0", OutputLimits::BAD_LIMIT),
        ] {
            assert_eq!(limits(text), Err(reason.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn output_limits_are_rewritten_a_class_a_line() {
        let pubsub = OutputLimit { hard: 8, soft: 2 << 30, soft_seconds: 10 };
        let limits = OutputLimits { pubsub, ..OutputLimits::default() };
        assert_eq!(
            lines(&limits, false),
            ["normal 0 0 0", "replica 256mb 64mb 60", "pubsub 8 2gb 10"]
        );
        let forced: Vec<bool> =
            limits.lines(&Rule::Special, false).iter().map(|line| line.force).collect();
        assert_eq!(forced, [false, false, true]);
    }

    #[test]
    fn bind_takes_sixteen_addresses() {
        let bind = |text| assign(BindList::standard(), text);
        assert_eq!(bind("127.0.0.1 -::1").as_deref(), Ok("127.0.0.1 -::1"));
        assert_eq!(bind("").as_deref(), Ok(""));
        assert_eq!(bind(&"a ".repeat(17)), Err("Too many bind addresses specified.".to_owned()));
        assert!(lines(&BindList::standard(), true).is_empty());
        assert_eq!(lines(&BindList(vec![]), false), ["\"\""]);
    }

    #[test]
    fn oom_values_are_three() {
        let values = |text| assign([0, 200, 800], text);
        assert_eq!(values("-2000 2000 1").as_deref(), Ok("-2000 2000 1"));
        assert_eq!(values("1 2"), Err("wrong number of arguments".to_owned()));
        let reason = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
        for text in ["1 2 x", "1 2 2001"] {
            assert_eq!(values(text), Err(reason.to_owned()));
        }
    }

    #[test]
    fn percentiles_print_six_decimals_at_most() {
        let percentiles = |text| assign(Percentiles(vec![]), text);
        assert_eq!(
            percentiles("50 99.99 1.25 100 0.123456789 1e1 5. 0.00000001 99.999999").as_deref(),
            Ok("50 99.99 1.25 100 0.123457 10 5 0 99.999999")
        );
        assert_eq!(percentiles("").as_deref(), Ok(""));
        let outside = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
        let invalid = "Invalid latency-tracking-info-percentiles parameters";
        for (text, reason) in [
            ("101", outside),
            ("-1", outside),
            ("inf", outside),
            ("nan", invalid),
            ("50 ", invalid),
        ] {
            assert_eq!(percentiles(text), Err(reason.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn replicaof_is_a_host_and_a_port_or_no_one() {
        let primary = |text| assign(None::<PrimaryAddress>, text);
        assert_eq!(primary("10.0.0.1 6379").as_deref(), Ok("10.0.0.1 6379"));
        assert_eq!(primary("NO one").as_deref(), Ok(""));
        assert_eq!(primary("a"), Err("wrong number of arguments".to_owned()));
        for text in ["a b", "a 70000"] {
            assert_eq!(primary(text), Err("Invalid master port".to_owned()));
        }
    }

    #[test]
    fn event_classes_print_in_canonical_order() {
        let flags = |text: &str| assign(NotifyFlags::default(), text);
        for (given, printed) in [
            ("KEA", "AKE"),
            ("EE", "E"),
            ("g$lshzxetd", "A"),
            ("nmEKd", "dnKEm"),
            ("gn", "gn"),
            ("AKm", "AKm"),
            ("Anm", "Anm"),
            ("KEAoc", "AocKE"),
            ("VITSmKEconA", "AnocKEmSTIV"),
        ] {
            assert_eq!(flags(given).as_deref(), Ok(printed), "{given:?}");
        }
        let reason = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
        assert_eq!(flags("q"), Err(reason.to_owned()));
        assert_eq!(lines(&NotifyFlags::ALL, false), ["\"A\""]);
        let apart = NotifyFlags::KEY_MISS.union(NotifyFlags::NEW);
        let apart = apart.union(NotifyFlags::OVERWRITTEN).union(NotifyFlags::TYPE_CHANGED);
        assert!(!NotifyFlags::ALL.intersects(apart));
    }

    #[test]
    fn shutdown_options_exclude_saving_and_not_saving() {
        let options = |text| assign(ShutdownOptions::default(), text);
        assert_eq!(options("now FORCE save").as_deref(), Ok("save now force"));
        assert_eq!(options("force default").as_deref(), Ok("force"));
        assert_eq!(options("default").as_deref(), Ok("default"));
        let list = "argument(s) must be one of the following: default, save, nosave, now, force";
        for text in ["", "foo", "save  now"] {
            assert_eq!(options(text), Err(list.to_owned()), "{text:?}");
        }
        let both = "shutdown options SAVE and NOSAVE can't be used simultaneously";
        assert_eq!(options("save nosave"), Err(both.to_owned()));
    }
}
