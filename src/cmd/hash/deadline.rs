//! The deadline that a command gives fields, from its arguments.

use crate::cmd::args::int;
use crate::resp::CmdError;

/// The last deadline that a field can have, ms since the epoch: in the year 4199.
const DEADLINE_MAX: i64 = (1 << 46) - 1;

/// The unit of a time in the request or the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
}

/// What a time counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Now,
    Epoch,
}

/// How a time is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) base: Base,
    pub(super) unit: Unit,
}

impl Form {
    pub(super) const EX: Self = Self { base: Base::Now, unit: Unit::Seconds };
    pub(super) const PX: Self = Self { base: Base::Now, unit: Unit::Millis };
    pub(super) const EXAT: Self = Self { base: Base::Epoch, unit: Unit::Seconds };
    pub(super) const PXAT: Self = Self { base: Base::Epoch, unit: Unit::Millis };

    /// The deadline that `number` says, perhaps one in the past; `command` names itself in the error.
    pub(super) fn deadline(
        self,
        number: &[u8],
        now_ms: u64,
        command: &'static str,
    ) -> Result<u64, CmdError> {
        let number = int(number)?;
        if number < 0 {
            return Err(CmdError::Msg("invalid expire time, must be >= 0"));
        }
        let unit_ms = if self.unit == Unit::Seconds { 1000 } else { 1 };
        let base_ms = if self.base == Base::Now { now_ms.cast_signed() } else { 0 };
        let at = number.checked_mul(unit_ms).and_then(|ms| ms.checked_add(base_ms));
        let at = at.filter(|at| *at <= DEADLINE_MAX).ok_or(CmdError::InvalidExpire(command))?;
        Ok(at.cast_unsigned())
    }

    /// How a deadline is answered; seconds are rounded up.
    pub(super) fn answer(self, deadline: u64, now_ms: u64) -> i64 {
        let base_ms = if self.base == Base::Now { now_ms } else { 0 };
        let ms = deadline.saturating_sub(base_ms);
        let n = if self.unit == Unit::Seconds { ms.div_ceil(1000) } else { ms };
        n.cast_signed()
    }
}
