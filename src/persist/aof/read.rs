//! Reading a file of commands back: strictly, for a file is no client.
//!
//! [`Reader`] takes the file in pieces and gives whole commands, with the offset behind each, so that it is known how
//! much of the file is whole. Annotations, lines that begin with `#`, are skipped.

use crate::ds::Corrupt;
use crate::resp::{Argv, Span};
use std::io::{self, ErrorKind, Read};

/// Bytes read at once.
const PIECE: usize = 64 * 1024;
/// The longest line of a head or a length; an annotation may be as long.
const LINE_MAX: usize = 1024;
/// The most words of a command.
const WORDS_MAX: usize = i32::MAX as usize;
/// The longest word.
const WORD_MAX: usize = i32::MAX as usize;
/// Room for words that is taken before they have been read.
const ROOM_MAX: usize = 1024;

/// Why the next command cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The file ends in the middle of a command.
    Torn,
    /// It is no command that stands there.
    Corrupt(Corrupt),
    /// The file cannot be read.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::UnexpectedEof { Self::Torn } else { Self::Io(error) }
    }
}

/// Commands, their words one behind the other.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Commands {
    bytes: Vec<u8>,
    words: Vec<Span>,
    /// How many words had come by the end of each command, and where it ends in the file.
    commands: Vec<(usize, u64)>,
}

impl Commands {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Bytes of their words.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Command number `number`, and where it ends in the file.
    pub fn get(&self, number: usize) -> Option<(Argv<'_>, u64)> {
        let (end, offset) = *self.commands.get(number)?;
        let first = number.checked_sub(1).map_or(0, |before| self.commands[before].0);
        Some((Argv::new(&self.bytes, &self.words[first..end]), offset))
    }

    /// Takes back what was read of a command that is not whole.
    fn truncate(&mut self, words: usize, bytes: usize) {
        self.words.truncate(words);
        self.bytes.truncate(bytes);
    }
}

/// Reads commands from a file.
#[derive(Debug)]
pub struct Reader<R> {
    file: R,
    piece: Vec<u8>,
    /// What of the piece was used up.
    used: usize,
    /// Where in the file the rest of the piece begins.
    at: u64,
}

impl<R: Read> Reader<R> {
    /// Reads from `file`, which is at offset `at`.
    pub fn new(file: R, at: u64) -> Self {
        Self { file, piece: Vec::new(), used: 0, at }
    }

    /// Where the next command begins, or an annotation before it.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// Reads one command behind those that `out` holds; false at the end of the file.
    ///
    /// # Errors
    /// `out` holds whole commands only, as before.
    pub fn next(&mut self, out: &mut Commands) -> Result<bool, ReadError> {
        let (words, bytes) = (out.words.len(), out.bytes.len());
        let read = self.command(out);
        match read {
            Ok(true) => out.commands.push((out.words.len(), self.at)),
            _ => out.truncate(words, bytes),
        }
        read
    }

    fn command(&mut self, out: &mut Commands) -> Result<bool, ReadError> {
        loop {
            if !self.fill()? {
                return Ok(false);
            }
            match self.piece[self.used] {
                b'#' => drop(self.line()?),
                b'*' => break,
                _ => return Err(self.corrupt("a command begins with '*'")),
            }
        }
        let words = self.count(WORDS_MAX, "a command says of how many words it is")?;
        if words == 0 {
            return Err(self.corrupt("a command of no words"));
        }
        out.words.reserve(words.min(ROOM_MAX));
        for _ in 0..words {
            if !self.fill()? {
                return Err(ReadError::Torn);
            }
            if self.piece[self.used] != b'$' {
                return Err(self.corrupt("a word begins with '$'"));
            }
            let len = self.count(WORD_MAX, "a word says of how many bytes it is")?;
            if out.bytes.len() + len > Span::BUFFER_MAX {
                return Err(self.corrupt("a command is no longer than memory can hold"));
            }
            out.words.push(Span { start: out.bytes.len() as u32, len: len as u32 });
            self.copy(len, &mut out.bytes)?;
            if self.byte()? != b'\r' || self.byte()? != b'\n' {
                return Err(self.corrupt("a word ends with a line end"));
            }
        }
        Ok(true)
    }

    /// Reads a number behind a letter, up to the end of the line.
    fn count(&mut self, max: usize, what: &'static str) -> Result<usize, ReadError> {
        let line = self.line()?;
        let digits = line[1..].strip_suffix(b"\r");
        let count = digits.and_then(crate::stdx::num::parse_u64).map(|count| count as usize);
        count.filter(|count| *count <= max).ok_or_else(|| self.corrupt(what))
    }

