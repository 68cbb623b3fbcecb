//! The rules of the house that no compiler checks: which room may know which, how long functions
//! and files may be, where `unsafe` and `unwrap` may stand. Every file is read as text.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use larder::cmd::Run;
use larder::exec::table;

/// The rooms of `src/`, from the roof down. A module imports only from rows below its own; modules of one
/// row do not know each other.
const ROWS: &[&[&str]] = &[
    &["main", "lib"],
    &["start"],
    &["boot", "testing", "tools"],
    &["net"],
    &["exec"],
    &["cmd"],
    &["server"],
    &["repl", "cluster"],
    &["persist"],
    &["effects"],
    &["script", "pubsub"],
    &["client", "acl", "stats"],
    &["keyspace"],
    &["resp"],
    &["spec"],
    &["config"],
    &["types"],
    &["ds"],
    &["stdx"],
];

/// Imports against the order, each with its reason: (from, to, reason).
const IMPORT_EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Where `unsafe` may stand, by the beginning of the path; benches bring items that a structure of `ds` is to
/// hold.
const UNSAFE_ROOMS: &[&str] =
    &["src/ds/", "src/stdx/os/", "src/stdx/alloc", "src/script/raw/", "benches/"];

/// Lines a function may have, from its `fn` to its closing brace.
const FUNCTION_LINES: usize = 70;

/// Functions that were longer when the mark was set: (file, function, lines). None may be added, none may grow, and
/// one that has become short enough leaves the list.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// Lines a file may have, tests included.
const FILE_LINES: usize = 1000;

/// Files that are longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

#[test]
fn every_module_of_the_crate_has_its_row() {
    let unknown: Vec<String> = sources("src")
        .iter()
        .filter(|file| row_of(file.room()).is_none())
        .map(|file| format!("{}: `{}` is in no row of the table", file.path, file.room()))
        .collect();
    report("modules without a row", &unknown);
}

#[test]
fn a_module_imports_only_from_rows_below_its_own() {
    let files = sources("src");
    let macros = exported_macros(&files);
    let mut faults = Vec::new();
    let mut used = Vec::new();
    for file in &files {
        for (line, room) in file.imports(&macros) {
            let (from, to) = (file.room(), room.as_str());
            if from == to || row_of(to).is_some_and(|row| row_of(from) < Some(row)) {
                continue;
            }
            match IMPORT_EXCEPTIONS.iter().find(|known| (known.0, known.1) == (from, to)) {
                Some(known) => used.push(*known),
                None => faults.push(format!("{}:{line}: `{from}` may not know `{to}`", file.path)),
            }
        }
    }
    for unused in IMPORT_EXCEPTIONS.iter().filter(|known| !used.contains(known)) {
        faults.push(format!("the exception {} -> {} is not needed any more", unused.0, unused.1));
    }
    report("imports against the order of the rooms", &faults);
}

#[test]
fn commands_that_get_the_whole_server_are_counted() {
    let table = table::describe();
    let runs = |wanted: fn(&Run) -> bool| {
        table.all().filter(|(id, _)| wanted(&table::command(*id).run)).count()
    };
    let whole = runs(|run| matches!(run, Run::Server(_)));
    let viewed = runs(|run| matches!(run, Run::Keys(_) | Run::Client(_)));
    eprintln!("{whole} commands get the whole server (Run::Server), {viewed} a view of it");
    assert_eq!(runs(|_| true), table.len(), "each row has its function");
}

#[test]
fn functions_stay_under_the_mark() {
    let mut faults = Vec::new();
    let mut long = BTreeMap::new();
    let (mut all, mut short) = (0, 0);
    for file in sources("src").into_iter().chain(sources("tests")).chain(sources("benches")) {
        for function in file.functions() {
            all += 1;
            short += usize::from(function.lines < 40);
            if function.lines > FUNCTION_LINES {
                long.insert((file.path.clone(), function.name), function.lines);
            }
        }
    }
    for ((path, name), lines) in &long {
        match LONG_FUNCTIONS.iter().find(|known| known.0 == path && known.1 == name) {
            Some(known) if *lines <= known.2 => {}
            Some(known) => {
                faults.push(format!("{path}: `{name}` grew from {} to {lines}", known.2))
            }
            None => faults.push(format!("{path}: `{name}` has {lines} lines")),
        }
    }
    for (path, name, _) in LONG_FUNCTIONS {
        if !long.contains_key(&((*path).to_owned(), (*name).to_owned())) {
            faults.push(format!("{path}: `{name}` is short now and leaves the list"));
        }
    }
    eprintln!("{short} of {all} functions have fewer than 40 lines");
    report("functions of more than 70 lines", &faults);
    assert!(short * 10 >= all * 9, "most functions have fewer than 40 lines");
}

#[test]
fn files_stay_under_a_thousand_lines() {
    let mut faults = Vec::new();
    for file in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        let lines = file.text.lines().count();
        let known = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        if (lines > FILE_LINES) != known {
            faults.push(format!("{}: {lines} lines, listed as long: {known}", file.path));
        }
    }
    report("files of more than 1,000 lines", &faults);
}

