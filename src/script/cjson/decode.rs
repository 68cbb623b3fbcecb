//! Reading JSON.

use super::{KEPT, Settings};
use crate::script::raw::{Done, Lua, Outcome, Raised};

/// `cjson.decode(text)`.
pub(super) fn decode(lua: Lua) -> Outcome {
    if lua.top() != 1 {
        return Err(Raised::Argument(1, c"expected 1 argument"));
    }
    let text = lua.bytes_argument(1)?;
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(lua.fail("JSON parser does not support UTF-16 or UTF-32"));
    }
    let settings = lua.settings()?;
    let engine = &lua.host().engine;
    let mut spare = engine.buffer.take();
    let mut parser = Parser { text, at: 0, spare: &mut spare, settings, values: 0 };
    let result = parser.whole(lua);
    spare.shrink_to(KEPT);
    engine.buffer.set(spare);
    match result {
        Ok(()) => Ok(Done::Values(1)),
        Err(words) => Err(lua.fail(&words)),
    }
}

/// What stands next.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// A string; it is in `spare`.
    Text,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    /// None of these.
    Error(&'static str),
}

impl Token {
    /// As errors call it.
    fn name(&self) -> &'static str {
        match self {
            Self::ObjectBegin => "T_OBJ_BEGIN",
            Self::ObjectEnd => "T_OBJ_END",
            Self::ArrayBegin => "T_ARR_BEGIN",
            Self::ArrayEnd => "T_ARR_END",
            Self::Text => "T_STRING",
            Self::Number(_) => "T_NUMBER",
            Self::Boolean(_) => "T_BOOLEAN",
            Self::Null => "T_NULL",
            Self::Colon => "T_COLON",
            Self::Comma => "T_COMMA",
            Self::End => "T_END",
            Self::Error(words) => words,
        }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// The string that was read last.
    spare: &'a mut Vec<u8>,
    settings: &'a Settings,
    /// Values so far.
    values: usize,
}

/// A token and where it begins.
type Found = (Token, usize);

