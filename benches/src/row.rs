//! A measured figure beside its target and its peer.

use std::fmt;

use serde_json::{Value, json};

use crate::measure::Compared;

/// The target of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The value is at most the given multiple of the peer's value.
    RatioAtMost(f64),
    /// The peer's value is at least the given multiple of Keyway's value.
    TimesFaster(f64),
    /// The value is at most this number, in the unit of the row.
    ValueAtMost(f64),
    /// The value is at least this number, in the unit of the row.
    ValueAtLeast(f64),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtMost(limit) => write!(f, "ratio <= {}", number(*limit)),
            Self::TimesFaster(times) => write!(f, "ratio <= 1/{}", number(*times)),
            Self::ValueAtMost(limit) => write!(f, "value <= {}", number(*limit)),
            Self::ValueAtLeast(limit) => write!(f, "value >= {}", number(*limit)),
        }
    }
}

/// A measured figure, with its target and its peer.
#[derive(Clone, Debug)]
pub struct Row {
    /// The area of the figure.
    pub area: &'static str,
    /// The measured operation, and its peer.
    pub name: String,
    /// Keyway's value, or `None` when it could not be measured; [`note`](Self::note) has the
    /// reason.
    pub value: Option<f64>,
    /// The unit of both values.
    pub unit: &'static str,
    /// The peer's value, measured in the same rounds.
    pub peer_value: Option<f64>,
    /// Keyway's value divided by the peer's, round by round, if both were measured together.
    pub measured_ratio: Option<f64>,
    /// The target; `None` for a figure that is only shown.
    pub target: Option<Target>,
    /// A note for the reader.
    pub note: Option<String>,
}

impl Row {
    /// Creates a figure without a peer.
    pub fn alone(area: &'static str, name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            area,
            name: name.into(),
            value: Some(value),
            unit,
            peer_value: None,
            measured_ratio: None,
            target: None,
            note: None,
        }
    }

    /// Creates the row of one operation's time against a peer's. The unit follows from the longer of the two times.
    pub fn compared(area: &'static str, name: impl Into<String>, compared: Compared) -> Self {
        let (unit, scale) = time_unit(compared.ours.max(compared.peer));
        Self::compared_in(area, name, compared, unit, scale)
    }

    /// Creates the row of one operation's value against a peer's, in a unit of `scale` nanoseconds.
    ///
    /// For quantities other than times, `scale` is 1.
    pub fn compared_in(
        area: &'static str,
        name: impl Into<String>,
        compared: Compared,
        unit: &'static str,
        scale: f64,
    ) -> Self {
        Self {
            peer_value: Some(compared.peer / scale),
            measured_ratio: Some(compared.ratio),
            ..Self::alone(area, name, compared.ours / scale, unit)
        }
    }

    /// Creates the row of a figure that could not be measured. Its target counts as not reached.
    pub fn unmeasured(
        area: &'static str,
        name: impl Into<String>,
        target: Target,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            value: None,
            target: Some(target),
            note: Some(format!("not measured: {}", reason.into())),
            ..Self::alone(area, name, 0.0, "")
        }
    }

    /// Sets the target.
    #[must_use]
    pub fn must(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Returns Keyway's value divided by the peer's, or `None` if one of the two is missing.
    pub fn ratio(&self) -> Option<f64> {
        self.measured_ratio.or(Some(self.value? / self.peer_value?))
    }

    /// Tells whether the target was reached. A figure without a target always passes.
    pub fn ok(&self) -> bool {
        let Some(target) = self.target else { return true };
        match target {
            Target::RatioAtMost(limit) => self.ratio().is_some_and(|ratio| ratio <= limit),
            Target::TimesFaster(times) => self.ratio().is_some_and(|ratio| ratio * times <= 1.0),
            Target::ValueAtMost(limit) => self.value.is_some_and(|value| value <= limit),
            Target::ValueAtLeast(limit) => self.value.is_some_and(|value| value >= limit),
        }
    }

    /// Returns the row as JSON for other programs: area, name, value, unit, `peer_value`, ratio, target, ok, and a note
    /// if there is one.
    pub fn to_json(&self) -> Value {
        let mut row = json!({
            "area": self.area,
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "peer_value": self.peer_value,
            "ratio": self.ratio(),
            "target": self.target.map(|target| target.to_string()),
            "ok": self.ok(),
        });
        if let Some(note) = &self.note {
            row["note"] = json!(note);
        }
        row
    }
}

