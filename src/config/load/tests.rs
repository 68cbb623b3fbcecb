//! Loading from files that are not there.

use super::*;
use std::collections::BTreeMap;

/// A file system of a few texts; the working directory is `/work`.
#[derive(Default)]
pub(in super::super) struct FakeFiles {
    texts: BTreeMap<PathBuf, &'static str>,
    stdin: &'static str,
}

impl FakeFiles {
    fn with(texts: &[(&str, &'static str)], stdin: &'static str) -> Self {
        let texts = texts.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
        Self { texts, stdin }
    }
}

impl Files for FakeFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.texts.get(path).ok_or(nix::errno::Errno::ENOENT)?;
        Ok(text.as_bytes().to_vec())
    }

    fn read_stdin(&self) -> io::Result<Vec<u8>> {
        Ok(self.stdin.as_bytes().to_vec())
    }

    fn list(&self, directory: &Path) -> Vec<OsString> {
        let below = self.texts.keys().filter_map(|path| path.strip_prefix(directory).ok());
        let mut names: Vec<OsString> =
            below.filter_map(|path| path.iter().next().map(ToOwned::to_owned)).collect();
        names.dedup();
        names
    }

    fn resolve_dir(&self, path: &Path) -> io::Result<PathBuf> {
        let file = self.texts.contains_key(path);
        let missing = path.components().any(|part| part.as_os_str() == "nonexist");
        match (file, missing) {
            (true, _) => Err(nix::errno::Errno::ENOTDIR.into()),
            (_, true) => Err(nix::errno::Errno::ENOENT.into()),
            _ => Ok(path.components().collect()),
        }
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        Ok("/work".into())
    }
}

fn launch(args: &[&str], files: &FakeFiles) -> Result<Launch, LoadError> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    parse_args_with(&args, false, files)
}

fn serve(args: &[&str], files: &FakeFiles) -> Startup {
    match launch(args, files) {
        Ok(Launch::Serve(startup)) => *startup,
        other => panic!("{args:?} gives {other:?}"),
    }
}

fn composed(args: &[&str]) -> String {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    String::from_utf8(compose(&args)).expect("text")
}

/// The refusal of a file with this text: its line's number and the reason.
fn refusal(text: &'static str) -> (usize, String) {
    let files = FakeFiles::with(&[("/work/a.conf", text)], "");
    match launch(&["a.conf"], &files) {
        Err(LoadError::Line { place, reason }) => (place.line, reason.into_owned()),
        other => panic!("{text:?} gives {other:?}"),
    }
}

#[test]
fn the_message_is_that_of_redis_with_the_source_added() {
    let files = FakeFiles::with(&[("/work/a.conf", "\n# x\n  prt 7000\r\n")], "");
    let error = launch(&["a.conf"], &files).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n\
         Reading the configuration file, at line 3 (/work/a.conf)\n\
         >>> 'prt 7000'\n\
         Bad directive or wrong number of arguments"
    );
    let error = launch(&["--port", "abc"], &files).expect_err("refused").to_string();
    let shown = "at line 1 (command line)\n>>> 'port \"abc\"'\n";
    assert!(error.contains(shown), "{error}");
    let error = launch(&["b.conf"], &files).expect_err("refused").to_string();
    let shown = "Fatal error, can't open config file '/work/b.conf': No such file or directory";
    assert_eq!(error, shown);
}

