//! Text from filters, kept short.

use std::fmt::{self, Write};

/// The text up to `limit` bytes, cut between characters.
pub fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Bytes that are kept of what a tool says.
const TOLD: usize = 500;

/// What a tool says of a module, in one line and cut: some tools print whole structures.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    cut(&words.join(" "), TOLD).to_owned()
}

/// Shows a value in at most `limit` bytes; what would follow is never made.
pub fn show(value: impl fmt::Display, limit: usize) -> String {
    let mut out = Bounded { text: String::new(), limit };
    let _ = write!(out, "{value}");
    out.text
}

/// A string that takes no more than so many bytes.
pub struct Bounded {
    pub text: String,
    pub limit: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let kept = cut(more, self.limit - self.text.len());
        self.text.push_str(kept);
        if kept.len() == more.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
