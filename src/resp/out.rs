//! A client's output that waits for its socket.

use bytes::{Buf, Bytes, BytesMut};
use bytes_utils::SegmentedBuf;
use std::io::IoSlice;

/// The tail is sealed into a segment of its own once it has grown so far, so that a reply of
/// gigabytes never makes one buffer of that size (growing it would copy it all, in one pause).
const SEAL_AT: usize = 1 << 20;

/// Reply bytes in the order they leave: sealed segments, which may be shared among clients, and
/// the tail that replies are appended to.
#[derive(Debug, Default)]
pub struct Out {
    sealed: SegmentedBuf<Bytes>,
    tail: BytesMut,
}

impl Out {
    /// An empty output that appends to `tail`'s memory.
    pub fn with_tail(tail: BytesMut) -> Self {
        Self { sealed: SegmentedBuf::new(), tail }
    }

    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.sealed.remaining() + self.tail.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && !self.sealed.has_remaining()
    }

    /// Memory held by the tail's buffer, and sealed bytes.
    pub fn memory(&self) -> usize {
        self.tail.capacity() + self.sealed.remaining()
    }

    /// Room of the tail's buffer.
    pub fn tail_capacity(&self) -> usize {
        self.tail.capacity()
    }

    /// Segments waiting before the tail.
    pub fn segments(&self) -> usize {
        self.sealed.segments()
    }

    /// Appends.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        if self.tail.len() >= SEAL_AT {
            self.seal();
        }
    }

    /// Appends bytes that other clients may wait for as well, without copying them.
    pub fn put_shared(&mut self, bytes: Bytes) {
        if !self.tail.is_empty() {
            self.seal();
        }
        self.sealed.push(bytes);
    }

    /// Whether all of it is in the tail.
    #[inline]
    pub fn is_one_piece(&self) -> bool {
        !self.sealed.has_remaining()
    }

    /// Appends all of another output.
    pub fn append(&mut self, other: Self) {
        for segment in other.sealed.into_inner() {
            self.put_shared(segment);
        }
        self.put(&other.tail);
    }

    /// The tail, for writers of small pieces.
    #[inline]
    pub fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    /// Cuts back to `len` bytes: takes back what a command wrote before it failed.
    pub fn truncate(&mut self, len: usize) {
        let sealed = self.sealed.remaining();
        if len >= sealed {
            self.tail.truncate(len - sealed);
            return;
        }
        let kept = self.sealed.copy_to_bytes(len);
        self.sealed = SegmentedBuf::new();
        self.sealed.push(kept);
        self.tail.clear();
    }

    /// Puts bytes in at offset `at`, before what was appended since.
    pub fn insert(&mut self, at: usize, bytes: &[u8]) {
        let sealed = self.sealed.remaining();
        if let Some(at) = at.checked_sub(sealed) {
            let end = self.tail.len();
            self.tail.extend_from_slice(bytes);
            self.tail.copy_within(at..end, at + bytes.len());
            self.tail[at..at + bytes.len()].copy_from_slice(bytes);
            return;
        }
        let mut left = at;
        let mut pending = Some(Bytes::copy_from_slice(bytes));
        for mut segment in std::mem::take(&mut self.sealed).into_inner() {
            if left <= segment.len()
                && let Some(inserted) = pending.take()
            {
                let head = segment.split_to(left);
                [head, inserted].into_iter().for_each(|part| self.sealed.push(part));
            }
            left = left.saturating_sub(segment.len());
            self.sealed.push(segment);
        }
    }

    /// Copies bytes from offset `from` on; what a script or a test reads back.
    pub fn copy_from(&mut self, from: usize) -> Vec<u8> {
        let sealed = self.sealed.remaining();
        if from >= sealed {
            return self.tail[from - sealed..].to_vec();
        }
        let all = self.sealed.copy_to_bytes(sealed);
        let mut copy = all[from..].to_vec();
        copy.extend_from_slice(&self.tail);
        self.sealed.push(all);
        copy
    }

    /// Everything, as one piece.
    pub fn into_bytes(mut self) -> Bytes {
        if self.sealed.has_remaining() {
            self.seal();
            return self.sealed.copy_to_bytes(self.sealed.remaining());
        }
        self.tail.freeze()
    }

    /// Fills `slices` for one vectored write; answers how many were filled.
    pub fn chunks<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut n = self.sealed.chunks_vectored(slices);
        if n < slices.len() && !self.tail.is_empty() {
            slices[n] = IoSlice::new(&self.tail);
            n += 1;
        }
        n
    }

    /// Drops `n` bytes that were written.
    pub fn advance(&mut self, n: usize) {
        let sealed = self.sealed.remaining().min(n);
        self.sealed.advance(sealed);
        match n - sealed {
            // The buffer is used from its beginning again.
            all if all == self.tail.len() => self.tail.clear(),
            part => self.tail.advance(part),
        }
    }

    /// Gives up everything, handing back the tail's memory, emptied.
    pub fn take_tail(&mut self) -> BytesMut {
        self.sealed = SegmentedBuf::new();
        let mut tail = std::mem::take(&mut self.tail);
        tail.clear();
        tail
    }

    fn seal(&mut self) {
        let sealed = self.tail.split().freeze();
        self.sealed.push(sealed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(out: &mut Out) -> Vec<u8> {
        out.copy_from(0)
    }

    #[test]
    fn shared_bytes_keep_their_place_among_replies() {
        let mut out = Out::default();
        out.put(b"a");
        out.put_shared(Bytes::from_static(b"bc"));
        out.put(b"d");
        assert_eq!(all(&mut out), b"abcd");
        assert_eq!(out.copy_from(2), b"cd");
        out.advance(2);
        assert_eq!((all(&mut out), out.len()), (b"cd".to_vec(), 2));
    }

    #[test]
    fn truncate_takes_back_sealed_bytes_as_well() {
        let mut out = Out::default();
        out.put(b"kept");
        let mark = out.len();
        out.put(&vec![b'x'; SEAL_AT]);
        out.put(b"tail");
        out.truncate(mark);
        assert_eq!(all(&mut out), b"kept");
    }

    #[test]
    fn an_output_is_appended_whole() {
        let mut elements = Out::default();
        elements.put(&vec![b'x'; SEAL_AT]);
        elements.put(b"tail");
        let mut out = Out::default();
        out.put(b"head");
        out.append(elements);
        assert_eq!(all(&mut out), [b"head", &vec![b'x'; SEAL_AT][..], b"tail"].concat());
    }

    #[test]
    fn bytes_may_be_put_in_before_what_was_appended_since() {
        let mut out = Out::default();
        out.put(b"one");
        let mark = out.len();
        out.put(b"three");
        out.insert(mark, b"two");
        assert_eq!(all(&mut out), b"onetwothree");
        let mut out = Out::default();
        out.put_shared(Bytes::from_static(b"a"));
        out.put(b"b");
        let mark = out.len();
        out.put(&vec![b'x'; SEAL_AT]);
        out.put(b"end");
        out.insert(mark, b"c");
        assert_eq!(all(&mut out), [b"abc", &vec![b'x'; SEAL_AT][..], b"end"].concat());
    }

    #[test]
    fn chunks_list_every_byte_once() {
        let mut out = Out::default();
        out.put_shared(Bytes::from_static(b"one"));
        out.put_shared(Bytes::from_static(b"two"));
        out.put(b"three");
        let mut slices = [IoSlice::new(&[]); 8];
        let n = out.chunks(&mut slices);
        assert_eq!(slices[..n].iter().flat_map(|s| s.to_vec()).collect::<Vec<_>>(), b"onetwothree");
    }
}
