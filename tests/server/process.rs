//! Start, roles, surroundings and end of the process.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, getsid};

use crate::harness::{Client, LARDER, Server, Setup, eventually, free_port, read, start};

#[track_caller]
fn check_end(signal: Signal, name: &str) {
    let mut server = start(&[]);
    server.signal(signal);
    assert_eq!(server.ended().code(), Some(0));
    let log = server.out();
    assert!(log.contains(&format!("Received {name} scheduling shutdown")), "{log}");
    assert!(log.contains("bye bye"), "{log}");
}

#[test]
fn sigterm_ends_it_in_order() {
    check_end(Signal::SIGTERM, "SIGTERM");
}

#[test]
fn sigint_ends_it_in_order() {
    check_end(Signal::SIGINT, "SIGINT");
}

#[test]
fn a_second_signal_does_not_disturb_the_end() {
    let mut server = start(&[]);
    // Both wait when it goes on.
    server.signal(Signal::SIGSTOP);
    server.signal(Signal::SIGTERM);
    server.signal(Signal::SIGINT);
    server.signal(Signal::SIGCONT);
    assert!(server.ended().code().is_some(), "it ends by itself");
    // Whichever of the two is obeyed first.
    let log = server.out();
    assert!(log.contains("bye bye") || log.contains("You insist"), "{log}");
}

#[test]
fn shutdown_nosave_ends_it_without_an_answer() {
    let mut server = start(&[]);
    let mut client = server.connect();
    client.send("SHUTDOWN NOSAVE\r\n");
    assert_eq!(client.rest(), b"");
    assert_eq!(server.ended().code(), Some(0));
    assert!(server.out().contains("bye bye"));
}

#[test]
fn the_pid_file_is_written_and_removed() {
    let setup = Setup::new();
    let path = setup.path("larder.pid");
    let mut server = setup.args(&["--pidfile", path.to_str().unwrap()]).start();
    assert_eq!(read(&path), format!("{}\n", server.pid()));
    server.signal(Signal::SIGTERM);
    server.ended();
    assert!(!path.exists());
}

#[test]
fn without_its_pid_file_it_serves() {
    let server = start(&["--pidfile", "/nonexistent/larder.pid"]);
    server.logs("Failed to write PID file: No such file or directory");
    assert_eq!(server.connect().ask("PING"), "PONG");
}

/// A process that is nobody's child any more; dropping it ends it.
struct Detached(Pid);

impl Detached {
    fn is_there(&self) -> bool {
        kill(self.0, None) != Err(Errno::ESRCH)
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        // Usually it has ended.
        let _ = kill(self.0, Signal::SIGKILL);
    }
}

#[test]
fn daemonize_detaches_the_process() {
    let setup = Setup::new();
    let port = setup.port();
    let (pid_file, log) = (setup.path("larder.pid"), setup.path("log"));
    let mut starter = setup
        .args(&["--daemonize", "yes", "--pidfile", "larder.pid", "--logfile", "log"])
        .args(&["--always-show-logo", "yes"])
        .spawn();
    assert_eq!(starter.ended().code(), Some(0));
    eventually("the pid file", || read(&pid_file).ends_with('\n'));
    let pid = Pid::from_raw(read(&pid_file).trim().parse().unwrap());
    let server = Detached(pid);
    eventually("it listens", || read(&log).contains("Ready to accept connections"));
    assert_ne!(pid, starter.pid());
    assert_eq!(getsid(Some(pid)), Ok(pid), "a session of its own has no terminal");
    assert!(read(&log).contains(&format!(" PID: {pid}\n")), "{}", read(&log));
    assert_eq!(starter.out(), "");
    Client::tcp(port).send("SHUTDOWN NOSAVE\r\n");
    eventually("it ends", || !server.is_there());
    assert!(!pid_file.exists());
    std::mem::forget(server);
}

#[test]
fn sighup_opens_a_moved_log_file_anew() {
    let server = start(&["--logfile", "log"]);
    // It answers a moment before it says so: a file moved in between would miss the line.
    let ready = |file| read(&server.path(file)).contains("Ready to accept connections");
    eventually("it says that it is ready", || ready("log"));
    std::fs::rename(server.path("log"), server.path("log.1")).unwrap();
    server.signal(Signal::SIGHUP);
    eventually("the log file is there again", || server.path("log").exists());
    assert!(ready("log.1"));
}

