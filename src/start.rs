//! Start-up: from the command line to a server that listens, and the end of the process.

use larder::boot::banner::{self, Banner, Door, Mode};
use larder::boot::log::{self, Role, Settings};
use larder::boot::process::{self, OomClass, OomScore, PidFile, ProcTitle, Supervisor, TitleFacts};
use larder::boot::{crash, system};
use larder::config::load::{self, Directive, Launch, Startup};
use larder::config::{Config, Effect, Row, SetError};
use larder::exec::table;
use larder::net;
use larder::persist::disk::Files;
use larder::server::{AllocatorFigures, CpuFigures, Facts, Figures, REDIS_VERSION, Server, Timer};
use larder::spec::Table;
use larder::stdx::clock::{Clock, Ticks, ticks_to_ns};
use larder::stdx::os::error::os_words;
use larder::stdx::os::pages::mapped_bytes;
use larder::stdx::os::priority;
use larder::stdx::{alloc, memory};
use larder::tools::{Console, Tool};
use nix::sys::socket::{self, Shutdown};
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

/// Roles that the program has under other names, and that are not there yet.
const ROLES_TO_COME: &[(&str, &str)] = &[("redis-sentinel", "Sentinel")];

pub(crate) fn main() -> ExitCode {
    let title = ProcTitle::take();
    let args: Vec<OsString> = std::env::args_os().collect();
    let called = args.first().map(|p| Path::new(p).to_path_buf()).unwrap_or_default();
    let name = called.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some((_, role)) = ROLES_TO_COME.iter().find(|(other, _)| name.ends_with(other)) {
        return complain(&format!("{name}: larder does not have {role} yet"));
    }
    if let Some(code) = run_tool(&name, &args) {
        return code;
    }
    match load::parse_args(&args[1.min(args.len())..]) {
        Ok(Launch::Serve(startup)) => serve(*startup, title, &called.to_string_lossy()),
        Ok(Launch::Version) => say(&version()),
        Ok(Launch::Help) => say(&help(&name)),
        Ok(Launch::TestMemory(_)) => complain("larder has no memory test: use memtest86 or such"),
        Ok(Launch::CheckSystem) => check_system(),
        Err(error) => complain(&error.to_string()),
    }
}

/// Runs the tool that the program is by its name, or by its first argument.
fn run_tool(name: &str, args: &[OsString]) -> Option<ExitCode> {
    let first = args.get(1).and_then(|word| word.to_str());
    let (tool, called, args) = match (Tool::of_program(name), first.and_then(Tool::of_argument)) {
        (Some(tool), _) => (tool, name.to_owned(), args.get(1..)?),
        (None, Some(tool)) => (tool, format!("{name} {}", first?), args.get(2..)?),
        (None, None) => return None,
    };
    let console =
        Console { input: &mut std::io::stdin().lock(), out: &mut std::io::stdout().lock() };
    let now_ms = Clock.now_ms().unsigned_abs();
    Some(ExitCode::from(tool.run(&called, args.iter().cloned(), &Files, now_ms, console)))
}

