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

/// The same without pages of files.
#[must_use]
pub fn anonymous() -> u64 {
    fs::read_to_string("/proc/self/statm").map_or(0, |statm| anonymous_bytes(&statm))
}

/// The second number of `statm` is the resident set in pages,
fn resident_bytes(statm: &str) -> u64 {
    field_bytes(statm, 1)
}

/// and the third is what of it belongs to files.
fn anonymous_bytes(statm: &str) -> u64 {
    resident_bytes(statm).saturating_sub(field_bytes(statm, 2))
}

fn field_bytes(statm: &str, number: usize) -> u64 {
    let pages = statm.split_ascii_whitespace().nth(number);
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

/// A control group that bounds memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryGroup {
    /// What it may have.
    pub limit: u64,
    /// What it has, without pages of files: the kernel takes those back when it wants them.
    pub held: u64,
}

/// The one with the least limit among the process's control group and its parents, of cgroup
/// version 1 or 2. `None` when nothing limits it.
#[must_use]
pub fn memory_group() -> Option<MemoryGroup> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    group_under(Path::new("/sys/fs/cgroup"), &groups)
}

/// How a version calls its files.
struct Names {
    limit: &'static str,
    usage: &'static str,
    /// The fields of `memory.stat` about pages of files, the group's children included.
    files: [&'static str; 2],
}

const VERSION_1: Names = Names {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    files: ["total_inactive_file", "total_active_file"],
};
const VERSION_2: Names =
    Names { limit: "memory.max", usage: "memory.current", files: ["inactive_file", "active_file"] };

/// `groups` is the text of `/proc/self/cgroup`, `id:controllers:path` a line. Version 2 has the id
/// 0 and no controllers. Both versions may be mounted side by side.
fn group_under(mount: &Path, groups: &str) -> Option<MemoryGroup> {
    let least = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        if id == "0" && controllers.is_empty() {
            least_on_the_way_up(mount, path, &VERSION_2)
        } else if controllers.split(',').any(|c| c == "memory") {
            least_on_the_way_up(&mount.join("memory"), path, &VERSION_1)
        } else {
            None
        }
    });
    let (limit, folder, names) = least.min_by_key(|(limit, ..)| *limit)?;
    Some(MemoryGroup { limit, held: held(&folder, names) })
}

/// The group's directory may not be visible from inside a container, where the mount shows the
/// container's own group as its root: what cannot be read is skipped.
fn least_on_the_way_up(
    mount: &Path,
    group: &str,
    names: &'static Names,
) -> Option<(u64, PathBuf, &'static Names)> {
    let group = PathBuf::from(group.trim_start_matches('/'));
    let limit = |dir: &Path| {
        let folder = mount.join(dir);
        let limit = parse_limit(&fs::read_to_string(folder.join(names.limit)).ok()?)?;
        Some((limit, folder, names))
    };
    group.ancestors().filter_map(limit).min_by_key(|(limit, ..)| *limit)
}

/// What the group in `folder` has beside pages of files; 0 where it does not tell.
fn held(folder: &Path, names: &Names) -> u64 {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    let usage: u64 = read(names.usage).trim().parse().unwrap_or(0);
    let stat = read("memory.stat");
    let files: u64 = names.files.iter().map(|name| field(&stat, name)).sum();
    usage.saturating_sub(files)
}

/// A field of `memory.stat`: a name and a number a line.
fn field(stat: &str, name: &str) -> u64 {
    let mut fields = stat.lines().filter_map(|line| line.split_once(' '));
    fields.find(|(key, _)| *key == name).and_then(|(_, n)| n.parse().ok()).unwrap_or(0)
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
    fn the_resident_set_is_the_second_field_and_the_third_is_of_files() {
        assert_eq!(resident_bytes("5 3 2 1 0 1 0\n"), 3 * 4096);
        assert_eq!(anonymous_bytes("5 3 2 1 0 1 0\n"), 4096);
        assert_eq!((resident_bytes(""), anonymous_bytes("")), (0, 0));
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
        assert!(rss() > 100_000 && anonymous() < rss());
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
    fn the_least_limit_of_the_group_and_its_parents_counts_and_what_is_held_there() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        put("a/memory.max", "1000\n");
        put("a/b/memory.max", "max\n");
        put("a/memory.current", "600\n");
        put("a/b/memory.current", "500\n");
        put("a/memory.stat", "anon 300\ninactive_file 90\nactive_file 10\nslab 5\n");
        let group = |groups| group_under(root.path(), groups);
        assert_eq!(group("0::/a/b\n"), Some(MemoryGroup { limit: 1000, held: 500 }));
        assert_eq!(group("0::/\n"), None);
        put("memory/c/memory.limit_in_bytes", "700\n");
        put("memory/c/memory.usage_in_bytes", "650\n");
        put("memory/c/memory.stat", "inactive_file 1\ntotal_inactive_file 50\n");
        let both = "3:cpu,memory:/c\n0::/a/b\n";
        assert_eq!(group(both), Some(MemoryGroup { limit: 700, held: 600 }));
    }

    #[cfg(not(miri))]
    #[test]
    fn a_group_hidden_by_a_container_falls_back_to_the_root() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("memory.max"), "512\n").unwrap();
        let group = group_under(root.path(), "0::/docker/af3\n");
        assert_eq!(group, Some(MemoryGroup { limit: 512, held: 0 }));
    }
}
