//! Filters that return something they must not return.

use super::*;

/// Applies `on_error` to the result of every call that contains the value 666.
fn returning(on_error: &str) -> Guest {
    Guest { on_error: on_error.to_owned(), ..Guest::bad("(global.set $error (i32.const 1))") }
}

#[track_caller]
fn refused(on_error: &str, message: &str) {
    only_the_culprit_fails(&returning(on_error), &Limits::default(), FaultKind::Output, message);
}

/// Gives the first accepted row `count` annotations, which are read from some address.
fn annotations(count: u32) -> String {
    format!("(i32.store (i32.const 32772) (i32.const 8192)) (i32.store (i32.const 32776) (i32.const {count}))")
}

#[test]
fn a_row_out_of_range() {
    refused("(i32.store (i32.const 32768) (i32.const 256))", "accepts row 256 of 1");
}

#[test]
fn a_row_twice() {
    let twice = "(local.set $count (i32.const 2)) (i64.store (i32.const 32768) (i64.const 0)) \
                 (i64.store (i32.const 32776) (i64.const 0)) (i64.store (i32.const 32784) (i64.const 0))";
    refused(twice, "accepts row 0 after row 0");
}

#[test]
fn rows_that_descend() {
    // Two alerts are to blame together. Alone, neither of them can be out of order, so both verdicts stand.
    let swap = "(if (i32.gt_u (local.get $count) (i32.const 1)) (then
        (i32.store (i32.const 32768) (i32.const 1)) (i32.store (i32.const 32780) (i32.const 0))))";
    let mut filter = returning(swap).start();
    let evaluation = filter.evaluate(256, &[&batch(&[(76, 666.0), (77, 666.0)])]);
    assert_eq!((evaluation.accepted.len(), evaluation.faults.len()), (256, 0));
    assert!(evaluation.calls > 1);
}

#[test]
fn too_many_annotations() {
    refused(&annotations(17), "row 0 has 17 annotations; the limit is 16");
}

#[test]
fn as_many_annotations_as_allowed() {
    let mut filter = returning(&annotations(16)).start();
    let evaluation = filter.evaluate(256, &[&batch(&[(0, 666.0)])]);
    assert_eq!((evaluation.faults.len(), evaluation.accepted[0].annotations.len()), (0, 16));
}

#[test]
fn annotations_arrive() {
    let mut guest = returning(&annotations(1));
    guest.items = r#"(data (i32.const 8192) "\00\05\00\00\04\00\00\00\00\08\00\00\01\00\00\00")"#.to_owned();
    let evaluation = guest.start().evaluate(1, &[&doubles(&[666.0])]);
    let annotation = Annotation { name: "test".to_owned(), value: "a".to_owned() };
    assert_eq!(evaluation.accepted, [Accepted { row: 0, annotations: vec![annotation] }]);
}

#[test]
fn annotations_that_are_too_long() {
    let long = format!("{} (i32.store (i32.const 8196) (i32.const 4097))", annotations(1));
    refused(&long, "the annotations of row 0 have 4097 bytes; the limit is 4096");
}

#[test]
fn a_result_that_multiplies_itself() {
    // A thousand rows have the same 65,536 annotations, which all have the same 60 kB of text: 4 TB if they were read.
    let mut guest = returning(
        "(local.set $count (i32.const 1000))
         (loop $l
           (i32.store offset=32772 (i32.mul (local.get $i) (i32.const 12)) (i32.const 65536))
           (i32.store offset=32776 (i32.mul (local.get $i) (i32.const 12)) (i32.const 65536))
           (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
         (local.set $i (i32.const 0))
         (loop $l
           (i64.store offset=65536 (i32.mul (local.get $i) (i32.const 16)) (i64.const 0xea6000124f80))
           (i64.store offset=65544 (i32.mul (local.get $i) (i32.const 16)) (i64.const 0))
           (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 65536))))",
    );
    guest.memory = "20".to_owned();
    only_the_culprit_fails(&guest, &Limits::default(), FaultKind::Output, "too much data");
}

#[test]
fn text_that_is_not_utf8() {
    let bad = format!(
        "{} (i64.store (i32.const 8192) (i64.const 0x100000c00)) (i32.store8 (i32.const 3072) (i32.const 255))",
        annotations(1)
    );
    refused(&bad, "invalid utf-8");
}

