//! [`Timestamp`]: seconds since the epoch, UTC, and the ways people write one.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

/// Seconds in a day; mintage knows no leap seconds, like POSIX.
pub const DAY: i64 = 86_400;

/// How far two honest clocks may differ, in seconds, before a document counts as issued in the future.
pub const CLOCK_TOLERANCE: i64 = 300;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, in `0 ..= 253402300799`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// Says why a time was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeError {
    /// The text is in none of the accepted forms.
    Form(String),
    /// The text has an accepted form, but names no moment of the calendar.
    NoSuchMoment(String),
    /// The moment lies before 1970 or after 9999-12-31T23:59:59Z.
    OutOfRange(String),
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// 9999-12-31T23:59:59Z, which stands for "never".
    pub const NEVER: Self = Self(253_402_300_799);

    /// Takes seconds since the epoch.
    ///
    /// # Errors
    /// `OutOfRange` outside `0 ..= 253402300799`.
    pub fn from_seconds(seconds: i64) -> Result<Self, TimeError> {
        if (0..=Self::NEVER.0).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(TimeError::OutOfRange(seconds.to_string()))
        }
    }

    /// Returns seconds since the epoch.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Returns the moment `seconds` later, held within the range of a timestamp.
    #[must_use]
    pub fn saturating_add(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds).clamp(0, Self::NEVER.0))
    }

    /// Returns the seconds from `earlier` to this moment; negative when this one is earlier.
    pub fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Reads RFC 3339 (section 5.6): a full date and time with an offset. A fraction of a second is dropped; second 60
    /// is accepted where a leap second can be, at 23:59:60 UTC, and counts as 59.
    ///
    /// # Errors
    /// `Form` for any other text, `NoSuchMoment` for a date or time that does not exist, `OutOfRange` outside 1970–9999.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        let form = || TimeError::Form(text.to_owned());
        let nowhere = || TimeError::NoSuchMoment(text.to_owned());
        let bytes = text.as_bytes();
        if !text.is_ascii()
            || bytes.len() < 20
            || !matches!(bytes[10], b'T' | b't')
            || bytes[13] != b':'
            || bytes[16] != b':'
        {
            return Err(form());
        }
        let date = parse_date(&text[..10]).map_err(|fault| fault.into_error(text))?;
        let (hour, minute) = (digits(&text[11..13]).ok_or_else(form)?, digits(&text[14..16]).ok_or_else(form)?);
        let second = digits(&text[17..19]).ok_or_else(form)?;
        let mut rest = &text[19..];
        if let Some(fraction) = rest.strip_prefix('.') {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if length == 0 {
                return Err(form());
            }
            rest = &fraction[length..];
        }
        let offset = parse_offset(rest).map_err(|fault| fault.into_error(text))?;
        let leap = second == 60;
        let time = Time::new(narrow(hour), narrow(minute), if leap { 59 } else { narrow(second) }, 0)
            .map_err(|_| nowhere())?;
        let seconds = seconds_of(date.to_datetime(time)) - offset;
        if leap && seconds.rem_euclid(DAY) != DAY - 1 {
            return Err(nowhere());
        }
        Self::from_seconds(seconds).map_err(|_| TimeError::OutOfRange(text.to_owned()))
    }

    /// Reads what people type: RFC 3339, a date alone (the end of that UTC day), `90d`, `12h` or `2w` from `now`, `never`.
    ///
    /// # Errors
    /// As [`Timestamp::parse_rfc3339`].
    pub fn parse_when(text: &str, now: Self) -> Result<Self, TimeError> {
        if text == "never" {
            return Ok(Self::NEVER);
        }
        if let Some(seconds) = parse_span(text) {
            let then = now.0.checked_add(seconds).and_then(|then| Self::from_seconds(then).ok());
            return then.ok_or_else(|| TimeError::OutOfRange(text.to_owned()));
        }
        match parse_day(text)? {
            Some(day) => Self::from_seconds(day + DAY - 1).map_err(|_| TimeError::OutOfRange(text.to_owned())),
            None => Self::parse_rfc3339(text),
        }
    }

    /// Reads what people type for the first second of a period: RFC 3339, a date alone (the beginning of that UTC day), or
    /// `90d`, `12h`, `2w` before `now`.
    ///
    /// # Errors
    /// As [`Timestamp::parse_rfc3339`].
    pub fn parse_since(text: &str, now: Self) -> Result<Self, TimeError> {
        if let Some(seconds) = parse_span(text) {
            let then = now.0.checked_sub(seconds).and_then(|then| Self::from_seconds(then).ok());
            return then.ok_or_else(|| TimeError::OutOfRange(text.to_owned()));
        }
        match parse_day(text)? {
            Some(day) => Self::from_seconds(day).map_err(|_| TimeError::OutOfRange(text.to_owned())),
            None => Self::parse_rfc3339(text),
        }
    }
}

