//! What is passed between host and filter when nothing goes wrong.

use super::*;

#[test]
fn verdicts_follow_the_column() {
    let mut filter = Guest::judging("(f64.lt (local.get $value) (f64.const 18))").start();
    let column = doubles(&[17.5, 18.0, 30.0, -1.0, f64::NAN]);
    let evaluation = filter.evaluate(5, &[&column]);
    assert_eq!(accepted_rows(&evaluation), [0, 3]);
    assert_eq!((evaluation.calls, evaluation.faults, evaluation.logs), (1, vec![], vec![]));
    assert!(evaluation.fuel > 0);
}

#[test]
fn manifest_is_what_describe_says() {
    let filter = Guest::default().start();
    let field = skysieve_avro::alert::Field { paths: vec!["a".to_owned()], kind: Kind::Double, optional: false };
    assert_eq!(
        filter.manifest(),
        &Manifest { description: "test".to_owned(), fields: vec![field], parameters: Vec::new() }
    );
    assert_eq!(filter.sha256().len(), 64);
    assert_eq!(filter.memory_peak(), 2 << 16);
}

#[test]
fn every_buffer_of_a_column_arrives() {
    // Accepts the row if the kind and the lengths of the four buffers add up to those of the column below.
    let guest = Guest::evaluating(
        r#"(func (export "evaluate") (param i32) (param $c i32) (param i32) (result i32)
             (i32.store (i32.const 32768) (i32.const 0))
             (call $accept (i32.eq (i32.const 23)
               (i32.add (i32.load8_u (local.get $c))
                 (i32.add (i32.add (i32.load offset=8 (local.get $c)) (i32.load offset=16 (local.get $c)))
                          (i32.add (i32.load offset=24 (local.get $c)) (i32.load offset=32 (local.get $c))))))))"#,
    );
    let mut column = Column::new(Kind::Text, true);
    column.values = b"abc".to_vec();
    column.offsets = [1u32, 3].iter().flat_map(|end| end.to_le_bytes()).collect();
    column.present = vec![1, 1];
    column.ends = 2u32.to_le_bytes().to_vec();
    let evaluation = guest.start().evaluate(1, &[&column]);
    assert_eq!((accepted_rows(&evaluation), evaluation.faults), (vec![0], vec![]));
}

#[test]
fn no_alerts_is_no_call() {
    let evaluation = Guest::judging("(unreachable)").start().evaluate(0, &[&doubles(&[])]);
    assert_eq!(evaluation, Evaluation::default());
}

#[test]
fn the_fuel_of_calls_is_added_up() {
    let mut filter = Guest::judging(COST).start();
    let values = [10.0, 1000.0, 100.0];
    let fuel = values.map(|value| filter.evaluate(1, &[&doubles(&[value])]).fuel);
    assert!(fuel[0] < fuel[2] && fuel[2] < fuel[1], "{fuel:?}");
    let evaluation = filter.evaluate_by(1, 3, &[&doubles(&values)]);
    assert_eq!((evaluation.calls, evaluation.fuel), (3, fuel.iter().sum::<u64>()));
}

/// Counts up to the alert's value, then accepts it.
const COST: &str =
    "(loop $l (br_if $l (f64.lt (f64.convert_i32_u (local.tee $i (i32.add (local.get $i) (i32.const 1))))
                      (local.get $value)))) (i32.const 1)";

#[test]
fn logs_arrive_up_to_a_bound() {
    let guest = Guest::judging("(call $log (i32.const 2) (i32.const 1280) (i32.const 4)) (i32.const 1)");
    let mut filter = guest.start_with(&Limits { logs: 3, log_bytes: 2, ..Limits::default() });
    let evaluation = filter.evaluate(10, &[&doubles(&[1.0; 10])]);
    let log = |message: &str| Log { level: Level::Warn, message: message.to_owned() };
    assert_eq!(evaluation.logs, [log("te"), log("te"), log("te"), log("7 more messages dropped")]);
    assert_eq!(evaluation.accepted.len(), 10);
}

#[test]
fn a_log_that_is_not_utf8_is_no_fault() {
    let mut guest = Guest::judging("(call $log (i32.const 0) (i32.const 3000) (i32.const 2)) (i32.const 1)");
    guest.items = r#"(data (i32.const 3000) "\ff\fe")"#.to_owned();
    let evaluation = guest.start().evaluate(1, &[&doubles(&[1.0])]);
    assert_eq!(accepted_rows(&evaluation), [0]);
    assert_eq!(evaluation.logs[0].message, "(a message that is not UTF-8)");
}

#[test]
fn logs_of_the_start_come_with_the_first_batch() {
    let describe = r#"(func (export "describe") (param i32 i32) (result i32)
        (call $log (i32.const 1) (i32.const 1280) (i32.const 4)) (i32.const 1024))"#;
    let mut filter = Guest { describe: describe.to_owned(), ..Guest::default() }.start();
    let column = doubles(&[1.0]);
    assert_eq!(filter.evaluate(1, &[&column]).logs[0].message, "test");
    assert_eq!(filter.evaluate(1, &[&column]).logs, []);
}

#[test]
fn a_level_that_does_not_exist_is_a_fault_of_the_alert() {
    let evaluation = Guest::judging("(call $log (i32.const 9) (i32.const 0) (i32.const 0)) (i32.const 1)")
        .start()
        .evaluate(1, &[&doubles(&[1.0])]);
    assert_eq!(faults(&evaluation), [(0, FaultKind::Output)]);
}

#[test]
fn runs_on_any_thread() {
    let filter = Guest::judging("(i32.const 1)").start();
    let run = |mut filter: Filter| filter.evaluate(1, &[&doubles(&[1.0])]).accepted.len();
    let mut on_plain = Guest::judging("(i32.const 1)").start();
    assert_eq!(spawn("filters", move || run(filter)).unwrap().join().unwrap(), 1);
    assert_eq!(
        std::thread::scope(|scope| scope.spawn(|| on_plain.evaluate(1, &[&doubles(&[1.0])]).calls).join().unwrap()),
        1
    );
}
