//! The writer and its files on a disk that fails, or whose power fails, at every operation of a run of appends and
//! rewrites: what was acknowledged is there afterwards, and the files load.

use super::files::{Base, Folder, Names, whole_base};
use super::load::{Event, Task};
use super::writer::{Job, Policy, Progress, Report, Writer};
use crate::config::AppendFsync;
use crate::persist::disk::{self, Disk, Open, Simulated};
use crate::persist::load::{Options, Pace};
use crate::resp::request::push_command;
use crate::stdx::hash::Seed;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time between two steps, ms: a sync is due now and then.
const STEP_MS: u64 = 400;

fn names() -> Names {
    Names::new("dir", "a.aof")
}

fn options() -> Options {
    Options {
        limits: crate::config::Config::default().limits(Seed::new(1, 2)),
        now_ms: 0,
        total: None,
        databases: 16,
        access: Box::default(),
        keep_expired: true,
        sole: false,
        quiet: false,
        verify: true,
        pace: Pace::default(),
    }
}

/// The data set is a number: how many commands there were. A command tells which one it is, a base how many it stands for.
struct Run {
    disk: Simulated,
    writer: Writer,
    policy: Policy,
    now_ms: u64,
    /// The offset behind each command.
    ends: Vec<u64>,
    progress: Progress,
    begun: Option<bool>,
    finished: Option<bool>,
    /// It told that it cannot write or sync, and not that it can again.
    failing: bool,
}

impl Run {
    /// A server with an append-only file, or without one; `None` where it does not start.
    fn start(disk: &Simulated, sync: AppendFsync, on: bool) -> Option<Self> {
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut writer = if on {
            let mut folder = Folder::read(shared, names()).ok()?;
            let opened = folder.open(b"", false).ok()?;
            Writer::with_file(folder, opened, 0)
        } else {
            Writer::new(shared, names())
        };
        let policy = Policy { sync, rests: false, keeps_history: false };
        writer.add(Job::Follow(policy));
        let progress = Progress::default();
        let disk = disk.clone();
        Some(Self {
            disk,
            writer,
            policy,
            now_ms: 0,
            ends: Vec::new(),
            progress,
            begun: None,
            finished: None,
            failing: false,
        })
    }

    fn append(&mut self) {
        let mut bytes = Vec::new();
        let number = (self.ends.len() + 1).to_string();
        push_command(&mut bytes, [b"command", number.as_bytes()].into_iter());
        self.ends.push(self.ends.last().copied().unwrap_or(0) + bytes.len() as u64);
        self.writer.add(Job::Append(bytes));
        self.work();
    }

    fn work(&mut self) {
        self.now_ms += STEP_MS;
        for report in self.writer.work(self.now_ms) {
            match report {
                Report::Progress(progress) => self.progress = progress,
                Report::Began(result) => self.begun = Some(result.is_ok()),
                Report::Finished(result) => self.finished = Some(result.is_ok()),
                Report::Failing(_) | Report::Lost => self.failing = true,
                Report::Healed => self.failing = false,
            }
        }
    }

    /// A rewrite, during which so many commands come; whether there is a new base.
    fn rewrite(&mut self, first: bool, commands: usize) -> bool {
        let mut bytes = Vec::new();
        let count = self.ends.len().to_string();
        push_command(&mut bytes, [b"base", count.as_bytes()].into_iter());
        (self.begun, self.finished) = (None, None);
        self.writer.add(Job::Begin { first });
        self.work();
        (0..commands).for_each(|_| self.append());
        let base = Base { temp: whole_base(1), snapshot: false };
        let written = disk::replace(&self.disk, Path::new(&base.temp), Path::new("tmp"), &bytes);
        if written.is_ok() && self.begun != Some(false) {
            self.writer.add(Job::Finish { first, base });
            self.work();
        }
        let mut patience = 100;
        while written.is_ok()
            && self.begun != Some(false)
            && self.finished.is_none()
            && patience > 0
        {
            self.work();
            patience -= 1;
        }
        let ok = self.finished == Some(true);
        // As whatever changes the configuration does.
        self.writer.add(Job::Follow(self.policy));
        self.work();
        if first && !ok {
            self.writer.add(Job::GiveUp);
            self.work();
        }
        ok
    }

