//! The end of a listpack while elements are appended.

use crate::stdx::num::parse_i64;

use super::END;
use super::element::Element;

/// The longest string whose length fits into its lead byte.
const SHORT_MAX: usize = 0x3f;
/// What the lead byte of such a string has beside the length.
const SHORT: u8 = 0x80;

/// Where elements are appended; see [`Listpack::append`](super::Listpack::append_with).
pub struct Tail<'a> {
    /// The allocation from the old end on.
    room: &'a mut [u8],
    /// Bytes of it that are written.
    len: usize,
    /// Elements that are.
    count: u16,
}

impl<'a> Tail<'a> {
    #[inline]
    pub(super) const fn new(room: &'a mut [u8]) -> Self {
        Self { room, len: 0, count: 0 }
    }

    /// Ends the listpack behind what was written: the bytes of that and of the end, and the elements.
    #[inline]
    pub(super) fn finish(self) -> (usize, u16) {
        self.room[self.len] = END;
        (self.len + 1, self.count)
    }

    /// Appends an integer.
    #[inline]
    pub fn int(&mut self, int: i64) {
        match u8::try_from(int) {
            Ok(small @ 0..=0x7f) => {
                self.room[self.len..self.len + 2].copy_from_slice(&[small, 1]);
                self.wrote(2);
            }
            _ => self.element(&Element::int(int)),
        }
    }

    /// Appends these integers.
    #[inline]
    pub fn ints(&mut self, ints: &[i64]) {
        for int in ints {
            self.int(*int);
        }
    }

    /// Appends an element with this text, as an integer if it is the canonical text of one.
    #[inline]
    pub fn text(&mut self, text: &[u8]) {
        let len = text.len();
        if len > SHORT_MAX || parse_i64(text).is_some() {
            self.element(&Element::new(text));
            return;
        }
        let room = &mut self.room[self.len..self.len + len + 2];
        room[0] = SHORT | len as u8;
        room[1..=len].copy_from_slice(text);
        room[len + 1] = 1 + len as u8;
        self.wrote(len + 2);
    }

    fn element(&mut self, element: &Element<'_>) {
        let size = element.size();
        element.write(&mut self.room[self.len..self.len + size]);
        self.wrote(size);
    }

    #[inline]
    fn wrote(&mut self, bytes: usize) {
        self.len += bytes;
        self.count = self.count.saturating_add(1);
    }
}
