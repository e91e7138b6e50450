//! The size of calls never changes a verdict, and it is remembered.

use proptest::prelude::*;

use super::*;

/// Counts up to the alert's value, using some 7 fuel for each step, then accepts if the row's value is odd.
const COST: &str = "
    (if (f64.gt (local.get $value) (f64.const 0)) (then
      (loop $l (br_if $l (f64.lt (f64.convert_i32_u (local.tee $i (i32.add (local.get $i) (i32.const 1))))
        (local.get $value))))))
    (i32.and (i32.trunc_sat_f64_u (local.get $value)) (i32.const 1))";

fn costly() -> Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| Guest::judging(COST).load()).clone()
}

/// Limits under which an alert with a value beyond some 10,000 uses up the fuel.
fn poor() -> Limits {
    Limits { fuel: 100_000, ..Limits::default() }
}

/// Returns the verdicts and faults of calls of at most `chunk` alerts.
fn verdicts(values: &[f64], chunk: usize) -> (Vec<u32>, Vec<(u32, FaultKind)>) {
    let mut filter = Filter::start(&costly(), "", &poor()).unwrap();
    let evaluation = filter.evaluate_by(chunk, values.len(), &[&doubles(values)]);
    (accepted_rows(&evaluation), faults(&evaluation))
}

#[test]
fn uneven_costs_have_the_same_verdicts_in_any_calls() {
    // Most alerts are cheap, every 16th is expensive, and every 50th is too expensive.
    let values: Vec<f64> = (0..256)
        .map(|row| match row {
            row if row % 50 == 49 => 1_000_001.0,
            row if row % 16 == 3 => 9001.0,
            row => f64::from(row % 7),
        })
        .collect();
    let (accepted, faults) = verdicts(&values, 1);
    assert_eq!(faults, [49, 99, 149, 199, 249].map(|row| (row, FaultKind::Fuel)));
    assert!(accepted.len() > 100);
    for chunk in [7, 256] {
        assert_eq!(verdicts(&values, chunk), (accepted.clone(), faults.clone()), "calls of {chunk}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_costs_have_the_same_verdicts_in_any_calls(
        costs in prop::collection::vec(prop_oneof![8 => 0..50u32, 3 => 50..12_000u32, 1 => 20_000..10_000_000u32], 1..300),
        chunk in 2..300usize,
    ) {
        let values: Vec<f64> = costs.into_iter().map(f64::from).collect();
        let alone = verdicts(&values, 1);
        prop_assert_eq!(&verdicts(&values, chunk), &alone);
        prop_assert_eq!(&verdicts(&values, 256), &alone);
    }
}

#[test]
fn the_size_that_fits_is_remembered() {
    let mut filter = Filter::start(&costly(), "", &poor()).unwrap();
    // Some ten alerts use up the fuel, so calls of 8 alerts succeed.
    let column = doubles(&[1001.0; 256]);
    let first = filter.evaluate(256, &[&column]);
    let second = filter.evaluate(256, &[&column]);
    assert_eq!((accepted_rows(&first), first.faults.len()), (accepted_rows(&second), 0));
    assert!(first.calls > 256 / 8 && second.calls < first.calls, "{} and {} calls", first.calls, second.calls);
    assert!(second.fuel < first.fuel);
}

#[test]
fn one_heavy_batch_is_forgotten() {
    let mut filter = Filter::start(&costly(), "", &poor()).unwrap();
    filter.evaluate(256, &[&doubles(&[9001.0; 256])]);
    let cheap = doubles(&[1.0; 256]);
    let calls: Vec<u32> = (0..40).map(|_| filter.evaluate(256, &[&cheap]).calls).collect();
    assert!(calls[0] > 16, "{calls:?}");
    assert_eq!(calls[39], 1, "{calls:?}");
}

#[test]
fn one_culprit_does_not_cut_calls() {
    let mut filter = Filter::start(&costly(), "", &poor()).unwrap();
    let first = filter.evaluate(256, &[&batch(&[(200, 1_000_000.0)])]);
    assert_eq!((first.faults.len(), first.calls), (1, 17));
    assert_eq!(filter.evaluate(256, &[&batch(&[])]).calls, 1);
}

#[test]
fn large_batches_are_cut() {
    let mut filter = Guest::judging("(i32.const 1)").start();
    let evaluation = filter.evaluate(2500, &[&doubles(&[1.0; 2500])]);
    assert_eq!(evaluation.calls, 3);
    assert_eq!(accepted_rows(&evaluation), (0..2500).collect::<Vec<u32>>());
}

#[test]
fn a_chunk_of_none_is_one() {
    let mut filter = Guest::judging("(i32.const 1)").start();
    assert_eq!(filter.evaluate_by(0, 3, &[&doubles(&[1.0; 3])]).calls, 3);
}
