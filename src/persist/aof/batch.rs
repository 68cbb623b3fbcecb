//! Commands in batches, read from a file on one thread and run on another.

use super::read::{Damage, Item, Missing, Reader};
use crate::resp::Argv;
use std::io::{self, ErrorKind, Read};

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// Why the next command cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The file ends in the middle of a command.
    Torn,
    /// It is no command that stands there.
    Corrupt(Damage),
    /// The file cannot be read.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// One command: its words, one behind the other.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Commands {
    /// All words of all commands.
    pub bytes: Vec<u8>,
    /// Where each word ends.
    pub ends: Vec<usize>,
    /// How many words had come by the end of each command, and where it ends in the file.
    pub commands: Vec<(usize, u64)>,
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

    /// The words of each command, and where it ends in the file.
    pub fn iter(&self) -> impl Iterator<Item = (Vec<&[u8]>, u64)> {
        let mut first = 0;
        self.commands.iter().map(move |(end, offset)| {
            let words = first..*end;
            first = *end;
            (words.map(|word| self.word(word)).collect(), *offset)
        })
    }

    /// Word number `word` of all.
    pub fn word(&self, word: usize) -> &[u8] {
        let start = if word == 0 { 0 } else { self.ends[word - 1] };
        &self.bytes[start..self.ends[word]]
    }

    fn push(&mut self, argv: Argv<'_>) {
        for word in argv.iter() {
            self.bytes.extend_from_slice(word);
            self.ends.push(self.bytes.len());
        }
    }
}

/// A file of commands.
#[derive(Debug)]
pub struct CommandFile<R> {
    file: R,
    piece: Vec<u8>,
    reader: Reader,
}

impl<R: Read> CommandFile<R> {
    /// Reads from `file`, which is at offset `at`.
    pub fn new(file: R, at: u64) -> Self {
        Self { file, piece: vec![0; PIECE], reader: Reader::new(at) }
    }

    /// Up to which offset the file stands for itself: see [`Reader::whole`].
    pub fn whole(&self) -> u64 {
        self.reader.whole()
    }

    /// Whether the EXEC of a MULTI is still to come.
    pub fn in_multi(&self) -> bool {
        self.reader.in_multi()
    }

    /// Reads one command behind those that `out` holds; false at the end of the file.
    ///
    /// # Errors
    /// `out` holds whole commands only, as before.
    pub fn next(&mut self, out: &mut Commands) -> Result<bool, ReadError> {
        loop {
            match self.reader.poll_item().map_err(ReadError::Corrupt)? {
                Some(Item::Command(argv)) => {
                    out.push(argv);
                    out.commands.push((out.ends.len(), self.reader.item_end()));
                    return Ok(true);
                }
                Some(Item::Annotation(_)) => continue,
                None => {}
            }
            if !self.fill()? {
                let end = self.reader.finish();
                let torn = end.is_err_and(|torn| torn.missing != Missing::Exec);
                return if torn { Err(ReadError::Torn) } else { Ok(false) };
            }
        }
    }

    /// Reads on; false at the end of the file.
    fn fill(&mut self) -> Result<bool, ReadError> {
        loop {
            match self.file.read(&mut self.piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
                Ok(n) => {
                    self.reader.push(&self.piece[..n]);
                    return Ok(n > 0);
                }
            }
        }
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

    /// What is read of a text, how much of it stands for itself, and how it ends.
    fn read(text: &[u8]) -> (Vec<String>, u64, Result<bool, ReadError>) {
        let mut file = CommandFile::new(Slow(text), 0);
        let mut commands = Commands::default();
        let end = loop {
            match file.next(&mut commands) {
                Ok(true) => {}
                end => break end,
            }
        };
        let words = |words: Vec<&[u8]>| words.join(&b' ').escape_ascii().to_string();
        let last = commands.commands.last().map_or(0, |(_, offset)| *offset);
        assert_eq!(last, commands.iter().last().map_or(0, |(_, offset)| offset));
        (commands.iter().map(|(argv, _)| words(argv)).collect(), file.whole(), end)
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
}