#[test]
fn a_moved_log_file_is_opened_anew_without_a_signal() {
    let mut server = start(&["--logfile", "log"]);
    std::fs::rename(server.path("log"), server.path("log.1")).unwrap();
    server.signal(Signal::SIGTERM);
    server.ended();
    assert!(read(&server.path("log")).contains("bye bye"));
    assert!(!read(&server.path("log.1")).contains("bye bye"));
}

/// Runs the program to its end; its exit code, standard output and standard error.
#[track_caller]
fn run(setup: Setup) -> (Option<i32>, String, String) {
    let mut process = setup.spawn();
    let code = process.ended().code();
    (code, process.out(), process.err())
}

#[test]
fn version_is_told() {
    for option in ["--version", "-v"] {
        let (code, out, _) = run(Setup::bare(LARDER).args(&[option]));
        assert_eq!(code, Some(0));
        assert!(out.starts_with("larder server v="), "{out}");
        assert!(out.contains("malloc=") && out.contains("bits=64"), "{out}");
    }
}

#[test]
fn help_is_given() {
    for option in ["--help", "-h"] {
        let (code, out, _) = run(Setup::bare(LARDER).args(&[option]));
        assert_eq!(code, Some(0));
        assert!(out.starts_with("Usage: larder "), "{out}");
    }
}

#[test]
fn options_are_read_from_standard_input() {
    let mut setup = Setup::new().args(&["-"]);
    let input = setup.file("options", "maxmemory 7mb\nmaxclients 17\n");
    setup.command.stdin(std::fs::File::open(input).unwrap());
    let server = setup.start();
    let mut client = server.connect();
    assert_eq!(client.ask("CONFIG GET maxcl*"), "maxclients 17");
    assert_eq!(client.ask("CONFIG GET maxmemory"), "maxmemory 7340032");
}

#[test]
fn a_configuration_file_includes_others_and_gives_way_to_options() {
    let setup = Setup::bare(LARDER);
    let socket = setup.path("socket");
    let more = setup.file("more.conf", "maxclients 18\nhz 20\ntimeout 6\n");
    let text = format!(
        "maxclients 17\nunixsocket \"{}\"\nport 0\ninclude {more}\ntimeout 5\n",
        socket.display()
    );
    let file = setup.file("larder.conf", &text);
    let server = setup.args(&[&file, "--hz", "30"]).spawn();
    server.logs("Ready to accept connections unix");
    let mut client = Client::unix(&socket);
    for (option, value) in [("maxclients", "18"), ("timeout", "5"), ("hz", "30")] {
        assert_eq!(client.ask(&format!("CONFIG GET {option}")), format!("{option} {value}"));
    }
    assert_eq!(client.info("config_file"), file);
}

#[test]
fn a_unix_socket_may_be_all_there_is() {
    let setup = Setup::bare(LARDER);
    let path = setup.path("socket");
    let mut server = setup.args(&["--port", "0", "--unixsocket", path.to_str().unwrap()]).spawn();
    server.logs("Ready to accept connections unix");
    assert_eq!(Client::unix(&path).ask("PING"), "PONG");
    server.signal(Signal::SIGTERM);
    server.ended();
    assert!(!path.exists(), "the socket goes with the server");
}

#[test]
fn a_server_that_nobody_could_reach_does_not_start() {
    let (code, out, _) = run(Setup::bare(LARDER).args(&["--port", "0"]));
    assert_eq!(code, Some(1));
    assert!(out.contains("Configured to not listen anywhere, exiting."), "{out}");
}

