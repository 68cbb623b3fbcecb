use super::*;
use proptest::prelude::*;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

const SEED: Seed = Seed::new(0x0123_4567_89AB_CDEF, 42);

/// A number of rounds or members: fewer where an interpreter runs the test.
const fn scaled(count: usize, under_miri: usize) -> usize {
    if cfg!(miri) { under_miri } else { count }
}

/// A score in the order of numbers, with one zero.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Score(f64);

impl Eq for Score {}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.partial_cmp(&other.0).expect("no score is NaN")
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The list beside a model of it.
struct Pair {
    list: Skiplist,
    order: BTreeSet<(Score, Vec<u8>)>,
    scores: HashMap<Vec<u8>, f64>,
    /// How far a walk is that moves everything.
    cursor: u64,
}

impl Default for Pair {
    fn default() -> Self {
        let list = Skiplist::new(SEED);
        Self { list, order: BTreeSet::new(), scores: HashMap::new(), cursor: 0 }
    }
}

impl Pair {
    fn insert(&mut self, member: &[u8], score: f64) {
        let former = self.scores.insert(member.to_vec(), score);
        if let Some(former) = former {
            self.order.remove(&(Score(former), member.to_vec()));
        }
        self.order.insert((Score(score), member.to_vec()));
        assert_eq!(self.list.insert(member, score), former);
    }

    fn remove(&mut self, member: &[u8]) {
        let former = self.scores.remove(member);
        if let Some(former) = former {
            self.order.remove(&(Score(former), member.to_vec()));
        }
        assert_eq!(self.list.remove(member), former);
    }

    fn remove_range(&mut self, ranks: Ranks<usize>) {
        let doomed: Vec<_> =
            self.order.iter().skip(ranks.start).take(ranks.len()).cloned().collect();
        let mut removed = Vec::new();
        self.list
            .remove_range(ranks, |member, score| removed.push((Score(score), member.to_vec())));
        assert_eq!(removed, doomed);
        for (score, member) in doomed {
            self.scores.remove(&member);
            self.order.remove(&(score, member));
        }
    }

    fn check(&self) {
        self.list.check_invariants();
        assert_eq!(self.list.len(), self.order.len());
        assert_eq!(self.list.is_empty(), self.order.is_empty());
        let model = || self.order.iter().map(|(score, member)| (&member[..], score.0));
        assert!(self.list.iter().eq(model()));
        assert!(self.list.iter().rev().eq(model().rev()));
        assert_eq!(self.list.first(), model().next());
        assert_eq!(self.list.last(), model().next_back());
    }

    /// Checks what is asked about one member, which need not be there.
    fn check_member(&self, member: &[u8]) {
        let score = self.scores.get(member).copied();
        assert_eq!(self.list.score(member), score);
        let rank = score.map(|score| {
            let rank = self.order.range(..(Score(score), member.to_vec())).count();
            assert_eq!(self.list.get(rank), Some((member, score)));
            (rank, score)
        });
        assert_eq!(self.list.rank(member), rank);
    }

    /// Checks what is asked about a place in the order.
    fn check_place(&self, score: f64, member: &[u8]) {
        let below = self.order.iter().take_while(|it| it.0.0 < score).count();
        assert_eq!(self.list.rank_by_score(|it| it < score), below);
        let upto = self.order.iter().take_while(|it| it.0.0 <= score).count();
        assert_eq!(self.list.rank_by_score(|it| it <= score), upto);
        assert_eq!(self.list.rank_by(|other, _| other < score), below);
        let before = |other: f64, bytes: &[u8]| (Score(other), bytes) < (Score(score), member);
        let rank = self.order.iter().take_while(|it| before(it.0.0, &it.1)).count();
        assert_eq!(self.list.rank_by(before), rank);
    }

