//! Takes from a child process everything that compiling does not need. These are calls to the system that have no safe
//! form; the child makes them before it reads the module and before it starts a thread.

#![expect(unsafe_code, reason = "the standard library has no such calls")]

use std::fs;
use std::io;

use super::super::limits::{COMPILE_MEMORY, COMPILED_BYTES};
use super::super::priority::yield_to_others;

/// What the child may still ask of the system: input, output and memory, threads, and to end. No network, no files that
/// are not open, no other processes.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_fcntl,
    libc::SYS_ppoll,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getrandom,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_membarrier,
    // Names of threads.
    libc::SYS_prctl,
];

/// Confines this process, which may use that much CPU time. Limits must hold; the rest is done as far as the system allows
/// it, because containers and service managers forbid some of it.
pub fn confine(cpu_seconds: u64) -> io::Result<()> {
    // If the system is short of memory, this process goes first.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    limit(libc::RLIMIT_DATA, COMPILE_MEMORY)?;
    limit(libc::RLIMIT_CPU, cpu_seconds)?;
    limit(libc::RLIMIT_FSIZE, COMPILED_BYTES)?;
    limit(libc::RLIMIT_CORE, 0)?;
    // SAFETY: these calls take numbers. The descriptors that are closed belong to nobody: a process that was just
    // started has opened no others than the three standard ones, which are kept.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
        // It ends with the thread that waits for it.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    }
    yield_to_others();
    forbid_system_calls();
    Ok(())
}

/// Limits a resource of this process. It can't be raised again.
fn limit(resource: libc::__rlimit_resource_t, limit: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: the pointer is to a value that lives during the call, and is only read.
    match unsafe { libc::setrlimit(resource, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The kernel answers all calls but [`ALLOWED`] with "operation not permitted" (seccomp(2)).
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn forbid_system_calls() {
    #[cfg(target_arch = "x86_64")]
    const ARCHITECTURE: u32 = 0xc000_003e;
    #[cfg(target_arch = "aarch64")]
    const ARCHITECTURE: u32 = 0xc000_00b7;
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // The offsets of the architecture and of the call's number in `struct seccomp_data` are 4 and 0.
    let mut program = vec![
        step(LOAD, 0, 0, 4),
        step(IF_EQUAL, 1, 0, ARCHITECTURE),
        step(RETURN, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
        step(LOAD, 0, 0, 0),
    ];
    for call in ALLOWED {
        program.push(step(IF_EQUAL, 0, 1, *call as u32));
        program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    }
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program and the vector that it points into live during the call, which copies them.
    unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program);
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn forbid_system_calls() {}

/// The user whose rights this process has.
pub fn user() -> u32 {
    // SAFETY: the call takes nothing and can't fail.
    unsafe { libc::geteuid() }
}
