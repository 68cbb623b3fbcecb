use proptest::prelude::*;

use super::*;

const CASES: u32 = if cfg!(miri) { 4 } else { 128 };
const MASTER: Id = Id::new(5, 7);

type Words = Vec<Vec<u8>>;

fn append(node: &mut StreamNode, id: Id, words: &Words) {
    node.append(MASTER, id, words.iter().map(|word| &word[..]));
}

fn told(entry: &EntryRef<'_>) -> (Id, Words) {
    let words = entry.pairs().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]);
    (entry.id, words.collect())
}

fn check(node: &StreamNode, model: &[(Id, Words)], deleted: usize) {
    assert_eq!((node.live(), node.deleted()), (model.len(), deleted));
    let found: Vec<_> = node.entries(MASTER).map(|entry| told(&entry)).collect();
    assert_eq!(found, model);
    let mut back: Vec<_> = node.entries(MASTER).rev().map(|entry| told(&entry)).collect();
    back.reverse();
    assert_eq!(back, model);
    for (id, _) in model {
        assert_eq!(node.find(MASTER, *id).map(|entry| entry.id), Some(*id));
        let from = node.entries(MASTER).from_id(*id).next();
        assert_eq!(from.map(|entry| entry.id), Some(*id));
    }
    let sound = StreamNode::from_listpack(node.as_listpack().clone(), MASTER);
    assert_eq!(sound.as_ref(), Some(node));
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(vec![b"a".to_vec(), b"b".to_vec(), b"12".to_vec()]),
        prop::collection::vec(any::<u8>(), 0..90),
    ]
}

fn entries() -> impl Strategy<Value = Vec<(u64, u64, Words)>> {
    let same = (word(), word()).prop_map(|(x, y)| vec![b"a".to_vec(), x, b"12".to_vec(), y]);
    let own = prop::collection::vec((word(), word()), 1..4)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(x, y)| [x, y]).collect());
    let words = prop_oneof![same, own];
    prop::collection::vec((0..2_u64, 1..300_u64, words), 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn entries_are_read_as_they_were_appended(
        entries in entries(),
        deletions in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        front in 0..40_usize,
    ) {
        let mut model: Vec<(Id, Words)> = Vec::new();
        let first = entries[0].2.clone();
        let mut node = StreamNode::new(first.iter().map(|word| &word[..]));
        let mut id = MASTER;
        for (ms, seq, words) in entries {
            append(&mut node, id, &words);
            model.push((id, words));
            id = if ms > 0 { Id::new(id.ms + ms, seq) } else { Id::new(id.ms, id.seq + seq) };
        }
        check(&node, &model, 0);
        let mut deleted = 0;
        for at in deletions {
            if model.len() > 1 {
                let (id, _) = model.remove(at.index(model.len()));
                let at = node.find(MASTER, id).unwrap().at;
                node.delete(at);
                assert!(node.find(MASTER, id).is_none());
                deleted += 1;
                check(&node, &model, deleted);
            }
        }
        let front = front.min(model.len());
        let mut left = front;
        let gone = node.delete_front(MASTER, |_| { let go = left > 0; left -= usize::from(go); go });
        assert_eq!(gone, front);
        check(&node, &model[front..], deleted + front);
    }

    #[test]
    fn no_foreign_listpack_makes_it_panic(
        numbers in prop::collection::vec(-2_i64..7, 0..40),
        deep in any::<i64>(),
    ) {
        let mut pack = Listpack::new();
        numbers.iter().for_each(|n| pack.push_back_int(if *n == 6 { deep } else { *n }));
        if let Some(node) = StreamNode::from_listpack(pack, MASTER) {
            let forward = node.entries(MASTER).count();
            assert_eq!((forward, node.entries(MASTER).rev().count()), (node.live(), node.live()));
        }
    }
}

#[test]
fn the_example_of_the_module_is_true() {
    let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let master = Id::new(5, 0);
    let mut node = StreamNode::new([&b"a"[..], b"1"].into_iter());
    for (id, text) in [(Id::new(5, 0), "a 1"), (Id::new(5, 1), "a 2"), (Id::new(7, 0), "b x")] {
        let words: Words = words(text);
        node.append(master, id, words.iter().map(|word| &word[..]));
    }
    let found: Vec<_> = node.as_listpack().iter().map(Item::to_vec).collect();
    let expected: Words = words("3 0 1 a 0 2 0 0 1 4 2 0 1 2 4 0 2 0 1 b x 6");
    assert_eq!(found, expected);
}

#[test]
fn what_is_out_of_place_is_no_node() {
    let sound = [2, 0, 1, 9, 0, 2, 0, 0, 1, 4, 2, 0, 1, 2, 4];
    let node = |numbers: &[i64]| {
        let mut pack = Listpack::new();
        numbers.iter().for_each(|n| pack.push_back_int(*n));
        StreamNode::from_listpack(pack, MASTER)
    };
    assert!(node(&sound).is_some());
    assert!(node(&sound[..14]).is_none());
    for (at, wrong) in [(0, 1), (0, 3), (1, 1), (2, 2), (4, 1), (5, 6), (9, 5), (7, 1), (5, 1)] {
        let mut numbers = sound;
        numbers[at] = wrong;
        assert!(node(&numbers).is_none(), "{wrong} at {at}");
    }
}
