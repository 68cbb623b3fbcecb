//! The table: every option of Redis 7.2, and the few of Valkey's and of larder's own, one row each.
//!
//! A row is the field of [`Config`] with its type and default, then the name (and alias), the
//! bounds, the flags and whether the option acts yet. Adding an option is adding a row here and a
//! paragraph to `redis.conf.example`.

use super::checks;
use super::maxmemory::MaxMemory;
use super::special::{
    BindList, NotifyFlags, OutputLimits, Percentiles, PrimaryAddress, SavePoints, ShutdownOptions,
};
use super::table::{Effect, Flags, Row, options};
use super::value::{MemoryOrPercent, Rule, TextCheck};
use super::words::{
    AclPubsubDefault, AppendFsync, DisklessLoad, EndpointType, EvictionPolicy, Guard, LogFormat,
    LogLevel, OomScoreAdj, PropagationError, RdbVersion, SanitizePayload, Supervised,
    SyslogFacility, TlsAuthClients,
};

const INT_MAX: i64 = i32::MAX as i64;
const BOOL: Rule = Rule::Bool;
const WORD: Rule = Rule::Word;
const TEXT: Rule = Rule::TEXT;
const OPTIONAL: Rule = Rule::OPTIONAL_TEXT;
/// A count or a time that fits 31 bits.
const COUNT: Rule = int(0, INT_MAX);
/// A count or a time that fits 63 bits.
const LONG: Rule = int(0, i64::MAX);
const PORT: Rule = int(0, 65535);
/// A size that fits 63 bits.
const SIZE: Rule = memory(0, i64::MAX as u64);

const fn int(min: i64, max: i64) -> Rule {
    Rule::Int { min, max }
}

const fn memory(min: u64, max: u64) -> Rule {
    Rule::Memory { min, max }
}

const fn checked(check: TextCheck) -> Rule {
    Rule::Text { empty_is_unset: false, check }
}