    fn check_range(&self, ranks: Ranks<usize>) {
        let model: Vec<_> = (self.order.iter().skip(ranks.start).take(ranks.len()))
            .map(|(score, member)| (&member[..], score.0))
            .collect();
        let range = self.list.range(ranks.clone());
        assert_eq!(range.len(), model.len());
        assert!(range.clone().eq(model.iter().copied()));
        assert!(range.clone().rev().eq(model.iter().rev().copied()));
        for skip in [0, 1, ranks.len() / 2, ranks.len()] {
            assert_eq!(range.clone().nth(skip), model.get(skip).copied());
            assert!(range.clone().skip(skip).eq(model.iter().skip(skip).copied()));
        }
        // From both ends in turn they meet in the middle.
        let (mut both, mut seen) = (range, Vec::new());
        while let Some(front) = both.next() {
            seen.insert(seen.len() / 2, front);
            if let Some(back) = both.next_back() {
                seen.insert(seen.len().div_ceil(2), back);
            }
        }
        assert_eq!(seen, model);
    }
}

/// Small steps of a fixed pseudo-random sequence, so that one proptest value stands for many
/// operations.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn ranks(&mut self, len: usize) -> Ranks<usize> {
        let (a, b) = (self.below(len + 1), self.below(len + 1));
        a.min(b)..a.max(b)
    }
}

