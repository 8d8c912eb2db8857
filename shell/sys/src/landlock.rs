// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The Landlock domain of a run: no file rules, but a wall between the runs of one account.
//!
//! A process in a domain cannot read memory, environment or descriptors of a process outside it, cannot
//! signal it and cannot connect to its abstract sockets, although both have the same user. What it may read
//! on disk stays what its account may read.

use crate::errno::{check, check_long};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Version of the interface from which signals and abstract sockets can be scoped (Linux 6.12).
pub const ABI_WITH_SCOPES: u32 = 6;

const CREATE_RULESET_VERSION: u32 = 1;
const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1;
const SCOPE_SIGNAL: u64 = 2;
/// Making a block device, which no account but root can do anyway. A domain must handle something.
const ACCESS_FS_MAKE_BLOCK: u64 = 1 << 11;

/// `struct landlock_ruleset_attr`, as of interface version 6.
#[repr(C)]
struct RulesetAttributes {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// The kernel's Landlock interface version; 0 when it has none or it is switched off.
#[must_use]
pub fn abi() -> u32 {
    // SAFETY: with a null attribute and size 0 the call only returns the version.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<RulesetAttributes>(),
            0usize,
            CREATE_RULESET_VERSION,
        )
    };
    u32::try_from(version).unwrap_or(0)
}

/// Prepares the domain for runs, once a process; each child enters it for itself.
///
/// `None` when the kernel has no Landlock. Below [`ABI_WITH_SCOPES`] the domain hides memory but not signals.
///
/// # Errors
/// No descriptor left.
pub fn run_domain() -> io::Result<Option<OwnedFd>> {
    let abi = abi();
    if abi == 0 {
        return Ok(None);
    }
    let scoped = abi >= ABI_WITH_SCOPES;
    let attributes = RulesetAttributes {
        handled_access_fs: if scoped { 0 } else { ACCESS_FS_MAKE_BLOCK },
        handled_access_net: 0,
        scoped: if scoped { SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL } else { 0 },
    };
    // Older kernels refuse a larger structure than they know: the first member is all they need.
    let size = if scoped { size_of::<RulesetAttributes>() } else { size_of::<u64>() };
    // SAFETY: `attributes` lives for the call and is at least `size` bytes; the result is a new descriptor.
    unsafe {
        let fd = check_long(libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0u32))?;
        let fd = i32::try_from(fd).map_err(io::Error::other)?;
        check(libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC))?;
        Ok(Some(OwnedFd::from_raw_fd(fd)))
    }
}

/// Puts the calling thread into the domain, for good. Needs `no_new_privs`.
///
/// # Errors
/// `no_new_privs` is not set, or there are 16 domains already.
pub fn enter(domain: &OwnedFd) -> io::Result<()> {
    // SAFETY: the call takes an open descriptor and flags.
    check_long(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, domain.as_raw_fd(), 0u32) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_exists_where_the_kernel_has_landlock() {
        assert_eq!(run_domain().unwrap().is_some(), abi() > 0);
    }
}
