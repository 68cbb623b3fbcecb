use std::fmt::Debug;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::ds::sds::Sds;

/// What a test keeps in an entry as a `V`: it can be made from a number and tells it again.
trait Payload: Sized {
    fn make(id: u8, live: &Rc<()>) -> Self;
    fn id(&self) -> u8;
    fn set_id(&mut self, id: u8, live: &Rc<()>) {
        *self = Self::make(id, live);
    }
}

/// Alive as long as its token is: a leak or a double drop shows in the count.
#[derive(Debug)]
struct Counted {
    id: u8,
    _token: Rc<()>,
}

impl Payload for Counted {
    fn make(id: u8, live: &Rc<()>) -> Self {
        Self { id, _token: Rc::clone(live) }
    }
    fn id(&self) -> u8 {
        self.id
    }
}

impl Payload for Box<[u8]> {
    fn make(id: u8, _: &Rc<()>) -> Self {
        vec![id; 3].into()
    }
    fn id(&self) -> u8 {
        self[2]
    }
}

impl Payload for Sds {
    fn make(id: u8, _: &Rc<()>) -> Self {
        Self::from_slice(&[id; 2000])
    }
    fn id(&self) -> u8 {
        self[1999]
    }
}

/// Of odd size and alignment 1.
impl Payload for [u8; 3] {
    fn make(id: u8, _: &Rc<()>) -> Self {
        [1, 2, id]
    }
    fn id(&self) -> u8 {
        self[2]
    }
}

/// With a byte of padding, which is never initialised.
impl Payload for (u8, u16) {
    fn make(id: u8, _: &Rc<()>) -> Self {
        (id, 7)
    }
    fn id(&self) -> u8 {
        self.0
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Int(i64),
    Inline(Vec<u8>),
    Other(u8),
}

impl Value {
    fn new_value<V: Payload>(&self, live: &Rc<()>) -> NewValue<'_, V> {
        match self {
            Self::Int(int) => NewValue::Int(*int),
            Self::Inline(bytes) => NewValue::Inline(bytes),
            Self::Other(id) => NewValue::Other(V::make(*id, live)),
        }
    }
    fn other(&self) -> Option<u8> {
        if let Self::Other(id) = self { Some(*id) } else { None }
    }
}

#[derive(Clone, Debug)]
struct Model {
    key: Vec<u8>,
    value: Value,
    deadline: Option<u64>,
    clock: u32,
    epoch: u8,
}

impl Model {
    fn new(key: &[u8], value: Value, deadline: Option<u64>) -> Self {
        Self { key: key.to_vec(), value, deadline, clock: 0, epoch: 0 }
    }

    /// Bytes that the fields take, reckoned as the module's head draws them.
    fn used<V>(&self) -> usize {
        let key = if self.key.len() < 256 { 1 } else { 4 } + self.key.len();
        let tail = 4 + key + if self.deadline.is_some() { 8 } else { 0 };
        match &self.value {
            Value::Inline(bytes) if bytes.len() < 256 => tail + 1 + bytes.len(),
            Value::Inline(bytes) => tail + 2 + bytes.len(),
            Value::Other(_) => tail.next_multiple_of(8) + size_of::<V>(),
            Value::Int(int) => {
                let narrowest = match int {
                    -0x80..=0x7f => 1,
                    -0x8000..=0x7fff => 2,
                    -0x8000_0000..=0x7fff_ffff => 4,
                    _ => 8,
                };
                tail + if self.key.len() < 2 { narrowest.max(4) } else { narrowest }
            }
        }
    }
}

fn check<V: Payload>(entry: &Entry<V>, model: &Model) {
    assert!(entry.key() == model.key, "key of {} bytes", model.key.len());
    let value = match entry.value() {
        ValueRef::Int(int) => Value::Int(int),
        ValueRef::Inline(bytes) => Value::Inline(bytes.to_vec()),
        ValueRef::Other(value) => Value::Other(value.id()),
    };
    assert_eq!(value, model.value);
    assert_eq!(entry.deadline(), model.deadline);
    assert_eq!((entry.clock(), entry.epoch()), (model.clock, model.epoch));
    assert_eq!(entry.alloc_size(), size_class(model.used::<V>()));
    entry.prefetch();
}

