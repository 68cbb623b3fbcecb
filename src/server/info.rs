//! INFO's lines about the process and its role.

use super::{CpuFigures, Facts, REDIS_VERSION, Server};
use crate::config::Config;
use crate::stdx::fields::Fields;
use crate::types;

impl Server {
    /// Section `server`.
    pub fn server_info(&self, out: &mut Fields) {
        let Self { facts, config, .. } = self;
        let now_ms = self.now_ms();
        let uptime_s = now_ms.saturating_sub(facts.started_ms) / 1000;
        facts.build_info(out, config.cluster_enabled);
        out.put("process_id", facts.pid);
        out.put("process_supervised", word_or(facts.supervised, "no"));
        out.put("run_id", &facts.run_id);
        out.put("tcp_port", config.port);
        out.put("server_time_usec", self.keyspace.shared.now_us);
        out.put("uptime_in_seconds", uptime_s);
        out.put("uptime_in_days", uptime_s / (24 * 3600));
        out.put("hz", config.hz);
        out.put("configured_hz", config.hz);
        out.put("lru_clock", types::clock_seconds(now_ms));
        out.put("executable", &facts.executable);
        out.put("config_file", &facts.config_file);
        out.put("io_threads_active", 0);
        if let Some(until_ms) = self.ending.and_then(|ending| ending.replicas_until_ms()) {
            out.put("shutdown_in_milliseconds", until_ms.saturating_sub(now_ms));
        }
        listeners(config, out);
    }

    /// Section `replication`.
    pub fn replication_info(&self, out: &mut Fields) {
        self.repl.info(out, &self.config, self.now_ms());
    }
}

impl Facts {
    /// What was built, and for which system.
    fn build_info(&self, out: &mut Fields, cluster: bool) {
        out.put("redis_version", REDIS_VERSION);
        out.put("server_name", "larder");
        out.put("larder_version", env!("CARGO_PKG_VERSION"));
        out.put("redis_git_sha1", "00000000");
        out.put("redis_git_dirty", 0);
        out.put("redis_build_id", "0");
        out.put("redis_mode", if cluster { "cluster" } else { "standalone" });
        out.put("os", &self.os);
        out.put("arch_bits", usize::BITS);
        out.put("monotonic_clock", word_or(&self.monotonic_clock, "POSIX clock_gettime"));
        out.put("multiplexing_api", if cfg!(target_os = "linux") { "epoll" } else { "kqueue" });
        out.put("atomicvar_api", "rust-core");
        out.put("gcc_version", "0.0.0");
    }
}

impl CpuFigures {
    /// Section `cpu`.
    pub fn info(&self, out: &mut Fields) {
        let of = [("", self.process), ("_children", self.children), ("_main_thread", self.thread)];
        for (whose, (system, user)) in of {
            out.put(&format!("used_cpu_sys{whose}"), format_args!("{system:.6}"));
            out.put(&format!("used_cpu_user{whose}"), format_args!("{user:.6}"));
        }
    }
}

fn word_or<'a>(word: &'a str, otherwise: &'a str) -> &'a str {
    if word.is_empty() { otherwise } else { word }
}

/// One line for each kind of door clients may come through.
fn listeners(config: &Config, out: &mut Fields) {
    let mut number = 0;
    let mut put = |text: String| {
        out.put(&format!("listener{number}"), text);
        number += 1;
    };
    if config.port != 0 {
        let bind: String = config.bind.0.iter().map(|addr| format!(",bind={addr}")).collect();
        put(format!("name=tcp{bind},port={}", config.port));
    }
    if !config.unixsocket.is_empty() {
        put(format!("name=unix,bind={}", config.unixsocket));
    }
}
