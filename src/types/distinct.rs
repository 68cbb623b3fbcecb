//! Whether no element of a packed collection that came from outside is there twice.

use crate::ds::listpack::Item;
use std::collections::HashSet;

/// So many elements are compared each with each, which costs less than a table of them.
const COMPARED_MAX: usize = 32;

/// Whether all elements differ, as text.
pub(super) fn are_distinct<'a>(items: impl Iterator<Item = Item<'a>> + Clone) -> bool {
    if items.clone().nth(COMPARED_MAX).is_some() {
        let mut seen = HashSet::new();
        return items.map(Item::to_vec).all(|item| seen.insert(item));
    }
    let mut rest = items;
    while let Some(item) = rest.next() {
        if rest.clone().any(|other| is_same(item, other)) {
            return false;
        }
    }
    true
}

fn is_same(a: Item<'_>, b: Item<'_>) -> bool {
    match (a, b) {
        (Item::Int(a), Item::Int(b)) => a == b,
        (Item::Bytes(a), Item::Bytes(b)) => a == b,
        // Whoever packed it may have left a number as text.
        (Item::Int(int), Item::Bytes(bytes)) | (Item::Bytes(bytes), Item::Int(int)) => {
            itoa::Buffer::new().format(int).as_bytes() == bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_text_are_the_same() {
        let same = [Item::Int(5), Item::Bytes(b"6"), Item::Bytes(b"5")];
        assert!(!are_distinct(same.into_iter()));
        assert!(are_distinct(same[..2].iter().copied()));
    }

    #[test]
    fn many_elements_are_judged_as_few_are() {
        for count in [COMPARED_MAX - 1, COMPARED_MAX, COMPARED_MAX + 1, 200] {
            let texts: Vec<_> = (0..count).map(|n| format!("m{n}").into_bytes()).collect();
            let items = texts.iter().map(|text| Item::Bytes(text));
            assert!(are_distinct(items.clone()), "{count}");
            assert!(!are_distinct(items.chain([Item::Bytes(b"m7")])), "{count}");
        }
    }
}
