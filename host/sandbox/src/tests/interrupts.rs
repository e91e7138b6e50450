//! Evaluations and starts that are ended before their time, by their slice or from another thread.

use std::time::Instant;

use super::*;
use nix::time::{ClockId, clock_gettime};

const SLICE: Duration = Duration::from_millis(20);

/// Limits within which a filter can spend hours.
fn generous() -> Limits {
    let hours = Duration::from_secs(36_000);
    Limits { fuel: u64::MAX, start_fuel: u64::MAX, deadline: hours, start_deadline: hours, ..Limits::default() }
}

fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// Runs a test on a thread on which filters run at full speed.
fn on_shard<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    spawn("shard", run).unwrap().join().unwrap()
}

/// A guest that does `body` again and again for each alert with the value 666.
fn looping(body: &str) -> Guest {
    let mut guest = Guest::bad(&format!("(loop $l {body} (br $l))"));
    guest.items = "(table $t 30000 funcref) (table $u 30000 funcref) (global $g (mut f64) (f64.const 2))".to_owned();
    Guest { memory: "256".to_owned(), ..guest }
}

/// Evaluates a batch with one culprit within a slice. It must be interrupted in time, twice, and judge a batch without
/// culprits in between.
#[track_caller]
fn is_interrupted(guest: Guest) {
    let (module, name) = (guest.load(), guest.evaluate);
    on_shard(move || {
        let mut filter = Filter::start(&module, "", &generous()).unwrap();
        for _ in 0..2 {
            let begun = cpu_time();
            let evaluation = filter.evaluate_within(Some(Slice::of(SLICE)), usize::MAX, 256, &[&batch(&[(77, 666.0)])]);
            let took = cpu_time() - begun;
            assert_eq!(evaluation.unwrap_err(), Interrupted::Slice, "{name}");
            assert!(took >= SLICE && took < 5 * SLICE, "{took:?}: {name}");
            let next = filter.evaluate_within(None, usize::MAX, 256, &[&batch(&[])]).unwrap();
            assert_eq!((next.accepted.len(), next.faults.len()), (256, 0), "{name}");
        }
    });
}

#[test]
fn endless_loops_end_with_their_slice() {
    let bodies = [
        "",
        "(global.set $g (f64.sqrt (f64.sqrt (f64.sqrt (f64.sqrt (global.get $g))))))",
        "(table.fill $t (i32.const 0) (ref.null func) (i32.const 30000))",
        "(table.copy $t $u (i32.const 0) (i32.const 0) (i32.const 30000))",
        "(memory.fill (i32.const 65536) (i32.const 0) (i32.const 13000000))",
        "(memory.copy (i32.const 65536) (i32.const 65600) (i32.const 13000000))",
        "(drop (memory.grow (i32.const 1)))",
        "(drop (table.grow $t (ref.null func) (i32.const 1000)))",
        "(call $log (i32.const 1) (i32.const 65536) (i32.const 4000000))",
    ];
    bodies.into_iter().for_each(|body| is_interrupted(looping(body)));
}

#[test]
fn a_trap_on_each_alert_with_a_slow_start_ends_with_the_slice() {
    // A start takes some milliseconds, and finding the culprits would take 511 of them.
    let mut guest = Guest::judging("(unreachable)");
    guest.describe = r#"(func (export "describe") (param i32 i32) (result i32) (local $i i32)
        (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if $l (i32.lt_u (local.get $i) (i32.const 5000000))))
        (i32.const 1024))"#
        .to_owned();
    let module = guest.load();
    on_shard(move || {
        let mut filter = Filter::start(&module, "", &generous()).unwrap();
        let begun = cpu_time();
        let evaluation = filter.evaluate_within(Some(Slice::of(SLICE)), usize::MAX, 256, &[&batch(&[])]);
        assert_eq!(evaluation.unwrap_err(), Interrupted::Slice);
        assert!(cpu_time() - begun < 5 * SLICE, "{:?}", cpu_time() - begun);
    });
}

