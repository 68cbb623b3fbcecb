//! CONFIG GET and SET as a real server answers them, and the example file.

use super::*;
use load::{parse_text, tests::FakeFiles};
use std::path::Path;

fn config(text: &str) -> Config {
    let startup = parse_text(text.as_bytes(), Path::new("/a"), &FakeFiles::default());
    startup.expect("the test's configuration loads").config
}

fn get(config: &Config, pattern: &str) -> Vec<(String, String)> {
    config.get(&[pattern]).into_iter().map(|(name, value)| (name.into_owned(), value)).collect()
}

fn value(config: &Config, name: &str) -> String {
    get(config, name)[0].1.clone()
}

fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
    set_as(config, SetRights::default(), pairs)
}

fn set_as(
    config: &mut Config,
    rights: SetRights,
    pairs: &[(&str, &str)],
) -> Result<Vec<&'static str>, String> {
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    let changed = config.set_many_as(rights, &pairs).map_err(|e| e.to_string())?;
    Ok(changed.iter().map(|row| row.name).collect())
}

/// Checks that a CONFIG SET is refused with this reason for its first option, and changes nothing.
fn refused(pairs: &[(&str, &str)], option: &str, reason: &str) {
    let mut config = Config::default();
    let text = format!("CONFIG SET failed (possibly related to argument '{option}') - {reason}");
    assert_eq!(set(&mut config, pairs), Err(text));
    assert!(config == Config::default());
}

#[test]
fn a_name_is_answered_in_the_spelling_asked_for() {
    let config = Config::default();
    assert_eq!(get(&config, "Slave-Priority"), [("Slave-Priority".into(), "100".into())]);
    assert_eq!(get(&config, "Slave-Pr*"), [("slave-priority".into(), "100".into())]);
    assert_eq!(get(&config, "p[o]rt"), [("port".into(), "6379".into())]);
    assert!(get(&config, "").is_empty() && get(&config, "user").is_empty());
}

#[test]
fn several_patterns_name_an_option_once() {
    let found = Config::default().get(&["port", "hz", "po?t", "nope", "PORT"]);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_ref()).collect();
    assert_eq!(names, ["port", "hz"]);
}

#[test]
fn hidden_options_and_aliases_answer_only_to_their_name() {
    let config = Config::default();
    assert!(get(&config, "key-*").is_empty());
    assert_eq!(value(&config, "key-load-delay"), "0");
    let names: Vec<_> = get(&config, "server?cpulist").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["server_cpulist"]);
    assert_eq!(value(&config, "server-cpulist"), "");
}

#[test]
fn names_and_rights_are_looked_at_before_values() {
    let unknown = |pairs: &[(&str, &str)], name: &str| {
        let text = format!("Unknown option or number of arguments for CONFIG SET - '{name}'");
        assert_eq!(set(&mut Config::default(), pairs), Err(text));
    };
    unknown(&[("FOO", "x")], "FOO");
    unknown(&[("port", "x"), ("foo", "2")], "foo");
    unknown(&[("user", "x")], "user");
    let immutable = "can't set immutable config";
    refused(&[("daemonize", "yes"), ("foo", "1")], "daemonize", immutable);
    refused(&[("port", "99999999"), ("daemonize", "yes")], "daemonize", immutable);
    refused(&[("slaveof", "a 1")], "slaveof", immutable);
    refused(&[("timeout", "1"), ("TIMEOUT", "2")], "TIMEOUT", "duplicate parameter");
    refused(&[("dir", "/tmp"), ("timeout", "x")], "dir", "can't set protected config");
}

#[test]
fn refusals_name_the_option_as_listed() {
    let integer = "argument couldn't be parsed into an integer";
    refused(&[("TIMEOUT", "x")], "timeout", integer);
    refused(&[("Slave-Priority", "x")], "slave-priority", integer);
    refused(&[("save", "900 1"), ("timeout", "abc")], "timeout", integer);
    refused(
        &[("tcp-keepalive", "1"), ("bind", &"1 ".repeat(17))],
        "bind",
        "Too many bind addresses specified.",
    );
    refused(
        &[("proc-title-template", "{x}")],
        "proc-title-template",
        "template format is invalid or contains unknown variables",
    );
    let mut config = Config::default();
    let invalid = config.set_many(&[(b"requirepass", b"\xff")]).map_err(|e| e.to_string());
    assert!(invalid.is_err_and(|text| text.ends_with("argument must be valid UTF-8")));
}

