//! Modules that no host should run, made of text.

use crate::guest;

/// A filter that works, with another core module that is compiled with it.
fn with_module(items: &str) -> Vec<u8> {
    let core = wat::parse_str(format!("(module {items})")).expect("the module is well-formed");
    section(guest::reading(&[("a", "double", true)]), 1, &core)
}

/// Appends a section to a component.
fn section(mut component: Vec<u8>, id: u8, content: &[u8]) -> Vec<u8> {
    component.push(id);
    leb128(&mut component, content.len());
    component.extend_from_slice(content);
    component
}

/// Appends a number as WebAssembly writes it.
fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The same filter with other bytes: its custom section has a name of one letter, and this number.
pub fn with_custom_section(component: &[u8], number: usize) -> Vec<u8> {
    section(component.to_vec(), 0, &[&[1, b'n'], &number.to_le_bytes()[..]].concat())
}

/// The same filter with a custom section of that many bytes, each with this value.
pub fn with_large_section(component: &[u8], value: u8, bytes: usize) -> Vec<u8> {
    section(component.to_vec(), 0, &[&[1, b'n'], &vec![value; bytes][..]].concat())
}

/// A function with a parameter, whose body has `begin` and `end` that often.
fn function(begin: &str, end: &str, count: usize) -> String {
    format!("(func (param i32) {}{})", begin.repeat(count), end.repeat(count))
}

/// The name of each bomb, its bytes, and what the refusal says.
pub fn bombs() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = guest::reading(&[("a", "double", true)]);
    let text = |from: &str, to: &str| {
        let text = guest::text(&[("a", "double", true)]);
        assert!(text.contains(from), "{from}");
        wat::parse_str(text.replacen(from, to, 1)).expect("the guest is well-formed")
    };
    let import = r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func)))) "#;
    let describe = r#"(func (export "describe") (param i32 i32) (result i32) "#;
    let branch = "(block (br_if 0 (local.get 0)))";
    vec![
        ("truncated", good[..good.len() / 2].to_vec(), "the module is not valid, at offset"),
        ("random", noise(1).take(100_000).collect(), "this is not a WebAssembly module"),
        ("random-behind-the-magic", [&good[..8], &noise(2).take(100_000).collect::<Vec<_>>()].concat(), "not valid"),
        ("core-module", wat::parse_str("(module)").unwrap(), "this is a core module, not a component"),
        ("foreign-imports", text("(component", import), "the module imports wasi:clocks/wall-clock@0.2.0#now"),
        ("million-functions", with_module(&"(func)".repeat(1_000_000)), "more functions than 200000"),
        ("large-function", with_module(&function("(drop (local.get 0))", "", 2_400_000)), "the limit is 1048576"),
        ("many-locals", with_module(&format!("(func (local {}))", "i32 ".repeat(50_000))), "has 50000 locals"),
        ("branch-chain", with_module(&function(branch, "", 37_000)), "blocks and branches; the limit is 20000"),
        ("nested-loops", with_module(&function("(loop ", "(br_if 0 (local.get 0)))", 1_500)), "loops nested in loops"),
        ("small-loops", with_module(&function("(loop (br_if 0 (local.get 0)))", "", 50_000)), "blocks and branches"),
        ("deep-blocks", with_module(&function("(block ", ")", 6_000)), "blocks nested in blocks"),
        (
            "large-memory",
            text("(memory (export \"memory\") 2)", "(memory (export \"memory\") 20000)"),
            "bytes of memory",
        ),
        ("describes-for-ever", text(describe, &format!("{describe} (loop $l (br $l)) ")), "the filter can't start"),
        // The number of fields in its manifest, whose address is 1024.
        (
            "million-fields",
            text(describe, &format!("{describe} (i32.store (i32.const 1040) (i32.const 1000000)) ")),
            "the filter ",
        ),
    ]
}

/// A filter that works, with a custom section of 60 MB.
pub fn inflated() -> Vec<u8> {
    let mut content = vec![0; 60_000_000];
    content[..2].copy_from_slice(&[1, b'n']);
    section(guest::reading(&[("a", "double", true)]), 0, &content)
}

/// A filter that fills 60 MiB of memory when it starts.
pub fn hoarder() -> Vec<u8> {
    let begin = "(func $begin (drop (memory.grow (i32.const 960)))
        (memory.fill (i32.const 65536) (i32.const 1) (i32.const 62914560))) (start $begin)";
    guest::reading_with(&[("diaSource.diaSourceId", "long", false)], begin, "")
}

/// Two functions that are small enough, but whose machine code takes over a GiB to make: they convert a float to an
/// integer and back, again and again.
pub fn memory_bomb() -> Vec<u8> {
    const DOUBLE: u8 = 0x7c;
    let convert = [0xfc, 0x07, 0xba].repeat(340_000);
    functions(&[1, DOUBLE, 1, DOUBLE], &[&[0x20, 0][..], &convert].concat(), 2)
}

/// Functions of many loops, each of which is small enough, but which are too many.
pub fn time_bomb() -> Vec<u8> {
    const INT: u8 = 0x7f;
    let loops = [0x03, 0x40, 0x20, 0, 0x0d, 0, 0x0b].repeat(1_900);
    functions(&[1, INT, 0], &loops, 1_000)
}

/// A filter that works, with another core module of equal functions: their type, their instructions, their number.
fn functions(ty: &[u8], instructions: &[u8], count: usize) -> Vec<u8> {
    let mut number = Vec::new();
    leb128(&mut number, count);
    let types = section(b"\0asm\x01\0\0\0".to_vec(), 1, &[&[1, 0x60][..], ty].concat());
    let declared = section(types, 3, &[&number[..], &vec![0; count]].concat());
    let mut body = Vec::new();
    leb128(&mut body, instructions.len() + 2);
    // It has no locals, and ends.
    body.extend([&[0][..], instructions, &[0x0b]].concat());
    let core = section(declared, 10, &[&number[..], &body.repeat(count)].concat());
    section(guest::reading(&[("a", "double", true)]), 1, &core)
}

/// Numbers without pattern, always the same ones (xorshift).
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
}

/// Good modules in which some bytes are changed, cut out or repeated.
pub fn mutants(good: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    let mut noise = noise(3);
    let mut number = move |below: usize| {
        let bytes: [u8; 4] = std::array::from_fn(|_| noise.next().unwrap());
        u32::from_le_bytes(bytes) as usize % below
    };
    (0..count).map(move |mutant| {
        let mut bytes = good.to_vec();
        for _ in 0..=number(4) {
            let at = number(bytes.len() - 64);
            let length = 1 + number(32);
            match mutant % 4 {
                0 => bytes[at] = number(256) as u8,
                1 => bytes[at] ^= 1 << number(8),
                2 => drop(bytes.drain(at..at + length)),
                _ => {
                    let part = bytes[at..at + length].to_vec();
                    drop(bytes.splice(at..at, part));
                }
            }
        }
        bytes
    })
}
