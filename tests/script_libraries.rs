//! The libraries that scripts find, on values and bytes of every kind: what is written is read as the same again, and what
//! is no value is refused with an error that a script can catch.

use larder::resp::{Argv, Out, Reply, Resp};
use larder::script::{Caller, How, Interpreter, LogLevel, Progress, Turn};
use proptest::collection::vec;
use proptest::prelude::*;

/// Scripts here run no commands.
#[derive(Debug)]
struct Nobody;

impl Caller for Nobody {
    fn call(&mut self, _: &Argv<'_>, _: How) -> Result<&[u8], String> {
        Err("ERR there are no commands here".to_owned())
    }

    fn may_call(&mut self, _: &Argv<'_>) -> Option<bool> {
        None
    }

    fn is_due(&mut self) -> bool {
        false
    }

    fn poll(&mut self) -> Turn {
        Turn::GoOn
    }

    fn clock_us(&mut self) -> u64 {
        0
    }

    fn log(&mut self, _: LogLevel, _: &str) {}
}

/// What a script answers, as the bytes of its reply; the words of its error if it fails.
fn run_in(interpreter: &mut Interpreter, script: &str, args: &[&[u8]]) -> Result<Vec<u8>, String> {
    let source = interpreter.compile(script.as_bytes(), c"@user_script")?;
    interpreter.prepare_script(&source, std::iter::empty(), args.iter().copied());
    assert_eq!(interpreter.run(false, &mut Nobody), Progress::Done);
    let mut out = Out::default();
    let result = interpreter.finish(&mut Reply::new(&mut out, Resp::V2));
    interpreter.forget(source);
    result.map_err(|failure| failure.words)?;
    Ok(out.copy_from(0))
}

fn run(script: &str, args: &[&[u8]]) -> Result<Vec<u8>, String> {
    run_in(&mut Interpreter::for_scripts(1), script, args)
}

/// The reply that a string is.
fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A value that all of the libraries know.
#[derive(Debug, Clone)]
enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Vec<u8>),
    Array(Vec<Self>),
    /// One field: the order of more is nobody's.
    Object(Vec<u8>, Box<Self>),
}

fn values(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        (-99_999_999_999_999_i64..100_000_000_000_000).prop_map(Value::Int),
        (-300_i64..300).prop_map(Value::Int),
        (any::<i32>(), 1_u32..20)
            .prop_map(|(n, by)| Value::Float(f64::from(n) / 2_f64.powi(by as i32))),
        vec(any::<u8>(), 0..40).prop_map(Value::Text),
    ];
    leaf.prop_recursive(depth, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..20).prop_map(Value::Array),
            (vec(any::<u8>(), 0..10), inner)
                .prop_map(|(key, value)| Value::Object(key, Box::new(value))),
        ]
    })
}

/// As cjson writes it. Numbers with fractions are none of it: they lose digits.
fn json(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Bool(yes) => out.extend_from_slice(yes.to_string().as_bytes()),
        Value::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Float(_) => out.extend_from_slice(b"0.5"),
        Value::Text(bytes) => json_text(bytes, out),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                out.push(if at == 0 { b'[' } else { b',' });
                json(item, out);
            }
            out.push(b']');
        }
        Value::Object(key, value) => {
            out.push(b'{');
            json_text(key, out);
            out.push(b':');
            json(value, out);
            out.push(b'}');
        }
    }
}

