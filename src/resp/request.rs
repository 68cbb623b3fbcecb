//! Commands as a client sends them: what goes to the append-only file and to replicas.

/// Appends a command.
pub fn push_command<'a>(out: &mut Vec<u8>, words: impl ExactSizeIterator<Item = &'a [u8]>) {
    push_head(out, words.len());
    words.for_each(|word| push_word(out, word));
}

/// Appends the head of a command of so many words.
pub fn push_head(out: &mut Vec<u8>, words: usize) {
    push_count(out, b'*', words);
}

/// Appends one of its words.
pub fn push_word(out: &mut Vec<u8>, word: &[u8]) {
    push_count(out, b'$', word.len());
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

fn push_count(out: &mut Vec<u8>, kind: u8, count: usize) {
    if count < 10 {
        out.extend_from_slice(&[kind, b'0' + count as u8, b'\r', b'\n']);
        return;
    }
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    out.extend_from_slice(b"\r\n");
}