#[test]
fn pointers_out_of_memory() {
    refused("(return (i32.const -12))", "out of bounds");
    refused("(return (i32.const 16385))", "not aligned");
    refused("(local.set $count (i32.const -1))", "out of bounds");
    refused("(i32.store8 (i32.const 20000) (i32.const 7)) (return (i32.const 20000))", "invalid");
    let text = "(i32.store8 (i32.const 20000) (i32.const 1)) (i64.store (i32.const 20004) (i64.const -1)) \
                (return (i32.const 20000))";
    refused(text, "out of bounds");
}

#[test]
fn an_error_of_any_length() {
    let limits = Limits::default();
    let fault = |length: u32| {
        let guest = returning(&format!("(return (call $fail (i32.const 65536) (i32.const {length})))"));
        Guest { memory: "300".to_owned(), ..guest }.start_with(&limits).evaluate(1, &[&doubles(&[666.0])]).faults
    };
    assert_eq!((fault(60_000)[0].kind, fault(60_000)[0].message.len()), (FaultKind::Error, limits.log_bytes));
    assert_eq!(fault(18_000_000)[0].kind, FaultKind::Output);
}

/// A batch in which row 77 has a thousand values, so that `cabi_realloc` can recognise it.
#[track_caller]
fn reallocating(nonsense: &str, kind: FaultKind, message: &str) {
    let guest = Guest {
        realloc: REALLOC.replace(
            "(local $at i32)",
            &format!("(local $at i32) (if (i32.gt_u (local.get $size) (i32.const 7000)) (then {nonsense}))"),
        ),
        ..Guest::judging("(i32.const 1)")
    };
    let mut column = Column::new(Kind::Double, true);
    column.ends = (0..256u32).flat_map(|row| if row < 77 { 0 } else { 1000u32 }.to_le_bytes()).collect();
    column.values = vec![0; 8000];
    let mut filter = guest.start();
    for _ in 0..2 {
        let evaluation = filter.evaluate(256, &[&column]);
        assert_eq!(faults(&evaluation), [(77, kind)], "{:?}", evaluation.faults);
        assert_eq!(evaluation.accepted.len(), 255);
        let fault = &evaluation.faults[0];
        assert!(fault.message.contains(message), "{}", fault.message);
    }
}

#[test]
fn a_realloc_out_of_bounds() {
    reallocating("(return (i32.const -8))", FaultKind::Trap, "beyond end of memory");
}

#[test]
fn a_realloc_right_before_the_end() {
    reallocating("(return (i32.const 131000))", FaultKind::Trap, "beyond end of memory");
}

#[test]
fn a_realloc_that_traps() {
    reallocating("(unreachable)", FaultKind::Trap, "unreachable");
}

#[test]
fn a_realloc_without_end() {
    reallocating("(loop $l (br $l))", FaultKind::Fuel, "fuel");
}

#[test]
fn a_realloc_that_is_not_aligned() {
    let realloc = REALLOC.replace("(local.get $at))", "(i32.or (local.get $at) (i32.const 1)))");
    let mut filter = Guest { realloc, ..Guest::judging("(i32.const 1)") }.start();
    let evaluation = filter.evaluate(3, &[&doubles(&[0.0; 3])]);
    assert_eq!(faults(&evaluation), [0, 1, 2].map(|row| (row, FaultKind::Trap)));
    assert!(evaluation.faults[0].message.contains("not aligned"), "{:?}", evaluation.faults[0]);
}

#[test]
fn a_realloc_that_gives_null() {
    // Null is an address like any other: the filter's own memory is overwritten, but nobody else's.
    let realloc = REALLOC.replace("(local.get $at))", "(i32.const 0))");
    let mut filter = Guest { realloc, ..Guest::judging("(i32.const 1)") }.start();
    let evaluation = filter.evaluate(3, &[&doubles(&[0.0; 3])]);
    assert_eq!(evaluation.accepted.len() + evaluation.faults.len(), 3);
}

#[test]
fn a_post_return_that_traps() {
    let text = returning("").text().replace(
        r#"(func (export "reset") (param i32) (global.set $heap (i32.const 65536)))"#,
        r#"(func (export "reset") (param i32) (unreachable))"#,
    );
    let module = engine().load(&binary(&text), &Limits::default()).unwrap();
    let mut filter = Filter::start(&module, "", &Limits::default()).unwrap();
    assert_eq!(faults(&filter.evaluate(2, &[&doubles(&[1.0; 2])])), [(0, FaultKind::Trap), (1, FaultKind::Trap)]);
}