#[test]
fn no_work_is_left_as_a_note() {
    let mark = ["TO", "DO"].concat();
    let mut faults = Vec::new();
    for file in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if words(line).any(|(_, word)| word == mark) {
                faults.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    report("notes of work to do", &faults);
}

#[test]
fn only_tests_unwrap() {
    let mut faults = Vec::new();
    for file in sources("src") {
        for (number, line) in (1..).zip(file.code_without_tests().lines()) {
            if line.contains(".unwrap()") {
                faults.push(format!("{}:{number}: `expect` with the reason instead", file.path));
            }
        }
    }
    report("`unwrap` outside tests", &faults);
}

#[test]
fn unsafe_code_stays_in_its_rooms() {
    let mut faults = Vec::new();
    for file in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        if UNSAFE_ROOMS.iter().any(|room| file.path.starts_with(room)) {
            continue;
        }
        for (at, word) in words(&file.code) {
            if word == "unsafe" {
                faults.push(format!("{}:{}", file.path, file.line(at)));
            }
        }
    }
    report("`unsafe` outside its rooms", &faults);
}

#[test]
fn the_reader_tells_code_from_what_only_looks_like_it() {
    let text = "fn a() { /* crate::x /* y */ crate::z */ let s = \"crate::s \\\" {\"; }\n\
                // crate::c\n\
                fn b<'a>(r: &'a str) -> char { let _ = r#\"crate::r\"\"#; '\"' }\n\
                mod m { fn c() { use super::super::net; } }\n\
                #[cfg(test)]\nmod tests { fn d() { x.unwrap() } }\n";
    let file = Source::new("src/cmd/args.rs".into(), text.into());
    let imports = file.imports(&BTreeMap::new());
    assert!(imports.is_empty(), "super::super leads from cmd::args::m to cmd: {imports:?}");
    let names: Vec<_> = file.functions().into_iter().map(|f| (f.name, f.lines)).collect();
    let expected = [("a", 1), ("b", 1), ("c", 1), ("d", 1)];
    assert_eq!(names, expected.map(|(name, lines)| (name.to_owned(), lines)));
    assert!(!file.code_without_tests().contains("unwrap"));
    let file = Source::new("src/cmd/mod.rs".into(), "use super::{net::a, ds};".into());
    assert_eq!(file.imports(&BTreeMap::new()), [(1, "net".to_owned()), (1, "ds".to_owned())]);
}

fn report(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}

fn row_of(room: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&room))
}

/// A Rust file.
struct Source {
    /// From the repository's root, with slashes.
    path: String,
    text: String,
    /// The text with blanks in place of comments and of what strings and characters hold; of the same length.
    code: String,
}

/// A function with a body.
struct Function {
    name: String,
    lines: usize,
}

/// Every Rust file under a folder of the repository, but for crates of their own.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() && !path.join("Cargo.toml").exists() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("sources are text");
        let path = path.strip_prefix(root).expect("it was found below the root");
        Source::new(path.to_str().expect("names are plain").replace('\\', "/"), text)
    };
    paths.into_iter().map(read).collect()
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let code = blank_out(&text);
        Self { path, text, code }
    }

    /// The names of the modules from the crate's root to this file.
    fn modules(&self) -> Vec<&str> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        path.trim_end_matches("/mod").split('/').collect()
    }

    /// The top-level module the file belongs to.
    fn room(&self) -> &str {
        self.modules()[0]
    }

    fn line(&self, at: usize) -> usize {
        1 + self.code[..at].bytes().filter(|b| *b == b'\n').count()
    }

    /// The top-level modules that paths name, with the lines where.
    fn imports(&self, macros: &BTreeMap<String, String>) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (at, word) in words(&self.code) {
            let follows = self.code[..at].trim_end().ends_with("::");
            let path = &self.code[at + word.len()..];
            let rest = match word {
                "crate" if !follows => path.strip_prefix("::"),
                "larder" if !follows => path.strip_prefix("::"),
                "super" if !follows => self.above_root(at, path),
                _ => None,
            };
            for name in rest.into_iter().flat_map(first_names) {
                let room = macros.get(&name).unwrap_or(&name);
                found.push((self.line(at), room.clone()));
            }
        }
        found
    }

    /// What follows the `super`s of a path when they lead up to the crate's root.
    fn above_root<'c>(&self, at: usize, mut path: &'c str) -> Option<&'c str> {
        let is_root = matches!(self.modules()[..], ["lib" | "main"]);
        let inline = self.inline_modules().iter().filter(|body| body.contains(&at)).count();
        let mut up = self.modules().len() - usize::from(is_root) + inline;
        loop {
            path = path.strip_prefix("::")?;
            up = up.checked_sub(1)?;
            if up == 0 {
                return Some(path);
            }
            path = path.strip_prefix("super")?;
        }
    }

    /// The bodies of `mod name { … }`.
    fn inline_modules(&self) -> Vec<Range<usize>> {
        let mods = words(&self.code).filter(|(_, word)| *word == "mod");
        mods.filter_map(|(at, _)| {
            let end = self.code[at..].find([';', '{'])? + at;
            (self.code.as_bytes()[end] == b'{').then(|| end..closing_brace(&self.code, end))
        })
        .collect()
    }

    fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (at, word) in words(&self.code) {
            let Some((_, name)) = words(&self.code[at + word.len()..]).next() else { break };
            let is_named = self.code[at + word.len()..].trim_start().starts_with(name);
            if word != "fn" || !is_named {
                continue;
            }
            if let Some(open) = body_of(&self.code, at) {
                let close = closing_brace(&self.code, open);
                let lines = self.line(close) - self.line(at) + 1;
                found.push(Function { name: name.to_owned(), lines });
            }
        }
        found
    }

    /// The code without items under `#[cfg(test)]`; nothing of a file that is all tests.
    fn code_without_tests(&self) -> String {
        let mut code = self.code.clone();
        if self.modules().contains(&"tests") || self.room() == "testing" {
            return String::new();
        }
        while let Some(at) = test_attribute(&code) {
            let end = code[at..].find([';', '{']).map_or(code.len() - 1, |end| at + end);
            let end = if code.as_bytes()[end] == b'{' { closing_brace(&code, end) } else { end };
            let blank = blanks(&code[at..=end]);
            code.replace_range(at..=end, &blank);
        }
        code
    }
}

