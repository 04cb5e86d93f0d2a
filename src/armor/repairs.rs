//! [`Repair`]: what was mended, in words.

use std::fmt;

/// One thing that was mended; displays as words such as "joined 7 wrapped lines".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repair {
    /// Text before or after the armor was left out.
    Around,
    /// `| ` was removed from this many lines.
    Bars(usize),
    /// Blanks in, before or behind this many lines were removed.
    Blanks(usize),
    /// A byte order mark was removed.
    ByteOrderMark,
    /// The lines of the armor carried no checks, so none was verified.
    ChecksMissing,
    /// This many empty lines were removed.
    EmptyLines(usize),
    /// Quotation marks, backticks or brackets around the text were removed.
    Enclosure,
    /// HTML tags were removed, or entities decoded, in this many places.
    Html(usize),
    /// This many JSON escapes were decoded.
    JsonEscapes(usize),
    /// The text was spread over this many lines, which are not the sender's.
    Joined(usize),
    /// This many CRLF or CR became LF.
    LineEnds(usize),
    /// The armor had lost line ends.
    LostLineEnds,
    /// The BEGIN or END line was not as it was written.
    Markers,
    /// This many no-break spaces were removed.
    NoBreakSpaces(usize),
    /// Lost padding was restored from the length.
    Padding,
    /// Text before or after the token was left out.
    Prose,
    /// `=3D` and soft line breaks were decoded.
    QuotedPrintable,
    /// `> ` was removed from this many lines.
    Quotes(usize),
    /// This many bytes that are not UTF-8 were read as Windows-1252.
    Windows1252(usize),
    /// This many characters that nobody sees were removed.
    ZeroWidth(usize),
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |f: &mut fmt::Formatter<'_>, start: &str, count: usize, noun: &str| {
            write!(f, "{start} {count} {noun}{}", if count == 1 { "" } else { "s" })
        };
        match *self {
            Self::Around => f.write_str("removed text around the armor"),
            Self::Bars(lines) => counted(f, "removed `| ` quotes from", lines, "line"),
            Self::Blanks(lines) => counted(f, "removed blanks from", lines, "line"),
            Self::ByteOrderMark => f.write_str("removed a byte order mark"),
            Self::ChecksMissing => f.write_str("the line checks were missing"),
            Self::EmptyLines(lines) => counted(f, "removed", lines, "empty line"),
            Self::Enclosure => f.write_str("removed quotation marks or brackets around the text"),
            Self::Html(places) => counted(f, "removed HTML in", places, "place"),
            Self::JsonEscapes(count) => counted(f, "decoded", count, "JSON escape"),
            Self::Joined(lines) => counted(f, "joined", lines, "wrapped line"),
            Self::LineEnds(count) => counted(f, "changed", count, "CRLF or CR line end"),
            Self::LostLineEnds => f.write_str("restored lost line ends"),
            Self::Markers => f.write_str("restored the BEGIN and END lines"),
            Self::NoBreakSpaces(count) => counted(f, "removed", count, "no-break space"),
            Self::Padding => f.write_str("restored lost `=` padding"),
            Self::Prose => f.write_str("removed text around the token"),
            Self::QuotedPrintable => f.write_str("decoded quoted-printable"),
            Self::Quotes(lines) => counted(f, "removed `> ` quotes from", lines, "line"),
            Self::Windows1252(count) => {
                counted(f, "read", count, "byte")?;
                f.write_str(" as Windows-1252")
            }
            Self::ZeroWidth(count) => counted(f, "removed", count, "zero-width character"),
        }
    }
}

/// Counts what is mended while it happens.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) around: bool,
    pub(super) bars: usize,
    pub(super) blanks: usize,
    pub(super) byte_order_mark: bool,
    pub(super) checks_missing: bool,
    pub(super) empty_lines: usize,
    pub(super) enclosure: bool,
    pub(super) html: usize,
    pub(super) json_escapes: usize,
    pub(super) joined: usize,
    pub(super) line_ends: usize,
    pub(super) lost_line_ends: bool,
    pub(super) markers: bool,
    pub(super) no_break_spaces: usize,
    pub(super) padding: usize,
    pub(super) prose: bool,
    pub(super) quoted_printable: bool,
    pub(super) quotes: usize,
    pub(super) zero_width: usize,
}

impl Tally {
    /// Lists what was mended, in the order of the work.
    pub(super) fn into_repairs(self) -> Vec<Repair> {
        let some = |count: usize, repair: fn(usize) -> Repair| (count > 0).then(|| repair(count));
        let when = |is: bool, repair: Repair| is.then_some(repair);
        [
            when(self.byte_order_mark, Repair::ByteOrderMark),
            some(self.line_ends, Repair::LineEnds),
            some(self.zero_width, Repair::ZeroWidth),
            some(self.no_break_spaces, Repair::NoBreakSpaces),
            some(self.json_escapes, Repair::JsonEscapes),
            some(self.html, Repair::Html),
            some(self.quotes, Repair::Quotes),
            some(self.bars, Repair::Bars),
            when(self.quoted_printable, Repair::QuotedPrintable),
            some(self.empty_lines, Repair::EmptyLines),
            when(self.around, Repair::Around),
            when(self.prose, Repair::Prose),
            when(self.markers, Repair::Markers),
            some(self.blanks, Repair::Blanks),
            when(self.enclosure, Repair::Enclosure),
            when(self.lost_line_ends, Repair::LostLineEnds),
            some(self.joined, Repair::Joined),
            when(self.checks_missing, Repair::ChecksMissing),
            when(self.padding > 0, Repair::Padding),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
