//! A small regular language for golden replies.
//!
//! Patterns are byte-wise and match the whole text. The language (tests/scripts/README.md lists it) is
//! the part of Python's that scripts need, so that `scripts/replay` may use Python's own engine.
//! A pattern is compiled to a nondeterministic automaton and all its states advance together (Thompson):
//! time is linear in the text however the pattern is written.

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Regex {
    program: Vec<Inst>,
}

#[derive(Debug)]
enum Inst {
    Take(Set),
    Split(usize, usize),
    Match,
}

/// A set of bytes.
#[derive(Debug, Clone, Copy)]
struct Set([u64; 4]);

enum Node {
    Take(Set),
    Sequence(Vec<Self>),
    Either(Vec<Self>),
    Repeat(Box<Self>, usize, Option<usize>),
}

/// Counted repetitions are unrolled, so their bounds are bounded.
const REPEAT_MAX: usize = 1000;

impl Regex {
    /// Compiles a pattern; the error says what it cannot take.
    pub(crate) fn new(pattern: &[u8]) -> Result<Self, String> {
        let mut parser = Parser { rest: pattern };
        let node = parser.alternatives()?;
        if !parser.rest.is_empty() {
            return Err("unbalanced )".into());
        }
        let mut program = Vec::new();
        compile(&node, &mut program);
        program.push(Inst::Match);
        Ok(Self { program })
    }

    /// Whether the whole text is of the language.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        let mut now = States::new(self.program.len());
        let mut next = States::new(self.program.len());
        now.enter(&self.program, 0);
        for byte in text {
            for &at in &now.list {
                if let Inst::Take(set) = &self.program[at]
                    && set.contains(*byte)
                {
                    next.enter(&self.program, at + 1);
                }
            }
            std::mem::swap(&mut now, &mut next);
            next.clear();
        }
        now.list.iter().any(|&at| matches!(self.program[at], Inst::Match))
    }
}

/// The states that the automaton is in: a list without duplicates.
struct States {
    list: Vec<usize>,
    present: Vec<bool>,
}

impl States {
    fn new(size: usize) -> Self {
        Self { list: Vec::new(), present: vec![false; size] }
    }

    /// Enters a state and those that it reaches without taking a byte.
    fn enter(&mut self, program: &[Inst], at: usize) {
        let mut todo = vec![at];
        while let Some(at) = todo.pop() {
            if std::mem::replace(&mut self.present[at], true) {
                continue;
            }
            match program[at] {
                Inst::Split(first, second) => todo.extend([first, second]),
                Inst::Take(_) | Inst::Match => self.list.push(at),
            }
        }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.present.fill(false);
    }
}

fn compile(node: &Node, program: &mut Vec<Inst>) {
    match node {
        Node::Take(set) => program.push(Inst::Take(*set)),
        Node::Sequence(nodes) => nodes.iter().for_each(|node| compile(node, program)),
        Node::Either(nodes) => compile_either(nodes, program),
        Node::Repeat(node, min, max) => {
            for _ in 0..*min {
                compile(node, program);
            }
            match max {
                None => {
                    let split = program.len();
                    program.push(Inst::Match);
                    compile(node, program);
                    program.push(Inst::Split(split, split));
                    program[split] = Inst::Split(split + 1, program.len());
                }
                Some(max) => {
                    let mut splits = Vec::new();
                    for _ in *min..*max {
                        splits.push(program.len());
                        program.push(Inst::Match);
                        compile(node, program);
                    }
                    for split in splits {
                        program[split] = Inst::Split(split + 1, program.len());
                    }
                }
            }
        }
    }
}

fn compile_either(nodes: &[Node], program: &mut Vec<Inst>) {
    let mut exits = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let split = program.len();
        let last = number + 1 == nodes.len();
        if !last {
            program.push(Inst::Match);
        }
        compile(node, program);
        if !last {
            exits.push(program.len());
            program.push(Inst::Match);
            program[split] = Inst::Split(split + 1, program.len());
        }
    }
    for exit in exits {
        program[exit] = Inst::Split(program.len(), program.len());
    }
}

impl Set {
    const EMPTY: Self = Self([0; 4]);

    /// Its byte, if there is just one.
    fn only(&self) -> Option<u8> {
        let mut bytes = (0..=u8::MAX).filter(|byte| self.contains(*byte));
        bytes.next().filter(|_| bytes.next().is_none())
    }

    fn one(byte: u8) -> Self {
        let mut set = Self::EMPTY;
        set.add(byte);
        set
    }

    fn of(test: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::EMPTY;
        (0..=u8::MAX).filter(|byte| test(*byte)).for_each(|byte| set.add(byte));
        set
    }

    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn alternatives(&mut self) -> Result<Node, String> {
        let mut nodes = vec![self.sequence()?];
        while self.skip(b'|') {
            nodes.push(self.sequence()?);
        }
        Ok(Node::Either(nodes))
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        while !matches!(self.rest.first(), None | Some(b'|' | b')')) {
            let atom = self.atom()?;
            nodes.push(self.repeated(atom)?);
        }
        Ok(Node::Sequence(nodes))
    }

    fn atom(&mut self) -> Result<Node, String> {
        match self.next().ok_or("unexpected end")? {
            b'.' => Ok(Node::Take(Set([u64::MAX; 4]))),
            b'[' => Ok(Node::Take(self.class()?)),
            b'\\' => Ok(Node::Take(self.escape()?)),
            b'(' => {
                let node = self.alternatives()?;
                if self.skip(b')') { Ok(node) } else { Err("unbalanced (".into()) }
            }
            byte @ (b'*' | b'+' | b'?' | b'{' | b'^' | b'$') => {
                Err(format!("{} must be escaped here", char::from(byte)))
            }
            byte => Ok(Node::Take(Set::one(byte))),
        }
    }

