//! WEIGHTS, AGGREGATE and WITHSCORES.

use crate::cmd::args::Args;
use crate::resp::CmdError;
use crate::stdx::num;

/// How the scores of a member in several inputs make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Aggregate {
    #[default]
    Sum,
    Min,
    Max,
    /// The number of inputs that have the member, whatever their weights.
    Count,
}

impl Aggregate {
    /// What a score of an input is worth. Infinity times zero is no number, see [`or_zero`].
    pub(super) fn weigh(self, score: f64, weight: f64) -> f64 {
        if self == Self::Count { 1.0 } else { score * weight }
    }

    /// One score of two. The sum of opposite infinities, or with what is no number, is zero; of other
    /// pairs it is the number that counts.
    pub(super) fn merge(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum | Self::Count => or_zero(one + other),
            Self::Min => one.min(other),
            Self::Max => one.max(other),
        }
    }
}

/// A score, or zero for what is no number.
pub(super) fn or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Which options a command takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// WEIGHTS and AGGREGATE.
    pub(super) merging: bool,
    /// WITHSCORES.
    pub(super) with_scores: bool,
}

/// The options behind the keys.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// One for each input; none if all are 1.
    weights: Vec<f64>,
    pub(super) aggregate: Aggregate,
    pub(super) with_scores: bool,
}

impl Options {
    /// Takes what is left in `args`, `keys` keys having stood before.
    pub(super) fn parse(
        mut args: Args<'_>,
        keys: usize,
        allowed: Allowed,
    ) -> Result<Self, CmdError> {
        let mut options = Self::default();
        while args.left() > 0 {
            if allowed.merging && args.word("weights") {
                options.weights = weights(&mut args, keys)?;
            } else if allowed.merging && args.word("aggregate") {
                options.aggregate = aggregate(&mut args)?;
            } else if allowed.with_scores && args.word("withscores") {
                options.with_scores = true;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    /// The weight of input number `at`.
    pub(super) fn weight(&self, at: usize) -> f64 {
        self.weights.get(at).copied().unwrap_or(1.0)
    }
}

fn weights(args: &mut Args<'_>, keys: usize) -> Result<Vec<f64>, CmdError> {
    if args.left() < keys {
        return Err(CmdError::Syntax);
    }
    let weight = |text| num::parse_f64(text).ok_or(CmdError::Msg("weight value is not a float"));
    args.take(keys).map(weight).collect()
}

fn aggregate(args: &mut Args<'_>) -> Result<Aggregate, CmdError> {
    if args.word("sum") {
        Ok(Aggregate::Sum)
    } else if args.word("min") {
        Ok(Aggregate::Min)
    } else if args.word("max") {
        Ok(Aggregate::Max)
    } else if args.word("count") {
        Ok(Aggregate::Count)
    } else {
        Err(CmdError::Syntax)
    }
}
