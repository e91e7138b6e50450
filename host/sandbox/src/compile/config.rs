//! The settings that machine code depends on. An engine loads only what was compiled with the same ones.

use std::num::NonZeroUsize;

use wasmtime::{Config, WasmBacktraceDetails};

use super::super::inspect::FEATURES;
use super::super::limits::{FRAMES, STACK_BYTES};

/// The settings of an engine whose memories reserve this much address space.
pub fn compile_config(reservation: u64) -> Config {
    let mut config = Config::new();
    config
        .wasm_features(FEATURES.complement(), false)
        .wasm_features(FEATURES, true)
        .concurrency_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(STACK_BYTES)
        .native_unwind_info(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES))
        .memory_init_cow(true)
        .memory_reservation(reservation)
        .memory_may_move(false);
    config
}
