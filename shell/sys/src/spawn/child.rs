// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the child does between `clone3` and `execve`. System calls only: it lives in its parent's memory.

use super::{Command, Step};
use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Everything the child needs, as plain numbers and pointers, and where it says what failed.
#[repr(C)]
pub(super) struct Plan {
    program: *const libc::c_char,
    argv: *const *const libc::c_char,
    envp: *const *const libc::c_char,
    directory: *const libc::c_char,
    descriptors: [libc::c_int; 4],
    domain: libc::c_int,
    umask: libc::c_long,
    limits: *const (u32, u64, u64),
    limit_count: usize,
    new_session: bool,
    die_with_parent: bool,
    no_new_privs: bool,
    failed_step: u32,
    failed_errno: libc::c_int,
}

impl Plan {
    pub(super) fn new(
        command: &Command<'_>,
        argv: &[*const libc::c_char],
        envp: &[*const libc::c_char],
    ) -> io::Result<Self> {
        let [input, output, error] = command.stdio.map(|fd| fd.as_raw_fd());
        let number = |fd: Option<BorrowedFd<'_>>| fd.map_or(-1, |fd| fd.as_raw_fd());
        let descriptors = [input, output, error, number(command.extra)];
        let sources = descriptors.iter().chain(std::iter::once(&number(command.domain))).copied().collect::<Vec<_>>();
        if sources.into_iter().any(|fd| (0..=3).contains(&fd)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a descriptor to place is in the way of another"));
        }
        Ok(Self {
            program: command.program.as_ptr(),
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            directory: command.directory.as_ptr(),
            descriptors,
            domain: number(command.domain),
            umask: command.umask.map_or(-1, libc::c_long::from),
            limits: command.limits.as_ptr(),
            limit_count: command.limits.len(),
            new_session: command.new_session,
            die_with_parent: command.die_with_parent,
            no_new_privs: command.no_new_privs,
            failed_step: 0,
            failed_errno: 0,
        })
    }

    /// What the child could not do, if so.
    pub(super) fn failure(&self) -> Option<(Step, io::Error)> {
        // SAFETY: live fields; volatile because another process wrote them, unseen by the compiler.
        let (step, errno) = unsafe {
            (
                std::ptr::read_volatile(&raw const self.failed_step),
                std::ptr::read_volatile(&raw const self.failed_errno),
            )
        };
        let step = match step {
            0 => return None,
            1 => Step::ParentDeathSignal,
            2 => Step::Session,
            3 => Step::Limits,
            4 => Step::Directory,
            5 => Step::Descriptors,
            6 => Step::NoNewPrivileges,
            7 => Step::Domain,
            8 => Step::Close,
            9 => Step::Signals,
            _ => Step::Execute,
        };
        Some((step, io::Error::from_raw_os_error(errno)))
    }
}

/// The child. `errno` is the parent's, which is suspended and reads it only after calls of its own.
///
/// # Safety
/// `plan` points to a [`Plan`] whose pointers are valid; called by `clone3::call` only.
pub(super) unsafe extern "C" fn run(plan: *mut c_void) -> ! {
    let plan = plan.cast::<Plan>();
    // SAFETY: the caller's contract; nobody else runs in this memory.
    unsafe {
        let (step, errno) = prepare_and_execute(&*plan);
        std::ptr::write_volatile(&raw mut (*plan).failed_step, step as u32);
        std::ptr::write_volatile(&raw mut (*plan).failed_errno, errno);
        libc::_exit(127);
    }
}

/// Does the steps in order; comes back only when one failed.
///
/// # Safety
/// The pointers in `plan` are valid.
unsafe fn prepare_and_execute(plan: &Plan) -> (Step, libc::c_int) {
    // SAFETY: every call takes numbers, or pointers that the caller vouches for, or pointers to constants and
    // locals that live for the call. None of these functions allocates, locks or runs user code.
    unsafe {
        if plan.die_with_parent && failed(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0)) {
            return (Step::ParentDeathSignal, errno());
        }
        if plan.new_session && failed(libc::setsid()) {
            return (Step::Session, errno());
        }
        if plan.umask >= 0 {
            libc::umask(plan.umask as libc::mode_t);
        }
        for i in 0..plan.limit_count {
            let (resource, soft, hard) = *plan.limits.add(i);
            let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
            if libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, 0usize) == -1 {
                return (Step::Limits, errno());
            }
        }
        if failed(libc::chdir(plan.directory)) && failed(libc::chdir(c"/".as_ptr())) {
            return (Step::Directory, errno());
        }
        if plan.no_new_privs && failed(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
            return (Step::NoNewPrivileges, errno());
        }
        if plan.domain >= 0 && libc::syscall(libc::SYS_landlock_restrict_self, plan.domain, 0) == -1 {
            return (Step::Domain, errno());
        }
        let mut first_free = 0;
        for (place, source) in (0..).zip(plan.descriptors) {
            if source >= 0 {
                // The copy is not close-on-exec.
                if failed(libc::dup3(source, place, 0)) {
                    return (Step::Descriptors, errno());
                }
                first_free = place + 1;
            }
        }
        if libc::syscall(libc::SYS_close_range, first_free, libc::c_uint::MAX, 0) == -1 {
            return (Step::Close, errno());
        }
        // Handlers are gone by CLONE_CLEAR_SIGHAND; SIGPIPE alone is ignored by every Rust program, and
        // ignored signals would survive execve.
        let default_action = [0usize; 4];
        let no_signals = 0u64;
        if libc::syscall(libc::SYS_rt_sigaction, libc::SIGPIPE, &raw const default_action, 0usize, 8usize) == -1
            || libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const no_signals, 0usize, 8usize) == -1
        {
            return (Step::Signals, errno());
        }
        libc::execve(plan.program, plan.argv, plan.envp);
        (Step::Execute, errno())
    }
}

fn failed(result: libc::c_int) -> bool {
    result == -1
}

fn errno() -> libc::c_int {
    // SAFETY: the location is this thread's.
    unsafe { *libc::__errno_location() }
}