fn json_text(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' | b'/' => out.extend_from_slice(&[b'\\', *byte]),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            0..=31 | 127 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

/// As MessagePack in its shortest form, where an integer above 2^31 or so has the form that it fits.
fn message_pack(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.push(0xc0),
        Value::Bool(yes) => out.push(0xc2 + u8::from(*yes)),
        Value::Int(n) => packed_integer(*n, out),
        Value::Float(n) if n.fract() == 0.0 => packed_integer(*n as i64, out),
        Value::Float(n) if f64::from(*n as f32) == *n => {
            out.push(0xca);
            out.extend_from_slice(&(*n as f32).to_be_bytes());
        }
        Value::Float(n) => {
            out.push(0xcb);
            out.extend_from_slice(&n.to_be_bytes());
        }
        Value::Text(bytes) => packed_text(bytes, out),
        Value::Array(items) => {
            // Without nils, which would be holes.
            let items: Vec<_> = items.iter().filter(|item| !matches!(item, Value::Nil)).collect();
            match items.len() {
                len @ 0..16 => out.push(0x90 | len as u8),
                len => out.extend_from_slice(&[0xdc, 0, len as u8]),
            }
            items.into_iter().for_each(|item| message_pack(item, out));
        }
        // A field that is nil is none.
        Value::Object(_, value) if matches!(**value, Value::Nil) => out.push(0x90),
        Value::Object(key, value) => {
            out.push(0x81);
            packed_text(key, out);
            message_pack(value, out);
        }
    }
}

