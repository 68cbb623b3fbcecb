//! Glob-style patterns, as KEYS, SCAN, PSUBSCRIBE, CONFIG GET and ACL key patterns take them.
//!
//! | in the pattern | matches |
//! |---|---|
//! | `*` | any bytes, also none |
//! | `?` | any one byte |
//! | `[abc]`, `[a-z]`, `[z-a]` | one byte of the class |
//! | `[^abc]` | one byte not of the class |
//! | `\x` | the byte `x` |
//! | anything else | itself |
//!
//! Odd spellings have a meaning too, and clients rely on some:
//! * A class ends at the first `]` that is neither escaped nor the end of a range: `[]` matches nothing
//!   and `[^]` any byte, `[a-]` is an unterminated class.
//! * An unterminated class ends with the pattern, `[ab` is `[ab]`.
//! * A backslash that ends the pattern, or a class that the pattern ends in, stands for itself.
//! * Without regard to case, an escaped byte inside a class is still compared as it is.
//! * The empty text is matched by the empty pattern alone, and not by `*`. The commands that list keys
//!   or elements take `*` as no pattern at all.
//!
//! # Cost
//!
//! A pattern is a row of elements, each of which takes exactly one byte of the text whatever that
//! byte is, and stars between them. When an element fails, only the last star need take one more byte: an
//! earlier star that took more would start the elements after it later in the text, where the last
//! star can let them start as well. So there is one place to go back to, and the cost is at most
//! length of pattern times length of text; a matcher that tries every star needs exponential time for
//! `a*a*a*a*b`.

/// Whether the whole `text` matches `pattern`; `nocase` ignores the case of ASCII letters.
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut pattern_at, mut text_at) = (0, 0);
    // Behind the last star, and where in the text to go on when it takes one byte more.
    let mut retry = None;
    while let Some(byte) = text.get(text_at) {
        let rest = &pattern[pattern_at..];
        if rest.first() == Some(&b'*') {
            pattern_at += 1;
            if pattern_at == pattern.len() {
                return true;
            }
            retry = Some((pattern_at, text_at + 1));
        } else if let Some(len) = match_element(rest, *byte, nocase) {
            pattern_at += len;
            text_at += 1;
        } else if let Some((behind_star, next_start)) = retry {
            pattern_at = behind_star;
            text_at = next_start;
            retry = Some((behind_star, next_start + 1));
        } else {
            return false;
        }
    }
    pattern[pattern_at..].iter().all(|byte| *byte == b'*')
}

/// Whether `pattern` has no special bytes, so that it matches itself and nothing else; with `nocase`,
/// itself in any case.
pub fn is_literal(pattern: &[u8]) -> bool {
    literal_prefix(pattern).len() == pattern.len()
}

