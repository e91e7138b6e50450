//! The memory that all filters together may take.

use super::*;

/// Fills its memory with 1 in `describe`.
fn filling(bytes: u32) -> Guest {
    Guest {
        describe: format!(
            r#"(func (export "describe") (param i32 i32) (result i32)
              (memory.fill (i32.const 65536) (i32.const 1) (i32.const {bytes})) (i32.const 1024))"#
        ),
        memory: "960".to_owned(),
        ..Guest::judging("(i32.const 1)")
    }
}

fn terms(budget: &Budget) -> Terms {
    Terms { budget: budget.clone(), ..Terms::default() }
}

fn limits() -> Limits {
    Limits { memory: 64 << 20, ..Limits::default() }
}

#[test]
fn filters_beyond_the_budget_are_refused_until_others_go() {
    let budget = Budget::of(200 << 20);
    let module = engine().load(&filling(60_000_000).bytes(), &limits()).unwrap();
    let start = || Filter::start_with(&module, "", &limits(), terms(&budget));
    let mut filters: Vec<Filter> = (0..3).map(|_| start().unwrap()).collect();
    assert!(budget.used() >= 3 * 60_000_000 && budget.used() <= budget.limit(), "{}", budget.used());
    let refusal = start().unwrap_err();
    assert!(matches!(refusal, Refusal::Budget { .. }), "{refusal}");
    let said = refusal.to_string();
    assert!(said.contains("of the 200 MiB") && said.contains("--memory-budget"), "{said}");
    filters.pop();
    filters.push(start().unwrap());
    drop(filters);
    assert_eq!(budget.used(), 0);
}

#[test]
fn memory_that_was_not_touched_does_not_count() {
    let budget = Budget::default();
    let module = engine().load(&filling(1000).bytes(), &limits()).unwrap();
    let mut filter = Filter::start_with(&module, "", &limits(), terms(&budget)).unwrap();
    assert_eq!(filter.evaluate(256, &[&batch(&[])]).accepted.len(), 256);
    let most = if crate::budget::has_huge_pages() { 64 << 20 } else { 2 << 20 };
    assert!(budget.used() > 0 && budget.used() < most, "{}", budget.used());
}

#[test]
fn a_filter_that_runs_is_not_denied_memory_and_gives_it_back() {
    let budget = Budget::of(20 << 20);
    let fill = "(drop (memory.grow (i32.const 500))) \
                (memory.fill (i32.const 131072) (i32.const 1) (i32.const 30000000)) (unreachable)";
    let module = Guest::bad(fill).load();
    let limits = Limits { fuel: 1 << 40, memory: 48 << 20, ..Limits::default() };
    let mut filter = Filter::start_with(&module, "", &limits, terms(&budget)).unwrap();
    let small = budget.used();
    let evaluation = filter.evaluate(256, &[&batch(&[(77, 666.0)])]);
    assert_eq!(faults(&evaluation), [(77, FaultKind::Trap)]);
    assert!(!filter.breaks_budget() && budget.used() <= 2 * small + (1 << 20), "{}", budget.used());
    let keep = "(drop (memory.grow (i32.const 500))) \
                (memory.fill (i32.const 131072) (i32.const 1) (i32.const 30000000))";
    let module = Guest::bad(keep).load();
    let mut filter = Filter::start_with(&module, "", &limits, terms(&budget)).unwrap();
    assert_eq!(filter.evaluate(256, &[&batch(&[(77, 666.0)])]).accepted.len(), 256);
    assert!(filter.breaks_budget() && budget.used() >= 30_000_000, "{}", budget.used());
    filter.rest();
    assert!(budget.used() < 2 << 20, "{}", budget.used());
}

#[test]
fn a_config_counts() {
    let budget = Budget::of(1 << 20);
    let refusal =
        Filter::start_with(&Guest::default().load(), &" ".repeat(1 << 20), &limits(), terms(&budget)).unwrap_err();
    assert!(matches!(refusal, Refusal::Budget { .. }), "{refusal}");
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_flood_of_messages_costs_fuel() {
    let mut filter = Guest::bad("(loop $l (call $log (i32.const 1) (i32.const 1280) (i32.const 4)) (br $l))").start();
    let evaluation = filter.evaluate(256, &[&batch(&[(77, 666.0)])]);
    assert_eq!(faults(&evaluation), [(77, FaultKind::Fuel)]);
    let dropped = evaluation.logs.last().unwrap().message.split(' ').next().unwrap().parse::<u64>().unwrap();
    assert!(dropped < 50_000, "{dropped}");
    filter.limit_logs(0);
    assert!(filter.evaluate(256, &[&batch(&[(77, 666.0)])]).logs.is_empty());
}
