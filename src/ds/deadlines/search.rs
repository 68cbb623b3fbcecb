//! Searching a node.

/// What `sorted.partition_point(before)` gives, for slices of a KB or so that are in no cache.
///
/// A binary search would wait for one cache line after another. This looks at the last element of
/// each line, all at once as far as the processor can, and then into one line. `LINE` is how many
/// elements a cache line has.
pub(super) fn partition_point<const LINE: usize, T>(
    sorted: &[T],
    before: impl Fn(&T) -> bool,
) -> usize {
    let (lines, _) = sorted.as_chunks::<LINE>();
    let start = LINE * lines.iter().filter(|line| before(&line[LINE - 1])).count();
    let line = &sorted[start..sorted.len().min(start + LINE)];
    start + line.iter().filter(|element| before(element)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_in_every_short_slice_is_found() {
        for len in 0..40u32 {
            let sorted: Vec<u32> = (0..len).collect();
            for at in 0..=len {
                assert_eq!(partition_point::<8, _>(&sorted, |&element| element < at), at as usize);
                assert_eq!(partition_point::<4, _>(&sorted, |&element| element < at), at as usize);
            }
        }
    }
}
