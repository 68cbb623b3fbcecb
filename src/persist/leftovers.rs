//! Files that a process was writing in the working directory when it died.
//!
//! Each is named for its process, so those of processes that still run are let be: another server may share the folder.

use super::disk::Disk;
use std::path::Path;

/// Removes what processes left that `runs` denies. What process `own` left, this one, is of another that had its number before; a
/// file called `keep` holds data whatever its name looks like.
pub fn remove(disk: &dyn Disk, own: u32, keep: &str, runs: &dyn Fn(u32) -> bool) {
    let dir = Path::new(".");
    // What cannot be listed, or removed, does no harm.
    for name in disk.list(dir).unwrap_or_default() {
        let Some(pid) = owner(&name).filter(|_| name != keep) else { continue };
        if (pid == own || !runs(pid)) && disk.remove(Path::new(&name)).is_ok() {
            tracing::info!("Removed {name}, which process {pid} had not written to its end");
        }
    }
}

/// The process that a temporary file is named for: `temp-PID.rdb`, `temp-PID-NUMBER.rdb`, `temp-NUMBER.PID.rdb`,
/// `temp-rewriteaof-PID.aof` or `temp-rewriteaof-bg-PID.aof`.
fn owner(name: &str) -> Option<u32> {
    let rest = name.strip_prefix("temp-")?;
    if let Some(of_base) = rest.strip_prefix("rewriteaof-") {
        let number = of_base.strip_suffix(".aof")?;
        return pid(number.strip_prefix("bg-").unwrap_or(number));
    }
    let numbers = rest.strip_suffix(".rdb")?;
    if let Some((number, of)) = numbers.split_once('.') {
        return number.parse::<u64>().ok().and_then(|_| pid(of));
    }
    match numbers.split_once('-') {
        Some((of, number)) => number.parse::<u64>().ok().and_then(|_| pid(of)),
        None => pid(numbers),
    }
}

fn pid(digits: &str) -> Option<u32> {
    digits.parse().ok().filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::disk::{Open, Simulated};

    #[test]
    fn what_dead_processes_left_goes_and_all_else_stays() {
        let disk = Simulated::default();
        let left = [
            "temp-7.rdb",
            "temp-7-12.rdb",
            "temp-3.7.rdb",
            "temp-rewriteaof-7.aof",
            "temp-rewriteaof-bg-7.aof",
            "temp-1.rdb",
        ];
        let mut kept = [
            "dump.rdb",
            "temp-8.rdb",
            "temp-rewriteaof-bg-8.aof",
            "temp-9.rdb",
            "temp-0.rdb",
            "temp-.rdb",
            "temp-x.rdb",
            "temp-7-x.rdb",
            "temp-7.8.9.rdb",
            "temp-7.aof",
            "temp-rewriteaof-x-7.aof",
        ];
        for name in left.iter().chain(&kept) {
            disk.open(Path::new(name), Open::Create).unwrap();
        }
        remove(&disk, 1, "temp-9.rdb", &|pid| pid == 8 || pid == 1);
        let mut found = disk.list(Path::new(".")).unwrap();
        found.sort();
        kept.sort_unstable();
        assert_eq!(found, kept);
    }
}
