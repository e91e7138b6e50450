//! Modules that are refused because they would take too long to compile.

use super::*;

/// The default guest, with another core module.
fn module(items: &str) -> Vec<u8> {
    Guest { component: format!("(core module {items})"), ..Guest::default() }.bytes()
}

/// Checks that a module with `count` repetitions is refused for this reason, and that one with half of them passes.
#[track_caller]
fn check(items: impl Fn(usize) -> String, count: usize, reason: &str) {
    let said = inspect(&module(&items(count)), &Limits::default()).unwrap_err().to_string();
    assert!(said.contains(reason), "{said}");
    inspect(&module(&items(count / 2)), &Limits::default()).unwrap_or_else(|error| panic!("half of it: {error}"));
}

/// A function with a parameter, whose body repeats a part.
fn repeated(part: &'static str) -> impl Fn(usize) -> String {
    move |count| format!("(func (param i32) {})", part.repeat(count))
}

#[test]
fn blocks_and_branches() {
    let reason = "has 20002 blocks and branches; the limit is 20000: compile with optimisation";
    check(repeated("(block (br_if 0 (local.get 0)))"), 10_001, reason);
    check(repeated("(if (local.get 0) (then) (else))"), 10_001, reason);
    check(repeated("(block (br 0))"), 10_001, reason);
    check(repeated("(block (br_table 0 (local.get 0)))"), 10_001, reason);
}

#[test]
fn loops() {
    check(repeated("(loop)"), 2_001, "has 2001 loops; the limit is 2000");
    let nested = |depth: usize| format!("(func {}{})", "(loop ".repeat(depth), ")".repeat(depth));
    check(nested, 101, "has 101 loops nested in loops; the limit is 100");
    // Loops behind one another are not nested.
    inspect(&module(&repeated("(loop)")(200)), &Limits::default()).unwrap();
}

#[test]
fn nested_blocks() {
    let nested = |depth: usize| format!("(func {}{})", "(block ".repeat(depth), ")".repeat(depth));
    check(nested, 5_001, "has 5001 blocks nested in blocks; the limit is 5000");
}

#[test]
fn targets_of_branches() {
    let table = |count: usize| {
        let half = "0 ".repeat(count / 2);
        format!("(func (param i32) (block (br_table {half} (local.get 0))) (block (br_table {half} (local.get 0))))")
    };
    check(table, 100_002, "targets of branches; the limit is 100000");
}

#[test]
fn locals() {
    let many = |count: usize| format!("(func (local {}))", "i32 ".repeat(count));
    check(many, 10_001, "has 10001 locals; the limit is 10000");
    let product = |count: usize| {
        format!(
            "(func (param i32) (local {}) {})",
            "i32 ".repeat(count),
            "(block (br_if 0 (local.get 0)))".repeat(1000)
        )
    };
    check(product, 2_001, "has 4002000 locals multiplied by blocks and branches; the limit is 4000000");
}

#[test]
fn values_that_are_carried() {
    let reason = "values carried by blocks, branches and calls; the limit is 100000";
    let values = "i32 ".repeat(100);
    let typed = |part: &str, count: usize| {
        format!(
            "(type $many (func (param {values}) (result {values}))) (table 1 funcref) \
             (func $f (param {values}) (result {values}) unreachable) \
             (func (param i32) {} {} {})",
            "(local.get 0)".repeat(100),
            part.repeat(count),
            "drop ".repeat(100)
        )
    };
    check(|count| typed("(block (type $many))", count), 501, reason);
    check(|count| typed("(call $f)", count), 501, reason);
    check(|count| typed("(call_indirect (type $many) (i32.const 0))", count), 501, reason);
    check(|count| typed("(block (type $many) (br_if 0 (local.get 0)))", count), 334, reason);
    let table = format!("(block (type $many) (br_table {} (local.get 0)))", "0 ".repeat(199));
    check(|count| typed(&table, count), 5, reason);
}

#[test]
fn items_of_a_module() {
    check(|count| "(type (func))".repeat(count), 20_001, "types or more");
    check(|count| "(global i32 (i32.const 0))".repeat(count), 20_001, "globals or more");
    check(|count| "(data \"\")".repeat(count), 50_001, "segments or more");
    check(|count| "(elem func)".repeat(count), 50_001, "segments or more");
    let exports = |count: usize| -> String {
        let export = |number| format!("(export \"{number}\" (func 0))");
        "(func)".to_owned() + &(0..count).map(export).collect::<String>()
    };
    check(exports, 100_001, "imports, exports and aliases or more");
}

#[test]
fn what_is_counted_is_that_of_one_module() {
    // The type with the same index has no parameters in the second module.
    let values = "i32 ".repeat(1000);
    let first = format!("(type (func (param {values}))) (func (type 0) (param {values}))");
    let second = format!("(func $f) (func {})", "(call $f)".repeat(1000));
    let component = format!("(core module {first}) (core module {second})");
    inspect(&Guest { component, ..Guest::default() }.bytes(), &Limits::default()).unwrap();
}
