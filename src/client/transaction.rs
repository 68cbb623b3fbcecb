//! The commands a client queues between MULTI and EXEC.

use crate::resp::{Argv, Span};
use crate::spec::{CommandFlags, CommandId};
use bytes::Bytes;

/// A chunk takes no further command once it holds so many bytes of arguments.
const CHUNK_BYTES: usize = 64 * 1024;
/// Or so many commands.
const CHUNK_COMMANDS: usize = 1024;
/// A chunk begins with room for so many commands as most transactions have, of three short arguments each.
const FIRST_COMMANDS: usize = 16;
const FIRST_BYTES: usize = 32 * FIRST_COMMANDS;

/// A queue of commands whose arguments are copied out of the input. It grows by chunks, so that a
/// long one is never moved as a whole.
#[derive(Debug, Default)]
pub struct Transaction {
    chunks: Vec<Chunk>,
    len: usize,
    bytes: usize,
    flags: CommandFlags,
    /// The flags that each of the commands has; of none, none.
    common_flags: CommandFlags,
    failed: bool,
}

/// Some commands that follow each other.
#[derive(Debug)]
struct Chunk {
    /// All other arguments, one behind the other.
    bytes: Vec<u8>,
    /// Long arguments, which were received into memory of their own and stay there.
    apart: Vec<Bytes>,
    /// Where each argument lies.
    spans: Vec<Span>,
    commands: Vec<Queued>,
}

#[derive(Debug)]
struct Queued {
    command: CommandId,
    /// Its arguments' spans end here, and begin where those of the command before it end.
    spans_end: usize,
    key_hash: Option<u64>,
}

impl Transaction {
    /// Queues a command with flags `flags`.
    pub fn push(&mut self, command: CommandId, flags: CommandFlags, argv: &Argv<'_>) {
        let bytes = argv.bytes();
        // A command with long arguments always begins a chunk: no chunk has more of them than spans
        // can tell of.
        let has_room = self.chunks.last().is_some_and(|chunk| {
            chunk.bytes.len() + bytes <= CHUNK_BYTES && chunk.commands.len() < CHUNK_COMMANDS
        });
        if !has_room {
            self.chunks.push(Chunk::new());
        }
        let chunk = self.chunks.last_mut().expect("one was pushed if there was none");
        chunk.push(command, argv);
        self.len += 1;
        self.bytes += bytes;
        self.flags = self.flags | flags;
        self.common_flags = if self.len == 1 { flags } else { self.common_flags & flags };
    }

    /// Commands queued.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of all arguments queued.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The flags that any of the commands has.
    pub fn flags(&self) -> CommandFlags {
        self.flags
    }

    /// Whether each of the commands has this flag.
    pub fn all_have(&self, flag: CommandFlags) -> bool {
        self.is_empty() || self.common_flags.has(flag)
    }

    /// A command was refused: EXEC will run none.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// Whether a command was refused.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// The commands in the order they came.
    pub fn commands(&self) -> impl Iterator<Item = (CommandId, Argv<'_>)> {
        self.chunks.iter().flat_map(Chunk::commands)
    }

    /// Bytes of memory held: CLIENT LIST's `multi-mem`.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.chunks.iter().map(Chunk::memory).sum::<usize>()
    }
}

impl Chunk {
    fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(FIRST_BYTES),
            apart: Vec::new(),
            spans: Vec::with_capacity(3 * FIRST_COMMANDS),
            commands: Vec::with_capacity(FIRST_COMMANDS),
        }
    }

    fn push(&mut self, command: CommandId, argv: &Argv<'_>) {
        for (i, arg) in argv.iter().enumerate() {
            if let Some(shared) = argv.shared(i) {
                self.spans.push(Span::apart(self.apart.len()));
                self.apart.push(shared.clone());
                continue;
            }
            self.spans.push(Span { start: self.bytes.len() as u32, len: arg.len() as u32 });
            self.bytes.extend_from_slice(arg);
        }
        let key_hash = argv.first_key_hash();
        self.commands.push(Queued { command, spans_end: self.spans.len(), key_hash });
    }

    fn commands(&self) -> impl Iterator<Item = (CommandId, Argv<'_>)> {
        let starts = std::iter::once(0).chain(self.commands.iter().map(|queued| queued.spans_end));
        starts.zip(&self.commands).map(|(start, queued)| {
            let argv = Argv::new(&self.bytes, &self.spans[start..queued.spans_end]);
            let argv = argv.with_apart(&self.apart);
            (queued.command, argv.with_first_key_hash(queued.key_hash))
        })
    }

    fn memory(&self) -> usize {
        size_of::<Self>()
            + self.bytes.capacity()
            + self.apart.iter().map(Bytes::len).sum::<usize>()
            + self.spans.capacity() * size_of::<Span>()
            + self.commands.capacity() * size_of::<Queued>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_back_in_order_from_all_chunks() {
        let big = vec![b'x'; CHUNK_BYTES];
        let mut transaction = Transaction::default();
        for i in 0..3000u32 {
            let digits = i.to_string();
            let args = [b"SET".as_slice(), digits.as_bytes(), if i == 1500 { &big } else { b"" }];
            let mut buf = Vec::new();
            let spans = args.map(|arg| {
                let start = buf.len() as u32;
                buf.extend_from_slice(arg);
                Span { start, len: arg.len() as u32 }
            });
            transaction.push(
                CommandId(i as u16),
                CommandFlags(1 << (i % 3)),
                &Argv::new(&buf, &spans),
            );
        }
        assert_eq!((transaction.len(), transaction.flags()), (3000, CommandFlags(0b111)));
        for (i, (command, argv)) in transaction.commands().enumerate() {
            assert_eq!((usize::from(command.0), argv.len()), (i, 3));
            assert_eq!(&argv[1], i.to_string().as_bytes());
            assert_eq!(argv[2].len(), if i == 1500 { CHUNK_BYTES } else { 0 });
        }
        assert!(transaction.memory() > transaction.bytes());
    }
}
