//! Modules that are refused before they are compiled.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn refused(bytes: &[u8]) -> Refusal {
    inspect(bytes, &Limits::default()).unwrap_err()
}

/// The default guest, with a part of its text replaced.
#[track_caller]
fn changed(from: &str, to: &str) -> Vec<u8> {
    let text = Guest::default().text();
    assert!(text.contains(from), "{from}");
    binary(&text.replace(from, to))
}

/// The default guest, with additional items in the component.
fn with(component: &str) -> Vec<u8> {
    Guest { component: component.to_owned(), ..Guest::default() }.bytes()
}

#[test]
fn a_filter_passes() {
    inspect(&Guest::default().bytes(), &Limits::default()).unwrap();
}

#[test]
fn bytes_that_are_no_component() {
    for bytes in [&b"\0asm"[..], b"\0asm\xff\xff\xff\xff", b"\0asm\x0d\0\x01\0\xff\xff\xff\xff\x0f"] {
        let refusal = refused(bytes);
        assert!(matches!(refusal, Refusal::Invalid { .. }), "{bytes:?}");
        assert!(!refusal.to_string().contains('\n'), "{refusal}");
    }
    let core = refused(&binary("(module)"));
    assert!(matches!(core, Refusal::CoreModule) && core.to_string().contains("skysieve build"), "{core}");
    let limits = Limits { module_size: 100, ..Limits::default() };
    let refusal = inspect(&Guest::default().bytes(), &limits).unwrap_err();
    assert!(matches!(refusal, Refusal::Size { limit: 100, .. }));
}

#[test]
fn what_is_no_webassembly_is_told_in_one_line() {
    let cases: [(&[u8], &str); 7] = [
        (b"", "it is empty"),
        (b"hello, world of filters", "it begins with \"hello, world\"; `skysieve build` makes a component"),
        (b"\0as\n", "it begins with \"\\x00as\\n\"; `skysieve build`"),
        (b" (module)", "it is WebAssembly in text; `wasm-tools parse` makes a component of it"),
        (b"(component", "it is WebAssembly in text; `wasm-tools parse` makes a component of it"),
        (b"\x1f\x8b\x08", "it is gzipped; unpack it first"),
        (b"\x7fELF", "it is a program or library for this machine; `skysieve build` compiles for WebAssembly"),
    ];
    for (bytes, wanted) in cases {
        let said = refused(bytes).to_string();
        assert!(said.starts_with(&format!("this is not a WebAssembly module: {wanted}")), "{said}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn every_truncation() {
    let bytes = Guest::default().bytes();
    (0..bytes.len()).step_by(7).for_each(|end| drop(refused(&bytes[..end])));
}

proptest! {
    #[test]
    fn any_bytes_changed(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = Guest::default().bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Whatever passes must compile or be refused, and start or be refused.
        if let Ok(module) = engine().load(&bytes, &impatient()) {
            let _ = Filter::start(&module, "", &impatient());
        }
    }
}

#[test]
fn imports_outside_the_contract() {
    let bytes = with(
        r#"(import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64)))))
           (import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64)))))
           (import "sleep" (func))"#,
    );
    let refusal = refused(&bytes);
    let Refusal::Imports { names } = &refusal else { panic!("{refusal}") };
    assert_eq!(names, &["wasi:clocks/wall-clock@0.2.0#now", "wasi:random/random@0.2.0#get-random-u64", "sleep"]);
    assert!(refusal.to_string().contains("There is no WASI here"), "{refusal}");
}

