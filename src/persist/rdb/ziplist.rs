//! Writing ziplists, for files that go to servers before Redis 7.0. `load::ziplist` draws the layout.

use crate::ds::listpack::Item;

/// Bytes before the first entry.
const HEAD: usize = 10;
const END: u8 = 0xff;
/// Stands for a length of four bytes that follows; an entry of fewer bytes is told in one.
const LONG: u8 = 0xfe;
/// The head counts up to here; beyond, the entries must be counted.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// A ziplist of these entries, which must fit into 4 GiB.
pub(super) fn ziplist<'i>(items: impl IntoIterator<Item = Item<'i>>) -> Vec<u8> {
    let mut out = vec![0; HEAD];
    let (mut count, mut last, mut last_len) = (0u64, HEAD, 0);
    for item in items {
        last = out.len();
        match u8::try_from(last_len) {
            Ok(len) if len < LONG => out.push(len),
            _ => {
                out.push(LONG);
                out.extend_from_slice(&(last_len as u32).to_le_bytes());
            }
        }
        match item {
            Item::Int(int) => push_int(&mut out, int),
            Item::Bytes(bytes) => push_bytes(&mut out, bytes),
        }
        last_len = out.len() - last;
        count += 1;
    }
    out.push(END);
    let total = out.len() as u32;
    let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
    out[..4].copy_from_slice(&total.to_le_bytes());
    out[4..8].copy_from_slice(&(last as u32).to_le_bytes());
    out[8..HEAD].copy_from_slice(&count.to_le_bytes());
    out
}

/// An integer in the narrowest form.
fn push_int(out: &mut Vec<u8>, int: i64) {
    const SMALLEST: u8 = 0xf1;
    let bytes = int.to_le_bytes();
    let (form, width) = match int {
        0..=12 => return out.push(SMALLEST + int as u8),
        -0x80..0x80 => (0xfe, 1),
        -0x8000..0x8000 => (0xc0, 2),
        -0x80_0000..0x80_0000 => (0xf0, 3),
        -0x8000_0000..0x8000_0000 => (0xd0, 4),
        _ => (0xe0, 8),
    };
    out.push(form);
    out.extend_from_slice(&bytes[..width]);
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        len @ 0..0x40 => out.push(len as u8),
        len @ 0x40..0x4000 => out.extend_from_slice(&(0x4000 | len as u16).to_be_bytes()),
        len => {
            out.push(0x80);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}
