// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A child process, held by its pidfd: a number that is used again can never be signalled by mistake.

use crate::errno::{check, check_long, retry};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// With an exit code, 0 to 255.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// A child of this process. Its pidfd is readable once it has ended. Dropping it neither kills nor reaps.
#[derive(Debug)]
pub struct Child {
    pid: libc::pid_t,
    pidfd: OwnedFd,
}

impl Child {
    pub(crate) fn new(pid: libc::pid_t, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd }
    }

    /// Takes a child that was started by `fork`, which gives no pidfd.
    ///
    /// The number cannot have been used again: the child is not reaped yet.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn adopt(pid: libc::pid_t) -> io::Result<Self> {
        // SAFETY: pidfd_open takes integers and returns a new descriptor.
        let pidfd = unsafe {
            let fd = check_long(libc::syscall(libc::SYS_pidfd_open, pid, 0u32))?;
            OwnedFd::from_raw_fd(i32::try_from(fd).map_err(io::Error::other)?)
        };
        Ok(Self { pid, pidfd })
    }

    /// Process id, for messages.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Reaps the child if it has ended.
    ///
    /// # Errors
    /// It was reaped already.
    pub fn try_wait(&self) -> io::Result<Option<Exit>> {
        wait(&self.pidfd, libc::WEXITED | libc::WNOHANG)
    }

    /// Waits for the end and reaps the child.
    ///
    /// # Errors
    /// It was reaped already.
    pub fn wait(&self) -> io::Result<Exit> {
        wait(&self.pidfd, libc::WEXITED)?.ok_or_else(|| io::Error::other("the child ended without a status"))
    }

    /// Kills this process, not what it started. No error when it has ended.
    pub fn kill(&self) {
        // SAFETY: a null siginfo means the default; the descriptor is open. ESRCH says that it is over.
        unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                libc::SIGKILL,
                std::ptr::null::<libc::siginfo_t>(),
                0u32,
            )
        };
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

fn wait(pidfd: &OwnedFd, options: libc::c_int) -> io::Result<Option<Exit>> {
    let id = libc::id_t::try_from(pidfd.as_raw_fd()).map_err(io::Error::other)?;
    // SAFETY: an all-zero siginfo_t is valid, and waitid fills it in; its fields are read after success only.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        retry(|| check(libc::waitid(libc::P_PIDFD, id, &raw mut info, options)))?;
        if info.si_pid() == 0 {
            return Ok(None);
        }
        let status = info.si_status();
        Ok(Some(if info.si_code == libc::CLD_EXITED { Exit::Code(status) } else { Exit::Signal(status) }))
    }
}

/// Makes this process the parent of every orphan among its descendants, so that none escapes it.
///
/// # Errors
/// The kernel is older than 3.4.
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: prctl takes integers.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })?;
    Ok(())
}

/// Process ids of the children of this single-threaded process, orphans handed to it included.
#[must_use]
pub fn children() -> Vec<i32> {
    let text = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|p| p.parse().ok()).collect()
}
