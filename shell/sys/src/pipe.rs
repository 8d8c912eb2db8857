// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The pipes a run writes to.

use crate::errno::{check, check_len, retry};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// A pipe for a child's output: our end, which never blocks, and the child's end, which does.
///
/// # Errors
/// No descriptor left.
pub fn for_output() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [-1; 2];
    // SAFETY: `fds` has room for the two descriptors; both are new and ours alone.
    let (ours, theirs) = unsafe {
        check(libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC))?;
        (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1]))
    };
    // The two ends have file descriptions of their own, so this does not touch the child's.
    // SAFETY: F_SETFL takes an integer.
    check(unsafe { libc::fcntl(ours.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
    Ok((ours, theirs))
}

/// Reads what is there: `Some(0)` at the end, `None` when there is nothing yet.
///
/// # Errors
/// What the kernel says.
pub fn read(fd: impl AsFd, into: &mut [u8]) -> io::Result<Option<usize>> {
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: read writes at most `into.len()` bytes into `into`.
    match retry(|| unsafe { check_len(libc::read(raw, into.as_mut_ptr().cast(), into.len())) }) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}