    /// How many commands are whole before this offset.
    fn until(&self, offset: u64) -> usize {
        self.ends.iter().take_while(|end| **end <= offset).count()
    }
}

/// What a server finds at its start: the number of commands.
fn recover(disk: &Simulated) -> Result<usize, String> {
    let folder = Folder::read(Arc::new(disk.clone()), names())?;
    let task = Task { folder, cut_torn: true, options: options(), goes_on: None };
    let mut count = 0;
    task.run(&mut |event| {
        let Event::Commands(commands) = event else { return true };
        for (argv, _) in (0..commands.len()).filter_map(|number| commands.get(number)) {
            let number: usize = std::str::from_utf8(argv.at(1)).unwrap().parse().unwrap();
            assert!(argv.at(0) == b"base" || number == count + 1, "{number} behind {count}");
            count = number;
        }
        true
    })?;
    Ok(count)
}

/// Two rewrites that succeed, one whose base fails, and commands before, between and behind; whether what is there
/// afterwards was promised.
fn script(run: &mut Run) -> bool {
    (0..3).for_each(|_| run.append());
    run.rewrite(false, 2);
    run.append();
    // Its base comes to nothing.
    run.writer.add(Job::Begin { first: false });
    run.append();
    run.rewrite(false, 1);
    (0..3).for_each(|_| run.append());
    true
}

/// What must be there after the power failed, and after only the process was killed.
fn check(run: &Run, what: &str) {
    for kept in [0, 100, 255] {
        let found = recover(&run.disk.after_crash(kept));
        let found = found.unwrap_or_else(|why| panic!("{what}, {kept} kept: {why}"));
        let synced = run.until(run.progress.synced);
        assert!(found >= synced, "{what}, {kept} kept: {found} found, {synced} were synced");
        assert!(found <= run.ends.len(), "{what}: {found}");
    }
    run.disk.heal();
    let found = recover(&run.disk).unwrap_or_else(|why| panic!("{what}, killed: {why}"));
    let written = run.until(run.progress.written);
    assert!(found >= written, "{what}, killed: {found} found, {written} were written");
}

const POLICIES: [AppendFsync; 3] = [AppendFsync::Always, AppendFsync::Everysec, AppendFsync::No];

/// Operations that change something in a run without failures.
fn operations(sync: AppendFsync, on: bool, script: fn(&mut Run) -> bool) -> u64 {
    let disk = Simulated::default();
    let mut run = Run::start(&disk, sync, on).unwrap();
    script(&mut run);
    run.writer.end().unwrap();
    disk.operations()
}

/// Lets the disk fail from each operation on, for ever.
fn check_every_failure(on: bool, script: fn(&mut Run) -> bool) {
    for sync in POLICIES {
        for operation in 0..operations(sync, on, script) {
            let disk = Simulated::default();
            disk.fail_from(operation, ErrorKind::StorageFull);
            let what = format!("{sync:?}, operation {operation}");
            match Run::start(&disk, sync, on) {
                Some(mut run) => {
                    if !script(&mut run) {
                        continue;
                    }
                    if sync == AppendFsync::Always {
                        assert_eq!(run.progress.answerable, run.progress.synced, "{what}");
                    }
                    check(&run, &what);
                }
                None => {
                    disk.heal();
                    assert_eq!(recover(&disk), Ok(0), "{what}");
                }
            }
        }
    }
}

#[test]
fn what_was_acknowledged_is_there_whatever_operation_fails() {
    check_every_failure(true, script);
}

