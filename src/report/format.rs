//! [`Format`]: the forms a report is asked for in.

use super::{Report, ReportError, csv, html, json, xlsx};

/// A form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The figures of each user as a table.
    Csv,
    /// A page for people.
    Html,
    /// Everything, for programs.
    Json,
    /// A spreadsheet of two sheets.
    Xlsx,
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Html, Self::Json, Self::Xlsx];

    /// Returns the name as it is asked for; files of this form end with it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Html => "html",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
        }
    }

    /// Finds the form of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Returns the media type under which it is sent.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

impl Report {
    /// Spells the report in a form.
    ///
    /// # Errors
    /// As [`xlsx::workbook`]; the other forms hold any report.
    pub fn spell(&self, format: Format) -> Result<Vec<u8>, ReportError> {
        match format {
            Format::Csv => Ok(csv::users(self)),
            Format::Html => Ok(html::page(self).into_bytes()),
            Format::Json => Ok(json::readable(self).into_bytes()),
            Format::Xlsx => xlsx::workbook(self),
        }
    }
}
