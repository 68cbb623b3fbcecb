//! The order of the elements: by number or by text, their own or that of what a pattern finds.

use super::pattern::Pattern;
use super::{Elements, Options};
use crate::resp::CmdError;
use crate::server::KeysCtx;
use crate::stdx::num;
use std::cmp::Ordering;
use std::ops::Range;

const NO_NUMBER: CmdError = CmdError::Msg("One or more scores can't be converted into double");

/// How elements are compared.
#[derive(Debug)]
pub(super) struct Order<'o, 'a> {
    options: &'o Options<'a>,
}

/// What an element is compared by.
#[derive(Debug)]
enum Weight {
    Number(f64),
    /// What BY found, if it found anything.
    Text(Option<Vec<u8>>),
    /// The element itself.
    Own,
}

impl<'o, 'a> Order<'o, 'a> {
    pub(super) fn new(options: &'o Options<'a>) -> Self {
        Self { options }
    }

    /// The numbers of the elements that are in `range` when all are in order.
    ///
    /// # Errors
    /// A weight is no number and must be one.
    pub(super) fn sort(
        &self,
        c: &mut KeysCtx<'_>,
        elements: &Elements,
        range: Range<usize>,
    ) -> Result<Vec<usize>, CmdError> {
        let weights: Result<Vec<Weight>, CmdError> =
            elements.iter().map(|element| self.weigh(c, element)).collect();
        let weights = weights?;
        let compare = |a: &usize, b: &usize| {
            let order = self.compare(elements, &weights, *a, *b);
            let order = if self.options.descending { order.reverse() } else { order };
            // Those that are equal stay in the order in which they were.
            order.then(a.cmp(b))
        };
        let mut numbers: Vec<usize> = (0..elements.len()).collect();
        // Of elements outside the range it is enough to know on which side they are.
        if range.end < numbers.len() {
            numbers.select_nth_unstable_by(range.end, compare);
            numbers.truncate(range.end);
        }
        if range.start > 0 && range.start < numbers.len() {
            numbers.select_nth_unstable_by(range.start, compare);
        }
        numbers.drain(..range.start.min(numbers.len()));
        numbers.sort_unstable_by(compare);
        Ok(numbers)
    }

    fn weigh(&self, c: &mut KeysCtx<'_>, element: &[u8]) -> Result<Weight, CmdError> {
        let alpha = self.options.alpha;
        let weigh = |text: Option<&[u8]>| match text {
            _ if alpha => Ok(Weight::Text(text.map(<[u8]>::to_vec))),
            None => Ok(Weight::Number(0.0)),
            Some(text) => num::parse_f64_weight(text).map(Weight::Number).ok_or(NO_NUMBER),
        };
        match &self.options.by {
            None if alpha => Ok(Weight::Own),
            None => weigh(Some(element)),
            Some(pattern) => by(pattern, c, element, weigh),
        }
    }

    fn compare(&self, elements: &Elements, weights: &[Weight], a: usize, b: usize) -> Ordering {
        match (&weights[a], &weights[b]) {
            (Weight::Number(x), Weight::Number(y)) => {
                let order = x.partial_cmp(y).expect("a weight is a number");
                order.then_with(|| elements.get(a).cmp(elements.get(b)))
            }
            (Weight::Text(x), Weight::Text(y)) => {
                self.cut(x.as_deref()).cmp(&self.cut(y.as_deref()))
            }
            _ => self.cut(Some(elements.get(a))).cmp(&self.cut(Some(elements.get(b)))),
        }
    }

    /// What counts of a text: as C compares strings, what is before a NUL byte, unless the result is
    /// stored.
    fn cut<'t>(&self, text: Option<&'t [u8]>) -> Option<&'t [u8]> {
        match self.options.store {
            Some(_) => text,
            None => text.map(|text| memchr::memchr(0, text).map_or(text, |end| &text[..end])),
        }
    }
}

fn by(
    pattern: &Pattern<'_>,
    c: &mut KeysCtx<'_>,
    element: &[u8],
    weigh: impl FnOnce(Option<&[u8]>) -> Result<Weight, CmdError>,
) -> Result<Weight, CmdError> {
    pattern.look_up(&mut c.db, element, weigh)
}