#[test]
fn two_spellings_of_one_option_are_no_duplicates() {
    let mut config = Config::default();
    let pairs = [("slave-priority", "1"), ("replica-priority", "2")];
    assert_eq!(set(&mut config, &pairs), Ok(vec!["replica-priority"]));
    assert_eq!(config.replica_priority, 2);
}

#[test]
fn only_what_differs_is_reported_as_changed() {
    let mut config = Config::default();
    let pairs = [("save", "60 1"), ("hz", "10"), ("port", "7000"), ("tls-cert-file", "")];
    assert_eq!(set(&mut config, &pairs), Ok(vec!["port", "tls-cert-file", "save"]));
    assert_eq!(value(&config, "save"), "60 1");
    assert_eq!(set(&mut config, &[("hz", "1000")]), Ok(vec!["hz"]));
    assert_eq!(set(&mut config, &[("hz", "999")]), Ok(vec![]));
}

#[test]
fn a_step_is_taken_back_without_what_came_after_it() {
    let mut config = config("port 1\nhz 20\ntimeout 5");
    let before = config.clone();
    let pairs: [(&[u8], &[u8]); 2] = [(b"port", b"2"), (b"hz", b"30")];
    let changed = config.set_many(&pairs).expect("taken");
    let undo = Undo::new(changed, before, &config);
    assert!(undo.changed("port") && !undo.changed("timeout"));
    set(&mut config, &[("timeout", "7"), ("hz", "40")]).expect("taken");
    undo.apply(&mut config);
    let values = ["port", "hz", "timeout"].map(|name| value(&config, name));
    assert_eq!(values, ["1", "40", "7"]);
}

#[test]
fn protected_options_open_to_everybody_or_to_local_clients() {
    let local = SetRights { local_client: true, ..SetRights::default() };
    for (guard, rights, taken) in [
        ("yes", SetRights::default(), true),
        ("local", SetRights::default(), false),
        ("local", local, true),
        ("no", local, false),
    ] {
        let mut config = config(&format!("enable-protected-configs {guard}"));
        assert_eq!(set_as(&mut config, rights, &[("dbfilename", "x")]).is_ok(), taken);
    }
}

#[test]
fn some_options_wait_until_loading_is_over() {
    let loading = SetRights { loading: true, ..SetRights::default() };
    let refusal = Config::default().set_many_as(loading, &[(b"appendonly", b"yes")]).map(drop);
    assert_eq!(refusal, Err(SetError::Loading));
    assert!(Config::default().set_many_as(loading, &[(b"hz", b"5")]).is_ok());
}

#[test]
fn debugging_shows_no_secrets() {
    let shown = format!("{:?}", config("requirepass hush\nport 7"));
    assert!(!shown.contains("hush") && shown.contains("port: \"7\""), "{shown}");
}

#[test]
fn defaults_are_those_of_a_real_server() {
    let config = Config::default();
    for (name, expected) in REAL_DEFAULTS {
        assert_eq!(value(&config, name), *expected, "{name}");
    }
    let listed: Vec<_> = config.get(&["*"]).into_iter().map(|(name, _)| name).collect();
    for (name, _) in REAL_DEFAULTS {
        assert!(listed.iter().any(|other| other == name), "{name}");
    }
}

#[test]
fn every_option_takes_another_value_and_prints_it() {
    let mut text = String::new();
    for (name, value) in OTHER_VALUES {
        text.push_str(&format!("{name} {value}\n"));
    }
    let other = config(&text);
    for row in Row::all() {
        // A node of a cluster cannot follow a primary by configuration.
        if row.name != "cluster-enabled" {
            assert_ne!(row.print(&other), row.print(&Config::default()), "{}", row.name);
        }
    }
}