impl Timestamp {
    /// Returns the time by the calendar, in UTC.
    fn civil(self) -> DateTime {
        // The library's moments, which are quickly read by the calendar, end a day before it does.
        match jiff::Timestamp::from_second(self.0) {
            Ok(moment) => Offset::UTC.to_datetime(moment),
            Err(_) => EPOCH.saturating_add(SignedDuration::from_secs(self.0)),
        }
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC, to the second, with `Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.civil();
        let mut text = *b"0000-00-00T00:00:00Z";
        write_digits(&mut text[0..4], moment.year().unsigned_abs().into());
        write_digits(&mut text[5..7], moment.month().unsigned_abs().into());
        write_digits(&mut text[8..10], moment.day().unsigned_abs().into());
        write_digits(&mut text[11..13], moment.hour().unsigned_abs().into());
        write_digits(&mut text[14..16], moment.minute().unsigned_abs().into());
        write_digits(&mut text[17..19], moment.second().unsigned_abs().into());
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = TimeError;

    /// Takes the system's clock; the fraction of a second is dropped.
    fn try_from(time: SystemTime) -> Result<Self, TimeError> {
        let seconds = time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok());
        Self::from_seconds(seconds.unwrap_or(-1)).map_err(|_| TimeError::OutOfRange("the system clock".to_owned()))
    }
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(text) => write!(f, "`{}` is not a time", text.escape_debug()),
            Self::NoSuchMoment(text) => write!(f, "`{}` is not in the calendar", text.escape_debug()),
            Self::OutOfRange(text) => {
                write!(f, "`{}` is outside 1970-01-01T00:00:00Z to 9999-12-31T23:59:59Z", text.escape_debug())
            }
        }
    }
}

impl std::error::Error for TimeError {}

enum Fault {
    Form,
    NoSuchMoment,
}

impl Fault {
    fn into_error(self, text: &str) -> TimeError {
        match self {
            Self::Form => TimeError::Form(text.to_owned()),
            Self::NoSuchMoment => TimeError::NoSuchMoment(text.to_owned()),
        }
    }
}

fn parse_date(text: &str) -> Result<Date, Fault> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return Err(Fault::Form);
    }
    let part = |range: std::ops::Range<usize>| digits(&text[range]).ok_or(Fault::Form);
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    Date::new(i16::try_from(year).map_err(|_| Fault::Form)?, narrow(month), narrow(day))
        .map_err(|_| Fault::NoSuchMoment)
}

fn parse_offset(text: &str) -> Result<i64, Fault> {
    if matches!(text, "Z" | "z") {
        return Ok(0);
    }
    let bytes = text.as_bytes();
    if bytes.len() != 6 || bytes[3] != b':' || !matches!(bytes[0], b'+' | b'-') {
        return Err(Fault::Form);
    }
    let hours = digits(&text[1..3]).ok_or(Fault::Form)?;
    let minutes = digits(&text[4..6]).ok_or(Fault::Form)?;
    if hours > 23 || minutes > 59 {
        return Err(Fault::NoSuchMoment);
    }
    let seconds = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
    Ok(if bytes[0] == b'-' { -seconds } else { seconds })
}

/// Reads a date alone: the first second of that UTC day.
fn parse_day(text: &str) -> Result<Option<i64>, TimeError> {
    if text.len() != 10 {
        return Ok(None);
    }
    let date = parse_date(text).map_err(|fault| fault.into_error(text))?;
    Ok(Some(seconds_of(date.to_datetime(Time::midnight()))))
}

/// Reads a span such as `90d`, in seconds; `None` when the text has another form.
fn parse_span(text: &str) -> Option<i64> {
    let unit = match text.as_bytes().last()? {
        b'h' => 3_600,
        b'd' => DAY,
        b'w' => 7 * DAY,
        _ => return None,
    };
    let count = &text[..text.len() - 1];
    if count.is_empty() || count.len() > 18 || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Too many to count is out of any range, which the caller then says.
    Some(count.parse::<i64>().ok()?.checked_mul(unit).unwrap_or(i64::MAX))
}

fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Two digits always fit; a value that did not would be refused by the calendar.
fn narrow(value: u32) -> i8 {
    i8::try_from(value).unwrap_or(i8::MAX)
}

fn seconds_of(moment: DateTime) -> i64 {
    moment.duration_since(EPOCH).as_secs()
}

fn write_digits(slot: &mut [u8], mut value: u32) {
    for digit in slot.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_rfc_3339_allows() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-04-26T10:00:00Z", 1_777_197_600),
            ("2026-04-26t10:00:00z", 1_777_197_600),
            ("2026-04-26T10:00:00.999999999Z", 1_777_197_600),
            ("2026-04-26T12:00:00+02:00", 1_777_197_600),
            ("2026-04-26T04:30:00-05:30", 1_777_197_600),
            ("2016-12-31T23:59:60Z", 1_483_228_799),
            ("2017-01-01T00:59:60+01:00", 1_483_228_799),
            ("2024-02-29T00:00:00Z", 1_709_164_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text).map(Timestamp::seconds), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn refuses_what_rfc_3339_does_not() {
        for text in [
            "",
            "2026-04-26",
            "2026-04-26 10:00:00Z",
            "2026-04-26T10:00:00",
            "2026-04-26T10:00Z",
            "2026-04-26T10:00:00.Z",
            "2026-04-26T10:00:00,5Z",
            "2026-04-26T24:00:00Z",
            "2026-04-26T10:60:00Z",
            "2026-04-26T10:00:61Z",
            "2026-04-26T10:00:60Z",
            "2026-04-26T10:00:00+99:99",
            "2026-04-26T10:00:00+0200",
            "2026-04-26T10:00:00ZZ",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-00:01",
            "10000-01-01T00:00:00Z",
            "-001-01-01T00:00:00Z",
            "２026-01-01T00:00:00Z",
            "+026-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse_rfc3339(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_alone_is_the_end_of_that_day_in_utc() {
        let end = Timestamp::parse_when("2026-04-26", Timestamp::EPOCH).unwrap();
        assert_eq!(end.to_string(), "2026-04-26T23:59:59Z");
        assert_eq!(Timestamp::parse_when("9999-12-31", Timestamp::EPOCH), Ok(Timestamp::NEVER));
    }

    #[test]
    fn a_period_begins_with_its_day_or_a_span_back() {
        let now = Timestamp::from_seconds(100 * DAY + 7).unwrap();
        let since = |text: &str| Timestamp::parse_since(text, now).map(|time| time.to_string());
        assert_eq!(since("2026-04-26").as_deref(), Ok("2026-04-26T00:00:00Z"));
        assert_eq!(since("2026-04-26T12:00:00+02:00").as_deref(), Ok("2026-04-26T10:00:00Z"));
        assert_eq!(since("90d").as_deref(), Ok("1970-01-11T00:00:07Z"));
        for text in ["never", "101d", "2026-02-29", ""] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_count_from_now_and_stay_in_range() {
        let now = Timestamp::from_seconds(1_000).unwrap();
        for (text, seconds) in
            [("90d", 1_000 + 90 * DAY), ("12h", 1_000 + 43_200), ("2w", 1_000 + 14 * DAY), ("0d", 1_000)]
        {
            assert_eq!(Timestamp::parse_when(text, now).map(Timestamp::seconds), Ok(seconds), "{text}");
        }
        for text in [
            "2900000000d",
            "999999999999999999w",
            "9999999999999999999d",
            "-1d",
            "+1d",
            "1.5d",
            "1m",
            "d",
            "1 d",
            "Never",
        ] {
            assert!(Timestamp::parse_when(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn prints_and_reads_back_across_the_whole_range() {
        for seconds in (0..=Timestamp::NEVER.0).step_by(1_234_567_891).chain([Timestamp::NEVER.0]) {
            let time = Timestamp::from_seconds(seconds).unwrap();
            assert_eq!(Timestamp::parse_rfc3339(&time.to_string()), Ok(time));
        }
    }

    #[test]
    fn refuses_seconds_outside_the_range() {
        for seconds in [-1, 253_402_300_800, i64::MIN, i64::MAX] {
            assert!(Timestamp::from_seconds(seconds).is_err(), "{seconds}");
        }
    }
}
