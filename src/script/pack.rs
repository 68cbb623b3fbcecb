//! The library `struct`: values as bytes in the layout that a format tells.
//!
//! A format is a row of options: `<` and `>` for the order of bytes, `!n` for the alignment, `b h l i` and a size for
//! integers (in capitals without sign), `T` for a size, `f d` for floating-point numbers, `s` for a string that ends
//! with a NUL, `cn` for one of a length (`c0`: as long as the value before it says), `x` for a byte that is skipped.

use super::api;
use super::raw::{Done, Function, Kind, Lua, Outcome, Raised};

/// Bytes of an integer at most.
const INTEGER_MAX: usize = 32;
/// The alignment of `!` alone.
const ALIGN: usize = 8;

static FUNCTIONS: &[(&str, Function)] = &[("pack", pack), ("unpack", unpack), ("size", size)];

/// Pushes the library.
pub(super) fn push_library(lua: Lua) {
    lua.push_table(0, FUNCTIONS.len());
    api::add_functions(lua, FUNCTIONS);
}

/// A format being read.
struct Format<'a> {
    rest: &'a [u8],
    big: bool,
    align: usize,
}

/// An option with its size, and the bytes before it that align it.
struct Item {
    option: u8,
    size: usize,
    skipped: usize,
}

impl<'a> Format<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { rest: text, big: cfg!(target_endian = "big"), align: 1 }
    }

    /// The digits that follow, as a number.
    fn number(&mut self, lua: Lua, otherwise: usize) -> Result<usize, Raised> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(otherwise);
        }
        let (text, rest) = self.rest.split_at(digits);
        self.rest = rest;
        let number = text.iter().try_fold(0_i32, |number, digit| {
            number.checked_mul(10)?.checked_add(i32::from(digit - b'0'))
        });
        number.map(|number| number as usize).ok_or_else(|| lua.fail("integral size overflow"))
    }

    /// The next option, at an offset of so many bytes.
    fn next(&mut self, lua: Lua, at: usize) -> Result<Option<Item>, Raised> {
        let Some((option, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(lua, 1)?,
            b'i' | b'I' => {
                let size = self.number(lua, 4)?;
                if size > INTEGER_MAX {
                    let words =
                        format!("integral size {size} is larger than limit of {INTEGER_MAX}");
                    return Err(lua.fail(&words));
                }
                size
            }
            _ => 0,
        };
        let skipped = if size == 0 || *option == b'c' {
            0
        } else {
            let align = size.min(self.align);
            // Sizes of integers need be no power of two; their alignment is taken as if they were.
            (align - (at & (align - 1))) & (align - 1)
        };
        Ok(Some(Item { option: *option, size, skipped }))
    }

    /// An option that is no value.
    fn control(&mut self, lua: Lua, option: u8) -> Result<(), Raised> {
        match option {
            b' ' => {}
            b'>' => self.big = true,
            b'<' => self.big = false,
            b'!' => {
                let align = self.number(lua, ALIGN)?;
                if !align.is_power_of_two() {
                    return Err(lua.fail(&format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            _ => {
                let words = format!("invalid format option '{}'", char::from(option));
                return Err(lua.fail_argument(1, &words));
            }
        }
        Ok(())
    }
}

fn pack(lua: Lua) -> Outcome {
    let text = lua.bytes_argument(1)?.to_vec();
    let mut format = Format::new(&text);
    let mut out = Vec::new();
    let mut n = 2;
    while let Some(Item { option, size, skipped }) = format.next(lua, out.len())? {
        out.resize(out.len() + skipped, 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                put_integer(&mut out, lua.number_argument(n)?, size, format.big);
            }
            b'x' => out.push(0),
            b'f' => {
                let value = lua.number_argument(n)? as f32;
                out.extend(if format.big { value.to_be_bytes() } else { value.to_le_bytes() });
            }
            b'd' => {
                let value = lua.number_argument(n)?;
                out.extend(if format.big { value.to_be_bytes() } else { value.to_le_bytes() });
            }
            b's' | b'c' => {
                let string = lua.bytes_argument(n)?;
                let size = if size == 0 { string.len() } else { size };
                if string.len() < size {
                    return Err(Raised::Argument(n + 1, c"string too short"));
                }
                // The same string may be packed many times.
                if out.len() + size > lua.host().room() {
                    return Err(lua.fail("not enough memory"));
                }
                out.extend_from_slice(&string[..size]);
                if option == b's' {
                    out.push(0);
                }
            }
            other => {
                format.control(lua, other)?;
                continue;
            }
        }
        n += usize::from(option != b'x');
    }
    lua.push(&out);
    Ok(Done::Values(1))
}

/// An integer in so many bytes; beyond eight there is nothing of it.
fn put_integer(out: &mut Vec<u8>, number: f64, size: usize, big: bool) {
    let value = if number < 0.0 { number as i64 as u64 } else { number as u64 };
    let byte = |at: usize| if at < 8 { (value >> (8 * at)) as u8 } else { 0 };
    if big {
        out.extend((0..size).rev().map(byte));
    } else {
        out.extend((0..size).map(byte));
    }
}

fn integer(bytes: &[u8], big: bool, signed: bool) -> f64 {
    let mut value = 0_u64;
    let mut take = |byte: &u8| value = value << 8 | u64::from(*byte);
    if big {
        bytes.iter().for_each(&mut take);
    } else {
        bytes.iter().rev().for_each(&mut take);
    }
    if !signed {
        return value as f64;
    }
    let bits = (8 * bytes.len()).min(64) as u32;
    if bits == 0 { 0.0 } else { ((value << (64 - bits)) as i64 >> (64 - bits)) as f64 }
}

fn unpack(lua: Lua) -> Outcome {
    const SHORT: Raised = Raised::Argument(2, c"data string too short");
    let text = lua.bytes_argument(1)?.to_vec();
    let data = lua.bytes_argument(2)?.to_vec();
    let first = match lua.kind(3) {
        Kind::None | Kind::Nil => 1.0,
        _ => lua.number_argument(3)?,
    };
    if first < 1.0 {
        return Err(Raised::Argument(3, c"offset must be 1 or greater"));
    }
    let mut at = first as usize - 1;
    lua.set_top(2);
    let mut format = Format::new(&text);
    let mut count = 0;
    while let Some(Item { option, size, skipped }) = format.next(lua, at)? {
        at = at.saturating_add(skipped);
        let bytes = at.checked_add(size).and_then(|end| data.get(at..end)).ok_or(SHORT)?;
        if !lua.ensure(6) {
            return Err(lua.fail("stack overflow (too many results)"));
        }
        let mut taken = size;
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                lua.push_number(integer(bytes, format.big, option.is_ascii_lowercase()));
            }
            b'x' => {
                at += taken;
                continue;
            }
            b'f' => lua.push_number(float(bytes, format.big)),
            b'd' => lua.push_number(double(bytes, format.big)),
            b'c' if size == 0 => {
                let said = (count > 0).then(|| lua.number(-1)).flatten();
                let Some(said) = said else {
                    return Err(lua.fail("format 'c0' needs a previous size"));
                };
                taken = said as usize;
                lua.pop(1);
                count -= 1;
                let string = at.checked_add(taken).and_then(|end| data.get(at..end));
                lua.push(string.ok_or(SHORT)?);
            }
            b'c' => lua.push(bytes),
            b's' => {
                let Some(len) = memchr::memchr(0, &data[at..]) else {
                    return Err(lua.fail("unfinished string in data"));
                };
                lua.push(&data[at..at + len]);
                taken = len + 1;
            }
            other => {
                format.control(lua, other)?;
                continue;
            }
        }
        count += 1;
        at += taken;
    }
    lua.push_number((at + 1) as f64);
    Ok(Done::Values(count + 1))
}

fn float(bytes: &[u8], big: bool) -> f64 {
    let bytes = <[u8; 4]>::try_from(bytes).unwrap_or_default();
    f64::from(if big { f32::from_be_bytes(bytes) } else { f32::from_le_bytes(bytes) })
}

fn double(bytes: &[u8], big: bool) -> f64 {
    let bytes = <[u8; 8]>::try_from(bytes).unwrap_or_default();
    if big { f64::from_be_bytes(bytes) } else { f64::from_le_bytes(bytes) }
}

/// Bytes that a format without strings of their own length takes.
fn size(lua: Lua) -> Outcome {
    let text = lua.bytes_argument(1)?.to_vec();
    let mut format = Format::new(&text);
    let mut at: usize = 0;
    while let Some(Item { option, size, skipped }) = format.next(lua, at)? {
        at = at.saturating_add(skipped).saturating_add(size);
        match option {
            b's' => return Err(Raised::Argument(1, c"option 's' has no fixed size")),
            b'c' if size == 0 => return Err(Raised::Argument(1, c"option 'c0' has no fixed size")),
            b' ' | b'<' | b'>' | b'!' => format.control(lua, option)?,
            // What is no option takes no bytes.
            _ => {}
        }
    }
    lua.push_number(at as f64);
    Ok(Done::Values(1))
}
