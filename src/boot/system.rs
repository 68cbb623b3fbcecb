//! What INFO says about the machine and the process.
use crate::stdx::os::uname::{Uname, uname};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};
use std::path::PathBuf;

/// `multiplexing_api`: how connections are waited for.
pub const MULTIPLEXING_API: &str =
    if cfg!(any(target_os = "linux", target_os = "android")) { "epoll" } else { "kqueue" };

/// `atomicvar_api`: where atomic variables come from.
pub const ATOMICVAR_API: &str = "rust-core";

/// `gcc_version`: no gcc compiled this. Tools want three numbers.
pub const GCC_VERSION: &str = "0.0.0";

/// `arch_bits`
pub const ARCH_BITS: u32 = usize::BITS;

/// The facts that do not change while the process lives.
#[derive(Clone, Debug)]
pub struct System {
    /// The kernel.
    pub kernel: Uname,
    /// The program's path as INFO's `executable` has it: absolute, symbolic links left as they are.
    pub executable: PathBuf,
    /// `process_id`
    pub process_id: u32,
    /// `run_id`
    pub run_id: String,
}

impl System {
    /// Gathers the facts. Once, after going into the background, which changes the process id;
    /// before the working directory changes, which a relative program path is relative to.
    #[must_use]
    pub fn gather(randomness: [u8; 20]) -> Self {
        Self {
            kernel: uname(),
            executable: executable(std::env::args_os().next().map(PathBuf::from)),
            process_id: std::process::id(),
            run_id: run_id(randomness),
        }
    }

    /// `os`: `Linux 6.1.0-18-amd64 x86_64`
    #[must_use]
    pub fn os(&self) -> String {
        let kernel = &self.kernel;
        format!("{} {} {}", kernel.system, kernel.release, kernel.machine)
    }
}

/// The 40 hexadecimal characters that name one run of a server, or one history of replication.
#[must_use]
pub fn run_id(randomness: [u8; 20]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = randomness.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

/// The program as it was called, made absolute when the call named a path. A bare name was found
/// through PATH: then the kernel knows where.
fn executable(called_as: Option<PathBuf>) -> PathBuf {
    let as_path = called_as.filter(|path| path.components().count() > 1);
    as_path
        .and_then(|path| std::path::absolute(path).ok())
        .or_else(|| std::env::current_exe().ok())
        .unwrap_or_default()
}

/// CPU seconds, split as the kernel splits them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTime {
    /// In the kernel.
    pub system: f64,
    /// In the program.
    pub user: f64,
}

/// Whose time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuOf {
    /// All threads of the process.
    Process,
    /// Children that ended and were waited for.
    Children,
    /// The calling thread.
    Thread,
}

/// CPU time used so far; zeros where the system does not tell.
#[must_use]
pub fn cpu_time(of: CpuOf) -> CpuTime {
    let who = match of {
        CpuOf::Process => UsageWho::RUSAGE_SELF,
        CpuOf::Children => UsageWho::RUSAGE_CHILDREN,
        CpuOf::Thread => UsageWho::RUSAGE_THREAD,
    };
    getrusage(who).map_or_else(
        |_| CpuTime::default(),
        |usage| CpuTime { system: seconds(usage.system_time()), user: seconds(usage.user_time()) },
    )
}

fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_is_the_randomness_in_hexadecimal() {
        let mut bytes = [0xa5; 20];
        bytes[0] = 0x01;
        let id = run_id(bytes);
        assert_eq!(id.len(), 40);
        assert!(id.starts_with("01a5") && id.ends_with("a5"));
    }

    #[cfg(not(miri))]
    #[test]
    fn a_path_stays_as_called_and_a_bare_name_is_looked_up() {
        let called = executable(Some(PathBuf::from("./redis-server")));
        assert!(called.is_absolute() && called.ends_with("redis-server"));
        let here = std::env::current_exe().unwrap();
        assert_eq!(executable(Some(PathBuf::from("larder"))), here);
        assert_eq!(executable(None), here);
    }

    #[cfg(not(miri))]
    #[test]
    fn cpu_time_grows_with_work() {
        let before = cpu_time(CpuOf::Thread);
        let mut sum = 0u64;
        while cpu_time(CpuOf::Thread) == before {
            sum = std::hint::black_box(sum + 1);
        }
        let (process, thread) = (cpu_time(CpuOf::Process), cpu_time(CpuOf::Thread));
        assert!(process.user + process.system >= thread.user + thread.system - 0.01);
        assert_eq!(cpu_time(CpuOf::Children), cpu_time(CpuOf::Children));
    }

    #[cfg(not(miri))]
    #[test]
    fn the_system_is_this_one() {
        let system = System::gather([7; 20]);
        assert_eq!(system.process_id, std::process::id());
        assert_eq!(system.os().split(' ').count(), 3);
    }
}
