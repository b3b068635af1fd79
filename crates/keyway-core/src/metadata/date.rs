//! The day on which a plugin was updated.

use std::fmt;

/// A day that exists in the calendar, written as the number YYYYMMDD.
///
/// Years are from 1000 to 9999, in the Gregorian calendar (Convection seed, `updated` of the metadata; decision C3).
///
/// ```
/// use keyway_core::Date;
/// assert_eq!(Date::from_number(20240229).unwrap().to_string(), "2024-02-29");
/// assert_eq!(Date::from_number(20230229), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

impl Date {
    /// Returns the day with this number, or `None` if it does not exist in the calendar.
    pub const fn from_number(number: u32) -> Option<Self> {
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            _ => 0,
        };
        if year >= 1000 && year <= 9999 && day >= 1 && day <= days { Some(Self(number)) } else { None }
    }

    /// Returns the number YYYYMMDD.
    pub const fn as_number(self) -> u32 {
        self.0
    }

    /// Returns the year.
    pub const fn year(self) -> u32 {
        self.0 / 10_000
    }

    /// Returns the month, from 1 to 12.
    pub const fn month(self) -> u32 {
        self.0 / 100 % 100
    }

    /// Returns the day of the month, counted from 1.
    pub const fn day(self) -> u32 {
        self.0 % 100
    }
}

impl fmt::Display for Date {
    /// Writes the day as `YYYY-MM-DD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year(), self.month(), self.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_days() {
        for number in [10_000_101, 20_000_229, 20_240_229, 20_261_121, 99_991_231] {
            assert_eq!(Date::from_number(number).map(Date::as_number), Some(number));
        }
        for number in [
            0,
            1,
            20_241_399,
            20_240_100,
            20_240_001,
            20_240_132,
            20_240_431,
            19_000_229,
            20_230_229,
            9_991_231,
            100_000_101,
            u32::MAX,
        ] {
            assert_eq!(Date::from_number(number), None, "{number}");
        }
    }

    /// Checks that 400 years have 146,097 days, as the Gregorian calendar demands.
    #[test]
    fn four_centuries_have_their_days() {
        let days = (20_000_101..=23_991_231).filter(|number| Date::from_number(*number).is_some()).count();
        assert_eq!(days, 146_097);
    }
}
