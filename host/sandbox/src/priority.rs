//! The priority of threads.

/// How much a thread yields to the others: 0 is not at all, 19 is most.
#[cfg(target_os = "linux")]
const NICE: libc::c_int = 10;

/// Lets this thread, and those that it starts from now on, yield to the other threads of the process, as far as the
/// system allows it.
pub fn yield_to_others() {
    // Elsewhere, this would be the priority of the process.
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes numbers. 0 is the calling thread (setpriority(2), "C library/kernel differences").
    #[expect(unsafe_code, reason = "the standard library has no such call")]
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
    }
}
