//! Loading and starting filters: what they share, and what is refused only when the filter runs.

use super::*;

#[track_caller]
fn start_refused(guest: &Guest, config: &str, limits: &Limits) -> Refusal {
    Filter::start(&guest.load(), config, limits).unwrap_err()
}

/// A guest with another `describe`: `body` is its body, which has the config's address and length, and returns that of
/// the result.
fn describing(body: &str) -> Guest {
    let describe = format!(r#"(func (export "describe") (param $config i32) (param $length i32) (result i32) {body})"#);
    Guest { describe, ..Guest::default() }
}

/// The refusal of a guest whose `body` changes the manifest before it is returned.
fn manifest(body: &str) -> Refusal {
    let guest = describing(&format!("(local $i i32) {body} (i32.const 1024)"));
    start_refused(&Guest { memory: "200".to_owned(), ..guest }, "", &Limits::default())
}

#[test]
fn equal_bytes_are_one_module() {
    let bytes = Guest::judging("(i32.const 7)").bytes();
    let load = || engine().load(&bytes, &Limits::default()).unwrap();
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(load);
        (load(), other.join().unwrap())
    });
    assert!(Arc::ptr_eq(&one.0, &other.0));
    assert_eq!(one.sha256(), other.sha256());
    let hash = one.sha256().to_owned();
    drop((one, other));
    assert_eq!(load().sha256(), hash);
}

#[test]
fn a_compiled_module_keeps_to_stricter_limits() {
    let guest = Guest { memory: "100".to_owned(), ..Guest::default() };
    let module = guest.load();
    let strict = Limits { memory: 1 << 20, ..Limits::default() };
    assert!(matches!(engine().load(&guest.bytes(), &strict), Err(Refusal::Memory { .. })));
    assert!(matches!(Filter::start(&module, "", &strict), Err(Refusal::Memory { .. })));
}

#[test]
fn a_memory_limit_above_the_pool() {
    let limits = Limits { memory: 65 << 20, ..Limits::default() };
    assert!(matches!(engine().load(&Guest::default().bytes(), &limits), Err(Refusal::MemoryLimit { .. })));
}

#[test]
fn the_config_arrives_and_can_be_refused() {
    let guest = describing(
        "(i32.store8 (i32.const 16384) (i32.const 1)) (i32.store (i32.const 16388) (local.get $config))
         (i32.store (i32.const 16392) (local.get $length)) (i32.const 16384)",
    );
    let refusal = start_refused(&guest, "limit = \"bright\"", &Limits::default());
    assert_eq!(refusal.to_string(), "the filter refuses its config: limit = \"bright\"");
}

#[test]
fn starts_that_fail() {
    let kind = |guest: &Guest, limits: &Limits| match start_refused(guest, "", limits) {
        Refusal::Start { kind, backtrace, .. } => (kind, backtrace.is_some()),
        other => panic!("{other:?}"),
    };
    let fill = "(loop $l (memory.fill (i32.const 65536) (i32.const 0) (i32.const 16000000)) (br $l)) (unreachable)";
    let fill = Guest { memory: "256".to_owned(), ..describing(fill) };
    let start = |start: &str| Guest { items: format!("(start $s) (func $s {start})"), ..Guest::default() };
    let poor = Limits { start_fuel: 100_000, ..Limits::default() };
    assert_eq!(kind(&describing("(unreachable)"), &poor), (FaultKind::Trap, true));
    assert_eq!(kind(&describing("(loop $l (br $l)) (i32.const 1024)"), &poor), (FaultKind::Fuel, true));
    assert_eq!(kind(&fill, &impatient()), (FaultKind::Deadline, true));
    assert_eq!(kind(&start("(unreachable)"), &poor), (FaultKind::Trap, true));
    assert_eq!(kind(&start("(loop $l (br $l))"), &poor), (FaultKind::Fuel, true));
    assert_eq!(kind(&describing("(i32.const -4)"), &poor), (FaultKind::Output, false));
    let grow = "(drop (memory.grow (i32.const 1000))) (unreachable)";
    assert_eq!(kind(&start(grow), &poor), (FaultKind::Memory, true));
}

#[test]
fn a_config_larger_than_memory() {
    let refusal = start_refused(&Guest::default(), &"x".repeat(40 << 20), &Limits::default());
    assert!(matches!(refusal, Refusal::Start { kind: FaultKind::Memory, .. }), "{refusal:?}");
}

