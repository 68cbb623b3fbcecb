//! What an expected reply looks like, and whether a real one does.

use std::collections::HashMap;

use crate::regex::Regex;
use crate::reply::{Data, Reply};

/// Values captured by `{{name}}`.
pub(crate) type Variables = HashMap<String, Vec<u8>>;

/// The pattern of one reply.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// Where it stands, for messages.
    pub(crate) line: usize,
    /// Its own line as written, for messages.
    pub(crate) source: String,
    /// The type byte; a bare `any` has none.
    pub(crate) kind: Option<u8>,
    pub(crate) form: Form,
    /// Patterns of the attributes before the reply: keys and values by turns.
    pub(crate) attributes: Option<Vec<Self>>,
}

#[derive(Debug)]
pub(crate) enum Form {
    Any,
    Nil,
    Exact(Vec<u8>),
    /// The text begins with these bytes (the format of a verbatim string), the rest matches.
    Matching(Vec<u8>, Regex),
    Range(Option<i64>, Option<i64>),
    Variable(String),
    List(Order, Vec<Pattern>),
}

/// How the elements of an aggregate are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Order {
    Exact,
    Unordered,
    /// Groups of two, in any order.
    Pairs,
    /// At least these, in any order.
    Subset,
}

impl Pattern {
    /// Whether a reply is as the pattern says; captures variables that are not set.
    pub(crate) fn matches(&self, reply: &Reply, variables: &mut Variables) -> bool {
        match (&self.attributes, &reply.attributes) {
            (Some(patterns), Some(items)) => {
                if !match_list(patterns, items, Order::Exact, 2, variables) {
                    return false;
                }
            }
            (Some(_), None) => return false,
            (None, Some(_)) if self.kind.is_some() => return false,
            (None, _) => {}
        }
        let Some(kind) = self.kind else { return true };
        kind == reply.kind && self.form.matches(kind, &reply.data, variables)
    }
}

impl Form {
    fn matches(&self, kind: u8, data: &Data, variables: &mut Variables) -> bool {
        match (self, data) {
            (Self::Nil, Data::Null) => true,
            (_, Data::Null) => false,
            (Self::Any, _) => true,
            (Self::Exact(text), Data::Bytes(bytes)) => text == bytes,
            (Self::Matching(prefix, regex), Data::Bytes(bytes)) => {
                bytes.strip_prefix(prefix.as_slice()).is_some_and(|rest| regex.is_match(rest))
            }
            (Self::Range(low, high), Data::Bytes(bytes)) => {
                let number =
                    std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<i64>().ok());
                number.is_some_and(|number| {
                    low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)
                })
            }
            (Self::Variable(name), Data::Bytes(bytes)) => {
                variables.entry(name.clone()).or_insert_with(|| bytes.clone()) == bytes
            }
            (Self::List(order, patterns), Data::List(items)) => {
                let width = if kind == b'%' || *order == Order::Pairs { 2 } else { 1 };
                match_list(patterns, items, *order, width, variables)
            }
            _ => false,
        }
    }
}

/// Compares groups of `width` elements: pairs in maps, single elements elsewhere.
fn match_list(
    patterns: &[Pattern],
    items: &[Reply],
    order: Order,
    width: usize,
    variables: &mut Variables,
) -> bool {
    let enough = if order == Order::Subset {
        patterns.len() <= items.len()
    } else {
        patterns.len() == items.len()
    };
    if !enough {
        return false;
    }
    if order == Order::Exact {
        return match_group(patterns, items, variables);
    }
    let mut free: Vec<&[Reply]> = items.chunks(width).collect();
    patterns.chunks(width).all(|group| {
        match free.iter().position(|items| match_group(group, items, variables)) {
            Some(place) => {
                free.remove(place);
                true
            }
            None => false,
        }
    })
}

fn match_group(patterns: &[Pattern], items: &[Reply], variables: &mut Variables) -> bool {
    patterns.len() == items.len()
        && patterns.iter().zip(items).all(|(pattern, item)| pattern.matches(item, variables))
}

#[cfg(test)]
mod tests {
    use super::Variables;
    use crate::reply::Replies;
    use crate::script::Script;

