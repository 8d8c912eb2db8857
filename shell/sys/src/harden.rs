// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What every process of Reeve on a monitored computer does to itself before anything else.

use crate::errno::{check, retry};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Makes this process unreadable for others: no core dump, not dumpable, umask 077, default signal handling.
///
/// Not dumpable means that no process of the same user can attach to it or read its memory, its environment
/// or its descriptors through `/proc`. The kernel forgets it at `execve`, so each program calls this itself.
/// Signal handling is reset because an ignored signal survives `execve`, down to the scripts.
///
/// Memory is not locked: a host or broker is small and advised swap is encrypted swap. `Departs:` from a
/// common reflex; `mlockall` would pin several MiB for each account.
///
/// # Errors
/// What the kernel refused. The caller must not go on: a process that could be dumped must not see a secret.
pub fn harden_process() -> io::Result<()> {
    set_core_limit_zero()?;
    // SAFETY: PR_SET_DUMPABLE takes one integer and touches no memory of ours.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })?;
    // SAFETY: umask cannot fail and takes an integer.
    unsafe { libc::umask(0o077) };
    reset_signals();
    Ok(())
}

/// Forbids core dumps for this process and everything it starts; only root could raise the limit again.
fn set_core_limit_zero() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `none` is a live rlimit for the time of the call.
    check(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) })?;
    Ok(())
}

/// Gives every signal its default effect and blocks none.
fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL installs no code of ours. It fails with EINVAL for SIGKILL, SIGSTOP and the two
        // signals that the C library keeps, which is harmless: those cannot have been changed.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero sigset_t is the empty set on Linux, and it lives for the time of the call.
    unsafe {
        let empty: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_SETMASK, &raw const empty, std::ptr::null_mut());
    }
}

/// Asks to be killed when the process that started this one dies.
///
/// The parent may have died before the call, so the caller checks afterwards that it is still there.
///
/// # Errors
/// What the kernel refused.
pub fn die_with_parent() -> io::Result<()> {
    parent_death_signal(libc::SIGKILL)
}

/// Takes [`die_with_parent`] back.
///
/// # Errors
/// What the kernel refused.
pub fn survive_parent() -> io::Result<()> {
    parent_death_signal(0)
}

fn parent_death_signal(signal: libc::c_int) -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes one integer.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal, 0, 0, 0) })?;
    Ok(())
}

/// Moves a descriptor to a number of at least `lowest`, close-on-exec; the old number is closed.
///
/// # Errors
/// No descriptor left.
pub fn raise(fd: OwnedFd, lowest: i32) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() >= lowest {
        return Ok(fd);
    }
    // SAFETY: `fd` is open; the result is a new descriptor that nobody else owns.
    unsafe {
        let raised = check(libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest))?;
        Ok(OwnedFd::from_raw_fd(raised))
    }
}

/// Takes over a descriptor that this process was started with, moves it out of the way and puts `/dev/null`
/// in its place, so that its number is never given to anything else.
///
/// # Errors
/// It is not open, or there is no `/dev/null`.
pub fn take_inherited(number: i32) -> io::Result<OwnedFd> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    // SAFETY: fcntl checks that `number` is open. The new descriptor is ours alone; `number` itself is
    // replaced by dup3 below and never closed, so nothing dangles.
    let taken = unsafe {
        let taken = check(libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 10))?;
        OwnedFd::from_raw_fd(taken)
    };
    if null.as_raw_fd() != number {
        // SAFETY: both numbers are valid; dup3 replaces `number` atomically.
        retry(|| check(unsafe { libc::dup3(null.as_raw_fd(), number, libc::O_CLOEXEC) }))?;
    }
    Ok(taken)
}

/// Closes every descriptor from `first` on.
///
/// # Safety
/// No owned descriptor of this process at or above `first` may be used or dropped afterwards: its number may
/// belong to something else by then. Meant for the first lines of `main`, before anything was opened.
///
/// # Errors
/// The kernel has no `close_range` (before 5.9).
pub unsafe fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: the caller promises that nothing owns these descriptors.
    crate::errno::check_long(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) })?;
    Ok(())
}

/// Gives free memory of the C library's heap back to the system. For a process that is about to wait for long.
pub fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim only releases pages that hold no allocation.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardened_process_is_not_dumpable_and_leaves_no_core() {
        harden_process().unwrap();
        // SAFETY: PR_GET_DUMPABLE takes no pointer.
        assert_eq!(unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) }, 0);
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    }

    #[test]
    fn a_raised_descriptor_keeps_its_file() {
        use std::io::Read;
        let (reader, writer) = std::io::pipe().unwrap();
        let mut raised = std::io::PipeReader::from(raise(reader.into(), 100).unwrap());
        assert!(raised.as_raw_fd() >= 100);
        drop(writer);
        assert_eq!(raised.read(&mut [0; 8]).unwrap(), 0);
    }
}