#[test]
fn large_results_end_with_the_slice() {
    // Each call returns annotations beyond the limits, so that the batch is halved again and again.
    let mut guest = Guest::judging("(global.set $error (i32.const 1)) (i32.const 1)");
    guest.on_error = "(return (call $fail (i32.const 65536) (i32.const 1000000)))".to_owned();
    let guest = Guest { memory: "256".to_owned(), ..guest };
    let module = guest.load();
    on_shard(move || {
        let mut filter = Filter::start(&module, "", &generous()).unwrap();
        let begun = cpu_time();
        let slice = Duration::from_millis(5);
        let evaluation = filter.evaluate_within(Some(Slice::of(slice)), usize::MAX, 256, &[&batch(&[])]);
        assert_eq!(evaluation.unwrap_err(), Interrupted::Slice);
        assert!(cpu_time() - begun < SLICE, "{:?}", cpu_time() - begun);
    });
}

#[test]
fn a_slice_that_suffices_changes_nothing() {
    let module = Guest::bad("(unreachable)").load();
    on_shard(move || {
        let (mut free, mut bound) = (
            Filter::start(&module, "", &Limits::default()).unwrap(),
            Filter::start(&module, "", &Limits::default()).unwrap(),
        );
        let batch = batch(&[(3, 666.0), (200, 666.0)]);
        let slice = Some(Slice::of(Duration::from_secs(60)));
        let (bound, free) =
            (bound.evaluate_within(slice, usize::MAX, 256, &[&batch]).unwrap(), free.evaluate(256, &[&batch]));
        assert_eq!((&bound.accepted, &bound.faults, bound.fuel), (&free.accepted, &free.faults, free.fuel));
        assert_eq!((bound.faults.len(), bound.lost > Duration::ZERO), (2, true));
    });
}

#[test]
fn the_slice_of_a_thread_with_little_stack_counts_on_the_thread_made_for_it() {
    let mut filter = Guest::bad("(loop $l (br $l))").start_with(&generous());
    let evaluation = filter.evaluate_within(Some(Slice::of(SLICE)), usize::MAX, 256, &[&batch(&[(77, 666.0)])]);
    assert_eq!(evaluation.unwrap_err(), Interrupted::Slice);
}

#[test]
fn the_log_of_a_start_outlives_an_interruption() {
    let mut guest = Guest::bad("(loop $l (br $l))");
    guest.describe = r#"(func (export "describe") (param i32 i32) (result i32)
        (call $log (i32.const 1) (i32.const 1280) (i32.const 4)) (i32.const 1024))"#
        .to_owned();
    let mut filter = guest.start_with(&generous());
    let evaluation = filter.evaluate_within(Some(Slice::of(SLICE)), usize::MAX, 256, &[&batch(&[(77, 666.0)])]);
    assert!(evaluation.is_err());
    assert_eq!(filter.evaluate(256, &[&batch(&[])]).logs.len(), 1);
}

#[test]
fn another_thread_ends_an_evaluation_for_good() {
    let mut filter = Guest::bad("(loop $l (br $l))").start_with(&generous());
    let cancel = filter.cancel();
    let (begun, ended) = std::thread::scope(|scope| {
        let spinning =
            scope.spawn(|| (filter.evaluate_within(None, 256, 256, &[&batch(&[(77, 666.0)])]), Instant::now()));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!spinning.is_finished());
        let begun = Instant::now();
        cancel.cancel();
        let (evaluation, ended) = spinning.join().unwrap();
        assert_eq!(evaluation.unwrap_err(), Interrupted::Cancelled);
        (begun, ended)
    });
    // A tick of the clock takes 5 ms; the rest is for a busy machine.
    assert!(ended - begun < Duration::from_millis(500), "{:?}", ended - begun);
    assert_eq!(filter.evaluate_within(None, 256, 256, &[&batch(&[])]).unwrap_err(), Interrupted::Cancelled);
}

#[test]
fn another_thread_ends_a_start() {
    let guest = Guest {
        describe: r#"(func (export "describe") (param i32 i32) (result i32) (loop $l (br $l)) (unreachable))"#
            .to_owned(),
        ..Guest::default()
    };
    let (module, cancel) = (guest.load(), Cancel::default());
    let refusal = std::thread::scope(|scope| {
        let start = scope.spawn(|| {
            Filter::start_with(&module, "", &generous(), Terms { cancel: cancel.child(), ..Terms::default() })
                .unwrap_err()
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!start.is_finished());
        cancel.cancel();
        start.join().unwrap()
    });
    assert!(matches!(refusal, Refusal::Interrupted(Interrupted::Cancelled)), "{refusal}");
}
