//! Registers packed six bits each: four make three bytes.

use super::REGISTERS;

/// Bytes of all registers.
pub(super) const LEN: usize = REGISTERS / 4 * 3;

/// All registers, packed.
pub(super) type Packed = [u8; LEN];

const MASK: u32 = 0x3f;

/// Register `index`.
pub(super) fn register(packed: &Packed, index: usize) -> u8 {
    let [a, b, c] = packed.as_chunks::<3>().0[index / 4];
    let four = u32::from_le_bytes([a, b, c, 0]);
    (four >> (6 * (index % 4)) & MASK) as u8
}

/// Changes register `index`.
pub(super) fn set_register(packed: &mut Packed, index: usize, value: u8) {
    let three = &mut packed.as_chunks_mut::<3>().0[index / 4];
    let shift = 6 * (index % 4);
    let four = u32::from_le_bytes([three[0], three[1], three[2], 0]);
    let four = four & !(MASK << shift) | u32::from(value) << shift;
    three.copy_from_slice(&four.to_le_bytes()[..3]);
}

/// Unpacks four registers, one to a byte. They are spread with shifts inside one word, so that the
/// loop over many has no step that depends on another.
pub(super) fn unpack(three: [u8; 3]) -> [u8; 4] {
    let [a, b, c] = three;
    let four = u32::from_le_bytes([a, b, c, 0]);
    let spread =
        four & MASK | (four & MASK << 6) << 2 | (four & MASK << 12) << 4 | (four & MASK << 18) << 6;
    spread.to_le_bytes()
}

/// Packs four registers.
pub(super) fn pack(four: [u8; 4]) -> [u8; 3] {
    let [a, b, c, d] = four.map(u32::from);
    let [low, middle, high, _] = (a | b << 6 | c << 12 | d << 18).to_le_bytes();
    [low, middle, high]
}