const EXAMPLE: &str = include_str!("../../redis.conf.example");

#[test]
fn the_example_file_gives_the_defaults() {
    assert!(config(EXAMPLE) == config(""), "{:?}", config(EXAMPLE));
}

#[test]
fn the_example_file_describes_every_option_and_says_whether_it_acts() {
    for row in Row::all().iter().filter(|row| !row.flags.contains(Flags::HIDDEN)) {
        let paragraph = paragraph_about(row.name);
        let effect = match paragraph {
            _ if paragraph.contains("# [later] ") => Effect::Later,
            _ if paragraph.contains("# [no effect] ") => Effect::Never,
            _ => Effect::Now,
        };
        assert_eq!(effect, row.effect, "{}", row.name);
        if let Some(alias) = row.alias {
            assert!(paragraph.contains(alias), "{alias}");
        }
    }
    for directive in table::DIRECTIVES {
        paragraph_about(directive);
    }
}

/// The paragraph of the example file with a line, commented out or not, of this option.
fn paragraph_about(name: &str) -> &'static str {
    let line = format!("{name} ");
    let about = |text: &&str| text.lines().any(|l| l.trim_start_matches("# ").starts_with(&line));
    EXAMPLE.split("\n\n").find(about).unwrap_or_else(|| panic!("{name} is not described"))
}