#[test]
fn refusals_are_those_of_redis() {
    for (text, line, reason) in [
        ("foo", 1, BAD_DIRECTIVE),
        ("\n\"unbalanced", 2, "Unbalanced quotes in configuration line"),
        ("port", 1, "wrong number of arguments"),
        ("port 5 # comment", 1, "wrong number of arguments"),
        ("port x", 1, "argument couldn't be parsed into an integer"),
        ("maxmemory 1x", 1, "argument must be a memory value"),
        (
            "client-output-buffer-limit ''",
            1,
            "Wrong number of arguments in buffer limit configuration.",
        ),
        ("dir /nonexist", 1, "No such file or directory"),
        ("dir a.conf", 1, "Not a directory"),
        ("user", 1, BAD_DIRECTIVE),
        ("rename-command get", 1, BAD_DIRECTIVE),
        ("include", 1, BAD_DIRECTIVE),
        ("loadmodule", 1, BAD_DIRECTIVE),
        ("sentinel foo", 1, "sentinel directive while not in sentinel mode"),
        (
            "replicaof a 5\ncluster-enabled yes",
            1,
            "replicaof directive not allowed in cluster mode",
        ),
        (
            "user a on\nuser a off",
            2,
            "Error in user declaration 'a': Duplicate user found. \
             A user can only be defined once in config files",
        ),
        ("requirepass \"\\xff\"", 1, "argument must be valid UTF-8"),
    ] {
        assert_eq!(refusal(text), (line, reason.to_owned()), "{text:?}");
    }
}

#[test]
fn lists_may_be_quoted_as_one_word() {
    let files = FakeFiles::with(&[("/a", "save \"60 1  30 2\"\nbind '1.1.1.1 ::1'\nbind")], "");
    let config = serve(&["/a"], &files).config;
    assert_eq!(config.get(&["save"])[0].1, "60 1 30 2");
    assert_eq!(config.get(&["bind"])[0].1, "");
}

#[test]
fn retired_options_are_read_over() {
    let files = FakeFiles::with(&[("/a", "list-max-ziplist-entries 5\nsentinel\nport 7")], "");
    assert_eq!(serve(&["/a"], &files).config.port, 7);
}

#[test]
fn options_become_lines() {
    for (args, text) in [
        (
            ["--port", "7000", "--bind", "1.2.3.4", "::1"].as_slice(),
            "port \"7000\" \nbind \"1.2.3.4\" \"::1\" ",
        ),
        (&["--port", "--timeout", "5"], "port \"--timeout\" \"5\" "),
        (&["--save", "--port", "7"], "save \"\"\nport \"7\" "),
        (&["--save", "", "--port", "7"], "save \"\" \nport \"7\" "),
        (&["--appendonly", "yes", "--save"], "appendonly \"yes\" \nsave \"\""),
        (&["--save", "60", "1"], "save \"60\" \"1\" "),
        (&["--sentinel", "--port", "7"], "sentinel \nport \"7\" "),
        (&["--port 70", "--hz", "5"], "port 70 \nhz \"5\" "),
        (&["--loglevel", "--verbose"], "loglevel \"--verbose\" "),
        (&["--masterauth", "--foo", "a b"], "masterauth \"--foo\" \"a b\" "),
        (&["-port", "5"], "\"-port\" \"5\" "),
        (&["--foo"], "foo "),
    ] {
        assert_eq!(composed(args), text, "{args:?}");
    }
}

#[test]
fn file_then_standard_input_then_options() {
    let files = FakeFiles::with(&[("/work/a.conf", "port 1\ntimeout 1\nhz 1")], "timeout 2\nhz 2");
    for args in [["a.conf", "--hz", "3", "-"].as_slice(), &["./a.conf", "--hz", "3", "-"]] {
        let startup = serve(args, &files);
        let config = &startup.config;
        assert_eq!((config.port, config.timeout, config.hz), (1, 2, 3));
        assert!(startup.config_file.is_some_and(|path| path.is_absolute()));
    }
    let startup = serve(&["-", "--port", "5"], &files);
    assert_eq!((startup.config.port, startup.config.timeout), (5, 2));
    assert_eq!(startup.config_file, None);
    assert!(launch(&["--port", "5", "-", "--hz", "5"], &files).is_err());
    assert_eq!(serve(&[""], &files).config.port, 6379);
}

#[test]
fn save_lines_gather_across_sources_until_one_clears() {
    let files = FakeFiles::with(&[("/a", "save 900 1\nsave 300 10")], "");
    let save = |args: &[&str]| serve(args, &files).config.get(&["save"])[0].1.clone();
    assert_eq!(save(&[]), "3600 1 300 100 60 10000");
    assert_eq!(save(&["/a"]), "900 1 300 10");
    assert_eq!(save(&["/a", "--save", "5 6"]), "900 1 300 10 5 6");
    assert_eq!(save(&["/a", "--save"]), "");
}