#[test]
fn one_failure_leaves_nothing_that_the_next_makes_worse() {
    for sync in [AppendFsync::Always, AppendFsync::No] {
        let count = operations(sync, true, script);
        for first in 0..count {
            for again in first + 1..first + 12 {
                let disk = Simulated::default();
                disk.fail_between(first, first, ErrorKind::StorageFull);
                disk.fail_from(again, ErrorKind::StorageFull);
                let Some(mut run) = Run::start(&disk, sync, true) else { continue };
                script(&mut run);
                check(&run, &format!("{sync:?}, operations {first} and from {again} on"));
            }
        }
    }
}

#[test]
fn the_first_rewrite_gives_a_file_or_none_whatever_operation_fails() {
    check_every_failure(false, |run| {
        run.append();
        if run.rewrite(true, 2) {
            return script(run);
        }
        // Where there is no append-only file nothing was promised. What the rewrite left is in no start's way.
        for left in [run.disk.after_kill(), run.disk.after_crash(0)] {
            assert!(recover(&left).is_ok());
        }
        run.disk.heal();
        assert!(run.rewrite(true, 1));
        script(run)
    });
}

#[test]
fn a_disk_that_heals_gets_all_that_was_written_meanwhile() {
    for sync in POLICIES {
        for operation in 0..operations(sync, true, script) {
            for failures in [1, 2, 5] {
                let disk = Simulated::default();
                let what = format!("{sync:?}, operations {operation} to +{failures}");
                let last = operation + failures - 1;
                disk.fail_between(operation, last, ErrorKind::StorageFull);
                let Some(mut run) = Run::start(&disk, sync, true) else { continue };
                script(&mut run);
                (0..20).for_each(|_| run.work());
                let ended = (0..=failures).any(|_| run.writer.end().is_ok());
                assert!(ended, "{what}");
                for kept in [0, 255] {
                    assert_eq!(recover(&disk.after_crash(kept)), Ok(run.ends.len()), "{what}");
                }
                // The next start goes on with it.
                let mut next = Run::start(&disk, sync, true).unwrap();
                next.ends = vec![0; run.ends.len()];
                next.append();
                next.rewrite(false, 1);
                assert_eq!(recover(&disk), Ok(run.ends.len() + 2), "{what}");
            }
        }
    }
}

#[test]
fn who_waits_for_a_write_only_is_let_go_before_a_sync() {
    let mut run = Run::start(&Simulated::default(), AppendFsync::Everysec, true).unwrap();
    // 400 and 800 ms: written, and answered when they are.
    for _ in 0..2 {
        run.append();
        let end = *run.ends.last().unwrap();
        assert_eq!((run.progress.written, run.progress.answerable), (end, end));
        assert_eq!(run.progress.synced, 0);
    }
    // 1200 ms: a sync is due, and told before it begins.
    run.append();
    let end = *run.ends.last().unwrap();
    assert!(run.progress.lets_go());
    assert_eq!((run.progress.written, run.progress.synced), (end, 0));
    assert_eq!(run.writer.wake_at(), Some(1000));
    run.work();
    assert_eq!((run.progress.synced, run.progress.answerable), (end, end));
    // So it is with a change of files.
    run.append();
    run.writer.add(Job::Begin { first: false });
    run.work();
    assert_eq!((run.progress.lets_go(), run.begun), (true, None));
    assert_eq!(run.writer.wake_at(), Some(0));
    run.work();
    assert_eq!((run.progress.lets_go(), run.begun), (false, Some(true)));
}

#[test]
fn who_waits_for_a_write_only_is_let_go_where_the_disk_refuses() {
    for sync in POLICIES {
        let disk = Simulated::default();
        let mut run = Run::start(&disk, sync, true).unwrap();
        disk.fail_from(0, ErrorKind::StorageFull);
        run.append();
        assert_eq!(run.progress.lets_go(), sync != AppendFsync::Always, "{sync:?}");
        disk.heal();
        run.work();
        assert!(!run.progress.lets_go());
        assert_eq!(run.progress.answerable, run.ends[0]);
    }
}