    /// Whether the pattern, written as in a script, matches the wire bytes.
    fn matches(pattern: &str, wire: &str) -> bool {
        matches_with(pattern, wire, &mut Variables::new())
    }

    fn matches_with(pattern: &str, wire: &str, variables: &mut Variables) -> bool {
        let script = Script::parse(format!("> PING\n{pattern}\n").as_bytes()).unwrap();
        let mut replies = Replies::default();
        replies.push(wire.as_bytes());
        let reply = replies.next().unwrap().expect("a whole reply");
        script.steps[0].expects[0].matches(&reply, variables)
    }

    #[test]
    fn types_are_part_of_a_match() {
        assert!(matches("+OK", "+OK\r\n"));
        assert!(!matches("+OK", "$2\r\nOK\r\n"));
        assert!(matches("$nil", "$-1\r\n"));
        assert!(!matches("$nil", "*-1\r\n"));
        assert!(!matches("_", "$-1\r\n"));
        assert!(matches("#t", "#t\r\n"));
        assert!(matches("=txt:\"a b\"", "=7\r\ntxt:a b\r\n"));
    }

    #[test]
    fn loose_patterns_match_their_type_only() {
        assert!(matches("any", "*1\r\n:1\r\n"));
        assert!(matches("any", "_\r\n"));
        assert!(matches("*any", "*1\r\n:1\r\n"));
        assert!(!matches("$any", "$-1\r\n"));
        assert!(matches("-/ERR .*/", "-ERR no\r\n"));
        assert!(!matches("-/ERR .*/", "-WRONGTYPE\r\n"));
        assert!(matches("=txt:/a.c/", "=7\r\ntxt:abc\r\n"));
        assert!(!matches("=mkd:/a.c/", "=7\r\ntxt:abc\r\n"));
        assert!(matches("$\"ab\"*2", "$4\r\nabab\r\n"));
    }

    #[test]
    fn ranges_include_their_bounds() {
        assert!(matches(":[1..3]", ":1\r\n"));
        assert!(matches(":[1..3]", ":3\r\n"));
        assert!(!matches(":[1..3]", ":4\r\n"));
        assert!(matches(":[..-1]", ":-5\r\n"));
        assert!(!matches(":[0..]", ":-5\r\n"));
    }

    #[test]
    fn elements_compare_in_the_order_asked_for() {
        let wire = "*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n";
        assert!(matches("*4\n  :1\n  :2\n  :3\n  :4", wire));
        assert!(!matches("*4\n  :2\n  :1\n  :3\n  :4", wire));
        assert!(matches("*4 unordered\n  :2\n  :1\n  :4\n  :3", wire));
        assert!(!matches("*4 unordered\n  :2\n  :2\n  :4\n  :3", wire));
        assert!(matches("*4 pairs\n  :3\n  :4\n  :1\n  :2", wire));
        assert!(!matches("*4 pairs\n  :2\n  :1\n  :3\n  :4", wire));
        assert!(matches("*2 subset\n  :4\n  :1", wire));
        assert!(!matches("*2 subset\n  :4\n  :5", wire));
        let map = "%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n";
        assert!(matches("%2 unordered\n  +b\n  :2\n  +a\n  :1", map));
        assert!(matches("%1 subset\n  +b\n  :2", map));
        assert!(!matches("%1 subset\n  +b\n  :1", map));
    }

    #[test]
    fn attributes_must_be_there_exactly_when_expected() {
        let wire = "|1\r\n+k\r\n:1\r\n+OK\r\n";
        assert!(matches("|1\n  +k\n  :1\n+OK", wire));
        assert!(!matches("|1\n  +k\n  :2\n+OK", wire));
        assert!(!matches("+OK", wire));
        assert!(!matches("|1\n  +k\n  :1\n+OK", "+OK\r\n"));
    }

    #[test]
    fn a_variable_is_captured_once_and_compared_after() {
        let mut variables = Variables::new();
        assert!(matches_with(":{{id}}", ":7\r\n", &mut variables));
        assert!(matches_with(":{{id}}", ":7\r\n", &mut variables));
        assert!(!matches_with(":{{id}}", ":8\r\n", &mut variables));
        assert!(!matches_with("${{other}}", ":8\r\n", &mut variables));
    }
}
