//! The text of golden scripts. `tests/scripts/README.md` describes the format.

use crate::pattern::{Form, Order, Pattern, Variables};
use crate::regex::Regex;

/// A script as read.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
}

/// One action, and the replies to be read after it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    /// The client's name; the default client's is empty.
    pub(crate) client: String,
    pub(crate) action: Action,
    pub(crate) expects: Vec<Pattern>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    Command(Vec<Vec<u8>>),
    Raw(Vec<u8>),
    Read,
    Resp(String),
    Db(String),
    Closed,
    Nothing,
    AdvanceMs(u64),
    Reset,
    Needs(Vec<Vec<Condition>>),
    End,
    Options(Vec<String>),
}

/// One condition of `!needs`: a server's name and perhaps a bound on its version.
#[derive(Debug, PartialEq)]
pub(crate) struct Condition {
    server: String,
    bound: Option<(Bound, Vec<u64>)>,
}

#[derive(Debug, PartialEq, Clone, Copy)]
enum Bound {
    AtLeast,
    Below,
}

/// The condition that the server is a process of its own, with a clock and an allocator.
pub(crate) const PROCESS: &str = "process";

impl Condition {
    /// Whether it is the condition that the server is a process of its own.
    pub(crate) fn wants_process(&self) -> bool {
        self.server == PROCESS
    }

    /// Whether a server of this name and version meets it.
    pub(crate) fn holds(&self, server: &str, version: &[u64]) -> bool {
        self.server == server
            && self.bound.as_ref().is_none_or(|(bound, wanted)| match bound {
                Bound::AtLeast => version >= wanted.as_slice(),
                Bound::Below => version < wanted.as_slice(),
            })
    }

    fn parse(word: &str) -> Option<Self> {
        let end = word.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(word.len());
        let (server, rest) = word.split_at(end);
        let bound = if let Some(version) = rest.strip_prefix(">=") {
            Some((Bound::AtLeast, version))
        } else if let Some(version) = rest.strip_prefix('<') {
            Some((Bound::Below, version))
        } else if rest.is_empty() {
            None
        } else {
            return None;
        };
        let bound = match bound {
            None => None,
            Some((bound, version)) => Some((bound, parse_version(version)?)),
        };
        ["redis", "valkey", "larder", PROCESS]
            .contains(&server)
            .then(|| Self { server: server.to_owned(), bound })
    }
}

/// The numbers of a version such as `7.0.15`.
pub(crate) fn parse_version(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

impl Script {
    /// Reads a script; the error starts with a line number.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').map(trim_end).collect();
        let mut steps: Vec<Step> = Vec::new();
        let mut at = 0;
        while at < lines.len() {
            let (line, number) = (lines[at], at + 1);
            if line.is_empty() || line == b"#" || line.starts_with(b"# ") {
                at += 1;
                continue;
            }
            let on_line = |error: String| format!("{number}: {error}");
            if let Some((client, action)) = parse_action(line).map_err(on_line)? {
                steps.push(Step { line: number, client, action, expects: Vec::new() });
                at += 1;
                continue;
            }
            let takes_replies = |step: &&mut Step| {
                matches!(step.action, Action::Command(_) | Action::Raw(_) | Action::Read)
            };
            let Some(step) = steps.last_mut().filter(takes_replies) else {
                return Err(format!("{number}: a reply without a command"));
            };
            step.expects.push(parse_pattern(&lines, &mut at, 0)?);
        }
        Ok(Self { steps })
    }
}

fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
    &line[..end.map_or(0, |end| end + 1)]
}

/// The name that a line starts with, which may be empty, and the rest.
fn split_client(line: &[u8]) -> (String, &[u8]) {
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    let end = if line.first().is_some_and(u8::is_ascii_lowercase) {
        line.iter().position(|byte| !is_name(byte)).unwrap_or(line.len())
    } else {
        0
    };
    (String::from_utf8_lossy(&line[..end]).into_owned(), &line[end..])
}

/// The client and action of a line, `None` if the line is a reply.
fn parse_action(line: &[u8]) -> Result<Option<(String, Action)>, String> {
    if let Some(directive) = line.strip_prefix(b"!") {
        return parse_directive(directive).map(Some);
    }
    let (client, rest) = split_client(line);
    if rest == b"<" {
        return Ok(Some((client, Action::Read)));
    }
    match rest.strip_prefix(b"> ") {
        Some(command) => Ok(Some((client, Action::Command(split_args(command)?)))),
        None => Ok(None),
    }
}