/// Many operations of one kind, on members and scores numbered from 0.
#[derive(Clone, Debug)]
enum Step {
    Ascending {
        start: usize,
        count: usize,
    },
    Descending {
        start: usize,
        count: usize,
    },
    /// New members and new scores for old ones.
    Random {
        members: usize,
        scores: usize,
        count: usize,
    },
    /// Scores changed a little: elements that mostly stay in their leaf.
    Nudge {
        count: usize,
    },
    RemoveRandom {
        count: usize,
    },
    RemoveRange,
    PopFirst {
        count: usize,
    },
    PopLast {
        count: usize,
    },
    /// So many steps of a walk that moves everything.
    Relocate {
        steps: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    const MOST: usize = scaled(1500, 60);
    let count = || 1..MOST;
    prop_oneof![
        3 => (0..MOST, count()).prop_map(|(start, count)| Step::Ascending { start, count }),
        1 => (0..MOST, count()).prop_map(|(start, count)| Step::Descending { start, count }),
        4 => (1..2 * MOST, 1..MOST, count())
            .prop_map(|(members, scores, count)| Step::Random { members, scores, count }),
        1 => (1..2 * MOST, count())
            .prop_map(|(members, count)| Step::Random { members, scores: 1, count }),
        2 => count().prop_map(|count| Step::Nudge { count }),
        3 => count().prop_map(|count| Step::RemoveRandom { count }),
        2 => Just(Step::RemoveRange),
        1 => count().prop_map(|count| Step::PopFirst { count }),
        1 => count().prop_map(|count| Step::PopLast { count }),
        2 => count().prop_map(|steps| Step::Relocate { steps }),
    ]
}

/// The member of a number: numbers that follow each other differ in the last byte.
fn member(number: usize) -> Vec<u8> {
    let mut bytes = format!("{number:05}").into_bytes();
    if number.is_multiple_of(97) {
        bytes.resize(300, b'.');
    }
    bytes
}

/// The score of a number: negative ones, both zeros and infinities among them.
fn score(number: usize) -> f64 {
    match number {
        0 => -0.0,
        1 => f64::NEG_INFINITY,
        2 => f64::INFINITY,
        3 => 0.0,
        _ if number.is_multiple_of(3) => -(number as f64) / 4.0,
        _ => number as f64 / 4.0,
    }
}

fn apply(pair: &mut Pair, step: &Step, draws: &mut Draws) {
    let len = pair.list.len();
    match *step {
        Step::Ascending { start, count } => {
            (start..start + count).for_each(|i| pair.insert(&member(i), i as f64));
        }
        Step::Descending { start, count } => {
            (start..start + count).rev().for_each(|i| pair.insert(&member(i), i as f64));
        }
        Step::Random { members, scores, count } => {
            for _ in 0..count {
                pair.insert(&member(draws.below(members)), score(draws.below(scores)));
            }
        }
        Step::Nudge { count } => {
            for _ in 0..if len > 0 { count } else { 0 } {
                let (bytes, score) = pair.list.get(draws.below(len)).expect("in range");
                let nudge = [-3.0, -0.25, 0.0, 0.25, 1.0][draws.below(5)];
                let bytes = bytes.to_vec();
                pair.insert(&bytes, score + nudge);
            }
        }
        Step::RemoveRandom { count } => {
            for _ in 0..count {
                let doomed = match pair.list.len() {
                    len if len > 0 && draws.below(8) > 0 => draws.below(len),
                    _ => {
                        pair.remove(b"absent");
                        continue;
                    }
                };
                let bytes = pair.list.get(doomed).expect("in range").0.to_vec();
                pair.remove(&bytes);
            }
        }
        Step::RemoveRange => pair.remove_range(draws.ranks(len)),
        Step::PopFirst { count } => pair.remove_range(0..count.min(len)),
        Step::PopLast { count } => pair.remove_range(len - count.min(len)..len),
        Step::Relocate { steps } => {
            let mut mover = Mover::of_all();
            for _ in 0..steps {
                pair.cursor = pair.list.relocate_from(pair.cursor, &mut mover);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: scaled(64, 3) as u32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn does_what_an_ordered_set_and_a_map_do(
        seed in 1_u64..,
        steps in prop::collection::vec(step(), 1..scaled(14, 6)),
    ) {
        let (mut pair, mut draws) = (Pair::default(), Draws(seed));
        for step in &steps {
            apply(&mut pair, step, &mut draws);
            pair.check();
            for _ in 0..8 {
                pair.check_member(&member(draws.below(2000)));
                pair.check_place(score(draws.below(2000)), &member(draws.below(2000)));
                pair.check_range(draws.ranks(pair.list.len()));
            }
        }
        let copy = pair.list.clone();
        copy.check_invariants();
        prop_assert!(copy.iter().eq(pair.list.iter()));
    }
}

fn filled(count: usize, score: impl Fn(usize) -> f64) -> Pair {
    let mut pair = Pair::default();
    (0..count).for_each(|i| pair.insert(&member(i), score(i)));
    pair
}

#[test]
fn an_empty_set_has_nothing() {
    let mut list = Skiplist::new(SEED);
    assert_eq!((list.first(), list.last(), list.get(0)), (None, None, None));
    assert_eq!((list.rank(b"a"), list.score(b"a"), list.remove(b"a")), (None, None, None));
    assert_eq!(
        (list.iter().next(), list.rank_by_score(|_| true), list.scan(0, |_, _| ())),
        (None, 0, 0)
    );
    assert_eq!(list.random(&mut || 7), None);
    assert_eq!(list.memory(), 0);
    list.remove_range(0..0, |_, _| ());
    list.check_invariants();
}

#[test]
fn a_walk_moves_every_member_and_every_array() {
    let mut pair = filled(scaled(3000, 60), |i| (i / 7) as f64);
    let (mut mover, mut cursor) = (Mover::of_all(), 0);
    loop {
        cursor = pair.list.relocate_from(cursor, &mut mover);
        pair.list.check_invariants();
        if cursor == 0 {
            break;
        }
    }
    // Each member, and of each block the scores and the links.
    let blocks = pair.list.len() / block::BLOCK_MAX;
    assert!(mover.hits() as usize >= pair.list.len() + 2 * blocks, "{} moved", mover.hits());
    pair.check();
}

#[test]
fn every_short_list_is_right_at_each_rank() {
    for len in (0..scaled(200, 70)).step_by(scaled(1, 23)) {
        let pair = filled(len, |i| (i / 3) as f64);
        pair.check();
        (0..len).for_each(|i| pair.check_member(&member(i)));
        pair.check_range(0..len);
    }
}

#[test]
fn every_element_can_move_to_every_place() {
    const LEN: usize = scaled(150, 20);
    for from in (0..LEN).step_by(scaled(1, 5)) {
        for to in 0..=LEN {
            let mut list = Skiplist::new(SEED);
            for i in 0..LEN {
                list.insert(&member(i), i as f64);
            }
            list.insert(&member(from), to as f64 - 0.5);
            list.check_invariants();
            let rank = if to > from { to - 1 } else { to };
            assert_eq!(list.rank(&member(from)), Some((rank, to as f64 - 0.5)));
        }
    }
}

#[test]
fn both_zeros_are_one_score() {
    let mut list = Skiplist::new(SEED);
    list.insert(b"b", 0.0);
    list.insert(b"a", -0.0);
    list.insert(b"c", -0.0);
    assert!(list.iter().map(|it| it.0).eq([b"a", b"b", b"c"]));
    assert_eq!((list.rank_by_score(|it| it < -0.0), list.rank_by_score(|it| it <= 0.0)), (0, 3));
    assert_eq!(list.insert(b"b", -0.0).map(f64::to_bits), Some(0.0_f64.to_bits()));
    assert!(list.score(b"b").is_some_and(f64::is_sign_negative));
    list.check_invariants();
}

#[test]
fn insertion_at_an_end_leaves_full_nodes() {
    const LEN: usize = scaled(100_000, 300);
    let orders: [fn(usize) -> f64; 2] = [|i| i as f64, |i| -(i as f64)];
    for order in orders {
        let mut list = Skiplist::new(SEED);
        for i in 0..LEN {
            list.insert(&i.to_le_bytes(), order(i));
        }
        list.check_invariants();
        let per_member = list.chain.alloc_bytes() as f64 / LEN as f64;
        assert!(cfg!(miri) || per_member < 17.5, "{per_member}");
    }
}

#[test]
fn random_insertion_wastes_little() {
    const LEN: usize = scaled(100_000, 300);
    let (mut list, mut draws) = (Skiplist::new(SEED), Draws(9));
    for i in 0..LEN {
        list.insert(&i.to_le_bytes(), draws.below(1 << 40) as f64);
    }
    let per_member = list.chain.alloc_bytes() as f64 / LEN as f64;
    assert!(cfg!(miri) || per_member < 19.5, "{per_member}");
}

#[test]
fn removal_gives_memory_back() {
    const LEN: usize = scaled(50_000, 300);
    let (mut list, mut draws) = (Skiplist::new(SEED), Draws(5));
    for i in 0..LEN {
        list.insert(&member(i), draws.below(1 << 40) as f64);
    }
    for i in (0..LEN).filter(|i| i % 20 != 0) {
        list.remove(&member(i));
    }
    list.check_invariants();
    let per_member = list.chain.alloc_bytes() as f64 / list.len() as f64;
    assert!(cfg!(miri) || per_member < 50.0, "{per_member}");
    list.remove_range(0..list.len(), |_, _| ());
    list.check_invariants();
    assert!(list.chain.alloc_bytes() <= 512, "{}", list.chain.alloc_bytes());
}

#[test]
fn a_scan_meets_every_member() {
    let pair = filled(scaled(3_000, 200), |i| i as f64);
    let (mut seen, mut cursor) = (HashMap::new(), 0);
    loop {
        cursor = pair.list.scan(cursor, |member, score| {
            seen.insert(member.to_vec(), score);
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen, pair.scores);
}

#[test]
fn a_list_may_be_dropped_elsewhere() {
    let pair = filled(scaled(3_000, 200), |i| i as f64);
    std::thread::spawn(move || drop(pair.list)).join().expect("dropping does not panic");
}

#[test]
#[should_panic(expected = "ranks 1..3 of 2")]
fn a_range_past_the_end_panics() {
    filled(2, |i| i as f64).list.range(1..3);
}
