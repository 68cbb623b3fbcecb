//! The manifest: which files the append-only file is made of, and in which order they are read.
//!
//! # Layout
//! Lines of words, quoted as in the configuration, in pairs of a key and a value; of the keys these are
//! known, and others are let be. A line that begins with `#` is a comment.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b
//! file appendonly.aof.4.incr.aof seq 4 type h
//! file appendonly.aof.5.incr.aof seq 5 type i
//! ```
//!
//! `b` is the base, of which there is one at most; `i` are the increments that follow it, by number; `h` are files that are needed no
//! longer and are to be removed.

use crate::stdx::words;
use std::fmt;

/// The longest line, its end included.
const LINE_MAX: usize = 1024;
const TOO_LONG: &str = "The AOF manifest file contains too long line";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The data set at some time.
    Base,
    /// Writes since then.
    Increment,
    /// Not needed any more.
    History,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its name within the folder.
    pub name: String,
    /// Its number among those of its kind.
    pub seq: u64,
}

/// The files, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// The data set that the increments follow.
    pub base: Option<Piece>,
    /// Increments by ascending number.
    pub increments: Vec<Piece>,
    /// Files to be removed.
    pub history: Vec<Piece>,
    /// The highest number a base had.
    pub base_seq: u64,
    /// The highest number an increment had.
    pub increment_seq: u64,
}

/// Why a manifest cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The line, its number and its text, if it is one that is wrong.
    pub line: Option<(usize, String)>,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n*** FATAL AOF MANIFEST FILE ERROR ***")?;
        if let Some((number, text)) = &self.line {
            writeln!(f, "Reading the manifest file, at line {number}\n>>> '{text}'")?;
        }
        f.write_str(self.what)
    }
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::Base => 'b',
            Self::Increment => 'i',
            Self::History => 'h',
        }
    }
}

impl Piece {
    /// Its line.
    fn line(&self, kind: Kind) -> String {
        let name = quoted_if_needed(&self.name);
        format!("file {name} seq {} type {}\n", self.seq, kind.letter())
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        if text.is_empty() {
            return Err(ManifestError { line: None, what: "Found an empty AOF manifest" });
        }
        let mut manifest = Self::default();
        for (number, line) in (1..).zip(text.split_inclusive(|b| *b == b'\n')) {
            let Some(line) = line.strip_suffix(b"\n").filter(|line| line.len() < LINE_MAX) else {
                return Err(ManifestError { line: None, what: TOO_LONG });
            };
            if line.starts_with(b"#") {
                continue;
            }
            parse_line(line).and_then(|(piece, kind)| manifest.take(piece, kind)).map_err(
                |what| {
                    let text = String::from_utf8_lossy(line).into_owned();
                    ManifestError { line: Some((number, text)), what }
                },
            )?;
        }
        manifest.number_past_history();
        Ok(manifest)
    }

    /// The manifest as it is written down.
    pub fn format(&self) -> String {
        let pieces = self.base.iter().map(|piece| (piece, Kind::Base));
        let pieces = pieces.chain(self.history.iter().map(|piece| (piece, Kind::History)));
        let pieces = pieces.chain(self.increments.iter().map(|piece| (piece, Kind::Increment)));
        pieces.map(|(piece, kind)| piece.line(kind)).collect()
    }

    /// Whether it lists no file.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.increments.is_empty() && self.history.is_empty()
    }

    /// The files to be loaded, in order.
    pub fn to_load(&self) -> impl Iterator<Item = &Piece> {
        self.base.iter().chain(&self.increments)
    }

    /// A file that is to be removed keeps its number, or a new one would be removed under its name.
    fn number_past_history(&mut self) {
        for piece in &self.history {
            let seq = match piece.name.contains(".base.") {
                true => &mut self.base_seq,
                false => &mut self.increment_seq,
            };
            *seq = piece.seq.max(*seq);
        }
    }

    fn take(&mut self, piece: Piece, kind: Kind) -> Result<(), &'static str> {
        match kind {
            Kind::Base if self.base.is_some() => {
                return Err("Found duplicate base file information");
            }
            Kind::Base => {
                self.base_seq = piece.seq;
                self.base = Some(piece);
            }
            Kind::History => self.history.push(piece),
            Kind::Increment if piece.seq <= self.increment_seq => {
                return Err("Found a non-monotonic sequence number");
            }
            Kind::Increment => {
                self.increment_seq = piece.seq;
                self.increments.push(piece);
            }
        }
        Ok(())
    }
}