fn packed_integer(n: i64, out: &mut Vec<u8>) {
    match n {
        0..0x80 => out.push(n as u8),
        -32..0 => out.push(n as i8 as u8),
        0x80..0x100 => out.extend_from_slice(&[0xcc, n as u8]),
        -0x80..-32 => out.extend_from_slice(&[0xd0, n as i8 as u8]),
        0x100..0x1_0000 => {
            [&[0xcd], &(n as u16).to_be_bytes()[..]].concat().iter().for_each(|b| out.push(*b))
        }
        -0x8000..-0x80 => {
            [&[0xd1], &(n as i16).to_be_bytes()[..]].concat().iter().for_each(|b| out.push(*b))
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(0xce);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
        -0x8000_0000..-0x8000 => {
            out.push(0xd2);
            out.extend_from_slice(&(n as i32).to_be_bytes());
        }
        _ => {
            out.push(if n < 0 { 0xd3 } else { 0xcf });
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

fn packed_text(bytes: &[u8], out: &mut Vec<u8>) {
    match bytes.len() {
        len @ 0..32 => out.push(0xa0 | len as u8),
        len => out.extend_from_slice(&[0xd9, len as u8]),
    }
    out.extend_from_slice(bytes);
}

/// A scalar for a row of the formats of `struct`: its option, and its bytes in little-endian order.
fn packed_scalar() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    prop_oneof![
        any::<u8>().prop_map(|n| ("B", n.to_le_bytes().to_vec())),
        any::<i8>().prop_map(|n| ("b", n.to_le_bytes().to_vec())),
        any::<u16>().prop_map(|n| ("H", n.to_le_bytes().to_vec())),
        any::<i16>().prop_map(|n| ("h", n.to_le_bytes().to_vec())),
        any::<u32>().prop_map(|n| ("I4", n.to_le_bytes().to_vec())),
        any::<i32>().prop_map(|n| ("i", n.to_le_bytes().to_vec())),
        // What a double holds.
        (0..1_u64 << 53).prop_map(|n| ("L", n.to_le_bytes().to_vec())),
        (-(1_i64 << 53)..1 << 53).prop_map(|n| ("l", n.to_le_bytes().to_vec())),
        any::<f64>().prop_map(|n| ("d", n.to_le_bytes().to_vec())),
        (0_u8..255).prop_map(|n| ("f", f32::from(n).to_le_bytes().to_vec())),
        vec(1_u8.., 0..20).prop_map(|text| ("s", [text.as_slice(), &[0]].concat())),
        vec(any::<u8>(), 0..20)
            .prop_map(|text| ("Bc0", [&[text.len() as u8], text.as_slice()].concat())),
    ]
}

/// Runs a script on bytes that need be no value of anything, and another after it: neither may end the program, and what the
/// first gives is either a value or an error with words.
#[track_caller]
fn check_survives(script: &str, args: &[&[u8]]) {
    let mut interpreter = Interpreter::for_scripts(1);
    let outcome = run_in(&mut interpreter, script, args);
    assert!(outcome.is_ok_and(|reply| reply == b":1\r\n" || reply == b":2\r\n"));
    assert_eq!(run_in(&mut interpreter, "return 1", &[]), Ok(b":1\r\n".to_vec()));
}

const DECODE: &str = "local well, words = pcall(cjson.decode, ARGV[1]) \
                      return well and 1 or type(words) == 'string' and #words > 0 and 2 or 3";
const UNPACK: &str = "local well, words = pcall(cmsgpack.unpack, ARGV[1]) \
                      return well and 1 or type(words) == 'string' and #words > 0 and 2 or 3";
const STRUCT: &str = "for _, work in ipairs({struct.unpack, struct.pack, struct.size}) do \
                          local well, words = pcall(work, ARGV[1], ARGV[2], 1, 2, 3) \
                          if not well and type(words) ~= 'string' then return 3 end \
                      end return 1";

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn json_is_written_as_it_was_read(value in values(6)) {
        let mut text = Vec::new();
        json(&value, &mut text);
        prop_assert_eq!(run("return cjson.encode(cjson.decode(ARGV[1]))", &[&text]), Ok(bulk(&text)));
    }

    #[test]
    fn message_pack_is_written_as_it_was_read(value in values(6)) {
        let mut pack = Vec::new();
        message_pack(&value, &mut pack);
        prop_assert_eq!(run("return cmsgpack.pack(cmsgpack.unpack(ARGV[1]))", &[&pack]), Ok(bulk(&pack)));
    }

    #[test]
    fn structs_are_packed_as_they_were_unpacked(scalars in vec(packed_scalar(), 0..20)) {
        let format: String = scalars.iter().map(|(option, _)| *option).collect();
        let bytes: Vec<u8> = scalars.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        // `Bc0` gives a string, which `c0` packs again without its length.
        let script = "local v = {struct.unpack('<' .. ARGV[1], ARGV[2])} \
                      if v[#v] ~= #ARGV[2] + 1 then return 'not all of it' end \
                      return struct.pack('<' .. (ARGV[1]:gsub('Bc0', 'c0')), unpack(v, 1, #v - 1))";
        let again: Vec<u8> = scalars.iter().flat_map(|(option, bytes)| match *option {
            "Bc0" => bytes[1..].to_vec(),
            _ => bytes.clone(),
        }).collect();
        prop_assert_eq!(run(script, &[format.as_bytes(), &bytes]), Ok(bulk(&again)));
    }

    #[test]
    fn whatever_is_no_json_is_refused(text in "[\\[\\]{}:,\"\\\\truefalsn0-9.eE+xinfa \\x00\u{80}]{0,60}") {
        check_survives(DECODE, &[text.as_bytes()]);
    }

    #[test]
    fn whatever_bytes_are_no_pack_is_refused(bytes in vec(any::<u8>(), 0..100)) {
        check_survives(UNPACK, &[&bytes]);
        check_survives(DECODE, &[&bytes]);
    }

    #[test]
    fn packs_that_were_damaged_are_refused(value in values(4), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut pack = Vec::new();
        message_pack(&value, &mut pack);
        let at = at.index(pack.len());
        pack[at] = with;
        check_survives(UNPACK, &[&pack]);
        check_survives(UNPACK, &[&pack[..at]]);
    }

    #[test]
    fn whatever_is_no_format_is_refused(format in "[<>!bBhHlLTiIfdscx0-9 z]{0,20}", bytes in vec(any::<u8>(), 0..60)) {
        check_survives(STRUCT, &[format.as_bytes(), &bytes]);
    }
}

/// A script must fail for want of memory, and another one must run after it.
#[track_caller]
fn check_out_of_memory(script: &str) {
    let mut interpreter = Interpreter::for_scripts(1);
    let words = run_in(&mut interpreter, script, &[]).expect_err("there is not so much memory");
    assert!(words.contains("not enough memory"), "{words}");
    assert_eq!(run_in(&mut interpreter, "return 1", &[]), Ok(b":1\r\n".to_vec()));
}

#[test]
fn a_table_that_holds_a_string_many_times_does_not_exhaust_memory_as_json() {
    check_out_of_memory(
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 1000 do t[i] = s end return #cjson.encode(t)",
    );
}

#[test]
fn strings_that_are_built_from_others_do_not_exhaust_memory() {
    check_out_of_memory("local s = 'x' while true do s = s .. s end");
    check_out_of_memory("return (('x'):rep(100)):gsub('x', ('y'):rep(1e7))");
    check_out_of_memory("local s = ('x'):rep(2e8) return #table.concat({s, s, s})");
    check_out_of_memory(
        "local t, s = {}, ('x'):rep(1e7) for i = 1, 90 do t[i] = s end \
         return #(('%s'):rep(90)):format(unpack(t))",
    );
}

#[test]
fn an_array_of_holes_does_not_exhaust_memory_as_json() {
    // Little room is left for it, so that it is soon over.
    check_out_of_memory(
        "local held = {} for i = 1, 5 do held[i] = ('x'):rep(5e8 / 2 ^ i) end \
         cjson.encode_sparse_array(false, 0) return cjson.encode({[2 ^ 40] = 1})",
    );
}

#[test]
fn a_string_packed_many_times_does_not_exhaust_memory() {
    check_out_of_memory(
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 1000 do t[i] = s end \
         return #struct.pack(('s'):rep(1000), unpack(t))",
    );
    check_out_of_memory(
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 1000 do t[i] = s end return #cmsgpack.pack(t)",
    );
}

#[test]
fn small_tables_inside_tables_are_counted_when_they_are_read() {
    // A byte of a pack becomes a table.
    check_out_of_memory(
        "local inner = '\\220\\3\\231' .. ('\\144'):rep(999) return #cmsgpack.unpack('\\220\\78\\32' .. inner:rep(20000))",
    );
    check_out_of_memory(
        "local inner = '[' .. ('[],'):rep(900) .. '1]' return #cjson.decode('[' .. (inner .. ','):rep(20000) .. '1]')",
    );
}

/// A script's reply goes as deep as Lua's stack, whatever there is of the thread's own.
#[track_caller]
fn check_cut(script: &str, level: &[u8], least: usize) {
    let reply = run(script, &[]).unwrap();
    let levels = reply.chunks(level.len()).take_while(|chunk| *chunk == level).count();
    assert!(levels >= least, "{script}: {levels}");
    let cut: &[u8] = b"-ERR reached lua stack limit\r\n";
    let rest = &reply[levels * level.len()..];
    assert!(rest.windows(cut.len()).any(|window| window == cut), "{script}: {levels}");
}

#[test]
fn a_table_that_holds_itself_is_cut_where_the_stack_ends() {
    let work = || {
        check_cut("local t = {} t[1] = t return t", b"*1\r\n", 7990);
        check_cut("local t = {} for i = 1, 100000 do t = {t} end return t", b"*1\r\n", 7990);
        let map =
            "redis.setresp(3) local t = {} for i = 1, 100000 do t = {map = {[1] = t}} end return t";
        check_cut(map, b"*2\r\n:1\r\n", 2600);
        let set =
            "redis.setresp(3) local t = {} for i = 1, 100000 do t = {set = {[t] = 1}} end return t";
        check_cut(set, b"*1\r\n", 3900);
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    thread.spawn(work).unwrap().join().unwrap();
}

#[test]
fn settings_of_a_library_of_ones_own_are_its_own() {
    let script = "local own = cjson.new() own.encode_max_depth(1) own.encode_number_precision(3) \
                  local deep = {{{1 / 3}}} \
                  return {cjson.encode(deep), tostring(pcall(own.encode, deep)), own.encode(1 / 3), \
                          cjson.new().encode(1 / 3)}";
    let expected = ["[[[0.33333333333333]]]", "false", "0.333", "0.33333333333333"];
    let expected: Vec<u8> = expected.iter().flat_map(|text| bulk(text.as_bytes())).collect();
    assert_eq!(run(script, &[]), Ok([b"*4\r\n", expected.as_slice()].concat()));
}