options! {
    // Network and clients.

    /// Addresses listened on.
    bind: BindList = BindList::standard();
    "bind", Rule::Special, [MULTI_ARG], Now;
    /// Address that outgoing connections come from.
    bind_source_addr: String = String::new();
    "bind-source-addr", OPTIONAL, [], Now;
    /// Whether only loopback clients are served while no password is set.
    protected_mode: bool = true;
    "protected-mode", BOOL, [], Now;
    /// TCP port; 0 for none.
    port: u16 = 6379;
    "port", PORT, [], Now;
    /// Length of the queue of connections that wait for accept(2).
    tcp_backlog: u32 = 511;
    "tcp-backlog", COUNT, [IMMUTABLE], Now;
    /// Path of the unix socket; empty for none.
    unixsocket: String = String::new();
    "unixsocket", OPTIONAL, [IMMUTABLE], Now;
    /// Permissions of the unix socket; 0 leaves them to the umask.
    unixsocketperm: u32 = 0;
    "unixsocketperm", Rule::Octal { max: 0o777 }, [IMMUTABLE], Now;
    /// Group that owns the unix socket.
    unixsocketgroup: String = String::new();
    "unixsocketgroup", OPTIONAL, [IMMUTABLE HIDDEN], Now;
    /// Seconds after which an idle client is closed; 0 for never.
    timeout: u32 = 0;
    "timeout", COUNT, [], Now;
    /// Seconds between TCP keepalive probes; 0 for none.
    tcp_keepalive: u32 = 300;
    "tcp-keepalive", COUNT, [], Now;
    /// Mark set on listening sockets for packet filters; 0 for none.
    socket_mark_id: u32 = 0;
    "socket-mark-id", int(0, u32::MAX as i64), [IMMUTABLE], Later;
    /// Most clients at a time.
    maxclients: u32 = 10_000;
    "maxclients", int(1, u32::MAX as i64), [], Now;
    /// Most bytes of an unfinished request.
    client_query_buffer_limit: u64 = 1 << 30;
    "client-query-buffer-limit", memory(1 << 20, i64::MAX as u64), [], Now;
    /// Most bytes of output that wait for a client.
    client_output_buffer_limit: OutputLimits = OutputLimits::default();
    "client-output-buffer-limit", Rule::Special, [MULTI_ARG], Now;
    /// Most bytes of one argument.
    proto_max_bulk_len: u64 = 512 << 20;
    "proto-max-bulk-len", memory(1 << 20, i64::MAX as u64), [], Now;
    /// Most memory of all clients together.
    maxmemory_clients: MemoryOrPercent = MemoryOrPercent::Bytes(0);
    "maxmemory-clients", Rule::MemoryOrPercent, [], Now;
    /// Number of threads for reading and writing.
    io_threads: u32 = 1;
    "io-threads", int(1, 128), [IMMUTABLE], Never;
    /// Whether those threads also parse.
    io_threads_do_reads: bool = false;
    "io-threads-do-reads", BOOL, [IMMUTABLE], Never;
    /// Who may change the protected options at run time.
    enable_protected_configs: Guard = Guard::No;
    "enable-protected-configs", WORD, [IMMUTABLE], Now;
    /// Who may use DEBUG.
    enable_debug_command: Guard = Guard::No;
    "enable-debug-command", WORD, [IMMUTABLE], Now;
    /// Who may use MODULE.
    enable_module_command: Guard = Guard::No;
    "enable-module-command", WORD, [IMMUTABLE], Now;
    /// Most keys remembered for client-side caching; 0 for no bound.
    tracking_table_max_keys: u64 = 1_000_000;
    "tracking-table-max-keys", LONG, [], Now;

    // TLS.

    /// TLS port; 0 for none.
    tls_port: u16 = 0;
    "tls-port", PORT, [], Later;
    /// The server's certificate.
    tls_cert_file: String = String::new();
    "tls-cert-file", OPTIONAL, [VOLATILE], Later;
    /// The key of the server's certificate.
    tls_key_file: String = String::new();
    "tls-key-file", OPTIONAL, [VOLATILE], Later;
    /// The pass phrase of that key.
    tls_key_file_pass: String = String::new();
    "tls-key-file-pass", OPTIONAL, [SENSITIVE], Later;
    /// Certificate shown as a client, to a primary or another node.
    tls_client_cert_file: String = String::new();
    "tls-client-cert-file", OPTIONAL, [VOLATILE], Later;
    /// The key of the client certificate.
    tls_client_key_file: String = String::new();
    "tls-client-key-file", OPTIONAL, [VOLATILE], Later;
    /// The pass phrase of that key.
    tls_client_key_file_pass: String = String::new();
    "tls-client-key-file-pass", OPTIONAL, [SENSITIVE], Later;
    /// Diffie-Hellman parameters.
    tls_dh_params_file: String = String::new();
    "tls-dh-params-file", OPTIONAL, [VOLATILE], Later;
    /// Certificates of the authorities that are trusted.
    tls_ca_cert_file: String = String::new();
    "tls-ca-cert-file", OPTIONAL, [VOLATILE], Later;
    /// Directory of such certificates.
    tls_ca_cert_dir: String = String::new();
    "tls-ca-cert-dir", OPTIONAL, [VOLATILE], Later;
    /// Whether clients must show a certificate.
    tls_auth_clients: TlsAuthClients = TlsAuthClients::Yes;
    "tls-auth-clients", WORD, [], Later;
    /// Whether the link to the primary uses TLS.
    tls_replication: bool = false;
    "tls-replication", BOOL, [], Later;
    /// Whether the cluster bus uses TLS.
    tls_cluster: bool = false;
    "tls-cluster", BOOL, [], Later;
    /// Protocol versions that are allowed.
    tls_protocols: String = String::new();
    "tls-protocols", OPTIONAL, [], Later;
    /// Ciphers up to TLS 1.2.
    tls_ciphers: String = String::new();
    "tls-ciphers", OPTIONAL, [], Later;
    /// Cipher suites of TLS 1.3.
    tls_ciphersuites: String = String::new();
    "tls-ciphersuites", OPTIONAL, [], Later;
    /// Whether the server's order of ciphers rules.
    tls_prefer_server_ciphers: bool = false;
    "tls-prefer-server-ciphers", BOOL, [], Later;
    /// Whether sessions may be resumed.
    tls_session_caching: bool = true;
    "tls-session-caching", BOOL, [], Later;
    /// Most sessions kept; 0 for no bound.
    tls_session_cache_size: u32 = 20_480;
    "tls-session-cache-size", COUNT, [], Later;
    /// Seconds that a session may be resumed.
    tls_session_cache_timeout: u32 = 300;
    "tls-session-cache-timeout", COUNT, [], Later;

    // The process.

    /// Whether the server goes to the background.
    daemonize: bool = false;
    "daemonize", BOOL, [IMMUTABLE], Now;
    /// The init system that watches it.
    supervised: Supervised = Supervised::No;
    "supervised", WORD, [IMMUTABLE], Now;
    /// File that holds the process id; empty for the default when daemonized.
    pidfile: String = String::new();
    "pidfile", OPTIONAL, [IMMUTABLE], Now;
    /// Working directory, which relative paths are relative to. After loading it is absolute.
    dir: String = "./".to_owned();
    "dir", Rule::Directory, [PROTECTED DENY_LOADING], Now;
    /// Number of databases.
    databases: u32 = 16;
    "databases", int(1, INT_MAX), [IMMUTABLE], Now;
    /// How much is logged.
    loglevel: LogLevel = LogLevel::Notice;
    "loglevel", WORD, [], Now;
    /// Log file; empty for standard output.
    logfile: String = String::new();
    "logfile", TEXT, [IMMUTABLE], Now;
    /// Shape of a log line.
    log_format: LogFormat = LogFormat::Redis;
    "log-format", WORD, [], Now;
    /// Whether syslog gets the log too.
    syslog_enabled: bool = false;
    "syslog-enabled", BOOL, [IMMUTABLE], Now;
    /// The name it carries there.
    syslog_ident: String = "redis".to_owned();
    "syslog-ident", TEXT, [IMMUTABLE], Now;
    /// The facility it goes to.
    syslog_facility: SyslogFacility = SyslogFacility::Local0;
    "syslog-facility", WORD, [IMMUTABLE], Now;
    /// Whether the logo is shown even when the log is no terminal.
    always_show_logo: bool = false;
    "always-show-logo", BOOL, [IMMUTABLE], Now;
    /// Whether the process title tells what the server is.
    set_proc_title: bool = true;
    "set-proc-title", BOOL, [IMMUTABLE], Now;
    /// What it tells.
    proc_title_template: String = "{title} {listen-addr} {server-mode}".to_owned();
    "proc-title-template", checked(checks::proc_title), [], Now;
    /// Locale by which SORT ALPHA compares.
    locale_collate: String = String::new();
    "locale-collate", checked(checks::locale), [], Later;
    /// Zone that HELLO reports.
    availability_zone: String = String::new();
    "availability-zone", TEXT, [], Now;
    /// Text that the hash seed is made from; empty for a random one.
    hash_seed: String = String::new();
    "hash-seed", OPTIONAL, [IMMUTABLE HIDDEN SENSITIVE], Now;
    /// Runs of the periodic work a second.
    hz: u32 = 10;
    "hz", Rule::Drawn { max: INT_MAX, low: 1, high: 500 }, [], Now;
    /// Whether `hz` grows with the number of clients.
    dynamic_hz: bool = true;
    "dynamic-hz", BOOL, [], Never;
    /// Seconds that a shutdown waits for replicas.
    shutdown_timeout: u32 = 10;
    "shutdown-timeout", COUNT, [], Now;
    /// How SIGINT shuts down.
    shutdown_on_sigint: ShutdownOptions = ShutdownOptions::default();
    "shutdown-on-sigint", Rule::Special, [MULTI_ARG], Now;
    /// How SIGTERM shuts down.
    shutdown_on_sigterm: ShutdownOptions = ShutdownOptions::default();
    "shutdown-on-sigterm", Rule::Special, [MULTI_ARG], Now;
    /// Whether a crash is reported in the log.
    crash_log_enabled: bool = true;
    "crash-log-enabled", BOOL, [], Later;
    /// Whether memory is tested after a crash.
    crash_memcheck_enabled: bool = true;
    "crash-memcheck-enabled", BOOL, [], Never;
    /// Whether a panic ends the process by exit instead of abort.
    use_exit_on_panic: bool = false;
    "use-exit-on-panic", BOOL, [HIDDEN], Never;
    /// Milliseconds after which a stalled loop is reported; 0 for never.
    watchdog_period: u32 = 0;
    "watchdog-period", COUNT, [HIDDEN], Never;
    /// Start-up warnings that do not stop the server.
    ignore_warnings: String = String::new();
    "ignore-warnings", TEXT, [], Never;
    /// Whether transparent huge pages are switched off for the process.
    disable_thp: bool = true;
    "disable-thp", BOOL, [IMMUTABLE], Later;
    /// Whether the kernel's out-of-memory score is adjusted.
    oom_score_adj: OomScoreAdj = OomScoreAdj::No;
    "oom-score-adj", WORD, [], Now;
    /// The adjustments of a primary, a replica and a helper process.
    oom_score_adj_values: [i32; 3] = [0, 200, 800];
    "oom-score-adj-values", Rule::Special, [MULTI_ARG], Now;
    /// Processors of the thread that runs commands.
    server_cpulist: String = String::new();
    "server_cpulist" | "server-cpulist", OPTIONAL, [IMMUTABLE HIDDEN_ALIAS], Later;
    /// Processors of the helper threads.
    bio_cpulist: String = String::new();
    "bio_cpulist" | "bio-cpulist", OPTIONAL, [IMMUTABLE HIDDEN_ALIAS], Later;
    /// Processors of the process that rewrites the append-only file.
    aof_rewrite_cpulist: String = String::new();
    "aof_rewrite_cpulist" | "aof-rewrite-cpulist", OPTIONAL, [IMMUTABLE HIDDEN_ALIAS], Never;
    /// Processors of the process that saves.
    bgsave_cpulist: String = String::new();
    "bgsave_cpulist" | "bgsave-cpulist", OPTIONAL, [IMMUTABLE HIDDEN_ALIAS], Never;

    // Access.

    /// Password of the default user; empty for none.
    requirepass: String = String::new();
    "requirepass", OPTIONAL, [SENSITIVE], Now;
    /// File of users.
    aclfile: String = String::new();
    "aclfile", TEXT, [IMMUTABLE], Later;
    /// Entries that ACL LOG keeps.
    acllog_max_len: u64 = 128;
    "acllog-max-len", LONG, [], Later;
    /// Channels that a new user may use.
    acl_pubsub_default: AclPubsubDefault = AclPubsubDefault::Resetchannels;
    "acl-pubsub-default", WORD, [], Later;

    // Memory.

    /// Bytes that data may take; 0 for no bound.
    maxmemory: MaxMemory = MaxMemory::Bytes(0);
    "maxmemory", Rule::Special, [], Now;
    /// Which keys go when it is reached.
    maxmemory_policy: EvictionPolicy = EvictionPolicy::Noeviction;
    "maxmemory-policy", WORD, [], Now;
    /// Keys compared for each that goes.
    maxmemory_samples: u32 = 5;
    "maxmemory-samples", int(1, INT_MAX), [], Now;
    /// How much time eviction may take, from 0 for little to 100 for any.
    maxmemory_eviction_tenacity: u32 = 10;
    "maxmemory-eviction-tenacity", int(0, 100), [], Now;
    /// Whether a replica leaves eviction to its primary.
    replica_ignore_maxmemory: bool = true;
    "replica-ignore-maxmemory" | "slave-ignore-maxmemory", BOOL, [], Now;
    /// How many hits bring an LFU counter up.
    lfu_log_factor: u32 = 10;
    "lfu-log-factor", COUNT, [], Now;
    /// Minutes after which an LFU counter falls by one.
    lfu_decay_time: u32 = 1;
    "lfu-decay-time", COUNT, [], Now;
    /// How hard deadlines are looked for, from 1 to 10.
    active_expire_effort: u32 = 1;
    "active-expire-effort", int(1, 10), [], Never;
    /// Whether hash tables are rehashed in idle time.
    activerehashing: bool = true;
    "activerehashing", BOOL, [], Now;
    /// Whether evicted keys are propagated as UNLINK.
    lazyfree_lazy_eviction: bool = false;
    "lazyfree-lazy-eviction", BOOL, [], Now;
    /// Whether expired values are freed in the background.
    lazyfree_lazy_expire: bool = false;
    "lazyfree-lazy-expire", BOOL, [], Now;
    /// Whether overwritten values are freed in the background.
    lazyfree_lazy_server_del: bool = false;
    "lazyfree-lazy-server-del", BOOL, [], Never;
    /// Whether DEL frees in the background.
    lazyfree_lazy_user_del: bool = false;
    "lazyfree-lazy-user-del", BOOL, [], Never;
    /// Whether FLUSHALL and its like free in the background.
    lazyfree_lazy_user_flush: bool = false;
    "lazyfree-lazy-user-flush", BOOL, [], Never;
    /// Whether the allocator returns pages on a thread of its own.
    jemalloc_bg_thread: bool = true;
    "jemalloc-bg-thread", BOOL, [], Later;
    /// Whether memory is defragmented.
    activedefrag: bool = false;
    "activedefrag", BOOL, [], Now;
    /// Wasted bytes below which nothing is moved.
    active_defrag_ignore_bytes: u64 = 100 << 20;
    "active-defrag-ignore-bytes", memory(1, i64::MAX as u64), [], Now;
    /// Percent of waste at which moving starts.
    active_defrag_threshold_lower: u32 = 10;
    "active-defrag-threshold-lower", int(0, 1000), [], Now;
    /// Percent of waste at which it works hardest.
    active_defrag_threshold_upper: u32 = 100;
    "active-defrag-threshold-upper", int(0, 1000), [], Now;
    /// Percent of the processor it takes at the lower threshold.
    active_defrag_cycle_min: u32 = 1;
    "active-defrag-cycle-min", int(1, 99), [], Now;
    /// Percent of the processor it takes at the upper threshold.
    active_defrag_cycle_max: u32 = 25;
    "active-defrag-cycle-max", int(1, 99), [], Now;
    /// Elements beyond which a value is moved in slices.
    active_defrag_max_scan_fields: u64 = 1000;
    "active-defrag-max-scan-fields", int(1, i64::MAX), [], Now;

    // Snapshots.

    /// Conditions that start a snapshot.
    save: SavePoints = SavePoints::standard();
    "save", Rule::Special, [MULTI_ARG], Now;
    /// Whether writes are refused after a failed snapshot.
    stop_writes_on_bgsave_error: bool = true;
    "stop-writes-on-bgsave-error", BOOL, [], Now;
    /// Whether strings are compressed.
    rdbcompression: bool = true;
    "rdbcompression", BOOL, [], Now;
    /// Whether the file ends in a checksum.
    rdbchecksum: bool = true;
    "rdbchecksum", BOOL, [IMMUTABLE], Now;
    /// Format number of the file: 9 is Redis 5's, 10 that of 7.0, 11 that of 7.2.
    rdb_version: RdbVersion = RdbVersion::V11;
    "rdb-version", WORD, [], Now;
    /// Whose payloads are checked in depth.
    sanitize_dump_payload: SanitizePayload = SanitizePayload::No;
    "sanitize-dump-payload", WORD, [], Never;
    /// File name.
    dbfilename: String = "dump.rdb".to_owned();
    "dbfilename", checked(checks::dbfilename), [PROTECTED], Now;
    /// Whether files made for replication are deleted where persistence is off.
    rdb_del_sync_files: bool = false;
    "rdb-del-sync-files", BOOL, [], Now;
    /// Whether the file is synced as it grows.
    rdb_save_incremental_fsync: bool = true;
    "rdb-save-incremental-fsync", BOOL, [], Now;
    /// Percentage of the loop's time that a snapshot takes while clients are served.
    snapshot_loop_share: u32 = 20;
    "snapshot-loop-share", int(1, 100), [], Now;
    /// Microseconds to wait after each key saved; for tests.
    rdb_key_save_delay: i32 = 0;
    "rdb-key-save-delay", int(i32::MIN as i64, INT_MAX), [HIDDEN], Now;
    /// Microseconds to wait after each key loaded; for tests.
    key_load_delay: i32 = 0;
    "key-load-delay", int(i32::MIN as i64, INT_MAX), [HIDDEN], Now;
    /// Bytes loaded between two looks at the clients.
    loading_process_events_interval_bytes: u32 = 2 << 20;
    "loading-process-events-interval-bytes", int(1024, INT_MAX), [HIDDEN], Later;

    // The append-only file.

    /// Whether writes are logged.
    appendonly: bool = false;
    "appendonly", BOOL, [DENY_LOADING], Now;
    /// Base name of the files.
    appendfilename: String = "appendonly.aof".to_owned();
    "appendfilename", checked(checks::appendfilename), [IMMUTABLE], Now;
    /// Directory of the files, within `dir`.
    appenddirname: String = "appendonlydir".to_owned();
    "appenddirname", checked(checks::appenddirname), [IMMUTABLE], Now;
    /// When the log is synced.
    appendfsync: AppendFsync = AppendFsync::Everysec;
    "appendfsync", WORD, [], Now;
    /// Whether syncing rests while a snapshot is written.
    no_appendfsync_on_rewrite: bool = false;
    "no-appendfsync-on-rewrite", BOOL, [], Now;
    /// Percent of growth that starts a rewrite; 0 for never.
    auto_aof_rewrite_percentage: u32 = 100;
    "auto-aof-rewrite-percentage", COUNT, [], Now;
    /// Size below which none starts.
    auto_aof_rewrite_min_size: u64 = 64 << 20;
    "auto-aof-rewrite-min-size", SIZE, [], Now;
    /// Whether a file with a torn end is loaded.
    aof_load_truncated: bool = true;
    "aof-load-truncated", BOOL, [], Now;
    /// Whether the base file is a snapshot.
    aof_use_rdb_preamble: bool = true;
    "aof-use-rdb-preamble", BOOL, [], Now;
    /// Whether the log carries times.
    aof_timestamp_enabled: bool = false;
    "aof-timestamp-enabled", BOOL, [], Now;
    /// Whether the base file is synced as it grows.
    aof_rewrite_incremental_fsync: bool = true;
    "aof-rewrite-incremental-fsync", BOOL, [], Now;
    /// Whether files that are no longer needed stay; for tests.
    aof_disable_auto_gc: bool = false;
    "aof-disable-auto-gc", BOOL, [HIDDEN], Now;

    // Replication.

    /// The primary to follow.
    replicaof: Option<PrimaryAddress> = None;
    "replicaof" | "slaveof", Rule::Special, [IMMUTABLE MULTI_ARG], Now;
    /// User to log in as at the primary.
    masteruser: String = String::new();
    "masteruser", OPTIONAL, [SENSITIVE], Now;
    /// Password for the primary.
    masterauth: String = String::new();
    "masterauth", OPTIONAL, [SENSITIVE], Now;
    /// Whether a replica answers while the link is down.
    replica_serve_stale_data: bool = true;
    "replica-serve-stale-data" | "slave-serve-stale-data", BOOL, [], Now;
    /// Whether a replica refuses writes.
    replica_read_only: bool = true;
    "replica-read-only" | "slave-read-only", BOOL, [], Now;
    /// Whether a replica drops its old data in the background.
    replica_lazy_flush: bool = false;
    "replica-lazy-flush" | "slave-lazy-flush", BOOL, [], Never;
    /// Whether a primary streams a full synchronisation.
    repl_diskless_sync: bool = true;
    "repl-diskless-sync", BOOL, [], Now;
    /// Seconds it waits for more replicas to join.
    repl_diskless_sync_delay: u32 = 5;
    "repl-diskless-sync-delay", COUNT, [], Now;
    /// Number of replicas at which it waits no longer; 0 for none.
    repl_diskless_sync_max_replicas: u32 = 0;
    "repl-diskless-sync-max-replicas", COUNT, [], Now;
    /// How a replica takes a full synchronisation from the socket.
    repl_diskless_load: DisklessLoad = DisklessLoad::Disabled;
    "repl-diskless-load", WORD, [DENY_LOADING], Now;
    /// Seconds between two pings of a primary.
    repl_ping_replica_period: u32 = 10;
    "repl-ping-replica-period" | "repl-ping-slave-period", int(1, INT_MAX), [], Now;
    /// Seconds of silence after which a link is given up.
    repl_timeout: u32 = 60;
    "repl-timeout", int(1, INT_MAX), [], Now;
    /// Whether small packets may be gathered.
    repl_disable_tcp_nodelay: bool = false;
    "repl-disable-tcp-nodelay", BOOL, [], Now;
    /// Bytes kept for replicas that come back.
    repl_backlog_size: u64 = 1 << 20;
    "repl-backlog-size", memory(1, i64::MAX as u64), [], Now;
    /// Seconds without replicas after which they are dropped; 0 for never.
    repl_backlog_ttl: u64 = 3600;
    "repl-backlog-ttl", LONG, [], Now;
    /// Rank for Sentinel's choice, the lowest first; 0 for never.
    replica_priority: u32 = 100;
    "replica-priority" | "slave-priority", COUNT, [], Now;
    /// Whether Sentinel reports this replica.
    replica_announced: bool = true;
    "replica-announced", BOOL, [], Now;
    /// Address told to the primary.
    replica_announce_ip: String = String::new();
    "replica-announce-ip" | "slave-announce-ip", OPTIONAL, [], Now;
    /// Port told to the primary; 0 for the one listened on.
    replica_announce_port: u16 = 0;
    "replica-announce-port" | "slave-announce-port", PORT, [], Now;
    /// Replicas without which writes are refused; 0 for none.
    min_replicas_to_write: u32 = 0;
    "min-replicas-to-write" | "min-slaves-to-write", COUNT, [], Now;
    /// Seconds of lag up to which a replica counts.
    min_replicas_max_lag: u32 = 10;
    "min-replicas-max-lag" | "min-slaves-max-lag", COUNT, [], Now;
    /// What follows when a replicated command fails.
    propagation_error_behavior: PropagationError = PropagationError::Ignore;
    "propagation-error-behavior", WORD, [], Now;
    /// Whether a replica that cannot write its disk goes on.
    replica_ignore_disk_write_errors: bool = false;
    "replica-ignore-disk-write-errors", BOOL, [], Now;

    // Cluster.

    /// Whether this is a node of a cluster.
    cluster_enabled: bool = false;
    "cluster-enabled", BOOL, [IMMUTABLE], Later;
    /// File that the node keeps for itself.
    cluster_config_file: String = "nodes.conf".to_owned();
    "cluster-config-file", TEXT, [IMMUTABLE], Later;
    /// Milliseconds of silence after which a node counts as failing.
    cluster_node_timeout: u64 = 15_000;
    "cluster-node-timeout", LONG, [], Later;
    /// Port of the cluster bus; 0 for the client port and 10,000.
    cluster_port: u16 = 0;
    "cluster-port", PORT, [IMMUTABLE], Later;
    /// How stale a replica may be that stands for election; 0 for any.
    cluster_replica_validity_factor: u32 = 10;
    "cluster-replica-validity-factor" | "cluster-slave-validity-factor", COUNT, [], Later;
    /// Replicas that a primary keeps before one may move away.
    cluster_migration_barrier: u32 = 1;
    "cluster-migration-barrier", COUNT, [], Later;
    /// Whether replicas move to primaries without any.
    cluster_allow_replica_migration: bool = true;
    "cluster-allow-replica-migration", BOOL, [], Later;
    /// Whether the cluster refuses queries while a slot is unserved.
    cluster_require_full_coverage: bool = true;
    "cluster-require-full-coverage", BOOL, [], Later;
    /// Whether this replica never stands for election by itself.
    cluster_replica_no_failover: bool = false;
    "cluster-replica-no-failover" | "cluster-slave-no-failover", BOOL, [], Later;
    /// Whether reads are served while the cluster is down.
    cluster_allow_reads_when_down: bool = false;
    "cluster-allow-reads-when-down", BOOL, [], Later;
    /// Whether sharded channels work while the cluster is down.
    cluster_allow_pubsubshard_when_down: bool = true;
    "cluster-allow-pubsubshard-when-down", BOOL, [], Later;
    /// Bytes that may wait on a bus link; 0 for no bound.
    cluster_link_sendbuf_limit: u64 = 0;
    "cluster-link-sendbuf-limit", memory(0, u64::MAX), [], Later;
    /// Address announced to nodes and clients.
    cluster_announce_ip: String = String::new();
    "cluster-announce-ip", OPTIONAL, [], Later;
    /// Port announced; 0 for the one listened on.
    cluster_announce_port: u16 = 0;
    "cluster-announce-port", PORT, [], Later;
    /// TLS port announced; 0 for the one listened on.
    cluster_announce_tls_port: u16 = 0;
    "cluster-announce-tls-port", PORT, [], Later;
    /// Bus port announced; 0 for the one listened on.
    cluster_announce_bus_port: u16 = 0;
    "cluster-announce-bus-port", PORT, [], Later;
    /// Host name announced.
    cluster_announce_hostname: String = String::new();
    "cluster-announce-hostname",
    Rule::Text { empty_is_unset: true, check: checks::hostname }, [], Later;
    /// Name for people, seen in logs.
    cluster_announce_human_nodename: String = String::new();
    "cluster-announce-human-nodename",
    Rule::Text { empty_is_unset: true, check: checks::node_name }, [], Later;
    /// How clients are told where nodes are.
    cluster_preferred_endpoint_type: EndpointType = EndpointType::Ip;
    "cluster-preferred-endpoint-type", WORD, [], Later;

    // Scripts.

    /// Milliseconds after which a script or function counts as stuck; 0 for never.
    busy_reply_threshold: u64 = 5000;
    "busy-reply-threshold" | "lua-time-limit", LONG, [], Now;
    /// Whether Lua functions that left the language are there.
    lua_enable_deprecated_api: bool = false;
    "lua-enable-deprecated-api", BOOL, [IMMUTABLE HIDDEN], Later;

    // Logs of commands, latency, events.

    /// Microseconds from which a command enters the slow log; -1 for never.
    slowlog_log_slower_than: i64 = 10_000;
    "slowlog-log-slower-than" | "commandlog-execution-slower-than",
    int(-1, i64::MAX), [], Now;
    /// Entries that the slow log keeps.
    slowlog_max_len: u64 = 128;
    "slowlog-max-len" | "commandlog-slow-execution-max-len", LONG, [], Now;
    /// Bytes from which a request is logged as large; -1 for never.
    commandlog_request_larger_than: i64 = 1 << 20;
    "commandlog-request-larger-than", int(-1, i64::MAX), [], Now;
    /// Entries that the log of large requests keeps.
    commandlog_large_request_max_len: u64 = 128;
    "commandlog-large-request-max-len", LONG, [], Now;
    /// Bytes from which a reply is logged as large; -1 for never.
    commandlog_reply_larger_than: i64 = 1 << 20;
    "commandlog-reply-larger-than", int(-1, i64::MAX), [], Now;
    /// Entries that the log of large replies keeps.
    commandlog_large_reply_max_len: u64 = 128;
    "commandlog-large-reply-max-len", LONG, [], Now;
    /// Keys that HOTKEYS tells of the last window; 0 counts nothing.
    hotkey_top_k: u32 = 0;
    "hotkey-top-k", int(0, 1000), [], Now;
    /// Of so many accesses in a hundred.
    hotkey_sampling_percentage: u32 = 100;
    "hotkey-sampling-percentage", int(1, 100), [], Now;
    /// Length of a window.
    hotkey_window_seconds: u32 = 10;
    "hotkey-window-seconds", int(1, 3600), [], Now;
    /// Milliseconds from which LATENCY notes an event; 0 for never.
    latency_monitor_threshold: u64 = 0;
    "latency-monitor-threshold", LONG, [], Now;
    /// Whether latencies are counted for each command.
    latency_tracking: bool = true;
    "latency-tracking", BOOL, [], Now;
    /// Percentiles that INFO reports.
    latency_tracking_info_percentiles: Percentiles = Percentiles(vec![50.0, 99.0, 99.9]);
    "latency-tracking-info-percentiles", Rule::Special, [MULTI_ARG], Now;
    /// Events that are published.
    notify_keyspace_events: NotifyFlags = NotifyFlags::default();
    "notify-keyspace-events", Rule::Special, [], Now;

    // Encodings.

    /// Most fields of a hash kept as a listpack.
    hash_max_listpack_entries: u64 = 512;
    "hash-max-listpack-entries" | "hash-max-ziplist-entries", LONG, [], Now;
    /// Longest field or value in it.
    hash_max_listpack_value: u64 = 64;
    "hash-max-listpack-value" | "hash-max-ziplist-value", SIZE, [], Now;
    /// Size of a list's nodes: entries, or from -1 to -5 for 4 to 64 kb.
    list_max_listpack_size: i32 = -2;
    "list-max-listpack-size" | "list-max-ziplist-size", int(i32::MIN as i64, INT_MAX), [], Now;
    /// Nodes at each end of a list that are not compressed; 0 compresses none.
    list_compress_depth: u32 = 0;
    "list-compress-depth", COUNT, [], Now;
    /// Most members of a set of integers kept as an intset.
    set_max_intset_entries: u64 = 512;
    "set-max-intset-entries", LONG, [], Now;
    /// Most members of a set kept as a listpack.
    set_max_listpack_entries: u64 = 128;
    "set-max-listpack-entries", LONG, [], Now;
    /// Longest member in it.
    set_max_listpack_value: u64 = 64;
    "set-max-listpack-value", SIZE, [], Now;
    /// Most members of a sorted set kept as a listpack.
    zset_max_listpack_entries: u64 = 128;
    "zset-max-listpack-entries" | "zset-max-ziplist-entries", LONG, [], Now;
    /// Longest member in it.
    zset_max_listpack_value: u64 = 64;
    "zset-max-listpack-value" | "zset-max-ziplist-value", SIZE, [], Now;
    /// Most bytes of a HyperLogLog in its sparse form.
    hll_sparse_max_bytes: u64 = 3000;
    "hll-sparse-max-bytes", SIZE, [], Now;
    /// Most bytes of a stream's node; 0 for no bound.
    stream_node_max_bytes: u64 = 4096;
    "stream-node-max-bytes", SIZE, [], Now;
    /// Most entries of a stream's node; 0 for no bound.
    stream_node_max_entries: u64 = 100;
    "stream-node-max-entries", LONG, [], Now;
    /// Seconds for which the names that producers give a stream's entries are remembered.
    stream_idmp_duration: u32 = 100;
    "stream-idmp-duration", int(1, 86400), [], Now;
    /// Names remembered of each producer.
    stream_idmp_maxsize: u32 = 100;
    "stream-idmp-maxsize", int(1, 10000), [], Now;
}