    /// Reads a line without its newline.
    fn line(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(line),
                byte => line.push(byte),
            }
            if line.len() > LINE_MAX {
                return Err(self.corrupt("a line of a command is short"));
            }
        }
    }

    fn byte(&mut self) -> Result<u8, ReadError> {
        if !self.fill()? {
            return Err(ReadError::Torn);
        }
        let byte = self.piece[self.used];
        self.advance(1);
        Ok(byte)
    }

    /// Copies `len` bytes. No room is taken for more than was read.
    fn copy(&mut self, mut len: usize, out: &mut Vec<u8>) -> Result<(), ReadError> {
        while len > 0 {
            if !self.fill()? {
                return Err(ReadError::Torn);
            }
            let n = len.min(self.piece.len() - self.used);
            out.extend_from_slice(&self.piece[self.used..self.used + n]);
            self.advance(n);
            len -= n;
        }
        Ok(())
    }

    fn advance(&mut self, n: usize) {
        self.used += n;
        self.at += n as u64;
    }

    /// Sees to it that a byte is there; false at the end of the file.
    fn fill(&mut self) -> Result<bool, ReadError> {
        if self.used < self.piece.len() {
            return Ok(true);
        }
        self.piece.resize(PIECE, 0);
        self.used = 0;
        let n = loop {
            match self.file.read(&mut self.piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.piece.truncate(*n.as_ref().unwrap_or(&0));
        Ok(n? > 0)
    }

    fn corrupt(&self, what: &'static str) -> ReadError {
        ReadError::Corrupt(Corrupt { at: self.at as usize, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes one at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buf[..1])
        }
    }

    /// What is read of a text before it ends or goes wrong, and how that is.
    fn read(text: &[u8]) -> (Vec<String>, u64, Result<bool, ReadError>) {
        let mut reader = Reader::new(Slow(text), 0);
        let mut commands = Commands::default();
        let end = loop {
            match reader.next(&mut commands) {
                Ok(true) => {}
                end => break end,
            }
        };
        let words = |argv: Argv<'_>| {
            let words: Vec<_> = argv.iter().collect();
            words.join(&b' ').escape_ascii().to_string()
        };
        let all = (0..commands.len()).filter_map(|number| commands.get(number));
        let whole = commands.commands.last().map_or(0, |(_, offset)| *offset);
        (all.map(|(argv, _)| words(argv)).collect(), whole, end)
    }

    #[test]
    fn commands_are_read_and_annotations_skipped() {
        let text = b"#TS:1\r\n*2\r\n$3\r\nDEL\r\n$0\r\n\r\n#x\n*1\r\n$2\r\n\r\n\r\n";
        let (commands, whole, end) = read(text);
        assert_eq!(commands, ["DEL ", "\\r\\n"]);
        assert_eq!(whole, text.len() as u64);
        assert!(matches!(end, Ok(false)));
    }

    #[test]
    fn a_file_cut_anywhere_gives_the_whole_commands_before() {
        let first = b"*2\r\n$3\r\nDEL\r\n$1\r\na\r\n";
        let text = [first.as_slice(), b"*2\r\n$3\r\nDEL\r\n$1\r\nb\r\n"].concat();
        for cut in first.len() + 1..text.len() {
            let (commands, whole, end) = read(&text[..cut]);
            assert_eq!((commands, whole), (vec!["DEL a".to_owned()], first.len() as u64), "{cut}");
            assert!(matches!(end, Err(ReadError::Torn)), "{cut}");
        }
    }

    #[test]
    fn what_is_no_command_is_told_with_its_place() {
        let check = |text: &str, place: usize, what: &str| match read(text.as_bytes()).2 {
            Err(ReadError::Corrupt(corrupt)) => {
                assert_eq!((corrupt.at, corrupt.what), (place, what), "{text:?}");
            }
            other => panic!("{text:?}: {other:?}"),
        };
        check("SET a b\r\n", 0, "a command begins with '*'");
        check("*x\r\n", 4, "a command says of how many words it is");
        check("*-1\r\n", 5, "a command says of how many words it is");
        check("*9999999999\r\n", 13, "a command says of how many words it is");
        check("*0\r\n", 4, "a command of no words");
        check("*1\r\n+3\r\n", 4, "a word begins with '$'");
        check("*1\r\n$3\nGET", 7, "a word says of how many bytes it is");
        check("*1\r\n$3\r\nGETxx", 12, "a word ends with a line end");
        check(&format!("#{}", "x".repeat(2000)), LINE_MAX + 1, "a line of a command is short");
    }
}
