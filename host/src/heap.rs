//! The memory of this process, and what the C library's allocator does with freed memory. This is the only place with unsafe code.

/// Keeps freed memory instead of returning it to the system at once.
///
/// Kafka's answers come in buffers of some megabytes. By default, glibc asks the system for each of them and returns it
/// right afterwards: the kernel then clears every page anew, which takes half of the CPU time of receiving. With these
/// settings, the same pages are used again. Memory stays limited to what was in use at one time. Other C libraries are
/// left as they are.
pub fn keep() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in [
        // Blocks smaller than this are taken from the heap.
        (libc::M_MMAP_THRESHOLD, 1 << 30),
        // Free memory at the end of the heap is not returned up to this size.
        (libc::M_TRIM_THRESHOLD, libc::c_int::MAX),
        // The heap grows by this amount at a time.
        (libc::M_TOP_PAD, 64 << 20),
    ] {
        // SAFETY: `mallopt` takes numbers, keeps no pointer and may be called at any time (mallopt(3): it takes the
        // allocator's lock). A value that it rejects changes nothing, and is not an error for this program.
        #[expect(unsafe_code, reason = "there is no safe way to the allocator's settings")]
        let _ = unsafe { libc::mallopt(parameter, value) };
    }
}

/// Returns freed memory to the system now. This takes some milliseconds for each 100 MiB, and what is needed again later
/// takes longer to get, so it is for large amounts that will not be needed.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `malloc_trim` takes a number, keeps no pointer and may be called at any time (malloc_trim(3) marks it
        // as safe with other threads).
        #[expect(unsafe_code, reason = "there is no safe way to the allocator")]
        let _ = unsafe { libc::malloc_trim(0) };
    }
}

/// The memory of this process in bytes, where the system says so (Linux).
pub fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_has_memory() {
        assert!(super::resident().is_some_and(|bytes| bytes > 1 << 20));
    }
}
