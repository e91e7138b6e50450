//! Which files import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Token, tokens};

/// A module: its crate's folder, and its names from the root on.
type Module<'a> = (&'a str, Vec<&'a str>);

/// The circles among these sources. A file and those in its folder are one thing: imports between them draw no arrow.
pub fn check(sources: &[(String, String)]) -> Vec<String> {
    let modules: BTreeMap<Module<'_>, &str> =
        sources.iter().filter_map(|(path, _)| Some((module(path)?, path.as_str()))).collect();
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, source) in sources {
        let Some(from) = module(path) else { continue };
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for used in paths(&tokens(source)) {
            let to = target(&modules, &from, &used).filter(|to| !related(&from.1, &to.1));
            arrows.entry(path).or_default().extend(to.map(|to| modules[to]));
        }
    }
    let mut circles: BTreeSet<Vec<&str>> = BTreeSet::new();
    for from in arrows.keys() {
        let reached = reach(&arrows, from);
        if reached.contains(from) {
            circles.insert(reached.into_iter().filter(|other| reach(&arrows, other).contains(from)).collect());
        }
    }
    circles
        .iter()
        .map(|circle| format!("these import each other in a circle, move what they share: {}", circle.join(", ")))
        .collect()
}

/// The module that a file holds. Tests are none.
fn module(path: &str) -> Option<Module<'_>> {
    let (folder, file) = path.split_once("/src/")?;
    let file = file.strip_suffix(".rs")?;
    let names: Vec<&str> = file.split('/').filter(|name| !matches!(*name, "lib" | "main")).collect();
    (!names.contains(&"tests")).then_some((folder, names))
}

/// Whether one is the other, or lies in its folder.
fn related(one: &[&str], other: &[&str]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The files that can be reached by arrows.
fn reach<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = arrows.get(from).into_iter().flatten().copied().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(arrows.get(next).into_iter().flatten());
        }
    }
    reached
}

/// The module of this crate that a path leads into: the longest that has a file.
fn target<'m, 'a>(
    modules: &'m BTreeMap<Module<'a>, &'a str>,
    from: &Module<'a>,
    path: &[&'a str],
) -> Option<&'m Module<'a>> {
    let supers = path.iter().take_while(|name| **name == "super").count();
    let mut names = match path[0] {
        "crate" => Vec::new(),
        _ => from.1[..from.1.len().checked_sub(supers)?].to_vec(),
    };
    names.extend(&path[supers.max(1)..]);
    (1..=names.len()).rev().find_map(|length| {
        let (module, _) = modules.get_key_value(&(from.0, names[..length].to_vec()))?;
        Some(module)
    })
}

/// All paths that begin with `crate` or `super`, each group spread out.
fn paths<'a>(tokens: &[Token<'a>]) -> Vec<Vec<&'a str>> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let begins = matches!(tokens[at].text, "crate" | "super");
        if begins && (at == 0 || tokens[at - 1].text != "::") {
            spread(tokens, at, Vec::new(), &mut found);
        }
    }
    found
}

/// Adds the paths that begin at `at`, behind `before`; returns where they end.
fn spread<'a>(tokens: &[Token<'a>], mut at: usize, mut before: Vec<&'a str>, found: &mut Vec<Vec<&'a str>>) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    loop {
        if text(at) == "{" {
            at += 1;
            while !matches!(text(at), "}" | "") {
                at = spread(tokens, at, before.clone(), found);
                // A comma, or the name that something is given.
                while !matches!(text(at), "," | "}" | "") {
                    at += 1;
                }
                at += usize::from(text(at) == ",");
            }
            return at + 1;
        }
        before.push(text(at));
        at += 1;
        if text(at) != "::" || text(at + 1) == "<" {
            found.push(before);
            return at;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[track_caller]
    fn circles(sources: &[(&str, &str)], expected: usize) {
        let sources: Vec<_> = sources.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
        let found = check(&sources);
        assert_eq!(found.len(), expected, "{found:?}");
        assert!(found.iter().all(|circle| circle.contains("a/src/x/one.rs, a/src/")), "{found:?}");
    }

    #[test]
    fn files_that_import_each_other_are_found() {
        let one = ("a/src/x/one.rs", "use std::{fmt, io};\nuse super::{two::{Two, three}, four as five};");
        circles(&[one, ("a/src/x/two.rs", "fn f() -> crate::x::one::One { todo() }")], 1);
        circles(&[one, ("a/src/x/four.rs", "use super::six;"), ("a/src/x/six.rs", "use crate::{a, x::one::One};")], 1);
        circles(&[one, ("a/src/x/two.rs", "use super::super::y;"), ("a/src/y.rs", "use crate::x::one;")], 1);
    }

    #[test]
    fn what_is_no_circle_is_none() {
        let one = ("a/src/x/one.rs", "use super::two::Two;");
        circles(&[one, ("a/src/x/two.rs", "use super::three;"), ("b/src/x/two.rs", "use super::one;")], 0);
        // A file and its folder; its tests.
        circles(&[("a/src/x.rs", "use self::one; use crate::x::one::A;"), ("a/src/x/one.rs", "use super::X;")], 0);
        circles(&[one, ("a/src/x/two.rs", "#[cfg(test)]\nmod tests { use super::super::one; }")], 0);
        circles(&[one, ("a/src/x/two/tests.rs", "use super::super::one;"), ("a/src/x/two.rs", "")], 0);
    }
}