/// What every text begins with that `pattern` matches: its bytes before the first special one.
pub fn literal_prefix(pattern: &[u8]) -> &[u8] {
    let special = pattern.iter().position(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
    &pattern[..special.unwrap_or(pattern.len())]
}

/// How long the element at the start of `pattern` is, if there is one and it matches `byte`. It must
/// not be a star.
#[inline]
fn match_element(pattern: &[u8], byte: u8, nocase: bool) -> Option<usize> {
    let (matched, len) = match *pattern {
        [] => return None,
        [b'?', ..] => (true, 1),
        [b'[', ..] => match_class(pattern, byte, nocase),
        [b'\\', escaped, ..] => (same(escaped, byte, nocase), 2),
        [literal, ..] => (same(literal, byte, nocase), 1),
    };
    matched.then_some(len)
}

/// Whether `byte` is in the class that `pattern` begins with, and how long the class is, brackets
/// included.
fn match_class(pattern: &[u8], byte: u8, nocase: bool) -> (bool, usize) {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    loop {
        at += match pattern[at..] {
            [b'\\', escaped, ..] => {
                found |= escaped == byte;
                2
            }
            [b']', ..] => return (found != negated, at + 1),
            [] => return (found != negated, at),
            [start, b'-', end, ..] => {
                found |= in_range(start, end, byte, nocase);
                3
            }
            [member, ..] => {
                found |= same(member, byte, nocase);
                1
            }
        }
    }
}

/// Whether `byte` lies between two others, in whichever order they stand.
fn in_range(one: u8, other: u8, byte: u8, nocase: bool) -> bool {
    let fold = |byte: u8| {
        if nocase { byte.to_ascii_lowercase() } else { byte }
    };
    // The ends are put in order before their case is dropped.
    let (low, high) = (fold(one.min(other)), fold(one.max(other)));
    (low..=high).contains(&fold(byte))
}

fn same(one: u8, other: u8, nocase: bool) -> bool {
    one == other || (nocase && one.eq_ignore_ascii_case(&other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        for text in matching {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern} ~ {text}");
        }
        for text in others {
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern} !~ {text}");
        }
    }

    #[test]
    fn literals_match_themselves() {
        check("abc", &["abc"], &["", "ab", "abcd", "aBc", "xabc"]);
    }

    #[test]
    fn stars_take_any_bytes() {
        check("a*", &["a", "ab", "a*", "abcabc"], &["", "b", "ba"]);
        check("*a", &["a", "ba", "aaa"], &["ab", ""]);
        check("a**b", &["ab", "axb", "abab"], &["a", "aba"]);
        check("*a*b*a*", &["aba", "xaxbxax", "abba"], &["ab", "ba", "bab"]);
        check("*ab", &["aab", "abab", "ab"], &["aba"]);
    }

    #[test]
    fn the_empty_text_is_matched_by_the_empty_pattern_alone() {
        check("", &[""], &["a"]);
        check("*", &["a"], &[""]);
        check("**", &["a"], &[""]);
    }

    #[test]
    fn question_marks_take_one_byte() {
        check("?", &["a", "?", "*"], &["", "ab"]);
        check("?*?", &["ab", "abc"], &["a"]);
    }

    #[test]
    fn classes_take_one_byte_of_theirs() {
        check("[abc]", &["a", "b", "c"], &["d", "", "ab", "[abc]"]);
        check("[^abc]", &["d", "^"], &["a", "", "dd"]);
        check("[a-c]", &["a", "b", "c"], &["d", "-"]);
        check("[c-a]", &["a", "b", "c"], &["d", "-"]);
        check("[a^]", &["a", "^"], &["b"]);
        check("[a-c-e]", &["b", "-", "e"], &["d"]);
        check("[*?]", &["*", "?"], &["a"]);
        check("x[ab]*[cd]", &["xac", "xbxd"], &["xc", "xab"]);
    }

    #[test]
    fn classes_end_at_the_first_bracket() {
        check("[]", &[], &["]", "[]", "a"]);
        check("[^]", &["a", "]"], &["[^]", "aa"]);
        check("[]a]", &[], &["]", "a", "]a]"]);
        check(r"[\]]", &["]"], &["\\", "\\]"]);
        check(r"[\a-c]", &["a", "-", "c"], &["b", "\\"]);
        check("[+-]]", &["+", "]", "-", "A"], &["+]", "a"]);
    }

    #[test]
    fn unterminated_classes_end_with_the_pattern() {
        check("[ab", &["a", "b"], &["[ab", "c"]);
        check("[a-", &["a", "-"], &["b", "[a-"]);
        check("[a-]", &["a", "]", "^"], &["-", "b"]);
        check("[", &[], &["[", "a"]);
        check("[^", &["a", "["], &["ab"]);
        check("[^a*", &["b"], &["a", "*", "bb"]);
        check(r"[a\", &["a", "\\"], &["[", "b"]);
    }

    #[test]
    fn backslashes_make_the_next_byte_plain() {
        check(r"\*", &["*"], &["a", "\\*", ""]);
        check(r"\?\[a\]", &["?[a]"], &["b[a]", "?a"]);
        check(r"\\", &["\\"], &["\\\\"]);
        check(r"a\", &["a\\"], &["a"]);
        check(r"\a", &["a"], &["\\a"]);
    }

    #[test]
    fn case_is_ignored_on_request() {
        for (pattern, text, matched) in [
            ("AbC*", "aBcD", true),
            (r"\A", "a", true),
            ("[A-C]", "b", true),
            ("[^a]", "A", false),
            ("[ab]", "B", true),
            // An escaped byte in a class keeps its case.
            (r"[\A]", "a", false),
            (r"[\A]", "A", true),
            // Ordered as Z < a, then folded to z-a, which is empty.
            ("[Z-a]", "z", false),
        ] {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            assert_eq!(matches(pattern, text, true), matched, "{}", pattern.escape_ascii());
        }
    }

    #[test]
    fn bytes_need_not_be_text() {
        assert!(matches(b"\xff?[\x80-\xfe]", b"\xff\x00\x90", false));
        assert!(matches(b"\x00*", b"\x00", false));
    }

    #[test]
    fn many_stars_cost_little() {
        let pattern = [b"a*".repeat(500), b"b".to_vec()].concat();
        assert!(!matches(&pattern, &b"a".repeat(5_000), false));
    }

    #[test]
    fn literal_parts_are_found() {
        assert!(is_literal(b""));
        assert!(is_literal(b"abc^-]"));
        for pattern in [&b"a*"[..], b"?", b"[a]", b"\\a"] {
            assert!(!is_literal(pattern));
        }
        assert_eq!(literal_prefix(b"user:*:x"), b"user:");
        assert_eq!(literal_prefix(b"*"), b"");
        assert_eq!(literal_prefix(b"a]b"), b"a]b");
    }

    /// One element of a pattern, for the model.
    #[derive(Debug, Clone, Copy)]
    enum Element<'a> {
        Star,
        One(&'a [u8]),
    }

    /// Cuts a pattern into elements by a walk of its own.
    fn elements(mut pattern: &[u8]) -> Vec<Element<'_>> {
        let mut elements = Vec::new();
        while !pattern.is_empty() {
            let len = match pattern {
                [b'\\', _, ..] => 2,
                [b'[', ..] => class_len(pattern),
                _ => 1,
            };
            let (one, rest) = pattern.split_at(len);
            elements.push(if one == b"*" { Element::Star } else { Element::One(one) });
            pattern = rest;
        }
        elements
    }

    fn class_len(pattern: &[u8]) -> usize {
        let mut at = if pattern.starts_with(b"[^") { 2 } else { 1 };
        while at < pattern.len() && pattern[at] != b']' {
            at += match pattern.len() - at {
                2.. if pattern[at] == b'\\' => 2,
                3.. if pattern[at + 1] == b'-' => 3,
                _ => 1,
            };
        }
        (at + 1).min(pattern.len())
    }

    /// Every way to share out the text among the stars.
    fn model(elements: &[Element<'_>], text: &[u8]) -> bool {
        match (elements, text) {
            ([], _) => text.is_empty(),
            ([Element::Star, rest @ ..], _) => {
                (0..=text.len()).any(|taken| model(rest, &text[taken..]))
            }
            ([Element::One(_), ..], []) => false,
            ([Element::One(one), rest @ ..], [byte, others @ ..]) => {
                match_element(one, *byte, false).is_some() && model(rest, others)
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn one_star_remembered_gives_what_trying_all_gives(
            pattern in r"[ab*?\[\]^\-\\]{0,10}",
            text in r"[ab*?\[\]^\-\\]{1,10}",
        ) {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text, false), model(&elements(pattern), text));
        }

        #[test]
        fn matching_texts_begin_with_the_literal_prefix(
            pattern in r"[ab]{0,3}[ab*?]{0,3}",
            text in "[ab]{1,5}",
        ) {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            if matches(pattern, text, false) {
                prop_assert!(text.starts_with(literal_prefix(pattern)));
            }
            if is_literal(pattern) {
                prop_assert_eq!(matches(pattern, text, false), pattern == text);
            }
        }
    }
}
