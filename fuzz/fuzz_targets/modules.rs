//! Uploaded modules: whatever they are, they are either refused or sound, before any part of them is compiled.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skysieve_sandbox::{Limits, inspect};

fuzz_target!(|data: &[u8]| {
    let limits = Limits::default();
    if let Err(refusal) = inspect(data, &limits) {
        assert!(!refusal.to_string().is_empty());
    }
    // The input as a component that is cut off, or that continues with something else.
    let component = [b"\0asm\x0d\0\x01\0", data].concat();
    let _ = inspect(&component, &limits);
});
