//! Threads with room for a filter's stack.
//!
//! WebAssembly runs on the thread's own stack. The engine stops a filter whose frames take more than [`STACK_BYTES`], but
//! it trusts that the thread has as much: on a smaller stack a deep recursion would end the process.

use std::cell::Cell;
use std::io;
use std::thread::{Builder, JoinHandle};

use super::limits::STACK_BYTES;

/// Bytes of stack of a thread that runs filters: theirs, and the host's above and below.
const THREAD_STACK: usize = STACK_BYTES + (2 << 20);

thread_local! {
    /// Whether this thread's stack is known to be large enough.
    static ROOMY: Cell<bool> = const { Cell::new(false) };
}

/// Starts a thread that runs filters at full speed. On any other thread each start and each evaluation of a filter costs
/// a thread of its own (tens of microseconds).
///
/// # Errors
/// When the system can't start a thread.
pub fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).stack_size(THREAD_STACK).spawn(move || {
        ROOMY.set(true);
        run()
    })
}

/// Runs where a filter's stack fits: here, or on a thread made for it.
pub fn with_room<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    if ROOMY.get() {
        return run();
    }
    std::thread::scope(|scope| {
        let roomy = || {
            ROOMY.set(true);
            run()
        };
        let thread =
            Builder::new().stack_size(THREAD_STACK).spawn_scoped(scope, roomy).expect("the system has threads");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
