//! Moments on the wall as text: for names of takes and for what is told about them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Year, month, day, hour, minute, second, millisecond, in UTC.
fn fields(time: SystemTime) -> [u64; 7] {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since.as_secs();
    let [year, month, day] = civil(seconds / 86_400);
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    [year, month, day, hour, minute, seconds % 60, since.subsec_millis().into()]
}

/// The date of a day since 1970, by the calendar whose years begin in March: then a leap
/// day is the last of its year.
fn civil(days: u64) -> [u64; 3] {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    [era * 400 + year + u64::from(month <= 2), month, day]
}

/// As in RFC 3339, to the millisecond.
pub(super) fn text(time: SystemTime) -> String {
    let [year, month, day, hour, minute, second, ms] = fields(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// The same as a name of a file: no character in it is special anywhere, and names stand
/// in the order of time.
pub(super) fn name(time: SystemTime) -> String {
    text(time).replace(['-', ':', '.'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_are_easy_to_get_wrong() {
        let at = |seconds: u64| text(UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7));
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59.007Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.007Z");
        assert_eq!(name(UNIX_EPOCH), "19700101T000000000Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = civil(0);
        for day in 1..60_000 {
            let date = civil(day);
            let [year, month, day] = last;
            let next = [[year, month, day + 1], [year, month + 1, 1], [year + 1, 1, 1]];
            assert!(next.contains(&date), "{last:?} {date:?}");
            last = date;
        }
    }
}