fn parse_line(line: &[u8]) -> Result<(Piece, Kind), &'static str> {
    const WRONG: &str = "Invalid AOF manifest file format";
    let words = words::split(line).filter(|words| words.len() >= 6 && words.len() % 2 == 0);
    let words = words.ok_or(WRONG)?;
    let (mut name, mut seq, mut kind) = (None, None, None);
    for pair in words.chunks(2) {
        let value = String::from_utf8(pair[1].clone()).map_err(|_| WRONG)?;
        match pair[0].to_ascii_lowercase().as_slice() {
            b"file" if value.contains('/') => return Err("File can't be a path, just a filename"),
            b"file" => name = Some(value),
            b"seq" => seq = value.parse().ok().filter(|seq| *seq > 0),
            b"type" => kind = Some(parse_kind(&value)?),
            _ => {}
        }
    }
    match (name.filter(|name| !name.is_empty()), seq, kind) {
        (Some(name), Some(seq), Some(kind)) => {
            let piece = Piece { name, seq };
            // Written again it must be readable again, and quotes may make it longer.
            if piece.line(kind).len() > LINE_MAX { Err(TOO_LONG) } else { Ok((piece, kind)) }
        }
        _ => Err(WRONG),
    }
}

fn parse_kind(word: &str) -> Result<Kind, &'static str> {
    let kinds = [Kind::Base, Kind::Increment, Kind::History];
    let kind = kinds.into_iter().find(|kind| word.starts_with(kind.letter()));
    kind.ok_or("Unknown AOF file type")
}

fn quoted_if_needed(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\');
    if name.bytes().all(plain) { name.to_owned() } else { words::quote(name.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(text: &str, line: Option<usize>, what: &str) {
        let error = Manifest::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.line.map(|(n, _)| n), error.what), (line, what), "{text:?}");
    }

    #[test]
    fn a_name_that_quotes_make_too_long_is_refused() {
        let parse = |len| {
            Manifest::parse(format!("file {} seq 1 type i\n", "\u{1}".repeat(len)).as_bytes())
        };
        let manifest = parse(240).expect("its line is short enough");
        assert_eq!(Manifest::parse(manifest.format().as_bytes()), Ok(manifest));
        assert_eq!(parse(255).map_err(|error| error.what), Err(TOO_LONG));
    }

    #[test]
    fn a_manifest_comes_back_as_it_was_written() {
        let text = "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type h\n\
                    file \"a b\\\"\\xc3\\xa4.2.incr.aof\" seq 2 type i\nfile a.4.incr.aof seq 4 type i\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.increments[0].name, "a b\"ä.2.incr.aof");
        assert_eq!((manifest.base_seq, manifest.increment_seq), (1, 4));
        assert_eq!(manifest.format(), text);
    }

    #[test]
    fn the_numbers_of_files_that_are_to_be_removed_are_not_given_again() {
        let text = "file a.7.base.rdb seq 7 type h\nfile a.9.incr.aof seq 9 type h\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!((manifest.base_seq, manifest.increment_seq), (7, 9));
    }

    #[test]
    fn comments_and_unknown_keys_are_let_be() {
        let text = b"#hello\nSEQ 7 type i by me  file 'a'\n";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.increments, [Piece { name: "a".into(), seq: 7 }]);
        assert!(Manifest::parse(b"#hello\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let format = "Invalid AOF manifest file format";
        check_refused("", None, "Found an empty AOF manifest");
        check_refused("file a seq 1 type b", None, "The AOF manifest file contains too long line");
        let long = format!("file {} seq 1 type b\n", "a".repeat(1024));
        check_refused(&long, None, "The AOF manifest file contains too long line");
        check_refused("\n", Some(1), format);
        for line in [
            "file a seq 1\n",
            "file a seq x type i\n",
            "file a seq 0 type i\n",
            "file a seq 1 type b foo\n",
            "file \"a seq 1 type b\n",
            "filex a seq 1 type b\n",
            "seq 1 type i x 1\n",
            "file \"\\xff\" seq 1 type b\n",
        ] {
            check_refused(line, Some(1), format);
        }
        check_refused("file a seq 1 type x\n", Some(1), "Unknown AOF file type");
        check_refused("file x/a seq 1 type b\n", Some(1), "File can't be a path, just a filename");
        let twice = "file a seq 1 type b\nfile b seq 2 type b\n";
        check_refused(twice, Some(2), "Found duplicate base file information");
        let back = "#\nfile a seq 2 type i\nfile b seq 1 type i\n";
        check_refused(back, Some(3), "Found a non-monotonic sequence number");
    }
}
