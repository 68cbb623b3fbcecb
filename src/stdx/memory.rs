//! How much memory there is: the process's own resident set, the machine's, and what its control
//! group allows.
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Bytes a kernel page has on the platforms served. `/proc` counts in pages.
const PAGE: u64 = 4096;

/// Bytes of the process that are in RAM; 0 where `/proc` does not tell.
#[must_use]
pub fn rss() -> u64 {
    fs::read_to_string("/proc/self/statm").map_or(0, |statm| resident_bytes(&statm))
}

/// The second number of `statm` is the resident set in pages.
fn resident_bytes(statm: &str) -> u64 {
    let pages = statm.split_ascii_whitespace().nth(1);
    pages.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

/// Bytes of RAM the machine has; 0 where `/proc` does not tell.
#[must_use]
pub fn total_memory() -> u64 {
    fs::read_to_string("/proc/meminfo").map_or(0, |meminfo| kilobytes(&meminfo, "MemTotal:") * 1024)
}

fn kilobytes(meminfo: &str, name: &str) -> u64 {
    meminfo
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// The least memory limit among the process's control group and its parents, in bytes, of cgroup
/// version 1 or 2. `None` when nothing limits it.
#[must_use]
pub fn memory_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_under(Path::new("/sys/fs/cgroup"), &groups)
}

/// `groups` is the text of `/proc/self/cgroup`, `id:controllers:path` a line. Version 2 has the id
/// 0 and no controllers. Both versions may be mounted side by side.
fn limit_under(mount: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        if id == "0" && controllers.is_empty() {
            least_on_the_way_up(mount, path, "memory.max")
        } else if controllers.split(',').any(|c| c == "memory") {
            least_on_the_way_up(&mount.join("memory"), path, "memory.limit_in_bytes")
        } else {
            None
        }
    });
    limits.min()
}

/// The group's directory may not be visible from inside a container, where the mount shows the
/// container's own group as its root: what cannot be read is skipped.
fn least_on_the_way_up(mount: &Path, group: &str, file: &str) -> Option<u64> {
    let group = PathBuf::from(group.trim_start_matches('/'));
    let limit = |dir: &Path| parse_limit(&fs::read_to_string(mount.join(dir).join(file)).ok()?);
    group.ancestors().filter_map(limit).min()
}

/// `max` (version 2) or the largest multiple of a page (version 1) mean no limit.
fn parse_limit(text: &str) -> Option<u64> {
    const UNLIMITED: u64 = i64::MAX as u64 / PAGE * PAGE;
    let limit = text.trim().parse().ok()?;
    (limit < UNLIMITED).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_set_is_the_second_field() {
        assert_eq!(resident_bytes("5 3 2 1 0 1 0\n"), 3 * 4096);
        assert_eq!(resident_bytes(""), 0);
    }

    #[test]
    fn meminfo_is_read_by_name() {
        let text = "MemTotal:        8039260 kB\nMemFree:  12 kB\n";
        assert_eq!(kilobytes(text, "MemTotal:"), 8_039_260);
        assert_eq!(kilobytes(text, "SwapTotal:"), 0);
    }

    #[cfg(not(miri))]
    #[test]
    fn this_process_lives_in_this_machine() {
        assert!(rss() > 100_000);
        assert!(total_memory() > rss());
    }

    #[test]
    fn limits_as_the_kernel_writes_them() {
        assert_eq!(parse_limit("max\n"), None);
        assert_eq!(parse_limit("9223372036854771712\n"), None);
        assert_eq!(parse_limit("536870912\n"), Some(536_870_912));
        assert_eq!(parse_limit(""), None);
    }

    #[cfg(not(miri))]
    #[test]
    fn the_least_limit_of_the_group_and_its_parents_counts() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        put("a/memory.max", "1000\n");
        put("a/b/memory.max", "max\n");
        assert_eq!(limit_under(root.path(), "0::/a/b\n"), Some(1000));
        assert_eq!(limit_under(root.path(), "0::/\n"), None);
        put("memory/c/memory.limit_in_bytes", "700\n");
        let both = "3:cpu,memory:/c\n0::/a/b\n";
        assert_eq!(limit_under(root.path(), both), Some(700));
    }

    #[cfg(not(miri))]
    #[test]
    fn a_group_hidden_by_a_container_falls_back_to_the_root() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("memory.max"), "512\n").unwrap();
        assert_eq!(limit_under(root.path(), "0::/docker/af3\n"), Some(512));
    }
}