#[derive(Clone, Debug)]
enum Op {
    SetValue(Value),
    Set(Value, Option<u64>),
    SetDeadline(Option<u64>),
    Rename(Vec<u8>),
    Clock(u32),
    Epoch(u8),
    EditInline(u8),
    EditOther(u8),
    Relocate(u16),
}

fn bytes(lens: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<u8>> {
    (lens, any::<u8>())
        .prop_map(|(len, seed)| (0..len).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect())
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    bytes(prop_oneof![20 => 0..6_usize, 40 => 6..60_usize, 20 => 250..260_usize, 1 => Just(70_000)])
}

fn value() -> impl Strategy<Value = Value> {
    let lens = prop_oneof![6 => 0..50_usize, 2 => 250..260_usize, 1 => 1000..=INLINE_MAX];
    prop_oneof![
        (any::<i64>(), 0..64_u32).prop_map(|(int, shift)| Value::Int(int >> shift)),
        bytes(lens).prop_map(Value::Inline),
        any::<u8>().prop_map(Value::Other),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => value().prop_map(Op::SetValue),
        4 => (value(), any::<Option<u64>>()).prop_map(|(value, at)| Op::Set(value, at)),
        4 => any::<Option<u64>>().prop_map(Op::SetDeadline),
        2 => key().prop_map(Op::Rename),
        1 => any::<u32>().prop_map(Op::Clock),
        1 => any::<u8>().prop_map(Op::Epoch),
        1 => any::<u8>().prop_map(Op::EditInline),
        1 => any::<u8>().prop_map(Op::EditOther),
        1 => any::<u16>().prop_map(Op::Relocate),
    ]
}

fn apply<V: Payload>(mut entry: Entry<V>, model: &mut Model, op: Op, live: &Rc<()>) -> Entry<V> {
    match op {
        Op::SetValue(value) => {
            let taken = entry.set_value(value.new_value(live));
            assert_eq!(taken.map(|taken| taken.id()), model.value.other());
            model.value = value;
        }
        Op::Set(value, deadline) => {
            let taken = entry.set(value.new_value(live), deadline);
            assert_eq!(taken.map(|taken| taken.id()), model.value.other());
            (model.value, model.deadline) = (value, deadline);
        }
        Op::SetDeadline(deadline) => {
            entry.set_deadline(deadline);
            model.deadline = deadline;
        }
        Op::Rename(key) => {
            entry = entry.rename(&key);
            model.key = key;
        }
        Op::Clock(clock) => {
            entry.set_clock(clock);
            model.clock = clock & 0xff_ffff;
        }
        Op::Epoch(epoch) => {
            entry.set_epoch(epoch);
            model.epoch = epoch & 3;
        }
        Op::EditInline(byte) => match (&mut model.value, entry.inline_mut()) {
            (Value::Inline(expected), Some(bytes)) => {
                bytes.fill(byte);
                expected.fill(byte);
            }
            (value, bytes) => assert!(!matches!(value, Value::Inline(_)) && bytes.is_none()),
        },
        Op::EditOther(id) => match (&mut model.value, entry.other_mut()) {
            (Value::Other(expected), Some(value)) => {
                value.set_id(id, live);
                *expected = id;
            }
            (value, other) => assert!(value.other().is_none() && other.is_none()),
        },
        Op::Relocate(hint) => {
            entry.set_hint(hint);
            let mut mover = Mover::of_all();
            entry.relocate(&mut mover);
            assert_eq!((entry.hint(), mover.hits()), (hint, 1));
        }
    }
    entry
}

/// Runs `ops` and checks each step, then takes the value out or drops the entry whole.
fn run<V: Payload>(start: Model, ops: &[Op], take: bool) {
    let live = Rc::new(());
    let mut model = start;
    let mut entry = Entry::<V>::new(&model.key, model.value.new_value(&live), model.deadline);
    check(&entry, &model);
    for op in ops {
        entry = apply(entry, &mut model, op.clone(), &live);
        check(&entry, &model);
    }
    if take {
        let taken = entry.into_value();
        assert_eq!(taken.map(|taken| taken.id()), model.value.other());
    } else {
        drop(entry);
    }
    assert_eq!(Rc::strong_count(&live), 1, "every value was dropped, and once");
}

fn config() -> ProptestConfig {
    if cfg!(miri) {
        ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() }
    } else {
        ProptestConfig { cases: 1000, ..ProptestConfig::default() }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn does_what_a_plain_struct_does(
        key in key(),
        value in value(),
        deadline in any::<Option<u64>>(),
        ops in prop::collection::vec(op(), 0..20),
        take in any::<bool>(),
    ) {
        let start = Model::new(&key, value, deadline);
        run::<Counted>(start.clone(), &ops, take);
        run::<Box<[u8]>>(start.clone(), &ops, take);
        run::<Sds>(start.clone(), &ops, take);
        run::<[u8; 3]>(start.clone(), &ops, take);
        run::<(u8, u16)>(start, &ops, take);
    }
}

/// Values on both sides of every change of layout.
fn edge_values() -> Vec<Value> {
    let lens = [0, 1, 44, 45, 255, 256, INLINE_MAX];
    let ints = [
        0,
        -1,
        0x7f,
        0x80,
        -0x80,
        -0x81,
        0x7fff,
        0x8000,
        -0x8000,
        -0x8001,
        0x7fff_ffff,
        0x8000_0000,
        -0x8000_0000,
        -0x8000_0001,
        i64::MAX,
        i64::MIN,
    ];
    let mut values = vec![Value::Other(9)];
    values.extend(lens.map(|len| Value::Inline((0..len).map(|i| i as u8 ^ 0x5a).collect())));
    values.extend(ints.map(Value::Int));
    values
}

#[test]
fn every_change_between_edge_values_keeps_key_and_header() {
    let live = Rc::new(());
    // All of them would take minutes when interpreted; 41 still lets each value meet each key.
    let step = if cfg!(miri) { 41 } else { 1 };
    let mut turn = 0;
    let values = edge_values();
    for key_len in [0, 1, 2, 3, 255, 256, 70_000] {
        let key = vec![0xa5; key_len];
        let pairs = values.iter().flat_map(|from| values.iter().map(move |to| (from, to)));
        for (from, to) in pairs {
            turn += 1;
            if turn % step != 0 {
                continue;
            }
            for deadlines in [(None, None), (None, Some(1)), (Some(2), None), (Some(3), Some(4))] {
                let mut model = Model::new(&key, from.clone(), deadlines.0);
                let mut entry = Entry::<Counted>::new(&key, from.new_value(&live), deadlines.0);
                let ops = [
                    Op::Clock(0xff_ffff),
                    Op::Epoch(3),
                    Op::Set(to.clone(), deadlines.1),
                    Op::SetDeadline(deadlines.0),
                ];
                for op in ops {
                    entry = apply(entry, &mut model, op, &live);
                    check(&entry, &model);
                }
            }
        }
    }
    assert_eq!(Rc::strong_count(&live), 1);
}

#[test]
fn every_rename_between_edge_keys_keeps_the_value() {
    let lens: &[usize] = if cfg!(miri) { &[0, 1, 2, 256] } else { &[0, 1, 2, 3, 255, 256, 70_000] };
    for value in edge_values() {
        for &from in lens {
            for &to in lens {
                let mut start = Model::new(&vec![b'a'; from], value.clone(), Some(u64::MAX));
                start.key.fill(b'f');
                let ops = [Op::Clock(0x12_3456), Op::Epoch(2), Op::Rename(vec![b't'; to])];
                run::<Counted>(start, &ops, to % 2 == 0);
            }
        }
    }
}

#[test]
fn sizes_are_those_that_the_memory_budget_counts_on() {
    let size = |value: NewValue<'_, Sds>, deadline| {
        Entry::new(b"a key of 16 byte", value, deadline).alloc_size()
    };
    assert_eq!(size(NewValue::Inline(b"value of 16 byte"), None), 40);
    assert_eq!(size(NewValue::Inline(b"value of 16 byte"), Some(1)), 48);
    assert_eq!(size(NewValue::Int(i64::from(i32::MIN)), None), 32);
    assert_eq!(size(NewValue::Other(Sds::new()), None), 32);
    assert_eq!(size_of::<Entry<Sds>>(), 8);
    assert_eq!(size_of::<Option<Entry<Sds>>>(), 8);
}