#[test]
fn included_files_may_be_patterns_and_follow_dir() {
    let files = FakeFiles::with(
        &[
            ("/work/a.conf", "include sub/*.conf\ndir sub\ninclude three\ninclude no*thing"),
            ("/work/sub/1.conf", "port 1\nhz 1"),
            ("/work/sub/2.conf", "port 2"),
            ("/work/sub/.3.conf", "port 3"),
            ("/work/sub/three", "timeout 3"),
        ],
        "",
    );
    let config = serve(&["a.conf"], &files).config;
    assert_eq!((config.port, config.hz, config.timeout), (2, 1, 3));
    assert_eq!(config.dir, "/work/sub");
}

#[test]
fn errors_in_included_files_point_there() {
    let files = FakeFiles::with(&[("/work/a", "port 1\ninclude b"), ("/work/b", "\n\nport x")], "");
    let error = launch(&["a"], &files).expect_err("refused").to_string();
    assert!(error.contains("at line 3 (/work/b)\n>>> 'port x'\n"), "{error}");
    let files = FakeFiles::with(&[("/work/a", "include a")], "");
    let error = launch(&["a"], &files).expect_err("refused").to_string();
    assert!(error.ends_with("Too many levels of included files"), "{error}");
    let files = FakeFiles::with(&[("/work/a", "include b")], "");
    assert!(matches!(launch(&["a"], &files), Err(LoadError::Open { .. })));
}

#[test]
fn directives_are_handed_on_with_their_place() {
    let files =
        FakeFiles::with(&[("/a", "user bob on >pw\nrename-command GET ''\nloadmodule m.so x")], "");
    let startup = serve(&["/a"], &files);
    assert_eq!(startup.config.users, [["bob", "on", ">pw"]]);
    assert_eq!(startup.config.renamed_commands, [("GET".to_owned(), String::new())]);
    let names: Vec<_> = startup.directives.iter().map(|d| (d.name, d.place.line)).collect();
    assert_eq!(names, [("user", 1), ("rename-command", 2), ("loadmodule", 3)]);
    let refusal = LoadError::at(&startup.directives[1].place, "No such command in rename-command");
    assert!(refusal.to_string().contains("at line 2 (/a)\n>>> 'rename-command GET '''\nNo such"));
}

#[test]
fn sentinel_mode_takes_sentinel_lines() {
    let files = FakeFiles::with(&[("/a", "sentinel monitor m 127.0.0.1 6379 2")], "");
    let startup = serve(&["/a", "--sentinel"], &files);
    assert!(startup.sentinel);
    assert_eq!(startup.config.sentinel.len(), 1);
}

#[test]
fn other_requests_are_recognised_first() {
    let files = FakeFiles::default();
    assert!(matches!(launch(&["-v"], &files), Ok(Launch::Version)));
    assert!(matches!(launch(&["--version", "x"], &files), Ok(Launch::Version)));
    assert!(matches!(launch(&["--help"], &files), Ok(Launch::Help)));
    assert!(matches!(launch(&["--check-system"], &files), Ok(Launch::CheckSystem)));
    assert!(matches!(launch(&["--test-memory"], &files), Ok(Launch::TestMemory(None))));
    assert!(matches!(launch(&["--test-memory", "64"], &files), Ok(Launch::TestMemory(Some(64)))));
    assert!(launch(&["--port", "1", "--version"], &files).is_err());
}

#[test]
fn relative_dir_becomes_absolute() {
    let files = FakeFiles::default();
    assert_eq!(serve(&[], &files).config.dir, "/work");
    assert_eq!(serve(&["--dir", "data"], &files).config.dir, "/work/data");
    assert_eq!(serve(&["--dir", "data", "--dir", "/x"], &files).config.dir, "/x");
}
