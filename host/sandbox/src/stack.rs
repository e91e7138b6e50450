//! Threads with enough room for a filter's stack.
//!
//! WebAssembly runs on the thread's own stack. The engine stops a filter whose frames take more than [`STACK_BYTES`],
//! but it relies on the thread having that much: on a smaller stack, a deep recursion would end the process.

use std::cell::Cell;
use std::io;
use std::thread::{Builder, JoinHandle};

use super::limits::STACK_BYTES;

/// The stack size of a thread that runs filters, in bytes: the filter's own, and that of the host's frames around it.
const THREAD_STACK: usize = STACK_BYTES + (2 << 20);

thread_local! {
    /// Whether this thread's stack is known to be large enough.
    static ROOMY: Cell<bool> = const { Cell::new(false) };
}

/// Starts a thread that runs filters at full speed. On any other thread, each start and each evaluation of a filter
/// needs a thread of its own (tens of microseconds).
///
/// # Errors
/// Returns an error if the system can't start a thread.
pub fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).stack_size(THREAD_STACK).spawn(move || {
        ROOMY.set(true);
        run()
    })
}

/// Whether a filter's stack fits on this thread.
pub fn is_roomy() -> bool {
    ROOMY.get()
}

/// Runs a function where a filter's stack fits: on this thread, or on one made for it.
pub fn with_room<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    if is_roomy() {
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