#[test]
fn memories_that_are_many_count_together() {
    // Forty instances of a module with one page, where two pages are allowed.
    let more = "(core module $page (memory 1))".to_owned() + &"(core instance (instantiate $page))".repeat(3);
    let guest = Guest { component: more, ..Guest::default() };
    let refusal = start_refused(&guest, "", &Limits { memory: 4 << 16, ..Limits::default() });
    assert!(matches!(refusal, Refusal::Start { kind: FaultKind::Memory, .. }), "{refusal:?}");
}

#[test]
fn manifests_that_no_filter_may_have() {
    let list = |field: u32, count: u32| format!("(i32.store (i32.const {field}) (i32.const {count}))");
    // The list of fields (or of paths) is copied to where there is room, and repeated.
    let repeated = |field: u32, from: u32, size: u32, count: u32| {
        format!(
            "(loop $l (memory.copy (i32.add (i32.const 1000000) (i32.mul (local.get $i) (i32.const {size})))
                                   (i32.const {from}) (i32.const {size}))
               (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {count}))))
             (i32.store (i32.const {field}) (i32.const 1000000))
             (i32.store (i32.const {}) (i32.const {count}))",
            field + 4
        )
    };
    let refusals = [
        (manifest(&list(1032, 5000)), "the filter's description has 5000 bytes; the limit is 4096"),
        (manifest(&repeated(1036, 1536, 12, 257)), "the filter reads 257 fields; the limit is 256"),
        (manifest(&list(1540, 0)), "field 0 of the filter has 0 paths; it must have 1 to 16"),
        (manifest(&repeated(1536, 1792, 8, 17)), "field 0 of the filter has 17 paths; it must have 1 to 16"),
        (manifest(&list(1796, 0)), "a path of field 0 has 0 bytes; it must have 1 to 1024"),
        (manifest(&list(1796, 1025)), "a path of field 0 has 1025 bytes; it must have 1 to 1024"),
    ];
    for (refusal, message) in refusals {
        assert_eq!(refusal.to_string(), message);
    }
    let huge = manifest(&repeated(1036, 1536, 12, 900_000));
    assert!(matches!(huge, Refusal::Start { kind: FaultKind::Output, .. }), "{huge:?}");
}

#[test]
fn paths_through_an_array_and_not() {
    let mut guest = describing("(i32.store (i32.const 1540) (i32.const 2)) (i32.const 1024)");
    guest.items =
        r#"(data (i32.const 1792) "\00\08\00\00\01\00\00\00\04\08\00\00\03\00\00\00") (data (i32.const 2052) "b[]")"#
            .to_owned();
    let refusal = start_refused(&guest, "", &Limits::default());
    assert!(refusal.to_string().contains(r#""a" and "b[]""#), "{refusal}");
}

#[test]
fn a_pool_that_is_full() {
    let engine = Engine::new(&PoolConfig { filters: 1, ..PoolConfig::default() }).unwrap();
    let module = engine.load(&Guest::default().bytes(), &Limits::default()).unwrap();
    let mut filters = Vec::new();
    let refusal = loop {
        match Filter::start(&module, "", &Limits::default()) {
            Ok(filter) => filters.push(filter),
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, Refusal::Full(_)), "{refusal}");
    assert!(!filters.is_empty());
    filters.pop();
    assert!(Filter::start(&module, "", &Limits::default()).is_ok());
}

#[test]
fn components_of_forty_core_instances() {
    // Two of the forty instances are the guest's own.
    let with = |count: usize| Guest {
        component: "(core module $small (func (export \"f\")))".to_owned()
            + &"(core instance (instantiate $small))".repeat(count),
        ..Guest::judging("(i32.const 1)")
    };
    assert_eq!(with(38).start().evaluate(1, &[&doubles(&[1.0])]).accepted.len(), 1);
    let refusal = engine().load(&with(39).bytes(), &Limits::default()).unwrap_err();
    assert!(matches!(refusal, Refusal::Instances { count: 41, limit: 40 }), "{refusal}");
}

#[test]
fn limits_are_read_from_text() {
    let limits: Limits = toml::from_str("fuel = 5\ndeadline_ms = 20").unwrap();
    assert_eq!(limits, Limits { fuel: 5, deadline: Duration::from_millis(20), ..Limits::default() });
    assert!(toml::from_str::<Limits>("feul = 5").is_err());
}