fn parse_directive(text: &[u8]) -> Result<(String, Action), String> {
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let word = String::from_utf8_lossy(&text[..end]);
    let rest = text[end..].trim_ascii();
    let names_client = matches!(&*word, "resp" | "db" | "raw" | "closed" | "none");
    let (client, rest) = if names_client { split_client(rest) } else { (String::new(), rest) };
    let rest = rest.trim_ascii();
    let plain = String::from_utf8_lossy(rest);
    let number = || match plain.parse::<u32>() {
        Ok(_) => Ok(plain.clone().into_owned()),
        Err(_) => Err(format!("!{word} takes a number")),
    };
    let action = match &*word {
        "resp" => Action::Resp(number()?),
        "db" => Action::Db(number()?),
        "raw" => match split_args(rest)?.as_mut_slice() {
            [bytes] => Action::Raw(std::mem::take(bytes)),
            _ => return Err("!raw takes one quoted string".into()),
        },
        "closed" => Action::Closed,
        "none" => Action::Nothing,
        "advance" => Action::AdvanceMs(parse_duration(&plain)?),
        "reset" => Action::Reset,
        "needs" => Action::Needs(parse_conditions(&plain)?),
        "end" => Action::End,
        "options" => Action::Options(plain.split_whitespace().map(str::to_owned).collect()),
        _ => return Err(format!("unknown directive !{word}")),
    };
    Ok((client, action))
}

fn parse_duration(text: &str) -> Result<u64, String> {
    let (digits, unit_ms) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('s').unwrap_or_default(), 1000),
    };
    let amount: Result<u64, _> = digits.parse();
    amount.map(|amount| amount * unit_ms).map_err(|_| "!advance takes a time such as 1500ms".into())
}

fn parse_conditions(text: &str) -> Result<Vec<Vec<Condition>>, String> {
    let alternative = |text: &str| -> Option<Vec<Condition>> {
        let conditions: Vec<_> =
            text.split_whitespace().map(Condition::parse).collect::<Option<_>>()?;
        (!conditions.is_empty()).then_some(conditions)
    };
    text.split('|')
        .map(alternative)
        .collect::<Option<_>>()
        .ok_or_else(|| "!needs takes conditions such as redis>=7.2 | larder".into())
}

/// Splits as a server splits an inline command; a quoted string may be followed by `*N`.
pub(crate) fn split_args(line: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut args = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let mut arg = Vec::new();
        while let Some(byte) = rest.first().filter(|byte| !byte.is_ascii_whitespace()) {
            rest = &rest[1..];
            if !matches!(byte, b'"' | b'\'') {
                arg.push(*byte);
                continue;
            }
            let text = take_quoted(&mut rest, *byte)?;
            arg.extend(text.repeat(take_repeat(&mut rest)?));
            if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return Err("a closing quote must be followed by a space".into());
            }
        }
        args.push(arg);
        rest = rest.trim_ascii_start();
    }
    Ok(args)
}

fn take_repeat(rest: &mut &[u8]) -> Result<usize, String> {
    let Some(digits) = rest.strip_prefix(b"*") else {
        return Ok(1);
    };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let text = String::from_utf8_lossy(&digits[..end]);
    *rest = &digits[end..];
    text.parse().map_err(|_| "a number must follow the * behind a string".into())
}

/// The bytes up to the closing quote, which is taken too.
fn take_quoted(rest: &mut &[u8], quote: u8) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    loop {
        match **rest {
            [] => return Err("unbalanced quotes".into()),
            [byte, ..] if byte == quote => {
                *rest = &rest[1..];
                return Ok(out);
            }
            [b'\\', b'x', high, low, ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
                out.push(digit(high) << 4 | digit(low));
                *rest = &rest[4..];
            }
            [b'\\', letter, ..] if quote == b'"' => {
                out.push(match letter {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'a' => 0x07,
                    b'b' => 0x08,
                    other => other,
                });
                *rest = &rest[2..];
            }
            [b'\\', b'\'', ..] if quote == b'\'' => {
                out.push(b'\'');
                *rest = &rest[2..];
            }
            [byte, ..] => {
                out.push(byte);
                *rest = &rest[1..];
            }
        }
    }
}

/// Bytes in double quotes, as `split_args` reads them.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            b'\\' | b'"' => out.extend(['\\', char::from(*byte)]),
            0x20..0x7f => out.push(char::from(*byte)),
            byte => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

