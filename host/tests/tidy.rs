//! Checks the sources, as text, against a few rules of this repository. Each message names the place, and says what to
//! do.

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/tokens.rs"]
mod tokens;
#[path = "tidy/words.rs"]
mod words;

use files::{committed, sources};

/// The largest number of lines in a file, and the number that half of the files must stay below.
const LONGEST: usize = 500;
const MEDIAN: usize = 200;

/// Fails if there are problems, and lists them all.
fn report(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn rooms_know_only_whom_they_may_know() {
    report(sources().iter().flat_map(|(path, text)| imports::check(path, text)).collect());
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    report(circles::check(&sources()));
}

#[test]
fn nothing_is_left_undone_and_nothing_is_unsafe() {
    report(sources().iter().flat_map(|(path, text)| words::check(path, text)).collect());
}

#[test]
fn files_are_short() {
    let lengths: Vec<(String, usize)> =
        sources().into_iter().map(|(path, text)| (path, text.lines().count())).collect();
    report(too_long(&lengths));
}

fn too_long(lengths: &[(String, usize)]) -> Vec<String> {
    let long = lengths.iter().filter(|(_, lines)| *lines > LONGEST);
    let mut wrong: Vec<String> = long
        .map(|(path, lines)| {
            format!("{path}:{LONGEST}: the file has {lines} lines, at most {LONGEST} may be: split it")
        })
        .collect();
    let mut sorted: Vec<usize> = lengths.iter().map(|(_, lines)| *lines).collect();
    sorted.sort_unstable();
    if let Some(median) = sorted.get(sorted.len() / 2).filter(|median| **median >= MEDIAN) {
        wrong.push(format!(
            "half of the files have {median} lines or more: split them, the median stays below {MEDIAN}"
        ));
    }
    wrong
}

#[test]
fn modules_stand_beside_their_folder() {
    let named = sources().into_iter().filter(|(path, _)| path.ends_with("/mod.rs"));
    report(named.map(|(path, _)| format!("{path}:1: move it to {}", path.replace("/mod.rs", ".rs"))).collect());
}

#[test]
fn no_module_is_committed() {
    let wasm = committed().into_iter().filter(|path| path.ends_with(".wasm"));
    report(wasm.map(|path| format!("{path}:1: built modules are not committed: git rm --cached {path}")).collect());
}

#[test]
fn long_files_are_found() {
    let lengths = |lines: &[usize]| lines.iter().map(|&lines| ("a.rs".to_string(), lines)).collect::<Vec<_>>();
    assert!(too_long(&lengths(&[])).is_empty());
    assert!(too_long(&lengths(&[10, 199, 500])).is_empty());
    assert_eq!(too_long(&lengths(&[10, 20, 501])).len(), 1);
    assert_eq!(too_long(&lengths(&[10, 200, 300])).len(), 1);
}