    fn repeated(&mut self, atom: Node) -> Result<Node, String> {
        let (min, max) = match self.rest.first() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => return self.counted(atom),
            _ => return Ok(atom),
        };
        self.rest = &self.rest[1..];
        Ok(Node::Repeat(Box::new(atom), min, max))
    }

    fn counted(&mut self, atom: Node) -> Result<Node, String> {
        let end = self.rest.iter().position(|byte| *byte == b'}').ok_or("unbalanced {")?;
        let text = std::str::from_utf8(&self.rest[1..end]).map_err(|_| "not a number in {}")?;
        self.rest = &self.rest[end + 1..];
        let number = |text: &str| match text.parse::<usize>() {
            Ok(number) if number <= REPEAT_MAX => Ok(number),
            _ => Err(format!("{{{text}}} is no count up to {REPEAT_MAX}")),
        };
        let (min, max) = match text.split_once(',') {
            None => (number(text)?, Some(number(text)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        Ok(Node::Repeat(Box::new(atom), min, max))
    }

    fn class(&mut self) -> Result<Set, String> {
        let negated = self.skip(b'^');
        let mut set = Set::EMPTY;
        loop {
            if self.rest.first() == Some(&b']') {
                self.rest = &self.rest[1..];
                break;
            }
            let first = self.class_item()?;
            let is_range = matches!(self.rest, [b'-', high, ..] if *high != b']');
            match (first.only(), is_range) {
                (Some(low), true) => {
                    self.rest = &self.rest[1..];
                    let high = self.class_item()?.only().ok_or("a range ends in one byte")?;
                    (low..=high).for_each(|byte| set.add(byte));
                }
                _ => set = Set(std::array::from_fn(|word| set.0[word] | first.0[word])),
            }
        }
        Ok(if negated { Set(set.0.map(|word| !word)) } else { set })
    }

    /// One byte of a class, or one escape.
    fn class_item(&mut self) -> Result<Set, String> {
        match self.next().ok_or("unbalanced [")? {
            b'\\' => self.escape(),
            byte => Ok(Set::one(byte)),
        }
    }

    fn escape(&mut self) -> Result<Set, String> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let space = |byte: u8| byte.is_ascii_whitespace() || byte == 0x0b;
        Ok(match self.next().ok_or("a \\ at the end")? {
            b'd' => Set::of(|byte| byte.is_ascii_digit()),
            b'D' => Set::of(|byte| !byte.is_ascii_digit()),
            b'w' => Set::of(word),
            b'W' => Set::of(|byte| !word(byte)),
            b's' => Set::of(space),
            b'S' => Set::of(|byte| !space(byte)),
            b'n' => Set::one(b'\n'),
            b'r' => Set::one(b'\r'),
            b't' => Set::one(b'\t'),
            b'x' => {
                let (digits, rest) = self.rest.split_at_checked(2).ok_or("\\x takes two digits")?;
                self.rest = rest;
                let text = std::str::from_utf8(digits).map_err(|_| "\\x takes two digits")?;
                Set::one(u8::from_str_radix(text, 16).map_err(|_| "\\x takes two digits")?)
            }
            byte if byte.is_ascii_punctuation() || byte == b' ' => Set::one(byte),
            byte => return Err(format!("unknown escape \\{}", char::from(byte))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Regex;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let regex = Regex::new(pattern.as_bytes()).unwrap();
        for text in yes {
            assert!(regex.is_match(text.as_bytes()), "/{pattern}/ should match {text:?}");
        }
        for text in no {
            assert!(!regex.is_match(text.as_bytes()), "/{pattern}/ should not match {text:?}");
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_text() {
        check("abc", &["abc"], &["ab", "abcd", "xabc", ""]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn repetition_counts() {
        check("a*b+c?", &["b", "aabbc", "bc"], &["a", "c", "bcc"]);
        check("[0-9a-f]{4}", &["00ff"], &["00f", "00fff", "00fg"]);
        check("(ab){2,3}", &["abab", "ababab"], &["ab", "abababab"]);
        check("x{2,}", &["xx", "xxxxx"], &["x"]);
    }

    #[test]
    fn alternatives_bind_weakest() {
        check("a|bc|(d|e)f", &["a", "bc", "df", "ef"], &["ac", "abc", "f"]);
        check("a(|b)c", &["ac", "abc"], &["abbc"]);
    }

    #[test]
    fn classes_and_escapes_cover_bytes() {
        check("[^a-c\\d]", &["d", "-"], &["a", "5", ""]);
        check("\\d+\\.\\d+ \\S+\\s", &["1.25 ms\n"], &["125 ms\n"]);
        check("[\\x0a-\\x7f]+", &["\x0b~"], &["\x09"]);
        check("\\x41\\r\\n[a-]", &["A\r\na", "A\r\n-"], &["A\n-"]);
        check(".*field:\\w+\r\n.*", &["# Head\r\nfield:a\r\nmore:b\r\n"], &["field:\r\n"]);
    }

    #[test]
    fn what_is_not_in_the_language_is_refused() {
        for pattern in ["(a", "a)", "[a", "*a", "a{x}", "a{2000}", "^a", "a\\", "\\b", "\\x4"] {
            assert!(Regex::new(pattern.as_bytes()).is_err(), "/{pattern}/ should be refused");
        }
    }

    #[test]
    fn nested_stars_take_linear_time() {
        let text = "a".repeat(5000);
        check("(a*)*(a*)*b", &[], &[&text]);
    }
}