#[test]
fn a_sync_that_failed_is_mended_by_a_sync_alone() {
    let disk = Simulated::default();
    let mut run = Run::start(&disk, AppendFsync::Everysec, true).unwrap();
    disk.fail_syncs(Some(ErrorKind::Other));
    while !run.failing {
        run.append();
    }
    for _ in 0..10 {
        run.append();
        assert!(run.failing, "what is written is not synced");
    }
    assert_eq!((run.progress.written, run.progress.synced), (*run.ends.last().unwrap(), 0));
    disk.fail_syncs(None);
    run.work();
    assert!(!run.failing);
    assert_eq!(run.progress.synced, run.progress.written);
}

#[test]
fn files_that_are_gone_are_told_once_whatever_failed_before() {
    let disk = Simulated::default();
    let mut run = Run::start(&disk, AppendFsync::Everysec, true).unwrap();
    run.append();
    disk.fail_from(0, ErrorKind::StorageFull);
    run.append();
    disk.heal();
    disk.remove(&names().manifest()).unwrap();
    let mut told = 0;
    for _ in 0..10 {
        run.now_ms += STEP_MS;
        let reports = run.writer.work(run.now_ms);
        told += reports.iter().filter(|report| **report == Report::Lost).count();
        assert!(!reports.contains(&Report::Healed));
    }
    assert_eq!(told, 1);
    // The files are left alone, and new ones take their place.
    run.writer.add(Job::Abandon);
    run.work();
    assert!(run.rewrite(true, 1));
    assert!(!run.failing);
}

#[test]
fn nobody_waits_while_a_rewrite_ends() {
    let disk = Simulated::default();
    let mut run = Run::start(&disk, AppendFsync::Everysec, true).unwrap();
    assert!(run.rewrite(false, 1));
    let base = Base { temp: whole_base(1), snapshot: false };
    disk::replace(&disk, Path::new(&base.temp), Path::new("tmp"), b"").unwrap();
    run.writer.add(Job::Begin { first: false });
    (run.begun, run.finished) = (None, None);
    while run.begun.is_none() {
        run.work();
    }
    run.writer.add(Job::Finish { first: false, base });
    run.work();
    assert_eq!((run.progress.lets_go(), run.finished), (true, None));
    run.work();
    assert_eq!((run.progress.lets_go(), run.finished), (false, Some(true)));
}

#[test]
fn a_pause_is_made_before_writes_only() {
    let mut run = Run::start(&Simulated::default(), AppendFsync::Always, true).unwrap();
    let pause = Duration::from_micros(5);
    run.writer.add(Job::Pause(pause));
    assert_eq!(run.writer.pause(), None);
    run.writer.add(Job::Append(b"x".to_vec()));
    assert_eq!(run.writer.pause(), Some(pause));
    run.writer.work(0);
    assert_eq!(run.writer.pause(), None);
}

#[test]
fn nothing_is_left_over_after_a_rewrite() {
    let disk = Simulated::default();
    let mut run = Run::start(&disk, AppendFsync::Always, true).unwrap();
    script(&mut run);
    let mut files = disk.list(Path::new("dir")).unwrap();
    files.sort();
    assert_eq!(files, ["a.aof.3.base.aof", "a.aof.4.incr.aof", "a.aof.manifest"]);
    assert_eq!(disk.list(Path::new(".")).unwrap(), Vec::<String>::new());
    let manifest = disk::read(&disk, Path::new("dir/a.aof.manifest")).unwrap();
    let expected = "file a.aof.3.base.aof seq 3 type b\nfile a.aof.4.incr.aof seq 4 type i\n";
    assert_eq!(String::from_utf8(manifest).unwrap(), expected);
}

