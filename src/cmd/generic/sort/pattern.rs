//! The patterns of BY and GET: names of keys, and of fields in hashes, in which the first `*` stands
//! for the element.

use crate::ds::listpack::Item;
use crate::keyspace::Db;
use crate::types::{Collection, Entry, Hash, Str};

/// A pattern, taken apart.
#[derive(Debug)]
pub(super) enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// No `*`: nothing is ever found.
    Constant,
    /// A key's name around the element, and perhaps a field.
    Key { before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        if text == b"#" {
            return Self::Element;
        }
        let Some(star) = memchr::memchr(b'*', text) else { return Self::Constant };
        let (before, after) = (&text[..star], &text[star + 1..]);
        match memchr::memmem::find(after, b"->") {
            // Nothing behind the arrow: it is part of the key's name.
            Some(arrow) if arrow + 2 < after.len() => {
                Self::Key { before, after: &after[..arrow], field: Some(&after[arrow + 2..]) }
            }
            _ => Self::Key { before, after, field: None },
        }
    }

    /// Whether it is the same for every element.
    pub(super) fn is_constant(&self) -> bool {
        !matches!(self, Self::Key { .. })
    }

    /// Shows what it finds for an element to `look`, whose result is returned.
    pub(super) fn look_up<R>(
        &self,
        db: &mut Db<'_>,
        element: &[u8],
        look: impl FnOnce(Option<&[u8]>) -> R,
    ) -> R {
        let (name, field) = match self {
            Self::Element => return look(Some(element)),
            Self::Constant => return look(None),
            Self::Key { before, after, field } => ([before, element, after].concat(), field),
        };
        let now = db.now_ms();
        let mut digits = itoa::Buffer::new();
        let entry = db.fetch(&name);
        match field {
            None => look(entry.and_then(Str::of).map(|value| value.bytes(&mut digits))),
            Some(field) => {
                let value = entry.and_then(|entry| value_of(entry, field, now));
                look(value.map(|value| value.bytes(&mut digits)))
            }
        }
    }
}

fn value_of<'e>(entry: &'e Entry, field: &[u8], now_ms: u64) -> Option<Item<'e>> {
    let hash = entry.other().and_then(Hash::of)?;
    hash.get(field, now_ms).map(|field| field.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> String {
        match Pattern::new(text.as_bytes()) {
            Pattern::Element => "element".to_owned(),
            Pattern::Constant => "constant".to_owned(),
            Pattern::Key { before, after, field } => {
                let field = field.map_or("-".into(), |field| field.escape_ascii().to_string());
                format!("{}|{}|{field}", before.escape_ascii(), after.escape_ascii())
            }
        }
    }

    #[test]
    fn a_pattern_is_a_key_around_the_element_and_perhaps_a_field() {
        for (text, expected) in [
            ("#", "element"),
            ("#x", "constant"),
            ("", "constant"),
            ("w", "constant"),
            ("*", "||-"),
            ("w_*", "w_||-"),
            ("a*b*c", "a|b*c|-"),
            ("h_*->f", "h_||f"),
            ("h_*x->f*", "h_|x|f*"),
            ("h_*->", "h_|->|-"),
            ("h->*", "h->||-"),
            ("h_*->a->b", "h_||a->b"),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }
}
