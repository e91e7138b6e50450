//! A table with aligned columns, which is printed as rows arrive.

use std::borrow::Cow;
use std::fmt::Write;

/// The widest a column becomes. Longer values stick out.
const WIDEST: usize = 60;

/// A table whose rows are not known beforehand. A column grows when a longer value arrives.
pub struct Table {
    names: Vec<String>,
    widths: Vec<usize>,
    begun: bool,
}

impl Table {
    /// Makes a table with these columns.
    pub fn new(names: Vec<String>) -> Table {
        let widths = names.iter().map(|name| name.chars().count().min(WIDEST)).collect();
        Table { names, widths, begun: false }
    }

    /// Appends a row of JSON values, without a line break. The first row is preceded by the names of the columns.
    pub fn row(&mut self, values: &[Vec<u8>], out: &mut Vec<u8>) {
        let cells: Vec<String> = values.iter().map(|json| cell(json)).collect();
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.chars().count().min(WIDEST));
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.line(&self.names, values, out);
            out.push(b'\n');
        }
        self.line(&cells, values, out);
    }

    fn line(&self, cells: &[String], values: &[Vec<u8>], out: &mut Vec<u8>) {
        let mut line = String::new();
        for ((cell, width), json) in cells.iter().zip(&self.widths).zip(values) {
            let number = json.first().is_some_and(|first| matches!(first, b'-' | b'0'..=b'9'));
            // Writing to a string can't fail.
            let _ = if number { write!(line, "{cell:>width$}  ") } else { write!(line, "{cell:<width$}  ") };
        }
        out.extend_from_slice(line.trim_end().as_bytes());
    }
}

/// A JSON value as shown to people: text without quotes, with everything escaped that a terminal would obey.
fn cell(json: &[u8]) -> String {
    let text = match json.first() {
        Some(b'"') => serde_json::from_slice(json).map_or_else(|_| String::from_utf8_lossy(json), Cow::Owned),
        _ => String::from_utf8_lossy(json),
    };
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_widens_no_column() {
        let mut table = Table::new(vec!["x".repeat(70_000), "y".into()]);
        let mut out = Vec::new();
        table.row(&[format!("\"{}\"", "z".repeat(70_000)).into(), b"1".to_vec()], &mut out);
        assert!(out.ends_with(b"zz  1"));
        out.clear();
        table.row(&[b"null".to_vec(), b"1".to_vec()], &mut out);
        assert_eq!(out.len(), WIDEST + 3);
    }

    #[test]
    fn columns_line_up_and_hold_no_controls() {
        let mut table = Table::new(vec!["id".into(), "name".into(), "flux".into()]);
        let mut out = Vec::new();
        for row in [["12", "\"a\\u001b[2J\\u009b\"", "1.5"], ["3", "\"b\"", "null"], ["4", "[1,2]", "-20.25"]] {
            table.row(&row.map(|value| value.as_bytes().to_vec()), &mut out);
            out.push(b'\n');
        }
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        id  name              flux
        12  a\u{1b}[2J\u{9b}   1.5
         3  b                 null
         4  [1,2]             -20.25
        ");
    }
}