fn put(disk: &Simulated, path: &str, text: &str) {
    let mut file = disk.open(Path::new(path), Open::Create).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_file_of_before_redis_7_becomes_the_base_whatever_operation_fails() {
    for operation in 0..10 {
        let disk = Simulated::default();
        put(&disk, "a.aof", "*2\r\n$7\r\ncommand\r\n$1\r\n1\r\n");
        disk.fail_from(operation, ErrorKind::StorageFull);
        let moved = recover(&disk).is_ok();
        disk.heal();
        assert_eq!(recover(&disk), Ok(1), "{operation}");
        assert!(!moved || disk.list(Path::new(".")).unwrap().is_empty(), "{operation}");
        let manifest = disk::read(&disk, Path::new("dir/a.aof.manifest")).unwrap();
        assert_eq!(manifest, b"file a.aof seq 1 type b\n");
    }
}

#[test]
fn files_without_a_manifest_are_not_left_out() {
    let disk = Simulated::default();
    put(&disk, "dir/a.aof.1.incr.aof", "*1\r\n$1\r\nx\r\n");
    let why = recover(&disk).unwrap_err();
    assert!(why.contains("holds a.aof.1.incr.aof, but there is no manifest"), "{why}");
    put(&disk, "dir/a.aof.1.incr.aof", "");
    assert_eq!(recover(&disk), Ok(0));
}

#[test]
fn leftovers_of_a_rewrite_are_removed_at_the_start() {
    let disk = Simulated::default();
    for name in ["temp-a.aof.incr", "temp-a.aof.manifest", "temp-a.aof.3.base.rdb", "other"] {
        put(&disk, &format!("dir/{name}"), "x");
    }
    Run::start(&disk, AppendFsync::No, true).unwrap();
    let files = disk.list(Path::new("dir")).unwrap();
    assert!(!files.iter().any(|name| name.starts_with("temp-")), "{files:?}");
}

/// Loads two increments; what is wrong with them, and what is left of the second.
fn load_two(first: &str, second: &str) -> (Result<usize, String>, usize) {
    let disk = Simulated::default();
    put(&disk, "dir/1", first);
    put(&disk, "dir/2", second);
    put(&disk, "dir/a.aof.manifest", "file 1 seq 1 type i\nfile 2 seq 2 type i\n");
    let found = recover(&disk);
    assert_eq!(disk::read(&disk, Path::new("dir/1")).unwrap(), first.as_bytes());
    (found, disk::read(&disk, Path::new("dir/2")).unwrap().len())
}

#[test]
fn a_torn_end_is_cut_before_what_is_not_whole() {
    let command = |n: usize| format!("*2\r\n$7\r\ncommand\r\n$1\r\n{n}\r\n");
    let (one, two) = (command(1), command(2));
    for cut in 1..two.len() {
        let second = format!("{two}{}", &command(3)[..cut]);
        assert_eq!(load_two(&one, &second), (Ok(2), two.len()), "{cut}");
    }
    // A file that was begun and not written to does not hide the end of the one before.
    let disk = Simulated::default();
    put(&disk, "dir/1", &one[..one.len() - 1]);
    put(&disk, "dir/2", "");
    put(&disk, "dir/a.aof.manifest", "file 1 seq 1 type i\nfile 2 seq 2 type i\n");
    assert_eq!(recover(&disk), Ok(0));
}

#[test]
fn other_damage_is_told_and_nothing_changed() {
    let command = "*2\r\n$7\r\ncommand\r\n$1\r\n1\r\n";
    let (found, len) = load_two(&command[..20], command);
    let why = found.unwrap_err();
    assert!(why.contains("1 ends inside the command at offset 0"), "{why}");
    assert_eq!(len, command.len());
    let bad = format!("{command}hello");
    let (found, len) = load_two("", &bad);
    let why = found.unwrap_err();
    assert!(
        why.starts_with("Bad file format reading the append only file 2: make a backup"),
        "{why}"
    );
    assert!(why.ends_with("('*' or '#' expected, but got 'h' at offset 24)"), "{why}");
    assert_eq!(len, bad.len());
}
