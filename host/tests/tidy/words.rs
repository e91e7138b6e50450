//! Words that must not occur in a source.

use super::tokens::tokens;

/// Files that may use `unsafe`, each for a reason given in the file.
const UNSAFE: [&str; 4] = [
    "host/src/heap.rs",
    "host/sandbox/src/compile/confine.rs",
    "host/sandbox/src/compile/sealed.rs",
    "host/sandbox/src/priority.rs",
];

/// Returns what is wrong with a source.
pub fn check(path: &str, source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let mut wrong = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let neighbour =
            |offset: isize| at.checked_add_signed(offset).and_then(|at| tokens.get(at)).map(|token| token.text);
        let advice = match token.text {
            "todo" | "unimplemented" if neighbour(1) == Some("!") => "write what is missing",
            "dbg" if neighbour(1) == Some("!") => "remove it, or use `tracing`",
            "ignore" if (neighbour(-1), neighbour(-2)) == (Some("["), Some("#")) => "let the test run, or remove it",
            "unsafe" if !UNSAFE.contains(&path) => "do without, or add the file to UNSAFE in host/tests/tidy/words.rs",
            _ => continue,
        };
        wrong.push(format!("{path}:{}: `{}`: {advice}", token.line, token.text));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn forbidden_words_are_found() {
        let wrong = |source: &str| check("a.rs", source);
        assert_eq!(wrong("\nfn a() { todo!() }"), ["a.rs:2: `todo`: write what is missing"]);
        assert_eq!(wrong("unimplemented!(); dbg!(1)").len(), 2);
        assert_eq!(wrong("#[ignore]").len(), 1);
        assert_eq!(wrong("#[ignore = \"slow\"]").len(), 1);
        assert_eq!(wrong("unsafe { a() }").len(), 1);
    }

    #[test]
    fn other_words_are_not() {
        for source in ["// todo!()", "let todo = \"unsafe\";", "#![allow(unsafe_code)]", "a.ignore()", "r\"#[ignore]\""]
        {
            assert!(check("a.rs", source).is_empty(), "{source}");
        }
    }
}
