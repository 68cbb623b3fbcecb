//! Settings of the system that do a data store harm, looked at once at start-up.
use crate::boot::log::Note;
use nix::sys::prctl;
use std::{fs, path::Path};

/// What the checks need to know.
#[derive(Clone, Copy, Debug)]
pub struct SystemChecks {
    /// `tcp-backlog`; 0 when there is no TCP listener.
    pub tcp_backlog: u32,
    /// `disable-thp`: whether huge pages are to be switched off for this process.
    pub disable_thp: bool,
}

/// Looks at the system, switches huge pages off for the process where they are on for all and the
/// options ask for it, and answers what an operator should read.
#[must_use]
pub fn check_system(checks: &SystemChecks) -> Vec<Note> {
    let huge_pages_off = |wanted: bool| wanted && prctl::set_thp_disable(true).is_ok();
    check_under(Path::new("/"), checks, huge_pages_off)
}

/// The checks on the files below `root`; `disable_thp` switches huge pages off and says whether
/// they are.
fn check_under(
    root: &Path,
    checks: &SystemChecks,
    disable_thp: impl FnOnce(bool) -> bool,
) -> Vec<Note> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let mut notes = Vec::new();
    notes.extend(backlog(checks.tcp_backlog, &read("proc/sys/net/core/somaxconn")));
    notes.extend(overcommit(&read("proc/sys/vm/overcommit_memory")));
    let huge_pages = read("sys/kernel/mm/transparent_hugepage/enabled");
    if huge_pages.contains("[always]") && !disable_thp(checks.disable_thp) {
        notes.push(Note::warning(
            "WARNING Transparent Huge Pages (THP) support is enabled in this kernel for all \
             programs, which costs latency and memory. To change that until the next boot, run \
             'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled' as root and restart the \
             server (or set disable-thp to yes, which concerns the server alone).",
        ));
    }
    notes
}

/// The kernel cuts a listener's queue to its own bound without a word.
fn backlog(wanted: u32, somaxconn: &str) -> Option<Note> {
    let bound: u32 = somaxconn.trim().parse().ok()?;
    (bound > 0 && bound < wanted).then(|| {
        Note::warning(format!(
            "WARNING: The TCP backlog setting of {wanted} cannot be enforced because \
             /proc/sys/net/core/somaxconn is set to the lower value of {bound}."
        ))
    })
}

/// 0: the kernel refuses single requests that look hopeless. 1: it never refuses. 2: it refuses
/// whatever swap and a share of RAM could not hold, and counts address space that is only set
/// aside. Snapshots here do not fork, so 0, which makes Redis warn, is only worth a notice.
fn overcommit(setting: &str) -> Option<Note> {
    let fix = "To change that, add 'vm.overcommit_memory = 1' to /etc/sysctl.conf and reboot, or \
               run 'sysctl vm.overcommit_memory=1' now.";
    match setting.trim() {
        "0" => Some(Note::notice(format!(
            "Memory overcommit is left to the kernel's judgement, which may refuse one very large \
             allocation. {fix}"
        ))),
        "2" => Some(Note::warning(format!(
            "WARNING Memory overcommit must be enabled! With strict accounting, allocations \
             fail long before memory is full. {fix}"
        ))),
        _ => None,
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::boot::log::Level;

    /// The words each note starts with, for a system with these three settings.
    fn said(somaxconn: &str, overcommit: &str, thp: &str, disable_thp: bool) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("proc/sys/net/core/somaxconn", somaxconn),
            ("proc/sys/vm/overcommit_memory", overcommit),
            ("sys/kernel/mm/transparent_hugepage/enabled", thp),
        ] {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let checks = SystemChecks { tcp_backlog: 511, disable_thp };
        let notes = check_under(root.path(), &checks, |wanted| wanted);
        let start = |note: &Note| note.text.split(' ').take(4).collect::<Vec<_>>().join(" ");
        notes.iter().map(start).collect()
    }

    #[test]
    fn a_well_set_system_is_passed_over() {
        let quiet: Vec<String> = Vec::new();
        assert_eq!(said("4096\n", "1\n", "always [madvise] never\n", true), quiet);
        assert_eq!(said("", "", "", false), quiet);
    }

    #[test]
    fn a_short_queue_is_named() {
        assert_eq!(said("128\n", "1\n", "[never]", true), ["WARNING: The TCP backlog"]);
    }

    #[test]
    fn overcommit_is_judged_by_its_mode() {
        assert_eq!(overcommit("0\n").unwrap().level, Level::Notice);
        assert_eq!(overcommit("1\n"), None);
        let strict = overcommit("2\n").unwrap();
        assert_eq!(strict.level, Level::Warning);
        assert!(strict.text.contains("overcommit must be enabled"));
    }

    #[test]
    fn huge_pages_for_all_are_named_unless_switched_off_here() {
        let thp = "[always] madvise never\n";
        assert_eq!(said("4096", "1", thp, false), ["WARNING Transparent Huge Pages"]);
        assert!(said("4096", "1", thp, true).is_empty());
    }
}
