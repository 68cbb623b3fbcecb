//! The process title and its template.
use crate::stdx::os::title::Title;
use nix::sys::prctl;
use std::ffi::CString;

/// `proc-title-template` when none is configured.
pub const DEFAULT_TEMPLATE: &str = "{title} {listen-addr} {server-mode}";

/// Characters the kernel keeps of a thread's name.
const NAME_MAX: usize = 15;

/// What the variables of a template stand for.
#[derive(Clone, Copy, Debug, Default)]
pub struct TitleFacts<'a> {
    /// `{title}`: the program as it was called, or what a child does.
    pub title: &'a str,
    /// `{listen-addr}`: see [`listen_addr`].
    pub listen_addr: &'a str,
    /// Whether `{server-mode}` is `[cluster]`.
    pub cluster: bool,
    /// Whether `{server-mode}` is `[sentinel]`.
    pub sentinel: bool,
    /// `{port}`, 0 for none.
    pub port: u16,
    /// `{tls-port}`, 0 for none.
    pub tls_port: u16,
    /// `{unixsocket}`
    pub unix_socket: &'a str,
    /// `{config-file}`, `-` for none.
    pub config_file: Option<&'a str>,
}

/// The first address of `bind` (`*` for none) with the port, or the unix socket where there is no
/// port.
#[must_use]
pub fn listen_addr(bind: Option<&str>, port: u16, tls_port: u16, unix_socket: &str) -> String {
    let port = if port != 0 { port } else { tls_port };
    if port == 0 && !unix_socket.is_empty() {
        return unix_socket.to_owned();
    }
    // The dash before an address means that it may be missing.
    let host = bind.map_or("*", |address| address.trim_start_matches('-'));
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The title that a template gives, without spaces at its ends. `{{` stands for a brace. `None`
/// when the template names a variable that does not exist, leaves a brace open, or gives an empty
/// title: CONFIG SET then answers `template format is invalid or contains unknown variables`.
#[must_use]
pub fn expand_title(template: &str, facts: &TitleFacts<'_>) -> Option<String> {
    let mut title = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        title.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            title.push('{');
            rest = after;
            continue;
        }
        let (name, after) = rest.split_once('}')?;
        push_variable(&mut title, name, facts)?;
        rest = after;
    }
    title.push_str(rest);
    let title = title.trim_matches(' ');
    (!title.is_empty()).then(|| title.to_owned())
}

fn push_variable(out: &mut String, name: &str, facts: &TitleFacts<'_>) -> Option<()> {
    match name {
        "title" => out.push_str(facts.title),
        "listen-addr" => out.push_str(facts.listen_addr),
        "server-mode" if facts.cluster => out.push_str("[cluster]"),
        "server-mode" if facts.sentinel => out.push_str("[sentinel]"),
        "server-mode" => {}
        "port" => out.push_str(&facts.port.to_string()),
        "tls-port" => out.push_str(&facts.tls_port.to_string()),
        "unixsocket" => out.push_str(facts.unix_socket),
        "config-file" => out.push_str(facts.config_file.unwrap_or("-")),
        _ => return None,
    }
    Some(())
}

/// The title of this process.
#[derive(Debug)]
pub struct ProcTitle {
    area: Option<Title>,
}

impl ProcTitle {
    /// Takes hold of the memory that `ps` shows. Once, at the start of `main`, when the arguments
    /// have been copied and no thread runs. Where the system does not let it, titles are not shown.
    #[must_use]
    pub fn take() -> Self {
        Self { area: Title::take() }
    }

    /// Shows `title`, and its program's name as the name of the calling thread (what `top` and
    /// `pgrep` look at).
    pub fn set(&mut self, title: &str) {
        if let Some(area) = &mut self.area {
            area.set(title.as_bytes());
        }
        if let Some(name) = thread_name(title) {
            // A name is decoration.
            let _ = prctl::set_name(&name);
        }
    }
}

/// The last part of the path that the title starts with.
fn thread_name(title: &str) -> Option<CString> {
    let program = title.split(' ').next()?;
    let mut name = program.rsplit('/').next()?.as_bytes().to_vec();
    name.truncate(NAME_MAX);
    CString::new(name).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: TitleFacts<'static> = TitleFacts {
        title: "/usr/bin/redis-server",
        listen_addr: "127.0.0.1:6379",
        cluster: true,
        sentinel: false,
        port: 6379,
        tls_port: 0,
        unix_socket: "/tmp/x.sock",
        config_file: None,
    };

    #[track_caller]
    fn check(template: &str, expected: Option<&str>) {
        assert_eq!(expand_title(template, &FACTS).as_deref(), expected);
    }

    #[test]
    fn variables_are_filled_in() {
        check(DEFAULT_TEMPLATE, Some("/usr/bin/redis-server 127.0.0.1:6379 [cluster]"));
        check(
            "TEST {port} {tls-port} {unixsocket} {config-file}",
            Some("TEST 6379 0 /tmp/x.sock -"),
        );
    }

    #[test]
    fn braces_as_the_real_server_takes_them() {
        check("{{title", Some("{title"));
        check("{{title}", Some("{title}"));
        check("x {port}}", Some("x 6379}"));
        check("a}b", Some("a}b"));
    }

    #[test]
    fn bad_templates_are_refused() {
        for template in ["", "   ", "{}", "{title", "{invalid-var}", "x {"] {
            check(template, None);
        }
    }

    #[test]
    fn an_empty_mode_leaves_no_space_behind() {
        let plain = TitleFacts { cluster: false, ..FACTS };
        let title = expand_title(DEFAULT_TEMPLATE, &plain);
        assert_eq!(title.unwrap(), "/usr/bin/redis-server 127.0.0.1:6379");
    }

    #[test]
    fn the_address_is_the_first_way_in() {
        assert_eq!(listen_addr(None, 6379, 0, ""), "*:6379");
        assert_eq!(listen_addr(Some("-::1"), 0, 7000, ""), "[::1]:7000");
        assert_eq!(listen_addr(Some("10.0.0.1"), 0, 0, "/s"), "/s");
    }

    #[test]
    fn a_threads_name_is_the_programs() {
        let name = |title| thread_name(title).map(|name| name.into_string().unwrap());
        assert_eq!(name("/usr/bin/redis-server *:1").unwrap(), "redis-server");
        assert_eq!(name("a-very-long-program-name").unwrap(), "a-very-long-pro");
        assert_eq!(name("/ x"), None);
    }
}
