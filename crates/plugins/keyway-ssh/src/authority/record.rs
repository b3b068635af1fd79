//! The record beside a list. It shows whether the list was lost, or restored from an old copy, and until when
//! revocations are needed.

use super::krl::{Expiry, end_of_period};

/// The last known facts about a list, stored apart from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The number of the list, which increases with each change. It is written before the list, so the list may
    /// be one behind.
    pub(super) number: u64,
    /// The longest validity of an issued certificate, in seconds.
    longest_seconds: u64,
    /// The time by which all issued certificates expire, in seconds since 1970. Zero until the record knows a
    /// certificate.
    latest_expiry: u64,
    /// The key id that the change to `number` revokes. The list may still lack this change.
    pub(super) last: Option<String>,
}

/// The longest possible validity of a certificate.
const LONGEST_SECONDS: u64 = super::settings::LONGEST_MINUTES * 60;
const FIRST_LINE: &str = "keyway-ssh record of a revocation list, version 1";
const NUMBER: &str = "number ";
const LONGEST: &str = "longest ";
const LATEST: &str = "latest ";
const LAST: &str = "last ";

impl Record {
    /// The record of a list under which no certificate was issued.
    pub(super) const NEW: Self = Self { number: 0, longest_seconds: 0, latest_expiry: 0, last: None };

    /// Makes the record for a list that has none: another program made the list, or the record was lost. The record
    /// assumes that certificates with the longest possible validity were issued.
    pub(super) const fn of_others(number: u64) -> Self {
        Self { number, longest_seconds: LONGEST_SECONDS, ..Self::NEW }
    }

    /// Notes that a certificate is issued. The expiry is that of the longest validity, since a record
    /// of a list of others does not know the earlier certificates.
    pub(super) fn note_certificate(&mut self, valid_seconds: u64, now: u64) {
        self.longest_seconds = self.longest_seconds.max(valid_seconds);
        let expiry = end_of_period(now.saturating_add(self.longest_seconds));
        self.latest_expiry = self.latest_expiry.max(expiry);
    }

    /// Returns the time by which the certificates that were issued until now have expired. The clock is trusted only to
    /// make this time later: it may be wrong now, or have been wrong when a certificate was issued. The time is certain
    /// if the record knows every certificate. A record of a list of others does not, and has the longest possible
    /// validity.
    ///
    /// See decisions H314 and H366.
    pub(super) fn all_expired(&self, now: u64) -> Expiry {
        let at = self.latest_expiry.max(now.saturating_add(self.longest_seconds));
        Expiry { at, is_certain: self.longest_seconds < LONGEST_SECONDS }
    }

    /// Reads a record. Returns `None` if the bytes are not a record.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split('\n');
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut field = |name: &str| lines.next()?.strip_prefix(name);
        let (number, longest_seconds) = (field(NUMBER)?.parse().ok()?, field(LONGEST)?.parse().ok()?);
        let latest_expiry = field(LATEST)?.parse().ok()?;
        let last = field(LAST).map(str::to_owned);
        let read = Self { number, longest_seconds, latest_expiry, last };
        // A record is valid only if writing it gives the same bytes again.
        (read.text().as_bytes() == bytes).then_some(read)
    }

    /// Writes the record.
    pub(super) fn text(&self) -> String {
        let Self { number, longest_seconds, latest_expiry, last } = self;
        let last = last.as_ref().map(|last| format!("{LAST}{last}\n")).unwrap_or_default();
        format!("{FIRST_LINE}\n{NUMBER}{number}\n{LONGEST}{longest_seconds}\n{LATEST}{latest_expiry}\n{last}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_written_record_is_read(
            [number, longest_seconds, latest_expiry] in any::<[u64; 3]>(),
            last in prop::option::of("[A-Za-z0-9._-]{1,20}"),
            cut in any::<prop::sample::Index>(),
        ) {
            let record = Record { number, longest_seconds, latest_expiry, last };
            let text = record.text();
            prop_assert_eq!(Record::parse(text.as_bytes()), Some(record));
            // A truncated record is refused, or has lost its last line as a whole.
            let cut = &text[..cut.index(text.len())];
            prop_assert!(Record::parse(cut.as_bytes()).is_none_or(|read| read.last.is_none()));
        }
    }

    #[test]
    fn a_record_of_others_knows_the_expiry_from_the_next_certificate_on() {
        let mut record =
            Record { longest_seconds: 9000, last: Some("K_1".to_owned()), ..Record::of_others(7) };
        assert_eq!(record.all_expired(10_000).at, 19_000);
        record.note_certificate(60, 10_000);
        // The end of the sixth hour is the first one after the certificates of before have expired.
        assert_eq!([0, 20_000].map(|now| record.all_expired(now).at), [21_600, 29_000]);
        assert!(record.text().ends_with(" version 1\nnumber 7\nlongest 9000\nlatest 21600\nlast K_1\n"));
    }

    #[test]
    fn only_a_record_that_knows_every_certificate_is_certain_of_their_expiry() {
        for (mut record, is_certain) in [(Record::NEW, true), (Record::of_others(0), false)] {
            record.note_certificate(60, 10_000);
            assert_eq!(record.all_expired(0).is_certain, is_certain);
        }
    }

    #[test]
    fn other_texts_are_no_records() {
        let text = Record::NEW.text();
        for text in [
            "",
            "\n",
            &text.replace('0', "x"),
            &text.replace(" 0", " +0"),
            &format!("{text}\n"),
            text.trim(),
            &text.replace(" 1", " 2"),
            &text.replace(" 1", " 01"),
        ] {
            assert_eq!(Record::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
