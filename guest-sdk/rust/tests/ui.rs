//! What an author is told who uses the macros wrongly.

#[test]
fn wrong_use_says_what_to_write() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
