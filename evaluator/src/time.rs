//! Points in time as the service stores and shows them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// This many seconds later.
    #[must_use]
    pub fn after_seconds(self, seconds: u64) -> Self {
        let milliseconds = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        Self(self.0.saturating_add(milliseconds).min(LATEST))
    }

    /// This many seconds earlier.
    #[must_use]
    pub fn before_seconds(self, seconds: u64) -> Self {
        let milliseconds = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        Self(self.0.saturating_sub(milliseconds))
    }

    /// The day of UTC, counted from the first of 1970.
    #[must_use]
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// Seconds until the next day of UTC begins, at least one.
    #[must_use]
    pub fn seconds_to_next_day(self) -> u32 {
        // A day has fewer seconds than the type holds.
        (DAY - self.0.rem_euclid(DAY)).div_euclid(1000).max(1) as u32
    }

    /// As RFC 3339, in UTC with milliseconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        humantime::format_rfc3339_millis(self.system_time()).to_string()
    }

    /// As a header of HTTP shows it (RFC 9110).
    #[must_use]
    pub fn to_http_date(self) -> String {
        actix_web::http::header::HttpDate::from(self.system_time()).to_string()
    }

    fn system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0.clamp(0, LATEST)).unwrap_or(0))
    }
}

/// A day's milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

/// The last millisecond of the year 9999, beyond which RFC 3339 has no form.
const LATEST: i64 = 253_402_300_799_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_midnight() {
        let evening = Timestamp(1_700_000_000_123);
        assert_eq!((evening.day(), evening.seconds_to_next_day()), (19_675, 6399));
        let midnight = Timestamp(19_676 * 24 * 3600 * 1000);
        assert_eq!((midnight.day(), midnight.seconds_to_next_day()), (19_676, 86_400));
        assert_eq!(Timestamp(midnight.0 - 1).seconds_to_next_day(), 1);
        assert_eq!(Timestamp(midnight.0 - 1).day(), 19_675);
    }

    #[test]
    fn known_forms() {
        assert_eq!(Timestamp(1_700_000_000_123).to_rfc3339(), "2023-11-14T22:13:20.123Z");
        assert_eq!(Timestamp(1_700_000_000_123).to_http_date(), "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(Timestamp(0).after_seconds(u64::MAX).to_rfc3339(), "9999-12-31T23:59:59.999Z");
    }
}
