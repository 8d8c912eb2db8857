//! How many secrets may be sealed in a minute.
//!
//! A hijacked server can ask for seals to keys it introduced; the quota bounds how fast, and going over it
//! stops everything and is logged as an error, so that somebody looks.

use crate::refusal::{Code, Refusal};
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(60);

/// Counts seals in windows of one minute.
#[derive(Debug)]
pub(crate) struct Quota {
    seals_max: u32,
    window_start: Option<Duration>,
    seals: u32,
    is_over: bool,
}

impl Quota {
    pub(crate) fn new(seals_max: u32) -> Self {
        Self { seals_max, window_start: None, seals: 0, is_over: false }
    }

    /// Counts one seal.
    pub(crate) fn take(&mut self, now: Duration) -> Result<(), Refusal> {
        self.check(now)?;
        if self.seals >= self.seals_max {
            self.is_over = true;
            tracing::error!(
                seals_per_minute = self.seals_max,
                "quota of seals reached; nothing is given out until the minute ends. If no large distribution is \
                 under way, find out who is asking"
            );
            return self.check(now);
        }
        self.seals += 1;
        Ok(())
    }

    /// Refuses while the window in which the quota was passed has not ended.
    pub(crate) fn check(&mut self, now: Duration) -> Result<(), Refusal> {
        let is_within = self.window_start.is_some_and(|start| now.saturating_sub(start) < WINDOW);
        if !is_within {
            *self = Self { window_start: Some(now), ..Self::new(self.seals_max) };
        }
        if self.is_over {
            return Err(Refusal::new(
                Code::Quota,
                format!("more than {} seals in a minute; try again when the minute is over", self.seals_max),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seal_over_the_quota_stops_all_until_the_minute_ends() {
        let second = Duration::from_secs;
        let mut quota = Quota::new(2);
        assert_eq!(quota.take(second(100)), Ok(()));
        assert_eq!(quota.take(second(101)), Ok(()));
        assert_eq!(quota.check(second(102)), Ok(()), "the quota itself may be used up");
        assert_eq!(quota.take(second(103)).unwrap_err().code, Code::Quota);
        assert_eq!(quota.check(second(159)).unwrap_err().code, Code::Quota);
        assert_eq!(quota.check(second(160)), Ok(()));
        assert_eq!(quota.take(second(161)), Ok(()));
        assert_eq!(quota.take(second(162)), Ok(()));
        assert_eq!(quota.take(second(163)).unwrap_err().code, Code::Quota);
    }
}
