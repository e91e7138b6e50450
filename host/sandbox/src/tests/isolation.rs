//! One of 256 alerts makes the filter fail. Only this alert fails: the verdicts on the others stand, and the next batch
//! works.

use super::*;

#[test]
fn a_trap() {
    let mut guest = Guest::bad("(call $_ZN6filter6divide17h0123456789abcdefE)");
    guest.items =
        "(func $_ZN6filter6divide17h0123456789abcdefE (drop (i32.div_u (i32.const 1) (i32.const 0))))".to_owned();
    let fault = only_the_culprit_fails(&guest, &Limits::default(), FaultKind::Trap, "integer divide by zero");
    let backtrace = fault.backtrace.unwrap();
    assert!(backtrace.contains("filter::divide\n") && backtrace.contains("judge"), "{backtrace}");
}

#[test]
fn an_endless_loop() {
    let fault =
        only_the_culprit_fails(&Guest::bad("(loop $l (br $l))"), &Limits::default(), FaultKind::Fuel, "10000000 fuel");
    assert!(fault.backtrace.is_some());
}

/// Fills 16 MB again and again.
const FILL: &str = "(loop $l (memory.fill (i32.const 65536) (i32.const 0) (i32.const 16000000)) (br $l))";

#[test]
fn a_bomb_of_memory_fills() {
    // Filling a byte costs as much fuel as an instruction.
    let guest = Guest { memory: "256".to_owned(), ..Guest::bad(FILL) };
    only_the_culprit_fails(&guest, &Limits::default(), FaultKind::Fuel, "10000000 fuel");
}

#[test]
fn a_deadline_missed() {
    let guest = Guest { memory: "256".to_owned(), ..Guest::bad(FILL) };
    let mut filter = guest.start_with(&impatient());
    let evaluation = filter.evaluate(256, &[&batch(&[(77, 666.0)])]);
    // On a busy machine, another alert may also miss such a short deadline.
    let fault = evaluation.faults.iter().find(|fault| fault.row == 77).unwrap();
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Deadline, "takes longer than 20 ms"));
    assert!(evaluation.accepted.len() > 200);
}

#[test]
fn growth_without_end() {
    let grow = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    only_the_culprit_fails(&Guest::bad(grow), &Limits::default(), FaultKind::Memory, "beyond 33554432 bytes");
}

#[test]
fn growth_of_a_table_without_end() {
    let grow =
        "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable)";
    let guest = Guest { items: "(table $t 1 funcref)".to_owned(), ..Guest::bad(grow) };
    only_the_culprit_fails(&guest, &Limits::default(), FaultKind::Memory, "unreachable");
}

#[test]
fn a_deep_recursion() {
    let mut guest = Guest::bad("(call $deep (i64.const 1))");
    guest.items = "(func $deep (param i64) (call $deep (i64.add (local.get 0) (i64.const 1))) (drop (i32.load8_u \
                   (i32.wrap_i64 (local.get 0)))))"
        .to_owned();
    let limits = Limits { fuel: 1_000_000_000, ..Limits::default() };
    let fault = only_the_culprit_fails(&guest, &limits, FaultKind::Trap, "call stack exhausted");
    assert_eq!(fault.backtrace.unwrap().lines().count(), 20);
}

#[test]
fn a_returned_error() {
    let guest = Guest::bad("(global.set $error (i32.const 1))");
    let fault = only_the_culprit_fails(&guest, &Limits::default(), FaultKind::Error, "test");
    assert_eq!((fault.message.as_str(), fault.backtrace), ("test", None));
}

#[test]
fn a_read_beyond_a_column() {
    let guest = Guest::bad("(drop (i64.load (i32.const -16)))");
    only_the_culprit_fails(&guest, &Limits::default(), FaultKind::Trap, "out of bounds memory access");
}