/// The pattern that starts at line index `at`, which moves behind it.
fn parse_pattern(lines: &[&[u8]], at: &mut usize, depth: usize) -> Result<Pattern, String> {
    let number = *at + 1;
    let fail = |what: &str| format!("{number}: {what}");
    let line = lines.get(*at).ok_or_else(|| fail("the file ends within a reply"))?;
    let body = line
        .get(depth * 2..)
        .filter(|body| line[..depth * 2].iter().all(|byte| *byte == b' ') && !body.is_empty())
        .filter(|body| body[0] != b' ')
        .ok_or_else(|| fail("expected an element, indented two spaces a level"))?;
    *at += 1;
    if let Some(count) = body.strip_prefix(b"|") {
        let attributes =
            parse_list(lines, at, depth + 1, 2 * parse_count(count).map_err(|e| fail(&e))?)?;
        let mut pattern = parse_pattern(lines, at, depth)?;
        pattern.attributes = Some(attributes);
        return Ok(pattern);
    }
    let source = String::from_utf8_lossy(body).into_owned();
    let (kind, form) = if body == b"any" {
        (None, Form::Any)
    } else if matches!(body[0], b'*' | b'%' | b'~' | b'>') && !matches!(&body[1..], b"any" | b"nil")
    {
        let (count, order) = parse_head(&body[1..]).map_err(|error| fail(&error))?;
        let count = if body[0] == b'%' { count * 2 } else { count };
        (Some(body[0]), Form::List(order, parse_list(lines, at, depth + 1, count)?))
    } else {
        (Some(body[0]), parse_scalar(body).map_err(|error| fail(&error))?)
    };
    Ok(Pattern { line: number, source, kind, form, attributes: None })
}

fn parse_list(
    lines: &[&[u8]],
    at: &mut usize,
    depth: usize,
    count: usize,
) -> Result<Vec<Pattern>, String> {
    (0..count).map(|_| parse_pattern(lines, at, depth)).collect()
}

fn parse_count(text: &[u8]) -> Result<usize, String> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| "expected a number of elements".into())
}

fn parse_head(text: &[u8]) -> Result<(usize, Order), String> {
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let order = match text[end..].trim_ascii() {
        b"" => Order::Exact,
        b"unordered" => Order::Unordered,
        b"pairs" => Order::Pairs,
        b"subset" => Order::Subset,
        other => return Err(format!("unknown order {}", String::from_utf8_lossy(other))),
    };
    Ok((parse_count(&text[..end])?, order))
}

fn parse_scalar(body: &[u8]) -> Result<Form, String> {
    let (kind, text) = (body[0], &body[1..]);
    match (kind, text) {
        (b'_', b"") | (b'$' | b'*', b"nil") => return Ok(Form::Nil),
        (
            b'+' | b'-' | b':' | b'$' | b'*' | b'%' | b'~' | b'>' | b',' | b'#' | b'=' | b'(',
            b"any",
        ) => {
            return Ok(Form::Any);
        }
        (b'+' | b'-' | b':' | b'$' | b',' | b'#' | b'=' | b'(', _) => {}
        _ => return Err("not a reply".into()),
    }
    if let Some(name) = variable_name(text) {
        return Ok(Form::Variable(name.to_owned()));
    }
    if kind == b':'
        && let Some(bounds) = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]"))
    {
        return parse_range(bounds).ok_or_else(|| "a range is written [1..9]".into());
    }
    let (prefix, text) = match kind {
        b'=' => {
            text.split_at_checked(4).ok_or("a verbatim string has a format of three letters")?
        }
        _ => (&[][..], text),
    };
    if text.len() >= 2 && text.starts_with(b"/") && text.ends_with(b"/") {
        return Ok(Form::Matching(prefix.to_vec(), Regex::new(&text[1..text.len() - 1])?));
    }
    let bytes = if text.starts_with(b"\"") {
        match split_args(text)?.as_mut_slice() {
            [bytes] => std::mem::take(bytes),
            _ => return Err("expected one quoted string".into()),
        }
    } else if matches!(kind, b'$' | b'=') {
        return Err("expected a quoted string, /regex/, nil, any or a variable".into());
    } else {
        text.to_vec()
    };
    Ok(Form::Exact([prefix, &bytes].concat()))
}