#[test]
fn a_change_within_the_size_class_stays_in_place() {
    let mut entry = Entry::<Sds>::new(b"a key of 16 byte", NewValue::Int(70_000), None);
    let place = entry.key().as_ptr();
    entry.set_value(NewValue::Int(i64::MAX));
    assert_eq!(entry.key().as_ptr(), place);
    entry.set_value(NewValue::Inline(b"10 bytes ."));
    assert_eq!(entry.key().as_ptr(), place);
    entry.set_value(NewValue::Other(Sds::new()));
    assert_eq!(entry.key().as_ptr(), place);
    entry.set_value(NewValue::Int(70_000));
    assert_eq!((entry.alloc_size(), entry.key().as_ptr()), (32, place));
    entry.set_value(NewValue::Inline(b"11 bytes .."));
    assert_eq!(entry.alloc_size(), 40);
}

#[test]
fn size_classes_are_multiples_of_the_quantum_and_then_eight_per_doubling() {
    let by = |step, from: usize, to| (from..=to).step_by(step);
    let classes =
        by(8, 8, 128).chain(by(16, 144, 256)).chain(by(32, 288, 512)).chain(by(64, 576, 1024));
    let classes: Vec<_> = classes.collect();
    for n in 0..=1024 {
        let class = *classes.iter().find(|&&class| class >= n).expect("1024 is the last");
        assert_eq!(size_class(n), class, "{n} bytes");
    }
    assert_eq!(size_class((1 << 40) + 1), (1 << 40) + (1 << 37));
}

