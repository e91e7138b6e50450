//! How the C library's allocator treats freed memory. The only place with unsafe code.

/// Keeps memory that was freed instead of giving it back to the system at once.
///
/// Kafka's answers come in buffers of some megabytes. By default glibc asks the system for each of them and gives it back
/// right after: the kernel clears every page anew, half of the CPU time that receiving takes. With this the same pages are
/// used again. Memory stays bounded by what was in use at a time. Other C libraries are left as they are.
pub fn keep() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in [
        // Blocks below this are taken from the heap.
        (libc::M_MMAP_THRESHOLD, 1 << 30),
        // This much at a heap's end is not given back.
        (libc::M_TRIM_THRESHOLD, libc::c_int::MAX),
        // By so much a heap grows at a time.
        (libc::M_TOP_PAD, 64 << 20),
    ] {
        // SAFETY: `mallopt` takes numbers, keeps no pointer and may be called at any time (mallopt(3): it takes the
        // allocator's lock). A value that it does not like changes nothing, and is no error for this program.
        #[expect(unsafe_code, reason = "there is no safe way to the allocator's settings")]
        let _ = unsafe { libc::mallopt(parameter, value) };
    }
}
