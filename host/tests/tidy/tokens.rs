//! Splits Rust sources into words and signs, without comments and literals.

/// A word (identifier, keyword, number) or a sign (`::` or one character).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The text as it is written.
    pub text: &'a str,
    /// Its line, counted from 1.
    pub line: usize,
}

/// The tokens of a source.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| {
            let length = if is_word(first) { word(rest) } else { sign(rest, first) };
            tokens.push(Token { text: &rest[..length], line });
            length
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of the space, comment or literal that the source begins with.
fn skipped(source: &str) -> Option<usize> {
    let first = source.chars().next()?;
    if first.is_whitespace() {
        Some(first.len_utf8())
    } else if source.starts_with("//") {
        Some(source.find('\n').unwrap_or(source.len()))
    } else if source.starts_with("/*") {
        Some(block_comment(source))
    } else if first == '\'' {
        Some(character(source))
    } else {
        text(source)
    }
}

/// Block comments may contain others.
fn block_comment(source: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while let Some(found) = source[at..].find(['/', '*']) {
        at += found;
        let step = match &source.as_bytes()[at..] {
            [b'/', b'*', ..] => 1,
            [b'*', b'/', ..] => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
        if step == -1 && depth == 0 {
            return at;
        }
    }
    source.len()
}

/// A character (`'a'`, `'\''`), or the sign and the name of a lifetime.
fn character(source: &str) -> usize {
    let inner = &source[1..];
    match inner.chars().next() {
        Some('\\') => {
            let escaped = inner.chars().nth(1).map_or(0, char::len_utf8);
            let after = 2 + escaped;
            source.get(after..).and_then(|rest| rest.find('\'')).map_or(source.len(), |end| after + end + 1)
        }
        Some(inside) if inner[inside.len_utf8()..].starts_with('\'') => inside.len_utf8() + 2,
        _ => 1 + word(inner),
    }
}

/// A string: `"…"` or `r#"…"#`, possibly with `b` or `c` before it.
fn text(source: &str) -> Option<usize> {
    let prefix = source.find(|letter| !matches!(letter, 'b' | 'c' | 'r')).filter(|length| *length <= 2)?;
    let raw = source[..prefix].contains('r');
    let hashes = source[prefix..].find(|letter| letter != '#')?;
    let body = prefix + hashes + 1;
    if !source[prefix + hashes..].starts_with('"') || (hashes > 0 && !raw) {
        return None;
    }
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(source[body..].find(&end).map_or(source.len(), |found| body + found + end.len()));
    }
    let mut escaped = false;
    let end = source[body..].find(|letter| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    });
    Some(end.map_or(source.len(), |end| body + end + 1))
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn word(source: &str) -> usize {
    source.find(|letter| !is_word(letter)).unwrap_or(source.len())
}

fn sign(source: &str, first: char) -> usize {
    if source.starts_with("::") { 2 } else { first.len_utf8() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let found: Vec<&str> = tokens(source).iter().map(|token| token.text).collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn comments_and_literals_are_left_out() {
        check("a // b\nc /* d /* e */ f */ g", "a c g");
        check(r#"a("b \" c", 'd', '\'', '\u{7f}', b'e') f"#, "a ( , , , , b ) f");
        check(r##"a r#"b " c"# d br"e" f "#g"##, "a d f");
        check("fn a<'b>(c: &'static str) -> d::E", "fn a < > ( c : & str ) - > d :: E");
        check("'a: loop { break 'a }", ": loop { break }");
        check("crate_b bcr b2", "crate_b bcr b2");
    }

    #[test]
    fn what_does_not_end_ends_with_the_file() {
        for source in ["a \"b", "a r#\"b\"", "a /* b", "a '\\", "a '"] {
            assert_eq!(tokens(source).len(), 1, "{source}");
        }
    }

    #[test]
    fn lines_are_counted_through_what_is_left_out() {
        let found = tokens("a\n/* \n */ \"\n\" b\nc");
        assert_eq!(found.iter().map(|token| token.line).collect::<Vec<_>>(), [1, 4, 5]);
    }
}