impl Parser<'_> {
    fn whole(&mut self, lua: Lua) -> Result<(), String> {
        let first = self.next();
        self.value(lua, first, 0)?;
        match self.next() {
            (Token::End, _) => Ok(()),
            found => Err(expected("the end", &found)),
        }
    }

    /// The byte at a place; the text ends with a NUL, as it does for C.
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Found {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let start = self.at;
        let token = match self.byte(start) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            0 => return (Token::End, start),
            b'"' => return self.string(),
            _ => return (self.word(), start),
        };
        self.at += 1;
        (token, start)
    }

    /// A number, or one of the three words.
    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let invalid_allowed = self.settings.decode_invalid.get();
        if matches!(rest[0], b'-' | b'0'..=b'9') {
            if !invalid_allowed && is_invalid(rest) {
                return Token::Error("invalid number");
            }
            return self.number();
        }
        for (word, token) in [
            ("true", Token::Boolean(true)),
            ("false", Token::Boolean(false)),
            ("null", Token::Null),
        ] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        let begins = matches!(rest[0], b'+' | b'i' | b'I' | b'n' | b'N');
        if begins && invalid_allowed && is_invalid(rest) {
            return self.number();
        }
        Token::Error("invalid token")
    }

    fn number(&mut self) -> Token {
        match strtod(&self.text[self.at..]) {
            Some((number, len)) => {
                self.at += len;
                Token::Number(number)
            }
            None => Token::Error("invalid number"),
        }
    }

    /// A string, with what stands for other characters in it replaced.
    fn string(&mut self) -> Found {
        let start = self.at;
        self.at += 1;
        self.spare.clear();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0));
            let plain = plain.unwrap_or(rest.len());
            self.spare.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.byte(self.at) {
                b'"' => {
                    self.at += 1;
                    return (Token::Text, start);
                }
                b'\\' => {
                    if let Err(words) = self.escape() {
                        return (Token::Error(words), self.at);
                    }
                }
                _ => return (Token::Error("unexpected end of string"), self.at),
            }
        }
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        let byte = match self.byte(self.at + 1) {
            same @ (b'"' | b'\\' | b'/') => same,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode().ok_or("invalid unicode escape code"),
            _ => return Err("invalid escape code"),
        };
        self.spare.push(byte);
        self.at += 2;
        Ok(())
    }

    /// `\u0041`, or two of them that are one character together.
    fn unicode(&mut self) -> Option<()> {
        let high = self.four_digits(self.at)?;
        let (code, len) = match high {
            0xd800..=0xdbff => {
                let low = self.four_digits(self.at + 6)?;
                if !(0xdc00..=0xdfff).contains(&low) {
                    return None;
                }
                (0x1_0000 + ((high & 0x3ff) << 10) + (low & 0x3ff), 12)
            }
            0xdc00..=0xdfff => return None,
            code => (code, 6),
        };
        let character = char::from_u32(code)?;
        self.spare.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += len;
        Some(())
    }

    fn four_digits(&self, at: usize) -> Option<u32> {
        let text = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        text.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
    }

    /// Pushes the value that a token begins.
    fn value(&mut self, lua: Lua, found: Found, depth: i32) -> Result<(), String> {
        self.values += 1;
        // Looked at now and then: nothing is refused while this library works.
        if self.values.is_multiple_of(1024) && lua.host().room() == 0 {
            return Err("not enough memory".to_owned());
        }
        match found.0 {
            Token::Text => lua.push(self.spare),
            Token::Number(number) => lua.push_number(number),
            Token::Boolean(yes) => lua.push_bool(yes),
            Token::Null => lua.push_light(0),
            Token::ObjectBegin => return self.object(lua, depth + 1),
            Token::ArrayBegin => return self.array(lua, depth + 1),
            _ => return Err(expected("value", &found)),
        }
        Ok(())
    }

    fn descend(&self, lua: Lua, depth: i32) -> Result<(), String> {
        if depth > self.settings.decode_max_depth.get() || !lua.ensure(6) {
            let at = self.at;
            return Err(format!(
                "Found too many nested data structures ({depth}) at character {at}"
            ));
        }
        lua.push_table(0, 0);
        Ok(())
    }

    fn object(&mut self, lua: Lua, depth: i32) -> Result<(), String> {
        self.descend(lua, depth)?;
        let mut found = self.next();
        if found.0 == Token::ObjectEnd {
            return Ok(());
        }
        loop {
            if found.0 != Token::Text {
                return Err(expected("object key string", &found));
            }
            lua.push(self.spare);
            let colon = self.next();
            if colon.0 != Token::Colon {
                return Err(expected("colon", &colon));
            }
            let first = self.next();
            self.value(lua, first, depth)?;
            lua.raw_set(-3);
            match self.next() {
                (Token::ObjectEnd, _) => return Ok(()),
                (Token::Comma, _) => found = self.next(),
                other => return Err(expected("comma or object end", &other)),
            }
        }
    }

    fn array(&mut self, lua: Lua, depth: i32) -> Result<(), String> {
        self.descend(lua, depth)?;
        let mut found = self.next();
        if found.0 == Token::ArrayEnd {
            return Ok(());
        }
        for index in 1_usize.. {
            self.value(lua, found, depth)?;
            lua.raw_set_at(-2, index);
            match self.next() {
                (Token::ArrayEnd, _) => break,
                (Token::Comma, _) => found = self.next(),
                other => return Err(expected("comma or array end", &other)),
            }
        }
        Ok(())
    }
}

fn expected(what: &str, (token, at): &Found) -> String {
    format!("Expected {what} but found {} at character {}", token.name(), at + 1)
}