#[cfg(not(miri))]
#[test]
fn size_classes_are_those_of_the_allocator_as_built() {
    use crate::stdx::alloc::good_size;
    for n in 1..=32 << 10 {
        assert_eq!(size_class(n), good_size(n), "{n} bytes");
    }
    // Above, the allocator rounds up to whole pages only.
    for n in [(32 << 10) + 1, 100_000, (1 << 30) + 1] {
        assert_eq!(size_class(n), good_size(size_class(n)), "{n} bytes");
    }
}

#[test]
#[should_panic(expected = "size overflow")]
fn a_size_beyond_every_class_is_refused() {
    size_class(usize::MAX);
}

#[test]
#[should_panic(expected = "INLINE_MAX")]
fn an_inline_value_that_is_too_long_is_refused() {
    Entry::<Sds>::new(b"k", NewValue::Inline(&[0; INLINE_MAX + 1]), None);
}

#[test]
fn a_refused_value_leaves_the_entry_as_it_was() {
    let live = Rc::new(());
    let model = Model::new(b"key", Value::Other(5), Some(8));
    let mut entry = Entry::<Counted>::new(b"key", model.value.new_value(&live), Some(8));
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        entry.set(NewValue::Inline(&[0; INLINE_MAX + 1]), None)
    }));
    assert!(refused.is_err());
    check(&entry, &model);
}

#[test]
fn the_bytes_are_those_that_the_module_head_decodes() {
    let mut entry = Entry::<Sds>::new(b"greet", NewValue::Inline(b"hi"), Some(1000));
    entry.set_clock(7);
    let expected = b"\x0c\x07\0\0\x05greet\xe8\x03\0\0\0\0\0\0\x02hi";
    assert_eq!(entry.0.used_bytes(), expected);
    assert_eq!(entry.alloc_size(), 24);
}

#[test]
fn moves_between_threads_and_shows_itself() {
    let entry = Entry::new(b"k\n", NewValue::Other(Sds::from_slice(b"v")), None);
    let entry = std::thread::spawn(move || entry).join().expect("the thread only returns");
    let expected =
        r#"Entry { key: "k\\n", value: Other("v"), deadline: None, clock: 0, epoch: 0 }"#;
    assert_eq!(format!("{entry:?}"), expected);
}

#[test]
fn a_hint_is_kept_beside_the_address_until_the_entry_moves() {
    let mut entry = Entry::<Vec<u8>>::new(b"key", NewValue::Inline(b"value"), None);
    assert_eq!(entry.hint(), 0);
    entry.set_hint(0xffff);
    entry.set_clock(7);
    entry.set_value(NewValue::Inline(b"other"));
    assert_eq!((entry.key(), entry.hint(), entry.clock()), (&b"key"[..], 0xffff, 7));
    assert!(matches!(entry.value(), ValueRef::Inline(b"other")));
    entry.set_value(NewValue::Inline(&[b'x'; 500]));
    assert_eq!((entry.key(), entry.hint()), (&b"key"[..], 0));
    entry.set_hint(1);
    drop(entry);
}
