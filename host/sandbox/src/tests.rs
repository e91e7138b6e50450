//! Filters in text form, small enough to be read, each of which is wrong in one way.

mod budget;
mod calls;
mod complexity;
mod interrupts;
mod isolation;
mod output;
mod parameters;
mod refusals;
mod splitting;
mod starts;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::*;
use skysieve_avro::alert::{Column, Kind};

/// A filter with one double field `a`, as core WebAssembly in text form. Everything that a test is not about has a
/// default.
struct Guest {
    /// The function `evaluate`.
    evaluate: String,
    /// The function `describe`.
    describe: String,
    /// What is done before the result is returned if the global `$error` is set; by default, an error is returned
    /// instead. The local `$count` is the number of accepted rows.
    on_error: String,
    /// The function `cabi_realloc`, in the module that owns the memory.
    realloc: String,
    /// Further items of the module that has the functions above.
    items: String,
    /// Further items of the module that owns the memory.
    owner_items: String,
    /// The type of the memory.
    memory: String,
    /// Further items of the component.
    component: String,
}

/// Returns the manifest at 1024 in memory, which has the description `test` and one double field `a`.
const DESCRIBE: &str = r#"(func (export "describe") (param i32 i32) (result i32) (i32.const 1024))"#;

/// Calls `$judge` for every alert, with its row and the value of its first column. Accepted alerts have no annotations.
const EVALUATE: &str = r#"
(func (export "evaluate") (param $rows i32) (param $columns i32) (param $count i32) (result i32)
  (local $row i32) (local $out i32)
  (local.set $out (i32.const 32768))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u (local.get $row) (local.get $rows)))
      (if (call $judge (local.get $row)
            (f64.load (i32.add (i32.load offset=4 (local.get $columns)) (i32.shl (local.get $row) (i32.const 3)))))
        (then
          (i32.store (local.get $out) (local.get $row))
          (i64.store offset=4 (local.get $out) (i64.const 0))
          (local.set $out (i32.add (local.get $out) (i32.const 12)))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br $next)))
  (call $accept (i32.div_u (i32.sub (local.get $out) (i32.const 32768)) (i32.const 12))))
"#;

/// Allocates memory from 65536 upwards, growing it as needed. `reset` frees everything after each call.
const REALLOC: &str = r#"
(func $realloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                          (i32.sub (i32.const 0) (local.get $align))))
  (global.set $heap (i32.add (local.get $at) (local.get $size)))
  (block $fits
    (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
    (br_if $fits (i32.ne (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.sub
      (i32.div_u (global.get $heap) (i32.const 65536)) (memory.size))))))
    (unreachable))
  (local.get $at))
"#;

impl Default for Guest {
    fn default() -> Guest {
        Guest::judging("(i32.const 0)")
    }
}

impl Guest {
    /// Runs `bad` for alerts with the value 666, and accepts all alerts.
    fn bad(bad: &str) -> Guest {
        Guest::judging(&format!("(if (f64.eq (local.get $value) (f64.const 666)) (then {bad})) (i32.const 1)"))
    }

    /// Accepts the alerts for which `body` returns 1; `$row` and `$value` are the alert's.
    fn judging(body: &str) -> Guest {
        Guest::evaluating(&format!(
            "(func $judge (param $row i32) (param $value f64) (result i32) (local $i i32) {body}) {EVALUATE}"
        ))
    }

    /// Uses another function `evaluate`.
    fn evaluating(evaluate: &str) -> Guest {
        Guest {
            evaluate: evaluate.to_owned(),
            describe: DESCRIBE.to_owned(),
            on_error: "(return (call $fail (i32.const 1280) (i32.const 4)))".to_owned(),
            realloc: REALLOC.to_owned(),
            items: String::new(),
            owner_items: String::new(),
            memory: "2".to_owned(),
            component: String::new(),
        }
    }