#[test]
fn what_is_imported_of_the_contract() {
    let logging = |body: &str| with(&format!(r#"(import "skysieve:filter/logging@0.1.9" (instance {body}))"#));
    inspect(&logging(""), &Limits::default()).unwrap();
    let other = refused(&logging(r#"(export "log" (func (param "message" string)))"#));
    assert!(matches!(&other, Refusal::ImportType { found, .. } if found == "func(message: string)"), "{other}");
    let unknown = refused(&logging(r#"(export "flush" (func))"#));
    assert!(unknown.to_string().contains("skysieve:filter/logging@0.1.9#flush"), "{unknown}");
    let version = refused(&changed("logging@0.1.0", "logging@0.2.0"));
    assert!(version.to_string().contains("skysieve:filter/logging@0.2.0#log"), "{version}");
}

#[test]
fn later_patches_of_the_contract_run() {
    let bytes = changed("logging@0.1.0", "logging@0.1.7");
    let module = engine().load(&bytes, &Limits::default()).unwrap();
    assert!(Filter::start(&module, "", &Limits::default()).is_ok());
}

#[test]
fn exports_of_the_contract() {
    let missing =
        refused(&changed(r#"(func (export "evaluate") (param "rows""#, r#"(func (export "judge") (param "rows""#));
    assert!(matches!(missing, Refusal::MissingExport { name: "evaluate" }), "{missing}");
    let wrong = refused(&changed(r#"(param "config" string)"#, r#"(param "text" string)"#));
    assert!(matches!(&wrong, Refusal::ExportType { name: "describe", .. }), "{wrong}");
    assert!(wrong.to_string().contains("is func(text: string) -> result<record { description: string"), "{wrong}");
    inspect(&with(r#"(instance (export "init"))"#), &Limits::default()).unwrap();
}

#[test]
fn memory_and_tables_beyond_the_limit() {
    let memory = refused(&Guest { memory: "513".to_owned(), ..Guest::default() }.bytes());
    assert!(matches!(memory, Refusal::Memory { bytes: 33_619_968, limit: 33_554_432, .. }), "{memory}");
    let nested = refused(&with("(component (core module (memory 1)) (core module (memory 600)))"));
    assert!(matches!(nested, Refusal::Memory { .. }), "{nested}");
    let table = Guest { items: "(table 65537 funcref)".to_owned(), ..Guest::default() };
    assert!(matches!(refused(&table.bytes()), Refusal::Table { elements: 65_537, .. }));
}

#[test]
fn proposals_that_filters_do_not_need() {
    let items = [
        "(memory 1 1 shared)",
        "(memory i64 1)",
        "(memory 1) (memory 1)",
        "(tag)",
        "(table 1 externref)",
        "(func $f return_call $f)",
        "(func (result v128) (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
        "(func (result i64 i64) (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)))",
        "(type (struct))",
        "(func (param (ref func)))",
    ];
    for item in items {
        let refusal = refused(&with(&format!("(core module {item})")));
        assert!(matches!(refusal, Refusal::Invalid { offset: 100.., .. }), "{item}: {refusal}");
    }
}

#[test]
fn what_toolchains_emit_passes() {
    let items = [
        "(memory 1) (func (memory.copy (i32.const 0) (i32.const 0) (i32.const 0)))",
        "(func (result v128) (i8x16.add (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
        "(table 1 funcref) (func (table.set 0 (i32.const 0) (ref.null func)))",
        "(func (result i32 i32) (i32.extend8_s (i32.const 1)) (i32.trunc_sat_f64_s (f64.const 1)))",
        "(global (mut i32) (i32.add (i32.const 1) (i32.const 2)))",
    ];
    for item in items {
        inspect(&with(&format!("(core module {item})")), &Limits::default()).unwrap();
    }
}

#[test]
fn code_that_takes_too_long_to_compile() {
    let large = refused(&with(&format!("(core module (func {}))", "nop ".repeat(1 << 20))));
    assert!(matches!(large, Refusal::Function { limit: 1_048_576, .. }), "{large}");
    let many = refused(&with(&format!("(core module {})", "(func)".repeat(200_001))));
    assert!(matches!(many, Refusal::Functions { limit: 200_000, .. }), "{many}");
    let name = refused(&with(&format!("(core module (func ${}))", "x".repeat(20_000))));
    assert!(matches!(name, Refusal::Name { size: 20_000, .. }), "{name}");
}

#[test]
fn components_in_components() {
    let nested = |depth: usize| with(&("(component ".repeat(depth) + &")".repeat(depth)));
    inspect(&nested(6), &Limits::default()).unwrap();
    assert!(matches!(refused(&nested(10)), Refusal::Nesting { .. }));
    // Each of twenty components instantiates the previous one twice, which gives a million instances.
    let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=20 {
        let below = level - 1;
        text += &format!(
            "(component $c{level} (alias outer 1 $c{below} (component $b)) (instance (instantiate $b)) (instance \
             (instantiate $b)))"
        );
    }
    text += "(instance (instantiate $c20))";
    assert!(matches!(refused(&with(&text)), Refusal::Instances { limit: 1000, .. }));
    let import = r#"(component (import "c" (component $c)) (instance (instantiate $c)))"#;
    assert!(matches!(refused(&with(import)), Refusal::Component { .. }));
    let alias = r#"(component $inner (component $c) (export "c" (component $c))) (instance $i (instantiate $inner))
                   (alias export $i "c" (component $d)) (instance (instantiate $d))"#;
    assert!(matches!(refused(&with(alias)), Refusal::Component { .. }));
}