#[test]
fn a_wrong_option_stops_the_start_and_is_shown() {
    let setup = Setup::bare(LARDER);
    let file = setup.file("larder.conf", "port 0\n\nmaxclients many\n");
    let (code, out, err) = run(setup.args(&[&file]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("*** FATAL CONFIG FILE ERROR (Redis "), "{err}");
    assert!(err.contains(&format!("at line 3 ({file})\n>>> 'maxclients many'\n")), "{err}");
    assert!(err.contains("argument couldn't be parsed into an integer"), "{err}");
}

#[test]
fn an_unknown_option_of_the_command_line_stops_the_start() {
    let (code, _, err) = run(Setup::bare(LARDER).args(&["--no-such-option", "1"]));
    assert_eq!(code, Some(1));
    assert!(err.contains(">>> 'no-such-option \"1\"'\nBad directive"), "{err}");
}

#[test]
fn an_absent_configuration_file_stops_the_start() {
    let (code, _, err) = run(Setup::bare(LARDER).args(&["/nonexistent/larder.conf"]));
    assert_eq!(code, Some(1));
    let expected = "Fatal error, can't open config file '/nonexistent/larder.conf': No such file or \
                    directory\n";
    assert_eq!(err, expected);
}

#[test]
fn a_directory_is_no_configuration_file() {
    let (code, _, err) = run(Setup::bare(LARDER).args(&["/"]));
    assert_eq!(code, Some(1));
    assert_eq!(err, "Fatal error, can't open config file '/': Is a directory\n");
}

#[test]
fn a_port_in_use_stops_the_start() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let setup = Setup::bare(LARDER).args(&["--bind", "127.0.0.1", "--pidfile", "larder.pid"]);
    let pid_file = setup.path("larder.pid");
    let mut server = setup.args(&["--port", &port.to_string()]).spawn();
    assert_eq!(server.ended().code(), Some(1));
    let log = server.out();
    assert!(log.contains(&format!("127.0.0.1:{port}: bind: Address already in use")), "{log}");
    assert!(log.contains(&format!("Failed listening on port {port} (tcp), aborting.")), "{log}");
    assert!(!pid_file.exists(), "the pid file goes with the server");
}

#[test]
fn an_absent_directory_stops_the_start() {
    let (code, _, err) = run(Setup::bare(LARDER).args(&["--dir", "/nonexistent"]));
    assert_eq!(code, Some(1));
    assert!(err.contains(">>> 'dir \"/nonexistent\"'\nNo such file or directory"), "{err}");
}

#[test]
fn a_log_file_that_cannot_be_opened_stops_the_start() {
    let (code, _, err) = run(Setup::bare(LARDER).args(&["--logfile", "/nonexistent/log"]));
    assert_eq!(code, Some(1));
    assert!(err.contains("*** FATAL CONFIG FILE ERROR"), "{err}");
    assert!(err.contains("Can't open the log file: No such file or directory\n"), "{err}");
}

#[test]
fn a_unix_socket_that_cannot_be_made_stops_the_start() {
    let (code, out, _) =
        run(Setup::bare(LARDER).args(&["--port", "0", "--unixsocket", "/nonexistent/socket"]));
    assert_eq!(code, Some(1));
    assert!(out.contains("Failed opening Unix socket: bind: No such file or directory"), "{out}");
}

/// larder with at most this many open files, and without the right to raise that.
fn with_files(limit: u32) -> Setup {
    let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
    let setup = if Uid::effective().is_root() {
        let setup = Setup::bare("setpriv");
        setup.args(&["--bounding-set=-sys_resource", "--inh-caps=-sys_resource", "sh"])
    } else {
        Setup::bare("sh")
    };
    setup.args(&["-c", &script, LARDER])
}

#[test]
fn few_file_descriptors_lower_maxclients() {
    let setup = with_files(100);
    let path = setup.path("socket");
    let options = ["--port", "0", "--unixsocket", path.to_str().unwrap(), "--maxclients", "500"];
    let server = setup.args(&options).spawn();
    server.logs("Ready to accept connections unix");
    server.logs("Current maximum open files is 100. maxclients has been reduced to 68");
    let mut client = Client::unix(&path);
    assert_eq!(client.ask("CONFIG GET maxclients"), "maxclients 68");
    assert_eq!(
        client.ask("CONFIG SET maxclients 4294967295 timeout 9"),
        "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system \
         is not able to handle the specified number of clients, try with 68"
    );
    assert_eq!(client.ask("CONFIG GET maxclients timeout"), "maxclients 68 timeout 0");
    assert_eq!(client.ask("CONFIG SET maxclients 50"), "OK");
}

#[test]
fn too_few_file_descriptors_for_a_client_stop_the_start() {
    let (code, out, _) = run(with_files(30).args(&["--port", "0", "--unixsocket", "socket"]));
    assert_eq!(code, Some(1));
    assert!(out.contains("Your current 'ulimit -n' of 30 is not enough"), "{out}");
}

/// larder called by another name.
fn called(name: &str) -> Setup {
    let setup = Setup::bare(format!("./{name}"));
    symlink(LARDER, setup.path(name)).unwrap();
    setup
}

