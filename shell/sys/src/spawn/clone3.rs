// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `clone3` with a child that continues on another stack, which the C library has no function for.

use std::arch::asm;
use std::ffi::c_void;
use std::io;

pub(super) const CLONE_VM: u64 = 0x100;
pub(super) const CLONE_PIDFD: u64 = 0x1000;
pub(super) const CLONE_VFORK: u64 = 0x4000;
pub(super) const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
pub(super) const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// `struct clone_args`.
#[repr(C)]
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) flags: u64,
    pub(super) pidfd: u64,
    pub(super) child_tid: u64,
    pub(super) parent_tid: u64,
    pub(super) exit_signal: u64,
    pub(super) stack: u64,
    pub(super) stack_size: u64,
    pub(super) tls: u64,
    pub(super) set_tid: u64,
    pub(super) set_tid_size: u64,
    pub(super) cgroup: u64,
}

/// Calls `clone3`; in the child, calls `run(argument)` on the stack of `arguments` and never comes back.
///
/// What makes this sound: the child leaves the `syscall` instruction with a copy of our registers but its own
/// stack pointer, and goes straight to a call. Nothing of the parent's frame is used by it, and the parent's
/// path through the assembly uses no stack. With `CLONE_VFORK` the kernel resumes the parent only when the
/// child has released the shared memory, so to the compiler all of this is one call that may read and write
/// what `argument` points to, as any opaque assembly may.
///
/// # Safety
/// - `arguments` asks for `CLONE_VM | CLONE_VFORK` with a stack that is 16-byte aligned at its top, large
///   enough for `run`, and used by nobody else.
/// - `run` returns to nobody, unwinds never, and touches only `argument` and its own stack; it takes no lock
///   and allocates nothing.
/// - All signals are blocked.
pub(super) unsafe fn call(
    arguments: &Arguments,
    run: unsafe extern "C" fn(*mut c_void) -> !,
    argument: *mut c_void,
) -> io::Result<libc::pid_t> {
    let result: isize;
    // SAFETY: the caller's contract and the explanation above. Registers: the system call clobbers only those
    // named; every other register has its old value in the parent.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r8",
            "call r9",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 as isize => result,
            in("rdi") arguments,
            in("rsi") size_of::<Arguments>(),
            in("r8") argument,
            in("r9") run,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x9",
            "blr x10",
            "brk 1",
            "2:",
            inlateout("x0") std::ptr::from_ref(arguments) as isize => result,
            in("x1") size_of::<Arguments>(),
            in("x8") libc::SYS_clone3,
            in("x9") argument,
            in("x10") run,
        );
    }
    if result < 0 {
        return Err(io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(libc::EINVAL)));
    }
    libc::pid_t::try_from(result).map_err(io::Error::other)
}