/// Whether what C reads as a number is none for JSON.
fn is_invalid(text: &[u8]) -> bool {
    let text = match text {
        [b'+', ..] => return true,
        [b'-', rest @ ..] => rest,
        _ => text,
    };
    match text {
        [b'0', next, ..] => next.eq_ignore_ascii_case(&b'x') || next.is_ascii_digit(),
        [first, ..] if *first <= b'9' => false,
        _ => ["inf", "nan"].iter().any(|word| starts_with(text, word)),
    }
}

fn starts_with(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// A number as C's `strtod` reads it, and how many bytes it took.
fn strtod(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text, [b'-' | b'+', ..]));
    let negative = text.first() == Some(&b'-');
    let rest = &text[sign..];
    let signed = |number: f64| if negative { -number } else { number };
    for (word, number) in [("infinity", f64::INFINITY), ("inf", f64::INFINITY), ("nan", f64::NAN)] {
        if starts_with(rest, word) {
            return Some((signed(number), sign + word.len()));
        }
    }
    if starts_with(rest, "0x") {
        let (number, len) = hexadecimal(&rest[2..]);
        // Without digits it is the zero before the x.
        return Some(if len == 0 {
            (signed(0.0), sign + 1)
        } else {
            (signed(number), sign + 2 + len)
        });
    }
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(rest);
    let mut len = whole;
    if rest.get(len) == Some(&b'.') {
        let fraction = digits(&rest[len + 1..]);
        if whole + fraction == 0 {
            return None;
        }
        len += 1 + fraction;
    }
    if len == 0 {
        return None;
    }
    if matches!(rest.get(len), Some(b'e' | b'E')) {
        let exponent_sign = usize::from(matches!(rest.get(len + 1), Some(b'-' | b'+')));
        let exponent = digits(rest.get(len + 1 + exponent_sign..).unwrap_or_default());
        if exponent > 0 {
            len += 1 + exponent_sign + exponent;
        }
    }
    let number = std::str::from_utf8(&rest[..len]).ok()?.parse().ok()?;
    Some((signed(number), sign + len))
}

/// Hexadecimal digits with a fraction and a power of two, and how many bytes they took.
fn hexadecimal(text: &[u8]) -> (f64, usize) {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut number, mut len, mut digits, mut scale) = (0.0_f64, 0, 0, 0_i32);
    while let Some(value) = digit(len) {
        number = number * 16.0 + f64::from(value);
        (len, digits) = (len + 1, digits + 1);
    }
    if text.get(len) == Some(&b'.') {
        let mut at = len + 1;
        while let Some(value) = digit(at) {
            number = number * 16.0 + f64::from(value);
            scale -= 4;
            (at, digits) = (at + 1, digits + 1);
        }
        len = if digits > 0 { at } else { len };
    }
    if digits == 0 {
        return (0.0, 0);
    }
    if matches!(text.get(len), Some(b'p' | b'P')) {
        let sign = usize::from(matches!(text.get(len + 1), Some(b'-' | b'+')));
        let from = len + 1 + sign;
        let count = text[from.min(text.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
        if count > 0 {
            let power = text[from..from + count].iter().fold(0_i32, |power, digit| {
                power.saturating_mul(10).saturating_add(i32::from(digit - b'0'))
            });
            let negative = text.get(len + 1) == Some(&b'-');
            scale = scale.saturating_add(if negative { -power } else { power });
            len = from + count;
        }
    }
    (number * 2.0_f64.powi(scale), len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, number, len) in [
            ("1]", 1.0, 1),
            ("-1.5e3,", -1500.0, 6),
            ("1e", 1.0, 1),
            ("0x1F ", 31.0, 4),
            ("0x", 0.0, 1),
            ("0x.8p1", 1.0, 6),
            ("-inf", f64::NEG_INFINITY, 4),
            ("01", 1.0, 2),
        ] {
            assert_eq!(strtod(text.as_bytes()), Some((number, len)), "{text}");
        }
        assert_eq!(strtod(b"-"), None);
        assert_eq!(strtod(b"."), None);
    }
}