#[test]
fn a_role_that_is_not_there_yet_is_refused() {
    let (code, _, err) = run(called("redis-sentinel"));
    assert_eq!(code, Some(1));
    assert_eq!(err, "redis-sentinel: larder does not have Sentinel yet\n");
}

#[test]
fn called_as_a_checker_it_checks() {
    for name in ["redis-check-rdb", "redis-check-aof"] {
        let (code, out, err) = run(called(name).args(&["no such file"]));
        assert_eq!(code, Some(1), "{out}{err}");
        assert!(out.contains("no such file") || err.contains("no such file"), "{out}{err}");
    }
}

#[test]
fn called_redis_server_it_serves() {
    let port = free_port().to_string();
    let mut server = called("redis-server").args(&["--port", &port, "--bind", "127.0.0.1"]).spawn();
    server.logs("Ready to accept connections tcp");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().code(), Some(0));
}

/// The names of a JSON object's members, whose values are numbers or strings.
fn members(line: &str) -> Option<Vec<String>> {
    let mut rest = line.strip_prefix('{')?;
    let mut names = Vec::new();
    loop {
        let (name, after) = string(rest)?;
        names.push(name);
        let value = after.strip_prefix(':')?;
        let number = value.find(|c: char| !c.is_ascii_digit())?;
        rest = if number > 0 { &value[number..] } else { string(value)?.1 };
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (rest == "}").then_some(names),
        }
    }
}

/// A JSON string at the start of `text`, escapes left as they are, and what is behind it.
fn string(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((text[..at].to_owned(), &text[at + 1..])),
            c if c < ' ' => return None,
            _ => {}
        }
    }
    None
}

#[test]
fn json_log_lines_are_json() {
    let mut server = start(&["--log-format", "json", "--loglevel", "debug"]);
    server.connect().ask("PING");
    server.signal(Signal::SIGTERM);
    server.ended();
    let log = server.out();
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        let names = members(line).unwrap_or_else(|| panic!("this is JSON: {line}"));
        assert_eq!(names[..5], ["pid", "role", "timestamp", "level", "message"], "{line}");
    }
}

/// The command line that tools show.
fn title(server: &Server) -> String {
    read(format!("/proc/{}/cmdline", server.pid()).as_ref()).replace('\0', " ")
}

#[test]
#[cfg(target_os = "linux")]
fn the_title_tells_where_it_listens() {
    let server = start(&[]);
    let address = format!("127.0.0.1:{}", server.port());
    eventually("the address is in the title", || title(&server).contains(&address));
}

#[test]
#[cfg(target_os = "linux")]
fn the_title_can_be_left_alone() {
    let server = start(&["--set-proc-title", "no"]);
    assert!(title(&server).contains("--set-proc-title no"), "{}", title(&server));
}

/// A supervisor's socket, and larder told of it.
fn supervised(option: &str) -> (UnixDatagram, Setup) {
    let mut setup = Setup::new().args(&["--supervised", option]);
    let path = setup.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
    setup.command.env("NOTIFY_SOCKET", path);
    (socket, setup)
}

fn news(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let size = socket.recv(&mut bytes).expect("the server has news");
    String::from_utf8_lossy(&bytes[..size]).into_owned()
}

#[test]
fn systemd_is_told_of_readiness_and_of_the_end() {
    for option in ["systemd", "auto"] {
        let (socket, setup) = supervised(option);
        // Going into the background would take it out of systemd's sight.
        let mut server = setup.args(&["--daemonize", "yes"]).spawn();
        let told = news(&socket);
        assert!(told.lines().any(|line| line == "READY=1"), "{told}");
        assert_eq!(server.connect().info("process_supervised"), "systemd");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.ended().code(), Some(0));
        assert_eq!(news(&socket).trim(), "STOPPING=1");
    }
}

#[test]
fn an_unsupervised_server_tells_nobody() {
    let (socket, setup) = supervised("no");
    let server = setup.start();
    server.logs("Ready to accept connections");
    assert_eq!(server.connect().info("process_supervised"), "no");
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 16]).is_err());
}

#[test]
fn a_supervisor_that_is_not_there_is_said() {
    let server = start(&["--supervised", "systemd"]);
    server.logs("NOTIFY_SOCKET not found");
    assert_eq!(server.connect().info("process_supervised"), "no");
}