/// The macros that the crate exports at its root, each with the module that has it.
fn exported_macros(files: &[Source]) -> BTreeMap<String, String> {
    let mut macros = BTreeMap::new();
    for file in files {
        for (at, _) in file.code.match_indices("macro_rules! ") {
            let name = words(&file.code[at + "macro_rules! ".len()..]).next();
            let (_, name) = name.expect("a macro has a name");
            macros.insert(name.to_owned(), file.room().to_owned());
        }
    }
    macros
}

/// The first names of the paths that begin here: one, or those of a `{…}` list.
fn first_names(rest: &str) -> Vec<String> {
    let one = |rest: &str| words(rest).next().filter(|(at, _)| *at == 0).map(|(_, w)| w.to_owned());
    let Some(list) = rest.strip_prefix('{') else { return one(rest).into_iter().collect() };
    let list = &list[..closing_brace(rest, 0) - 1];
    let mut depth = 0;
    let parts = list.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    parts.filter_map(|part| one(part.trim())).collect()
}

/// Where the next `#[cfg(…)]` stands that asks for a test build.
fn test_attribute(code: &str) -> Option<usize> {
    let mut attributes = code.match_indices("#[cfg(");
    let asks = |at: usize| {
        let condition = code[at..].split(']').next().unwrap_or_default();
        !condition.contains("not(test") && words(condition).any(|(_, word)| word == "test")
    };
    attributes.find(|(at, _)| asks(*at)).map(|(at, _)| at)
}

/// Where the body of the function at `at` opens; `None` of a declaration or a pointer type.
fn body_of(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0;
    for (i, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' if depth == 0 => return None,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(i),
            b';' | b',' | b'}' | b'=' if depth == 0 => match byte {
                b',' | b'=' if in_generics(&code[at..i]) => {}
                _ => return None,
            },
            _ => {}
        }
    }
    None
}

/// Whether a signature cut here has generics, or a `where` clause, that go on.
fn in_generics(signature: &str) -> bool {
    let opened = signature.matches('<').count() + signature.matches("->").count();
    opened > signature.matches('>').count() || words(signature).any(|(_, word)| word == "where")
}

/// The brace that closes the one at `open`.
fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (i, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return i,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len() - 1
}

/// The words of a text with their offsets.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.split(move |c| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr().addr() - text.as_ptr().addr(), word))
}

/// As many blanks as the text has bytes, with its line ends.
fn blanks(text: &str) -> String {
    text.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect()
}

/// The text with blanks in place of comments and of what literals hold.
fn blank_out(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let hidden = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(len) = raw_string(rest).filter(|_| !after_word) {
            len
        } else if first == '"' {
            quoted(rest, '"').unwrap_or(rest.len())
        } else if first == '\'' {
            character(rest).unwrap_or(0)
        } else {
            0
        };
        let (taken, plain) = if hidden > 0 { (hidden, false) } else { (first.len_utf8(), true) };
        match plain {
            true => code.push(first),
            false => code.push_str(&blanks(&rest[..taken])),
        }
        rest = &rest[taken..];
    }
    code
}

/// Bytes of the comment that begins here, with those inside it.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Bytes of the raw string that begins here, if one does.
fn raw_string(text: &str) -> Option<usize> {
    let body = text.strip_prefix("br").or_else(|| text.strip_prefix("cr"));
    let body = body.or_else(|| text.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let len = inside.find(&end)? + end.len();
    Some(text.len() - inside.len() + len)
}

/// Bytes of the literal that begins here, up to the closing quote.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// Bytes of the character that begins here; `None` of a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    let (_, second) = chars.next()?;
    (first == '\\' || second == '\'').then(|| quoted(text, '\''))?
}