fn parse_range(bounds: &[u8]) -> Option<Form> {
    let (low, high) = std::str::from_utf8(bounds).ok()?.split_once("..")?;
    let bound = |text: &str| match text {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    Some(Form::Range(bound(low)?, bound(high)?))
}

/// The name in `{{name}}`, if that is the whole text.
fn variable_name(text: &[u8]) -> Option<&str> {
    let name = text.strip_prefix(b"{{")?.strip_suffix(b"}}")?;
    let good = name.first().is_some_and(u8::is_ascii_lowercase)
        && name.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    std::str::from_utf8(name).ok().filter(|_| good)
}

/// An argument with its `{{name}}` parts replaced.
pub(crate) fn substitute(arg: &[u8], variables: &Variables) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = arg;
    while let Some(start) = rest.windows(2).position(|pair| pair == b"{{") {
        let end =
            rest[start..].windows(2).position(|pair| pair == b"}}").map(|end| start + end + 2);
        let Some((end, name)) = end.and_then(|end| Some((end, variable_name(&rest[start..end])?)))
        else {
            out.extend_from_slice(&rest[..start + 1]);
            rest = &rest[start + 1..];
            continue;
        };
        let value = variables.get(name).ok_or_else(|| format!("variable {name} is not set"))?;
        out.extend_from_slice(&rest[..start]);
        out.extend_from_slice(value);
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{Action, Script, parse_conditions, quote, split_args, substitute};
    use crate::pattern::Variables;

    fn args(line: &str) -> Vec<Vec<u8>> {
        split_args(line.as_bytes()).unwrap()
    }

    #[test]
    fn arguments_follow_the_quoting_of_inline_commands() {
        assert_eq!(args("SET  k v "), [&b"SET"[..], b"k", b"v"]);
        assert_eq!(args(r#"SET "a\x00\n\"" 'it\'s \n'"#), [&b"SET"[..], b"a\x00\n\"", b"it's \\n"]);
        assert_eq!(args(r#"X "" pre"fix""#), [&b"X"[..], b"", b"prefix"]);
        assert_eq!(args(r#"X "ab"*3"#), [&b"X"[..], b"ababab"]);
        for bad in ["\"a", "'a", "\"a\"b", "\"a\"*x"] {
            assert!(split_args(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn quoting_is_undone_by_splitting() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(args(&quote(&bytes)), [bytes]);
    }

    #[test]
    fn a_script_is_read_as_steps_with_their_replies() {
        let text = "# head\n!needs larder\na> GET k\n$\"v\"\n+OK\n\na<\n*2\n  :1\n  *1\n    #t\n!raw b \"x\"\n!closed b\n";
        let script = Script::parse(text.as_bytes()).unwrap();
        let shape: Vec<_> =
            script.steps.iter().map(|s| (s.line, s.client.as_str(), s.expects.len())).collect();
        assert_eq!(shape, [(2, "", 0), (3, "a", 2), (7, "a", 1), (12, "b", 0), (13, "b", 0)]);
        assert_eq!(script.steps[3].action, Action::Raw(b"x".to_vec()));
    }

    #[test]
    fn a_broken_script_is_refused_with_its_line() {
        for (text, line) in [
            ("+OK\n", "1:"),
            ("> GET k\n$v\n", "2:"),
            ("> GET k\n*2\n  :1\n", "4:"),
            ("> GET k\n*1\n:1\n", "3:"),
            ("\n!frob\n", "2:"),
            ("!advance 10\n", "1:"),
            ("!needs redis>7\n", "1:"),
            ("> GET \"k\n", "1:"),
            ("> GET k\n-/(/\n", "2:"),
        ] {
            let error = Script::parse(text.as_bytes()).unwrap_err();
            assert!(error.starts_with(line), "{text:?}: {error}");
        }
    }

    #[test]
    fn conditions_compare_versions_by_number() {
        let holds = |text: &str, server: &str, version: &[u64]| {
            let alternatives = parse_conditions(text).unwrap();
            alternatives.iter().any(|all| all.iter().all(|one| one.holds(server, version)))
        };
        assert!(holds("redis>=7.2", "redis", &[7, 10, 0]));
        assert!(!holds("redis>=7.2", "redis", &[7, 0, 15]));
        assert!(holds("redis>=7.2 redis<8", "redis", &[7, 4, 1]));
        assert!(!holds("redis>=7.2 redis<8", "redis", &[8, 0, 0]));
        assert!(holds("redis>=7.2 | larder", "larder", &[0, 1, 0]));
        assert!(!holds("redis | valkey", "larder", &[0, 1, 0]));
    }

    #[test]
    fn variables_are_replaced_within_arguments() {
        let variables = Variables::from([("id".to_owned(), b"7".to_vec())]);
        assert_eq!(substitute(b"a{{id}}b{{id}}", &variables).unwrap(), b"a7b7");
        assert_eq!(substitute(b"{{Id}} {{", &variables).unwrap(), b"{{Id}} {{");
        assert!(substitute(b"{{other}}", &variables).is_err());
    }
}
