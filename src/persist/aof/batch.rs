//! Commands in batches, read from a file on one thread and run on another.

use super::read::{Damage, Item, Missing, Reader};
use crate::resp::{Argv, Span};
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

    /// Adds the words of a command.
    fn push(&mut self, argv: Argv<'_>) {
        for word in argv.iter() {
            // A command's bytes are bounded by the reader, those before it by whoever makes the batch.
            let span = Span { start: self.bytes.len() as u32, len: word.len() as u32 };
            self.words.push(span);
            self.bytes.extend_from_slice(word);
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
                    out.commands.push((out.words.len(), self.reader.item_end()));
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

    /// What is read of a text before it ends or goes wrong, and how that is.
    fn read(text: &[u8]) -> (Vec<String>, u64, Result<bool, ReadError>) {
        let mut reader = CommandFile::new(Slow(text), 0);
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
}
