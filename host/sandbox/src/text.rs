//! Shortens text from filters.

use std::fmt::{self, Write};

/// Cuts the text to at most `limit` bytes, between characters.
pub fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// How many bytes are kept of a tool's message.
const TOLD: usize = 500;

/// Reduces a tool's message about a module to one line and cuts it, because some tools print whole structures.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    cut(&words.join(" "), TOLD).to_owned()
}

/// Formats a value to at most `limit` bytes; the rest is never produced.
pub fn show(value: impl fmt::Display, limit: usize) -> String {
    let mut out = Bounded { text: String::new(), limit };
    let _ = write!(out, "{value}");
    out.text
}

/// A string with a limited number of bytes.
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
