//! Writes reports as text: for people, for programs, for build servers.

mod json;
mod junit;
mod markdown;
mod table;

use crate::Report;

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A table for the terminal, with an explanation of each failure.
    #[default]
    Table,
    /// A JSON list of objects with the keys `plugin`, `kind`, `rule`, `level`, `verdict` and `detail`.
    Json,
    /// `JUnit` XML that gives the reason of each skip.
    Junit,
    /// A Markdown table for a web page.
    Markdown,
}

impl Format {
    /// Returns the format that is named `table`, `json`, `junit` or `markdown`, or `None` for any other name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "table" => Self::Table,
            "json" => Self::Json,
            "junit" => Self::Junit,
            "markdown" => Self::Markdown,
            _ => return None,
        })
    }
}

impl Report {
    /// Writes the report as text.
    pub fn format(&self, format: Format) -> String {
        match format {
            Format::Table => table::write(self),
            Format::Json => json::write(self),
            Format::Junit => junit::write(self),
            Format::Markdown => markdown::write(self),
        }
    }
}