/// A value other than the default for every option but `cluster-enabled`.
pub(super) const OTHER_VALUES: &[(&str, &str)] = &[
    ("bind", "127.0.0.1 -::1"),
    ("bind-source-addr", "127.0.0.1"),
    ("protected-mode", "no"),
    ("port", "7000"),
    ("tcp-backlog", "128"),
    ("unixsocket", "'/tmp/x y.sock'"),
    ("unixsocketperm", "770"),
    ("unixsocketgroup", "redis"),
    ("timeout", "5"),
    ("tcp-keepalive", "60"),
    ("socket-mark-id", "4294967295"),
    ("maxclients", "100"),
    ("client-query-buffer-limit", "2mb"),
    ("client-output-buffer-limit", "normal 1mb 2gb 3 replica 5 6 7 pubsub 8 9 10"),
    ("proto-max-bulk-len", "1gb"),
    ("maxmemory-clients", "5%"),
    ("io-threads", "4"),
    ("io-threads-do-reads", "yes"),
    ("enable-protected-configs", "local"),
    ("enable-debug-command", "yes"),
    ("enable-module-command", "local"),
    ("tracking-table-max-keys", "0"),
    ("tls-port", "7001"),
    ("tls-cert-file", "/a"),
    ("tls-key-file", "/b"),
    ("tls-key-file-pass", r#"'a"b\ '"#),
    ("tls-client-cert-file", "/c"),
    ("tls-client-key-file", "/d"),
    ("tls-client-key-file-pass", r#""\x01""#),
    ("tls-dh-params-file", "/e"),
    ("tls-ca-cert-file", "/f"),
    ("tls-ca-cert-dir", "/g"),
    ("tls-auth-clients", "optional"),
    ("tls-replication", "yes"),
    ("tls-cluster", "yes"),
    ("tls-protocols", r#""TLSv1.2 TLSv1.3""#),
    ("tls-ciphers", "DEFAULT:!MEDIUM"),
    ("tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),
    ("tls-prefer-server-ciphers", "yes"),
    ("tls-session-caching", "no"),
    ("tls-session-cache-size", "0"),
    ("tls-session-cache-timeout", "60"),
    ("daemonize", "yes"),
    ("supervised", "systemd"),
    ("pidfile", "/run/larder.pid"),
    ("databases", "1"),
    ("loglevel", "nothing"),
    ("logfile", "/var/log/larder.log"),
    ("log-format", "json"),
    ("syslog-enabled", "yes"),
    ("syslog-ident", "larder"),
    ("syslog-facility", "local7"),
    ("always-show-logo", "yes"),
    ("set-proc-title", "no"),
    ("proc-title-template", r#""{title} {port}""#),
    ("locale-collate", "de_DE.UTF-8"),
    ("availability-zone", "az-1"),
    ("hash-seed", "seed"),
    ("hz", "500"),
    ("dynamic-hz", "no"),
    ("shutdown-timeout", "0"),
    ("shutdown-on-sigint", "nosave now"),
    ("shutdown-on-sigterm", "save force"),
    ("crash-log-enabled", "no"),
    ("crash-memcheck-enabled", "no"),
    ("use-exit-on-panic", "yes"),
    ("watchdog-period", "100"),
    ("ignore-warnings", "ARM64-COW-BUG"),
    ("disable-thp", "no"),
    ("oom-score-adj", "absolute"),
    ("oom-score-adj-values", "-1 2 3"),
    ("server_cpulist", "0-7:2"),
    ("bio_cpulist", "1,3"),
    ("aof_rewrite_cpulist", "8-11"),
    ("bgsave_cpulist", "1"),
    ("requirepass", r#""p w""#),
    ("aclfile", "/etc/users.acl"),
    ("acllog-max-len", "1"),
    ("acl-pubsub-default", "allchannels"),
    ("maxmemory", "1025"),
    ("maxmemory-policy", "volatile-ttl"),
    ("maxmemory-samples", "10"),
    ("maxmemory-eviction-tenacity", "100"),
    ("replica-ignore-maxmemory", "no"),
    ("lfu-log-factor", "1"),
    ("lfu-decay-time", "0"),
    ("active-expire-effort", "10"),
    ("activerehashing", "no"),
    ("lazyfree-lazy-eviction", "yes"),
    ("lazyfree-lazy-expire", "yes"),
    ("lazyfree-lazy-server-del", "yes"),
    ("lazyfree-lazy-user-del", "yes"),
    ("lazyfree-lazy-user-flush", "yes"),
    ("jemalloc-bg-thread", "no"),
    ("activedefrag", "yes"),
    ("active-defrag-ignore-bytes", "1kb"),
    ("active-defrag-threshold-lower", "0"),
    ("active-defrag-threshold-upper", "1000"),
    ("active-defrag-cycle-min", "2"),
    ("active-defrag-cycle-max", "99"),
    ("active-defrag-max-scan-fields", "1"),
    ("save", "60 1 30 2"),
    ("stop-writes-on-bgsave-error", "no"),
    ("rdbcompression", "no"),
    ("rdbchecksum", "no"),
    ("rdb-version", "9"),
    ("sanitize-dump-payload", "clients"),
    ("dbfilename", "x.rdb"),
    ("rdb-del-sync-files", "yes"),
    ("rdb-save-incremental-fsync", "no"),
    ("snapshot-loop-share", "50"),
    ("rdb-key-save-delay", "-5"),
    ("key-load-delay", "5"),
    ("loading-process-events-interval-bytes", "1024"),
    ("dir", "/other"),
    ("appendonly", "yes"),
    ("appendfilename", "a.aof"),
    ("appenddirname", "aof"),
    ("appendfsync", "always"),
    ("no-appendfsync-on-rewrite", "yes"),
    ("auto-aof-rewrite-percentage", "0"),
    ("auto-aof-rewrite-min-size", "1"),
    ("aof-load-truncated", "no"),
    ("aof-use-rdb-preamble", "no"),
    ("aof-timestamp-enabled", "yes"),
    ("aof-rewrite-incremental-fsync", "no"),
    ("aof-disable-auto-gc", "yes"),
    ("replicaof", "10.0.0.1 6379"),
    ("masteruser", "u"),
    ("masterauth", "p"),
    ("replica-serve-stale-data", "no"),
    ("replica-read-only", "no"),
    ("replica-lazy-flush", "yes"),
    ("repl-diskless-sync", "no"),
    ("repl-diskless-sync-delay", "0"),
    ("repl-diskless-sync-max-replicas", "3"),
    ("repl-diskless-load", "swapdb"),
    ("repl-ping-replica-period", "1"),
    ("repl-timeout", "5"),
    ("repl-disable-tcp-nodelay", "yes"),
    ("repl-backlog-size", "100mb"),
    ("repl-backlog-ttl", "0"),
    ("replica-priority", "0"),
    ("replica-announced", "no"),
    ("replica-announce-ip", "1.2.3.4"),
    ("replica-announce-port", "5"),
    ("min-replicas-to-write", "1"),
    ("min-replicas-max-lag", "5"),
    ("propagation-error-behavior", "panic-on-replicas"),
    ("replica-ignore-disk-write-errors", "yes"),
    ("cluster-config-file", "n.conf"),
    ("cluster-node-timeout", "1"),
    ("cluster-port", "5"),
    ("cluster-replica-validity-factor", "0"),
    ("cluster-migration-barrier", "0"),
    ("cluster-allow-replica-migration", "no"),
    ("cluster-require-full-coverage", "no"),
    ("cluster-replica-no-failover", "yes"),
    ("cluster-allow-reads-when-down", "yes"),
    ("cluster-allow-pubsubshard-when-down", "no"),
    ("cluster-link-sendbuf-limit", "18446744073709551615"),
    ("cluster-announce-ip", "1.2.3.4"),
    ("cluster-announce-port", "1"),
    ("cluster-announce-tls-port", "2"),
    ("cluster-announce-bus-port", "3"),
    ("cluster-announce-hostname", "a.b"),
    ("cluster-announce-human-nodename", r#""a b""#),
    ("cluster-preferred-endpoint-type", "unknown-endpoint"),
    ("busy-reply-threshold", "0"),
    ("lua-enable-deprecated-api", "yes"),
    ("slowlog-log-slower-than", "-1"),
    ("slowlog-max-len", "0"),
    ("commandlog-request-larger-than", "-1"),
    ("commandlog-large-request-max-len", "1"),
    ("commandlog-reply-larger-than", "0"),
    ("commandlog-large-reply-max-len", "1"),
    ("hotkey-top-k", "16"),
    ("hotkey-sampling-percentage", "50"),
    ("hotkey-window-seconds", "1"),
    ("latency-monitor-threshold", "100"),
    ("latency-tracking", "no"),
    ("latency-tracking-info-percentiles", "1 99.999999"),
    ("notify-keyspace-events", "KEAnmocSTIV"),
    ("hash-max-listpack-entries", "0"),
    ("hash-max-listpack-value", "1kb"),
    ("list-max-listpack-size", "-5"),
    ("list-compress-depth", "1"),
    ("set-max-intset-entries", "0"),
    ("set-max-listpack-entries", "0"),
    ("set-max-listpack-value", "0"),
    ("zset-max-listpack-entries", "0"),
    ("zset-max-listpack-value", "0"),
    ("hll-sparse-max-bytes", "0"),
    ("stream-node-max-bytes", "0"),
    ("stream-node-max-entries", "0"),
    ("stream-idmp-duration", "9"),
    ("stream-idmp-maxsize", "9"),
];

/// What CONFIG GET * answers on redis-server 7.0.15, where 7.2 has not changed it, and what 7.2
/// added.
const REAL_DEFAULTS: &[(&str, &str)] = &[
    ("acl-pubsub-default", "resetchannels"),
    ("aclfile", ""),
    ("acllog-max-len", "128"),
    ("active-defrag-cycle-max", "25"),
    ("active-defrag-cycle-min", "1"),
    ("active-defrag-ignore-bytes", "104857600"),
    ("active-defrag-max-scan-fields", "1000"),
    ("active-defrag-threshold-lower", "10"),
    ("active-defrag-threshold-upper", "100"),
    ("active-expire-effort", "1"),
    ("activedefrag", "no"),
    ("activerehashing", "yes"),
    ("always-show-logo", "no"),
    ("aof-load-truncated", "yes"),
    ("aof-rewrite-incremental-fsync", "yes"),
    ("aof-timestamp-enabled", "no"),
    ("aof-use-rdb-preamble", "yes"),
    ("aof_rewrite_cpulist", ""),
    ("appenddirname", "appendonlydir"),
    ("appendfilename", "appendonly.aof"),
    ("appendfsync", "everysec"),
    ("appendonly", "no"),
    ("auto-aof-rewrite-min-size", "67108864"),
    ("auto-aof-rewrite-percentage", "100"),
    ("bgsave_cpulist", ""),
    ("bind-source-addr", ""),
    ("bind", "* -::*"),
    ("bio_cpulist", ""),
    ("busy-reply-threshold", "5000"),
    (
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    ),
    ("client-query-buffer-limit", "1073741824"),
    ("cluster-allow-pubsubshard-when-down", "yes"),
    ("cluster-allow-reads-when-down", "no"),
    ("cluster-allow-replica-migration", "yes"),
    ("cluster-announce-bus-port", "0"),
    ("cluster-announce-hostname", ""),
    ("cluster-announce-ip", ""),
    ("cluster-announce-port", "0"),
    ("cluster-announce-tls-port", "0"),
    ("cluster-config-file", "nodes.conf"),
    ("cluster-enabled", "no"),
    ("cluster-link-sendbuf-limit", "0"),
    ("cluster-migration-barrier", "1"),
    ("cluster-node-timeout", "15000"),
    ("cluster-port", "0"),
    ("cluster-preferred-endpoint-type", "ip"),
    ("cluster-replica-no-failover", "no"),
    ("cluster-replica-validity-factor", "10"),
    ("cluster-require-full-coverage", "yes"),
    ("cluster-slave-no-failover", "no"),
    ("cluster-slave-validity-factor", "10"),
    ("crash-log-enabled", "yes"),
    ("crash-memcheck-enabled", "yes"),
    ("databases", "16"),
    ("dbfilename", "dump.rdb"),
    ("disable-thp", "yes"),
    ("dynamic-hz", "yes"),
    ("enable-debug-command", "no"),
    ("enable-module-command", "no"),
    ("enable-protected-configs", "no"),
    ("hash-max-listpack-entries", "512"),
    ("hash-max-listpack-value", "64"),
    ("hash-max-ziplist-entries", "512"),
    ("hash-max-ziplist-value", "64"),
    ("hll-sparse-max-bytes", "3000"),
    ("hz", "10"),
    ("ignore-warnings", ""),
    ("io-threads-do-reads", "no"),
    ("io-threads", "1"),
    ("jemalloc-bg-thread", "yes"),
    ("latency-monitor-threshold", "0"),
    ("latency-tracking-info-percentiles", "50 99 99.9"),
    ("latency-tracking", "yes"),
    ("lazyfree-lazy-eviction", "no"),
    ("lazyfree-lazy-expire", "no"),
    ("lazyfree-lazy-server-del", "no"),
    ("lazyfree-lazy-user-del", "no"),
    ("lazyfree-lazy-user-flush", "no"),
    ("lfu-decay-time", "1"),
    ("lfu-log-factor", "10"),
    ("list-compress-depth", "0"),
    ("list-max-listpack-size", "-2"),
    ("list-max-ziplist-size", "-2"),
    ("loglevel", "notice"),
    ("lua-time-limit", "5000"),
    ("masterauth", ""),
    ("masteruser", ""),
    ("maxclients", "10000"),
    ("maxmemory-clients", "0"),
    ("maxmemory-eviction-tenacity", "10"),
    ("maxmemory-policy", "noeviction"),
    ("maxmemory-samples", "5"),
    ("maxmemory", "0"),
    ("min-replicas-max-lag", "10"),
    ("min-replicas-to-write", "0"),
    ("min-slaves-max-lag", "10"),
    ("min-slaves-to-write", "0"),
    ("no-appendfsync-on-rewrite", "no"),
    ("notify-keyspace-events", ""),
    ("oom-score-adj-values", "0 200 800"),
    ("oom-score-adj", "no"),
    ("proc-title-template", "{title} {listen-addr} {server-mode}"),
    ("propagation-error-behavior", "ignore"),
    ("protected-mode", "yes"),
    ("proto-max-bulk-len", "536870912"),
    ("rdb-del-sync-files", "no"),
    ("rdb-save-incremental-fsync", "yes"),
    ("rdbchecksum", "yes"),
    ("rdbcompression", "yes"),
    ("repl-backlog-size", "1048576"),
    ("repl-backlog-ttl", "3600"),
    ("repl-disable-tcp-nodelay", "no"),
    ("repl-diskless-load", "disabled"),
    ("repl-diskless-sync-delay", "5"),
    ("repl-diskless-sync-max-replicas", "0"),
    ("repl-diskless-sync", "yes"),
    ("repl-ping-replica-period", "10"),
    ("repl-ping-slave-period", "10"),
    ("repl-timeout", "60"),
    ("replica-announce-ip", ""),
    ("replica-announce-port", "0"),
    ("replica-announced", "yes"),
    ("replica-ignore-disk-write-errors", "no"),
    ("replica-ignore-maxmemory", "yes"),
    ("replica-lazy-flush", "no"),
    ("replica-priority", "100"),
    ("replica-read-only", "yes"),
    ("replica-serve-stale-data", "yes"),
    ("replicaof", ""),
    ("requirepass", ""),
    ("sanitize-dump-payload", "no"),
    ("save", "3600 1 300 100 60 10000"),
    ("server_cpulist", ""),
    ("set-max-intset-entries", "512"),
    ("set-proc-title", "yes"),
    ("shutdown-on-sigint", "default"),
    ("shutdown-on-sigterm", "default"),
    ("shutdown-timeout", "10"),
    ("slave-announce-ip", ""),
    ("slave-announce-port", "0"),
    ("slave-ignore-maxmemory", "yes"),
    ("slave-lazy-flush", "no"),
    ("slave-priority", "100"),
    ("slave-read-only", "yes"),
    ("slave-serve-stale-data", "yes"),
    ("slaveof", ""),
    ("slowlog-log-slower-than", "10000"),
    ("slowlog-max-len", "128"),
    ("socket-mark-id", "0"),
    ("stop-writes-on-bgsave-error", "yes"),
    ("stream-node-max-bytes", "4096"),
    ("stream-node-max-entries", "100"),
    ("supervised", "no"),
    ("syslog-enabled", "no"),
    ("syslog-facility", "local0"),
    ("syslog-ident", "redis"),
    ("tcp-backlog", "511"),
    ("tcp-keepalive", "300"),
    ("timeout", "0"),
    ("tls-auth-clients", "yes"),
    ("tls-ca-cert-dir", ""),
    ("tls-ca-cert-file", ""),
    ("tls-cert-file", ""),
    ("tls-ciphers", ""),
    ("tls-ciphersuites", ""),
    ("tls-client-cert-file", ""),
    ("tls-client-key-file-pass", ""),
    ("tls-client-key-file", ""),
    ("tls-cluster", "no"),
    ("tls-dh-params-file", ""),
    ("tls-key-file-pass", ""),
    ("tls-key-file", ""),
    ("tls-port", "0"),
    ("tls-prefer-server-ciphers", "no"),
    ("tls-protocols", ""),
    ("tls-replication", "no"),
    ("tls-session-cache-size", "20480"),
    ("tls-session-cache-timeout", "300"),
    ("tls-session-caching", "yes"),
    ("tracking-table-max-keys", "1000000"),
    ("unixsocket", ""),
    ("unixsocketperm", "0"),
    ("zset-max-listpack-entries", "128"),
    ("zset-max-listpack-value", "64"),
    ("zset-max-ziplist-entries", "128"),
    ("zset-max-ziplist-value", "64"),
    ("cluster-announce-human-nodename", ""),
    ("locale-collate", ""),
    ("logfile", ""),
    ("port", "6379"),
    ("set-max-listpack-entries", "128"),
    ("set-max-listpack-value", "64"),
];