/// Returns the rows as a table for people.
pub fn table(rows: &[Row]) -> String {
    let mut cells = vec![["", "AREA", "FIGURE", "OURS", "PEER", "RATIO", "TARGET"].map(str::to_owned)];
    for row in rows {
        let with_unit = |value: Option<f64>| match value {
            Some(value) => format!("{} {}", number(value), row.unit),
            None => "-".to_owned(),
        };
        cells.push([
            if row.target.is_none() {
                ""
            } else if row.ok() {
                "ok"
            } else {
                "SHORT"
            }
            .to_owned(),
            row.area.to_owned(),
            row.name.clone(),
            with_unit(row.value),
            with_unit(row.peer_value),
            row.ratio().map_or("-".to_owned(), ratio_text),
            row.target.map_or("-".to_owned(), |target| target.to_string()),
        ]);
    }
    let widths: [usize; 7] = std::array::from_fn(|column| {
        cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let mut text = String::new();
    for (index, row) in cells.iter().enumerate() {
        let line: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
        if let Some(note) = index.checked_sub(1).and_then(|index| rows[index].note.as_ref()) {
            let indent = " ".repeat(widths[0] + 2 + widths[1] + 2);
            text.extend([indent.as_str(), note.as_str(), "\n"]);
        }
    }
    text
}

fn ratio_text(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 0.01 { format!("1/{}", number(1.0 / ratio)) } else { number(ratio) }
}

/// Formats a number with about three significant digits, because the measurements are no more exact. A comma separates
/// the thousands.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 || (v - v.round()).abs() < 1e-9 => 0,
        v if v >= 10.0 => 1,
        v if v >= 0.1 => 2,
        _ => 5,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), ""), |(whole, rest)| (whole, rest));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

/// Returns a unit that makes a time readable, and the unit's length in nanoseconds.
fn time_unit(nanoseconds: f64) -> (&'static str, f64) {
    match nanoseconds {
        n if n < 1e4 => ("ns", 1.0),
        n if n < 1e7 => ("us", 1e3),
        n if n < 1e10 => ("ms", 1e6),
        _ => ("s", 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, Target, number, table};
    use crate::measure::Compared;

    fn row(ours: f64, peer: f64) -> Row {
        Row::compared("seal", "seal 64 B", Compared::of(&[ours], &[peer]))
    }

    #[test]
    fn a_ratio_is_held_against_its_target() {
        assert!(row(115.0, 100.0).must(Target::RatioAtMost(1.15)).ok());
        assert!(!row(116.0, 100.0).must(Target::RatioAtMost(1.15)).ok());
        assert!(row(1.0, 200.0).must(Target::TimesFaster(200.0)).ok());
        assert!(!row(1.0, 199.0).must(Target::TimesFaster(200.0)).ok());
    }

    #[test]
    fn a_value_is_held_against_its_target() {
        let crates = |count| Row::alone("footprint", "crates", count, "crates");
        assert!(crates(60.0).must(Target::ValueAtMost(60.0)).ok());
        assert!(!crates(61.0).must(Target::ValueAtMost(60.0)).ok());
        assert!(crates(61.0).must(Target::ValueAtLeast(61.0)).ok());
        assert!(!crates(60.0).must(Target::ValueAtLeast(61.0)).ok());
        assert!(crates(1e9).ok(), "only shown");
    }

    #[test]
    fn an_unmeasured_target_is_not_reached() {
        let row = Row::unmeasured("convection", "get", Target::TimesFaster(200.0), "python3 is missing");
        assert!(!row.ok());
        assert!(row.to_json()["value"].is_null());
        assert!(table(&[row]).contains("not measured: python3 is missing"));
    }

    #[test]
    fn no_number_is_no_success() {
        assert!(!row(f64::NAN, 1.0).must(Target::RatioAtMost(1.0)).ok());
        assert!(!row(f64::NAN, 1.0).must(Target::ValueAtLeast(1.0)).ok());
    }

    #[test]
    fn json_has_every_field() {
        let json = row(20_000.0, 40_000.0).must(Target::RatioAtMost(1.15)).to_json();
        assert_eq!(
            json,
            serde_json::json!({
                "area": "seal", "name": "seal 64 B", "value": 20.0, "unit": "us", "peer_value": 40.0,
                "ratio": 0.5, "target": "ratio <= 1.15", "ok": true,
            })
        );
    }

    #[test]
    fn the_table_is_aligned_and_marks_what_fell_short() {
        let rows = [
            row(2.0, 1.0).must(Target::RatioAtMost(1.15)),
            Row::alone("footprint", "crates", 1_234_567.0, "crates"),
        ];
        assert_eq!(
            table(&rows),
            "       AREA       FIGURE     OURS              PEER  RATIO  TARGET\n\
             SHORT  seal       seal 64 B  2 ns              1 ns  2      ratio <= 1.15\n\
             \u{20}      footprint  crates     1,234,567 crates  -     -      -\n"
        );
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.15, "1.15"),
            (53.27, "53.3"),
            (123.4, "123"),
            (-1234.5, "-1,234"),
            (10_000.0, "10,000"),
            (0.000_1, "0.00010"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
