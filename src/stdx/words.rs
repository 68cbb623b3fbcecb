//! Words on a line: how inline commands and lines of `redis.conf` are split, and how bytes are quoted so
//! that they can be read back.
//!
//! - Words are separated by blanks: space, `\t`, `\n`, `\r`, vertical tab and form feed. The last two do
//!   not end a word outside quotes, though: they belong to it.
//! - `"..."` knows `\n \r \t \b \a`, `\xHH` and otherwise takes the character after a backslash as
//!   it is; `'...'` knows only `\'`. What stands before a quote belongs to the same word.
//! - A closing quote must be followed by a blank or by the end of the line.
//! - Any other byte stands for itself, NUL too.
//!
//! ```text
//! SET "a\x41 b" pre'it\'s'   gives   SET | aA b | preit's
//! ```

use std::ops::Range;

/// Splits a line into its words; `None` when the quotes do not balance.
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = line;
    let mut words = Vec::new();
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() {
            return Some(words);
        }
        let (word, tail) = take_word(rest)?;
        words.push(word);
        rest = tail;
    }
}

/// Where the words of a line lie that has no quotes, as [`split`] would split it.
pub fn bare(line: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = skip_blanks(rest);
        let start = line.len() - rest.len();
        let len = rest.iter().position(|&b| ends_word(b)).unwrap_or(rest.len());
        rest = &rest[len..];
        (len > 0).then_some(start..start + len)
    })
}

/// Bytes in double quotes, printable whatever they are, such that [`split`] gives them back.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    push_quoted(&mut out, bytes);
    String::from_utf8(out).expect("what is quoted is printable ASCII")
}

/// Appends what [`quote`] gives.
pub fn push_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &b in bytes {
        match b {
            b'\\' | b'"' => out.extend([b'\\', b]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            0x20..=0x7e => out.push(b),
            _ => {
                let (high, low) = (usize::from(b >> 4), usize::from(b & 15));
                out.extend([b'\\', b'x', DIGITS[high], DIGITS[low]]);
            }
        }
    }
    out.push(b'"');
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Whether a word outside quotes ends before this byte.
fn ends_word(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r')
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|b| is_blank(**b)).count();
    &line[blanks..]
}

/// Takes one word off a line that starts with it.
fn take_word(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = line;
    loop {
        match rest {
            [] => return Some((word, rest)),
            [b, ..] if ends_word(*b) => return Some((word, rest)),
            [b'"', tail @ ..] => return closed(word, tail, double_quoted),
            [b'\'', tail @ ..] => return closed(word, tail, single_quoted),
            [b, tail @ ..] => {
                word.push(*b);
                rest = tail;
            }
        }
    }
}

/// Takes bytes by `take` up to the closing quote, behind which only a blank or the end may stand.
fn closed(
    mut word: Vec<u8>,
    mut rest: &[u8],
    take: impl Fn(&[u8]) -> Option<(Option<u8>, usize)>,
) -> Option<(Vec<u8>, &[u8])> {
    loop {
        let (byte, used) = take(rest)?;
        rest = &rest[used..];
        match byte {
            Some(b) => word.push(b),
            None if rest.first().is_none_or(|b| is_blank(*b)) => return Some((word, rest)),
            None => return None,
        }
    }
}

/// One byte inside double quotes and how much text it took; no byte at the closing quote, nothing
/// where the line ends without one.
fn double_quoted(rest: &[u8]) -> Option<(Option<u8>, usize)> {
    let hex = |b: u8| char::from(b).to_digit(16).map(|digit| digit as u8);
    match rest {
        [] => None,
        [b'"', ..] => Some((None, 1)),
        [b'\\', b'x', high, low, ..] if hex(*high).is_some() && hex(*low).is_some() => {
            Some((Some(hex(*high)? << 4 | hex(*low)?), 4))
        }
        [b'\\', escaped, ..] => {
            let byte = match escaped {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 0x08,
                b'a' => 0x07,
                other => *other,
            };
            Some((Some(byte), 2))
        }
        [b, ..] => Some((Some(*b), 1)),
    }
}

/// The same inside single quotes.
fn single_quoted(rest: &[u8]) -> Option<(Option<u8>, usize)> {
    match rest {
        [] => None,
        [b'\'', ..] => Some((None, 1)),
        [b'\\', b'\'', ..] => Some((Some(b'\''), 2)),
        [b, ..] => Some((Some(*b), 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn check(line: &[u8], expected: &[&[u8]]) {
        let words = split(line).expect("balanced quotes");
        assert_eq!(words, expected, "{}", line.escape_ascii());
    }

    #[test]
    fn blanks_separate_words() {
        check(b"", &[]);
        check(b" \t\r\n\x0b\x0c", &[]);
        check(b"  port\t 7 \r", &[b"port", b"7"]);
        check(b"\x0b\x0cport \x0b7", &[b"port", b"7"]);
    }

    #[test]
    fn other_bytes_stand_for_themselves() {
        check(b"a\0b \0 \xa0\xff \x1c", &[b"a\0b", b"\0", b"\xa0\xff", b"\x1c"]);
    }

    #[test]
    fn a_vertical_tab_or_form_feed_does_not_end_a_word() {
        check(b"a\x0bb\x0c \x0bc", &[b"a\x0bb\x0c", b"c"]);
        check(b"a\x0b\"b c\"\x0bd", &[b"a\x0bb c", b"d"]);
    }

    #[test]
    fn double_quotes_know_escapes() {
        check(br#"x "a b\n\x41\"\q""#, &[b"x", b"a b\nA\"q"]);
        check(br#""\n\r\t\b\a\x00\xfF\"\\\q""#, &[b"\n\r\t\x08\x07\x00\xff\"\\q"]);
        check(br#""\xzz" "\x4""#, &[b"xzz", b"x4"]);
        check(br#""""#, &[b""]);
    }

    #[test]
    fn single_quotes_know_only_their_own_escape() {
        check(br"'it\'s' '\n\x00'", &[b"it's", br"\n\x00"]);
    }

    #[test]
    fn what_stands_before_a_quote_belongs_to_the_word() {
        check(br#"a"b c" d'' "#, &[b"ab c", b"d"]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in
            ["\"a", "'a", "\"a\"b", "'a'b", "a\"b", "a'b", "\"a\\", r#"""""#, r#""\""#, "\"a\"\0"]
        {
            assert_eq!(split(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn quoting_is_printable() {
        assert_eq!(quote(b"a\"\\\n\r\t\x07\x08\x00\xff ~"), r#""a\"\\\n\r\t\a\b\x00\xff ~""#);
    }

    /// A line of the bytes that mean something, and a few that do not.
    fn line(bytes: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(select(bytes), 0..16)
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(split(quote(&bytes).as_bytes()), Some(vec![bytes]));
        }

        #[test]
        fn any_line_is_split_or_refused(line in line(b"ab \t\r\n\x0b\x0c\0\"'\\xn0F")) {
            let _ = split(&line);
        }

        #[test]
        fn bare_words_lie_where_split_finds_them(line in line(b"a\\ \t\r\n\x0b\x0c\0")) {
            let words = bare(&line).map(|word| line[word].to_vec()).collect();
            prop_assert_eq!(split(&line), Some(words));
        }
    }
}
