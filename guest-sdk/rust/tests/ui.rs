//! The errors that authors get when they use the macros wrongly.

#[test]
fn wrong_use_says_what_to_write() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
