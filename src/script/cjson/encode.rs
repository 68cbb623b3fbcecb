//! Writing JSON.

use super::{Invalid, KEPT, Settings};
use crate::script::raw::{Done, Kind, Lua, Outcome, Raised};

/// Below this every digit of an integer is written whatever the precision of 14 says.
const WHOLE: f64 = 1e14;

/// `cjson.encode(value)`.
pub(super) fn encode(lua: Lua) -> Outcome {
    if lua.top() != 1 {
        return Err(Raised::Argument(1, c"expected 1 argument"));
    }
    let settings = lua.settings()?;
    let engine = &lua.host().engine;
    let mut out = engine.buffer.take();
    out.clear();
    let written = value(lua, settings, &mut out, 0);
    if written.is_ok() {
        lua.push(&out);
    }
    out.shrink_to(KEPT);
    engine.buffer.set(out);
    written.map(|()| Done::Values(1))
}

/// Writes the topmost value, and leaves it.
fn value(lua: Lua, settings: &Settings, out: &mut Vec<u8>, depth: i32) -> Result<(), Raised> {
    lua.step()?;
    check_memory(lua, out)?;
    match lua.kind(-1) {
        Kind::String => string(lua, out, -1)?,
        Kind::Number => number(lua, settings, out)?,
        Kind::Boolean if lua.bool(-1) => out.extend_from_slice(b"true"),
        Kind::Boolean => out.extend_from_slice(b"false"),
        Kind::Table => {
            let depth = depth + 1;
            if depth > settings.encode_max_depth.get() || !lua.ensure(4) {
                return Err(lua.fail(&format!("Cannot serialise, excessive nesting ({depth})")));
            }
            match array_len(lua, settings)? {
                Some(len) if len > 0 => array(lua, settings, out, depth, len)?,
                _ => object(lua, settings, out, depth)?,
            }
        }
        Kind::Nil => out.extend_from_slice(b"null"),
        Kind::Light if lua.light(-1) == Some(0) => out.extend_from_slice(b"null"),
        _ => return Err(refused(lua, "type not supported")),
    }
    Ok(())
}

/// Tables may hold the same value many times: what is written is bounded by what it takes, not by what the state holds.
fn check_memory(lua: Lua, out: &[u8]) -> Result<(), Raised> {
    if out.len() > lua.host().room() { Err(lua.fail("not enough memory")) } else { Ok(()) }
}

/// The error about the topmost value.
fn refused(lua: Lua, why: &str) -> Raised {
    let kind = lua.kind_name(-1);
    lua.fail(&format!("Cannot serialise {kind}: {why}"))
}

/// The length of the topmost value, a table, as an array; nothing if it is an object.
fn array_len(lua: Lua, settings: &Settings) -> Result<Option<usize>, Raised> {
    let (mut most, mut count) = (0.0_f64, 0_usize);
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        let key = if lua.kind(-1) == Kind::Number { lua.number(-1) } else { None };
        match key {
            Some(key) if key.floor() == key && key >= 1.0 => most = most.max(key),
            _ => {
                lua.pop(1);
                return Ok(None);
            }
        }
        count += 1;
    }
    let ratio = f64::from(settings.sparse_ratio.get());
    if ratio > 0.0 && most > count as f64 * ratio && most > f64::from(settings.sparse_safe.get()) {
        if !settings.sparse_convert.get() {
            return Err(refused(lua, "excessively sparse array"));
        }
        return Ok(None);
    }
    Ok(Some(most as usize))
}

fn array(
    lua: Lua,
    settings: &Settings,
    out: &mut Vec<u8>,
    depth: i32,
    len: usize,
) -> Result<(), Raised> {
    out.push(b'[');
    for index in 1..=len {
        if index > 1 {
            out.push(b',');
        }
        lua.raw_get_at(-1, index);
        value(lua, settings, out, depth)?;
        lua.pop(1);
    }
    out.push(b']');
    Ok(())
}

fn object(lua: Lua, settings: &Settings, out: &mut Vec<u8>, depth: i32) -> Result<(), Raised> {
    out.push(b'{');
    let mut first = true;
    lua.push_nil();
    while lua.next(-2) {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        match lua.kind(-2) {
            Kind::String => string(lua, out, -2)?,
            Kind::Number => {
                out.push(b'"');
                lua.push_copy(-2);
                number(lua, settings, out)?;
                lua.pop(1);
                out.push(b'"');
            }
            _ => {
                lua.push_copy(-2);
                return Err(refused(lua, "table key must be a number or string"));
            }
        }
        out.push(b':');
        value(lua, settings, out, depth)?;
        lua.pop(1);
    }
    out.push(b'}');
    Ok(())
}

/// Writes the string at a place.
fn string(lua: Lua, out: &mut Vec<u8>, at: isize) -> Result<(), Raised> {
    let bytes = lua.bytes(at).unwrap_or_default();
    if out.len() + bytes.len() > lua.host().room() {
        return Err(lua.fail("not enough memory"));
    }
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !matches!(byte, 0..=0x1f | b'"' | b'/' | b'\\' | 0x7f) {
            continue;
        }
        check_memory(lua, out)?;
        out.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        match byte {
            b'"' | b'/' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            8 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
    Ok(())
}

/// Writes the topmost value, a number.
fn number(lua: Lua, settings: &Settings, out: &mut Vec<u8>) -> Result<(), Raised> {
    let number = lua.number(-1).unwrap_or_default();
    if !number.is_finite() {
        match settings.encode_invalid.get() {
            Invalid::Refused => return Err(refused(lua, "must not be NaN or Inf")),
            Invalid::Null => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Invalid::Written => {}
        }
    }
    push_general(out, number, settings.precision.get().unsigned_abs() as usize);
    Ok(())
}

/// A number as C's `%.14g` writes it, with so many digits.
fn push_general(out: &mut Vec<u8>, number: f64, precision: usize) {
    if precision == 14 && number.trunc() == number && number.abs() < WHOLE && number != 0.0 {
        out.extend_from_slice(itoa::Buffer::new().format(number as i64).as_bytes());
        return;
    }
    if number.is_nan() {
        out.extend_from_slice(b"nan");
        return;
    }
    if number.is_infinite() {
        out.extend_from_slice(if number < 0.0 { b"-inf" } else { b"inf" });
        return;
    }
    let text = format!("{:.*e}", precision - 1, number);
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let text = if (-4..precision as i32).contains(&exponent) {
        trimmed(&format!("{:.*}", (precision as i32 - 1 - exponent).max(0) as usize, number))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
    };
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_writes_them() {
        for (number, text) in [
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e14, "1e+14"),
            (1e13, "10000000000000"),
            (99_999_999_999_999.5, "1e+14"),
            (1.0 / 3.0, "0.33333333333333"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (1e100, "1e+100"),
            (123_456.789, "123456.789"),
        ] {
            let mut out = Vec::new();
            push_general(&mut out, number, 14);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
