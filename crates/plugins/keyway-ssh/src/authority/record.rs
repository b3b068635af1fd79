//! The record beside a list. It shows whether the list was lost, or restored from an old copy.

/// The last known facts about a list, stored apart from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The number of the list, which increases with each change. It is written before the list, so the list may
    /// be one behind.
    pub(super) number: u64,
    /// The longest validity of an issued certificate, in seconds.
    pub(super) longest_seconds: u64,
    /// The key id that the change to `number` revokes. The list may still lack this change.
    pub(super) last: Option<String>,
}

const FIRST_LINE: &str = "keyway-ssh record of a revocation list, version 1";
const NUMBER: &str = "number ";
const LONGEST: &str = "longest ";
const LAST: &str = "last ";

impl Record {
    /// The record of a list under which no certificate was issued.
    pub(super) const NEW: Self = Self { number: 0, longest_seconds: 0, last: None };

    /// Makes the record for a list that has none: another program made the list, or the record was lost. The record
    /// assumes that certificates with the longest possible validity were issued.
    pub(super) const fn of_others(number: u64) -> Self {
        Self { number, longest_seconds: super::settings::LONGEST_MINUTES * 60, last: None }
    }

    /// Reads a record. Returns `None` if the bytes are not a record.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split('\n');
        lines.next().filter(|line| *line == FIRST_LINE)?;
        let mut field = |name: &str| lines.next()?.strip_prefix(name);
        let (number, longest_seconds) = (field(NUMBER)?.parse().ok()?, field(LONGEST)?.parse().ok()?);
        let last = field(LAST).map(str::to_owned);
        let read = Self { number, longest_seconds, last };
        // A record is valid only if writing it gives the same bytes again.
        (read.text().as_bytes() == bytes).then_some(read)
    }

    /// Writes the record.
    pub(super) fn text(&self) -> String {
        let Self { number, longest_seconds, last } = self;
        let last = last.as_ref().map(|last| format!("{LAST}{last}\n")).unwrap_or_default();
        format!("{FIRST_LINE}\n{NUMBER}{number}\n{LONGEST}{longest_seconds}\n{last}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_written_record_is_read(
            [number, longest_seconds] in any::<[u64; 2]>(),
            last in prop::option::of("[A-Za-z0-9._-]{1,20}"),
            cut in any::<prop::sample::Index>(),
        ) {
            let record = Record { number, longest_seconds, last };
            let text = record.text();
            prop_assert_eq!(Record::parse(text.as_bytes()), Some(record));
            // A truncated record is refused, or has lost its last line as a whole.
            let cut = &text[..cut.index(text.len())];
            prop_assert!(Record::parse(cut.as_bytes()).is_none_or(|read| read.last.is_none()));
        }
    }

    #[test]
    fn other_texts_are_no_records() {
        let text = Record::NEW.text();
        for text in
            ["", "\n", &text.replace('0', "x"), &text.replace(" 0", " +0"), &format!("{text}\n"), text.trim()]
        {
            assert_eq!(Record::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
