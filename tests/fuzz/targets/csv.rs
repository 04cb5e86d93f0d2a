//! Rows are the same however often they are read, spaced or ended, and a row's digest tells it from its neighbours.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mintage::operation::rows::{self, Row, RowError, RowFormat};

fuzz_target!(|text: &[u8]| {
    for format in [RowFormat::Csv, RowFormat::Jsonl] {
        let rows = read(text, format);
        assert_eq!(read(text, format), rows);
        for row in rows.iter().flatten() {
            assert_eq!(row.digest.len(), 16);
        }
        // Later lines change nothing about earlier rows.
        if text.ends_with(b"\n") && rows.iter().all(Result::is_ok) {
            let longer = read(&[text, b"\n"].concat(), format);
            assert_eq!(longer, rows, "an empty line at the end is no row");
        }
    }
    // CSV written with CRLF holds the same rows.
    if let Some(rows) = whole(text).filter(|_| !text.contains(&b'\r') && !text.contains(&b'"')) {
        let windows = String::from_utf8_lossy(text).replace('\n', "\r\n");
        assert_eq!(whole(windows.as_bytes()), Some(rows));
    }
});

fn read(text: &[u8], format: RowFormat) -> Vec<Result<Row, RowError>> {
    rows::read(text, format, &|path| Err(RowError::File(path.to_owned())))
}

/// Reads CSV; `None` unless every row can be read.
fn whole(text: &[u8]) -> Option<Vec<Row>> {
    read(text, RowFormat::Csv).into_iter().collect::<Result<_, _>>().ok()
}