/// Writes to standard output, which is what was asked for.
fn say(text: &str) -> ExitCode {
    let written = writeln!(std::io::stdout(), "{text}");
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says on standard error why there is no server.
fn complain(text: &str) -> ExitCode {
    // With nobody to read it the exit code has to do.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}

fn version() -> String {
    format!(
        "larder server v={} redis={REDIS_VERSION} malloc={} bits={}",
        env!("CARGO_PKG_VERSION"),
        alloc::name(),
        usize::BITS
    )
}

fn help(name: &str) -> String {
    format!(
        "Usage: {name} [/path/to/redis.conf] [options] [-]\n       {name} - (read the configuration \
         from standard input)\n       {name} -v or --version\n       {name} -h or --help\n       \
         {name} --check-system\n       {name} check-aof --help\n       {name} check-rdb --help\n\nExamples:\n       {name} (every option has its default)\n       \
         {name} /etc/redis/6379.conf\n       {name} --port 7777\n       {name} --port 7777 \
         --replicaof 127.0.0.1 8888\n       {name} /etc/myredis.conf --loglevel verbose -\n"
    )
}

fn check_system() -> ExitCode {
    let checks = process::SystemChecks { tcp_backlog: 511, disable_thp: false };
    let notes = process::check_system(&checks);
    let text: Vec<_> = notes.iter().map(|note| note.text.as_str()).collect();
    let code = say(&text.join("\n"));
    if notes.is_empty() { code } else { ExitCode::FAILURE }
}

/// What is the process's, and not the server's.
struct Host {
    title: RefCell<ProcTitle>,
    called: String,
    supervisor: Supervisor,
    oom_score: RefCell<OomScore>,
}

fn serve(startup: Startup, title: ProcTitle, called: &str) -> ExitCode {
    let Startup { config_file, mut config, sentinel, directives } = startup;
    if sentinel {
        return complain("larder does not have Sentinel yet");
    }
    let mut commands = table::describe();
    if let Err(error) = obey(&directives, &mut commands) {
        return complain(&error);
    }
    let randomness: [u8; 20] = rand::random();
    let (supervisor, supervision) = Supervisor::find(supervised(&config));
    let background = config.daemonize && !supervisor.is_some();
    if background && let Err(error) = process::detach_from_terminal() {
        return complain(&format!("Can't go into the background: {}", os_words(&error)));
    }
    match enter_dir(&config.dir) {
        Ok(path) => config.dir = path,
        Err(error) => {
            return complain(&format!("Can't chdir to '{}': {}", config.dir, os_words(&error)));
        }
    }
    let settings = log_settings(&config);
    if let Err(error) = log::configure(&settings) {
        return complain(&log_file_refused(&error));
    }
    crash::set_enabled(config.crash_log_enabled);
    crash::log_panics();
    let machine = system::System::gather(randomness);
    let config_path = config_file.as_ref().map(|path| path.to_string_lossy().into_owned());
    let banner = banner(&config, machine.process_id);
    log::Note::notice(banner.starting()).log();
    log::Note::notice(banner.versions()).log();
    banner.configuration(config_path.as_deref(), called).log();
    if let Some(note) = supervision {
        note.log();
    }
    let pid_file = write_pid_file(&config, background);
    log::set_role(Role::Primary);
    match process::adjust_open_files(config.maxclients.into()) {
        Ok(adjusted) => {
            adjusted.notes.iter().for_each(log::Note::log);
            config.maxclients = u32::try_from(adjusted.maxclients).unwrap_or(u32::MAX);
        }
        Err(too_few) => {
            too_few.0.log();
            return ExitCode::FAILURE;
        }
    }
    prepare_memory(&config);
    let facts = facts(&machine, config_path.unwrap_or_default(), supervisor);
    let server = Server::new(config, commands, facts, timer(), rand::random());
    let host = Rc::new(Host {
        title: RefCell::new(title),
        called: called.to_owned(),
        supervisor,
        oom_score: RefCell::default(),
    });
    host.show_title(&server);
    // What the system refuses is told, and no reason not to serve.
    net::Process::adjust_oom_score(&*host, &server);
    let ended = net::serve(net::Startup { server, process: host });
    supervisor.stopping();
    if let Some(file) = pid_file {
        file.remove();
    }
    exit_code(ended)
}

fn banner(config: &Config, pid: u32) -> Banner<'static> {
    Banner {
        version: env!("CARGO_PKG_VERSION"),
        redis_version: REDIS_VERSION,
        mode: Mode::Standalone,
        port: config.port,
        pid,
    }
}

/// How the process ends after serving, or after it could not serve.
fn exit_code(ended: Result<i32, String>) -> ExitCode {
    match ended {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(why) => {
            tracing::warn!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Carries out the lines of the configuration that are no options.
fn obey(directives: &[Directive], commands: &mut Table) -> Result<(), String> {
    for directive in directives {
        let refused = |why: String| Err(load::LoadError::at(&directive.place, why).to_string());
        match (directive.name, directive.words.as_slice()) {
            ("rename-command", [from, to]) => {
                if let Err(why) = commands.rename(from, to) {
                    return refused(why.to_owned());
                }
            }
            ("rename-command", _) => return refused("wrong number of arguments".to_owned()),
            (name, _) => {
                return refused(format!("larder does not have '{name}' in its configuration yet"));
            }
        }
    }
    Ok(())
}

/// Makes relative names of files mean what is in this folder; its full path.
fn enter_dir(dir: &str) -> std::io::Result<String> {
    std::env::set_current_dir(dir)?;
    let path = std::env::current_dir()?;
    path.into_os_string().into_string().map_err(|_| std::io::ErrorKind::InvalidFilename.into())
}

fn supervised(config: &Config) -> process::Supervised {
    use larder::config::Supervised;
    match config.supervised {
        Supervised::No => process::Supervised::No,
        Supervised::Auto => process::Supervised::Auto,
        Supervised::Systemd => process::Supervised::Systemd,
        Supervised::Upstart => process::Supervised::Upstart,
    }
}

/// Said like a wrong option, for that is what names the file.
fn log_file_refused(error: &std::io::Error) -> String {
    format!(
        "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\nCan't open the log file: {}",
        os_words(error)
    )
}

fn log_settings(config: &Config) -> Settings {
    use larder::config::{LogFormat, LogLevel};
    Settings {
        level: match config.loglevel {
            LogLevel::Debug => log::Level::Debug,
            LogLevel::Verbose => log::Level::Verbose,
            LogLevel::Notice => log::Level::Notice,
            LogLevel::Warning => log::Level::Warning,
            LogLevel::Nothing => log::Level::Nothing,
        },
        output: match config.logfile.as_str() {
            "" => log::Output::Stdout,
            path => log::Output::File(path.into()),
        },
        format: match config.log_format {
            LogFormat::Redis => log::Format::Redis,
            LogFormat::Json => log::Format::Json,
            LogFormat::Logfmt => log::Format::Logfmt,
        },
        timestamps: None,
        syslog: config.syslog_enabled.then(|| log::Syslog {
            ident: config.syslog_ident.clone(),
            facility: facility(config.syslog_facility.word()),
        }),
    }
}

/// `user`, or `local` with a digit.
fn facility(word: &str) -> larder::stdx::os::syslog::Facility {
    match word.strip_prefix("local").and_then(|digit| digit.parse().ok()) {
        Some(number) => larder::stdx::os::syslog::Facility::Local(number),
        None => larder::stdx::os::syslog::Facility::User,
    }
}

fn write_pid_file(config: &Config, background: bool) -> Option<PidFile> {
    let configured = Some(Path::new(&config.pidfile)).filter(|p| !p.as_os_str().is_empty());
    let path = PidFile::path_for(configured, background)?;
    match PidFile::create(&path) {
        Ok(file) => {
            crash::set_pid_file(file.path());
            Some(file)
        }
        Err(error) => {
            tracing::warn!("Failed to write PID file: {}", os_words(&error));
            None
        }
    }
}

/// The allocator's settings, and what its build lacks.
fn prepare_memory(config: &Config) {
    alloc::register_thread();
    let wanted = config.jemalloc_bg_thread;
    // The allocator's threads claim as little of the CPU as the thread that starts them.
    let started = std::thread::spawn(move || {
        priority::step_back();
        alloc::background_threads(wanted)
    });
    if !started.join().unwrap_or(false) && wanted {
        tracing::warn!("The allocator cannot return memory on a thread of its own");
    }
    if !(alloc::quantum_is_8() && alloc::classes_per_doubling() == 8) {
        tracing::warn!(
            "larder was built with a coarse allocator (cargo install reads no .cargo/config.toml): \
             it runs, but keys take more memory. Build it in its source directory."
        );
    }
}

fn timer() -> Timer {
    Ticks::warm_up();
    Timer::new(|| Ticks::now().count(), ticks_to_ns)
}

fn facts(machine: &system::System, config_file: String, supervisor: Supervisor) -> Facts {
    Facts {
        pid: machine.process_id,
        run_id: machine.run_id.clone(),
        started_ms: Clock.now_ms().unsigned_abs(),
        executable: machine.executable.to_string_lossy().into_owned(),
        config_file,
        os: machine.os(),
        supervised: supervisor.name(),
        allocator: alloc::name(),
        allocator_quantum: if alloc::quantum_is_8() { 8 } else { 16 },
        allocator_classes: alloc::classes_per_doubling(),
        monotonic_clock: Ticks::source(),
        figures: Figures {
            used_memory,
            allocated: alloc::allocated_here,
            rss: memory::rss,
            anonymous: memory::anonymous,
            total_memory: memory::total_memory,
            memory_group: memory::memory_group,
            allocator: allocator_figures,
            cpu: cpu_figures,
            purge: alloc::purge,
            malloc_stats: alloc::malloc_stats_text,
            hang_up,
        },
    }
}

/// Ends both directions of a socket.
fn hang_up(fd: i32) {
    // One that has no peer any more needs not be told.
    let _ = socket::shutdown(fd, Shutdown::Both);
}

/// What the allocator has given out, and the tables that come from the system directly.
fn used_memory() -> u64 {
    alloc::used() + mapped_bytes() as u64
}

fn allocator_figures() -> AllocatorFigures {
    let stats = alloc::stats();
    AllocatorFigures {
        allocated: stats.allocated,
        active: stats.active,
        resident: stats.resident,
        dirty: stats.dirty,
        muzzy: stats.muzzy,
    }
}

fn cpu_figures() -> CpuFigures {
    let seconds = |of| {
        let time = system::cpu_time(of);
        (time.system, time.user)
    };
    CpuFigures {
        process: seconds(system::CpuOf::Process),
        children: seconds(system::CpuOf::Children),
        thread: seconds(system::CpuOf::Thread),
    }
}

/// Options whose parts are not there yet are taken, and said to do nothing.
fn warn_of_options_to_come(config: &Config) {
    let default = Config::default();
    let later = Row::all().iter().filter(|row| row.effect == Effect::Later);
    for row in later.filter(|row| row.print(config) != row.print(&default)) {
        tracing::warn!("The option '{}' is set, but has no effect in this version", row.name);
    }
}

impl Host {
    fn show_title(&self, server: &Server) {
        let config = &server.config;
        if !config.set_proc_title {
            return;
        }
        let bind = config.bind.0.first().map(String::as_str);
        let addr = process::listen_addr(bind, config.port, config.tls_port, &config.unixsocket);
        let file = Some(server.facts.config_file.as_str()).filter(|path| !path.is_empty());
        let facts = TitleFacts {
            title: &self.called,
            listen_addr: &addr,
            cluster: false,
            sentinel: false,
            port: config.port,
            tls_port: config.tls_port,
            unix_socket: &config.unixsocket,
            config_file: file,
        };
        if let Some(title) = process::expand_title(&config.proc_title_template, &facts) {
            self.title.borrow_mut().set(&title);
        }
    }
}

impl net::Process for Host {
    /// Whoever finds the process in the log connects at once, so it is told no earlier.
    fn listens(&self, server: &Server) {
        let config = &server.config;
        let banner = banner(config, server.facts.pid);
        banner.log_logo(config.always_show_logo, &log_settings(config));
        tracing::info!("{}", banner::initialized());
        warn_of_options_to_come(config);
    }

    fn ready(&self, server: &Server) {
        let config = &server.config;
        let checks = process::SystemChecks {
            tcp_backlog: if config.port == 0 { 0 } else { config.tcp_backlog },
            disable_thp: false,
        };
        process::check_system(&checks).iter().for_each(log::Note::log);
        if config.port != 0 {
            tracing::info!("{}", banner::ready(Door::Tcp));
        }
        if !config.unixsocket.is_empty() {
            tracing::info!("{}", banner::ready(Door::Unix));
        }
        self.supervisor.ready("Ready to accept connections");
        tracing::debug!("Memory in use: {} of {}", memory::rss(), memory::total_memory());
    }

    fn reconfigure(&self, server: &Server) -> Result<(), SetError> {
        let settings = log_settings(&server.config);
        log::set_level(settings.level);
        log::set_format(settings.format, settings.timestamps);
        self.show_title(server);
        let wanted = u64::from(server.config.maxclients);
        let possible = process::adjust_open_files(wanted).map_or(0, |adjusted| adjusted.maxclients);
        if possible < wanted {
            let why = format!(
                "The operating system is not able to handle the specified number of clients, try \
                 with {possible}"
            );
            return Err(SetError::failed("maxclients", why));
        }
        Ok(())
    }

    fn role_changed(&self, server: &Server) {
        let primary = server.repl.is_primary();
        log::set_role(if primary { Role::Primary } else { Role::Replica });
        self.show_title(server);
        self.adjust_oom_score(server);
    }

    fn adjust_oom_score(&self, server: &Server) -> bool {
        let mode = server.config.oom_score_adj;
        let primary = server.repl.is_primary();
        let class = if primary { OomClass::Primary } else { OomClass::Replica };
        let values = server.config.oom_score_adj_values;
        let applied = self.oom_score.borrow_mut().apply(mode, values, class);
        applied
            .inspect_err(|error| {
                tracing::warn!("Unable to write oom_score_adj: {}", os_words(error))
            })
            .is_ok()
    }

    fn enter_dir(&self, dir: &str) -> std::io::Result<String> {
        enter_dir(dir)
    }

    fn reopen_log(&self) {
        if let Err(error) = log::reopen() {
            tracing::warn!("Can't open the log file anew: {}", os_words(&error));
        }
    }

    fn crash(&self) {
        // The report of the signal is what is asked for, so it is raised for real.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSEGV);
    }
}
