//! Words on a line: how a configuration line is split, and how a value is quoted back.
//!
//! The rules are those of `redis.conf` and of inline commands:
//! - words are separated by blanks; a NUL ends the line;
//! - `"..."` knows `\n \r \t \b \a`, `\xHH` and otherwise takes the character after a backslash as
//!   it is;
//! - `'...'` knows only `\'`;
//! - a closing quote must be followed by a blank or by the end of the line.
//!
//! ```text
//! requirepass "a\x41 b" 'it\'s'   gives   requirepass | aA b | it's
//! ```

/// Splits a line into its words; `None` when the quotes do not balance.
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let end = line.iter().position(|&b| b == 0).unwrap_or(line.len());
    let mut rest = &line[..end];
    let mut words = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        // The vertical tab is a blank for C's isspace and not for Rust's trim.
        if let [0x0b, tail @ ..] = rest {
            rest = tail;
            continue;
        }
        if rest.is_empty() {
            return Some(words);
        }
        let (word, tail) = take_word(rest)?;
        words.push(word);
        rest = tail;
    }
}

/// Takes one word off a line that starts with it.
fn take_word(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = line;
    loop {
        match rest {
            [] => return Some((word, rest)),
            [b, ..] if is_blank(*b) => return Some((word, rest)),
            [b'"', tail @ ..] => return closed(word, take_double_quoted(tail)?),
            [b'\'', tail @ ..] => return closed(word, take_single_quoted(tail)?),
            [b, tail @ ..] => {
                word.push(*b);
                rest = tail;
            }
        }
    }
}

/// Joins what stood before a quote with what stood in it, if the quote ends the word.
fn closed(mut word: Vec<u8>, (quoted, rest): (Vec<u8>, &[u8])) -> Option<(Vec<u8>, &[u8])> {
    if rest.first().is_some_and(|&b| !is_blank(b)) {
        return None;
    }
    word.extend(quoted);
    Some((word, rest))
}

fn take_double_quoted(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut out = Vec::new();
    loop {
        match rest {
            [b'"', tail @ ..] => return Some((out, tail)),
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(hex(*high) << 4 | hex(*low));
                rest = tail;
            }
            [b'\\', escaped, tail @ ..] => {
                out.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = tail;
            }
            [b, tail @ ..] => {
                out.push(*b);
                rest = tail;
            }
            [] => return None,
        }
    }
}

fn take_single_quoted(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut out = Vec::new();
    loop {
        match rest {
            [b'\'', tail @ ..] => return Some((out, tail)),
            [b'\\', b'\'', tail @ ..] => {
                out.push(b'\'');
                rest = tail;
            }
            [b, tail @ ..] => {
                out.push(*b);
                rest = tail;
            }
            [] => return None,
        }
    }
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// The value of one hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

/// Writes bytes in double quotes so that [`split`] gives them back, printable whatever they are.
pub fn quote(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for &b in bytes {
        match b {
            b'\\' => out.push_str("\\\\"),
            b'"' => out.push_str("\\\""),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            0x20..=0x7e => out.push(char::from(b)),
            _ => write!(out, "\\x{b:02x}").expect("writing to a String cannot fail"),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(line: &str, expected: Option<&[&str]>) {
        let got = split(line.as_bytes());
        let expected = expected
            .map(|words| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(got, expected, "{line:?}");
    }

    #[test]
    fn blanks_separate_words() {
        check("", Some(&[]));
        check("  port\t 7 \r", Some(&["port", "7"]));
        check("a\u{b}b", Some(&["a", "b"]));
    }

    #[test]
    fn double_quotes_know_escapes() {
        check(r#"x "a b\n\x41\"\q""#, Some(&["x", "a b\nA\"q"]));
        check(r#""\xzz""#, Some(&["xzz"]));
        check(r#""""#, Some(&[""]));
        check(r#"a"b c""#, Some(&["ab c"]));
    }

    #[test]
    fn single_quotes_know_only_their_own_escape() {
        check(r"'it\'s' '\n'", Some(&["it's", r"\n"]));
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in ["\"a", "'a", "\"a\"b", "'a'b", "a\"b", "a'b", "\"a\\"] {
            check(line, None);
        }
    }

    #[test]
    fn quoting_is_printable() {
        assert_eq!(quote(b"a\"\\\n\x00\xff"), r#""a\"\\\n\x00\xff""#);
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(split(quote(&bytes).as_bytes()), Some(vec![bytes]));
        }

        #[test]
        fn any_line_is_split_or_refused(bytes: Vec<u8>) {
            let _ = split(&bytes);
        }
    }
}