#[test]
fn more_values_than_memory() {
    // One alert has 40 MB of values.
    let mut column = Column::new(Kind::Double, true);
    let ends = (0..256u32).map(|row| if row < 77 { row } else { 5_000_000 + row });
    column.ends = ends.flat_map(|end| end.to_le_bytes()).collect();
    column.values = vec![0; 8 * (5_000_000 + 255)];
    let mut filter = Guest::judging("(i32.const 1)").start();
    let evaluation = filter.evaluate(256, &[&column]);
    assert_eq!(faults(&evaluation), [(77, FaultKind::Memory)]);
    assert_eq!(evaluation.accepted.len(), 255);
    assert!(filter.memory_peak() <= 32 << 20);
}

#[test]
fn last_words_are_in_the_message() {
    let guest = Guest::bad("(call $log (i32.const 3) (i32.const 1280) (i32.const 4)) (unreachable)");
    let message = "wasm `unreachable` instruction executed; its last words: test";
    only_the_culprit_fails(&guest, &Limits::default(), FaultKind::Trap, message);
}

#[test]
fn logs_of_calls_that_are_repeated_are_not() {
    let mut filter = Guest::bad("(call $log (i32.const 3) (i32.const 1280) (i32.const 4)) (unreachable)").start();
    assert_eq!(filter.evaluate(256, &[&batch(&[(77, 666.0)])]).logs.len(), 1);
}

#[test]
fn several_culprits() {
    let mut filter = Guest::bad("(unreachable)").start();
    let culprits = [0, 1, 100, 255];
    let evaluation = filter.evaluate(256, &[&batch(&culprits.map(|row| (row, 666.0)))]);
    assert_eq!(faults(&evaluation), culprits.map(|row| (row as u32, FaultKind::Trap)));
    assert_eq!(evaluation.accepted.len(), 252);
}

#[test]
fn nothing_is_remembered_of_a_failed_instance() {
    // An instance that has seen a 666 rejects the next alert; a new instance has not seen any.
    let guest = Guest {
        items: "(global $seen (mut i32) (i32.const 0))".to_owned(),
        ..Guest::judging(
            "(if (global.get $seen) (then (return (i32.const 0))))
             (if (f64.eq (local.get $value) (f64.const 666)) (then (global.set $seen (i32.const 1)) (unreachable)))
             (i32.const 1)",
        )
    };
    only_the_culprit_fails(&guest, &Limits::default(), FaultKind::Trap, "unreachable");
}

#[test]
fn every_call_overruns() {
    let guest = Guest { memory: "256".to_owned(), ..Guest::judging(&format!("{FILL} (i32.const 1)")) };
    let mut filter = guest.start_with(&impatient());
    let evaluation = filter.evaluate(256, &[&batch(&[])]);
    assert_eq!((evaluation.faults.len(), evaluation.calls), (256, 20));
    assert!(evaluation.faults[255].message.starts_with("not judged"), "{:?}", evaluation.faults[255]);
}

#[test]
fn a_filter_that_cannot_start_again_fails_on_all() {
    let engine = Engine::new(&PoolConfig { filters: 1, ..PoolConfig::default() }).unwrap();
    let module = engine.load(&Guest::bad("(unreachable)").bytes(), &Limits::default()).unwrap();
    let start = || Filter::start(&module, "", &Limits::default());
    let mut filter = start().unwrap();
    assert_eq!(filter.evaluate(1, &[&doubles(&[666.0])]).faults.len(), 1);
    // The filter's instance is gone, and other filters take up all the room.
    let others: Vec<Filter> = std::iter::from_fn(|| start().ok()).collect();
    let evaluation = filter.evaluate(256, &[&batch(&[])]);
    assert_eq!(evaluation.faults.len(), 256);
    let fault = &evaluation.faults[200];
    assert!(fault.message.starts_with("cannot start again after a fault: no room"), "{}", fault.message);
    drop(others);
    assert_eq!(filter.evaluate(256, &[&batch(&[])]).accepted.len(), 256);
}