    /// The component in text form.
    fn text(&self) -> String {
        let Guest { evaluate, describe, on_error, realloc, items, owner_items, memory, component } = self;
        format!(
            r#"(component
  (import "skysieve:filter/types@0.1.0" (instance $types
    (type $kind' (enum "any" "boolean" "int" "long" "float" "double" "text" "bytes"))
    (export "kind" (type $kind (eq $kind')))
    (type $field' (record (field "paths" (list string)) (field "kind" $kind) (field "optional" bool)))
    (export "field" (type $field (eq $field')))
    (type $parameter-kind' (enum "boolean" "integer" "number" "text"))
    (export "parameter-kind" (type $parameter-kind (eq $parameter-kind')))
    (type $parameter' (record (field "name" string) (field "kind" $parameter-kind) (field "default" (option string))
      (field "description" string)))
    (export "parameter" (type $parameter (eq $parameter')))
    (type $manifest' (record (field "description" string) (field "fields" (list $field))
      (field "parameters" (list $parameter))))
    (export "manifest" (type (eq $manifest')))
    (type $column' (record (field "kind" $kind) (field "values" (list u8)) (field "offsets" (list u8))
      (field "present" (list u8)) (field "ends" (list u8))))
    (export "column" (type (eq $column')))
    (type $annotation' (record (field "name" string) (field "value" string)))
    (export "annotation" (type $annotation (eq $annotation')))
    (type $accepted' (record (field "row" u32) (field "annotations" (list $annotation))))
    (export "accepted" (type (eq $accepted')))))
  (alias export $types "manifest" (type $manifest))
  (alias export $types "column" (type $column))
  (alias export $types "accepted" (type $accepted))
  (import "skysieve:filter/logging@0.1.0" (instance $logging
    (type $level' (enum "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level')))
    (export "log" (func (param "level" $level) (param "message" string)))))
  (core module $owner
    (memory (export "memory") {memory})
    (global $heap (mut i32) (i32.const 65536))
    {realloc}
    (func (export "reset") (param i32) (global.set $heap (i32.const 65536)))
    {owner_items})
  (core instance $owner (instantiate $owner))
  (alias core export $owner "memory" (core memory $memory))
  (alias core export $owner "cabi_realloc" (core func $realloc))
  (alias core export $owner "reset" (core func $reset))
  (alias export $logging "log" (func $logging-log))
  (core func $log (canon lower (func $logging-log) (memory $memory)))
  (core module $main
    (import "owner" "memory" (memory 1))
    (import "host" "log" (func $log (param i32 i32 i32)))
    (data (i32.const 1024) "\00\00\00\00\00\05\00\00\04\00\00\00\00\06\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
    (data (i32.const 1280) "test")
    (data (i32.const 1536) "\00\07\00\00\01\00\00\00\05\00\00\00")
    (data (i32.const 1792) "\00\08\00\00\01\00\00\00")
    (data (i32.const 2048) "a")
    (global $error (mut i32) (i32.const 0))
    (func $accept (param $count i32) (result i32) (local $i i32)
      (if (global.get $error) (then {on_error}))
      (i32.store8 (i32.const 16384) (i32.const 0))
      (i32.store (i32.const 16388) (i32.const 32768))
      (i32.store (i32.const 16392) (local.get $count))
      (i32.const 16384))
    (func $fail (param $text i32) (param $length i32) (result i32)
      (i32.store8 (i32.const 16384) (i32.const 1))
      (i32.store (i32.const 16388) (local.get $text))
      (i32.store (i32.const 16392) (local.get $length))
      (i32.const 16384))
    {describe}
    {evaluate}
    {items})
  (core instance $main (instantiate $main
    (with "owner" (instance $owner))
    (with "host" (instance (export "log" (func $log))))))
  (alias core export $main "describe" (core func $describe))
  (alias core export $main "evaluate" (core func $evaluate))
  (func (export "describe") (param "config" string) (result (result $manifest (error string)))
    (canon lift (core func $describe) (memory $memory) (realloc $realloc)))
  (func (export "evaluate") (param "rows" u32) (param "columns" (list $column))
      (result (result (list $accepted) (error string)))
    (canon lift (core func $evaluate) (memory $memory) (realloc $realloc) (post-return $reset)))
  {component})"#
        )
    }

    fn bytes(&self) -> Vec<u8> {
        binary(&self.text())
    }

    fn load(&self) -> Module {
        engine().load(&self.bytes(), &Limits::default()).unwrap()
    }

    fn start(&self) -> Filter {
        self.start_with(&Limits::default())
    }

    fn start_with(&self, limits: &Limits) -> Filter {
        Filter::start(&self.load(), "", limits).unwrap()
    }
}

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&PoolConfig { filters: 50, ..PoolConfig::default() }).unwrap())
}

/// A column of doubles.
fn doubles(values: &[f64]) -> Column {
    let mut column = Column::new(Kind::Double, false);
    column.values = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    column
}

/// A batch of 256 alerts with the value 1, except for `others`.
fn batch(others: &[(usize, f64)]) -> Column {
    let mut values = [1.0; 256];
    others.iter().for_each(|(row, value)| values[*row] = *value);
    doubles(&values)
}

fn accepted_rows(evaluation: &Evaluation) -> Vec<u32> {
    evaluation.accepted.iter().map(|accepted| accepted.row).collect()
}

fn faults(evaluation: &Evaluation) -> Vec<(u32, FaultKind)> {
    evaluation.faults.iter().map(|fault| (fault.row, fault.kind)).collect()
}

/// Evaluates a batch in which row 77 has the value 666. The other 255 alerts must be accepted, and all of the next
/// batch.
#[track_caller]
fn only_the_culprit_fails(guest: &Guest, limits: &Limits, kind: FaultKind, message: &str) -> Fault {
    let mut filter = guest.start_with(limits);
    let evaluation = filter.evaluate(256, &[&batch(&[(77, 666.0)])]);
    assert_eq!(faults(&evaluation), [(77, kind)], "{:?}", evaluation.faults);
    let others: Vec<u32> = (0..256).filter(|row| *row != 77).collect();
    assert_eq!(accepted_rows(&evaluation), others);
    let fault = evaluation.faults.into_iter().next().unwrap();
    assert!(fault.message.contains(message), "{}", fault.message);
    let next = filter.evaluate(256, &[&batch(&[])]);
    assert_eq!((next.accepted.len(), next.faults.len()), (256, 0));
    fault
}

/// Limits with deadlines that are short enough for a test, and with fuel that outlasts them.
fn impatient() -> Limits {
    Limits {
        fuel: 1 << 50,
        start_fuel: 1 << 50,
        deadline: Duration::from_millis(20),
        start_deadline: Duration::from_millis(50),
        ..Limits::default()
    }
}
