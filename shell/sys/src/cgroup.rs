// SPDX-License-Identifier: Apache-2.0 OR MIT
//! cgroup2 as the way to end everything a run started: one leaf a run, under one group a host.
//!
//! ```text
//! <the broker's own group>/reeve-<instance>/     root, 0700: no account can reach what is below by path
//!     host-7/                                    owned by the account, reached by descriptor only
//!         self/                                  the host process
//!         run-0/ run-1/ …                        made by the host, one a run, used again when empty
//! ```
//! A script has the same user as its host, so file modes alone would let it move itself out of its leaf.
//! The closed directory above does not: only the host holds a descriptor below it, the host is not dumpable,
//! and scripts inherit no descriptor.

use crate::errno::{check, check_len, retry};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A directory of the cgroup2 tree, held open.
#[derive(Debug)]
pub struct Group {
    directory: OwnedFd,
}

/// One leaf: a group that is watched and killed often, so its control files stay open.
#[derive(Debug)]
pub struct Leaf {
    group: Group,
    events: OwnedFd,
    kill: OwnedFd,
}

/// Where this process's own cgroup2 directory is; `None` without cgroup2.
///
/// # Errors
/// `/proc` cannot be read.
pub fn own_directory() -> io::Result<Option<PathBuf>> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    let groups = std::fs::read_to_string("/proc/self/cgroup")?;
    Ok(directory_from(&mounts, &groups))
}

/// Finds the directory in the text of `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn directory_from(mounts: &str, groups: &str) -> Option<PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        if right.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = left.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        // A mount may show only a part of the tree; our own group is visible in it or it is of no use.
        let below = if root == "/" { own } else { own.strip_prefix(root)? };
        Some(Path::new(&unescape(point)).join(below.trim_start_matches('/')))
    })
}

/// Undoes the octal escapes that the kernel writes for blanks in mount points.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

impl Group {
    /// Opens an existing directory of the tree.
    ///
    /// # Errors
    /// It is not there, or not on cgroup2.
    pub fn open(path: &Path) -> io::Result<Self> {
        let name = CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)?;
        let group = Self { directory: open_at(None, &name, libc::O_RDONLY | libc::O_DIRECTORY)? };
        group.require_cgroup2()?;
        Ok(group)
    }

    /// Takes a descriptor that was handed over.
    ///
    /// # Errors
    /// It is not a directory of cgroup2.
    pub fn from_fd(directory: OwnedFd) -> io::Result<Self> {
        let group = Self { directory };
        group.require_cgroup2()?;
        Ok(group)
    }

    fn require_cgroup2(&self) -> io::Result<()> {
        // SAFETY: all-zero is a valid statfs, which fstatfs fills in.
        let kind = unsafe {
            let mut about: libc::statfs = std::mem::zeroed();
            check(libc::fstatfs(self.directory.as_raw_fd(), &raw mut about))?;
            about.f_type
        };
        if kind == libc::CGROUP2_SUPER_MAGIC {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::Unsupported, "not a cgroup2 directory"))
        }
    }

    /// Opens the child, making it when it is not there. `mode` counts for a new one only.
    ///
    /// # Errors
    /// Not permitted, or the tree has a limit.
    pub fn child(&self, name: &str, mode: u32) -> io::Result<Self> {
        let name = CString::new(name).map_err(io::Error::other)?;
        // SAFETY: `name` is NUL-terminated and the directory is open.
        match check(unsafe { libc::mkdirat(self.directory.as_raw_fd(), name.as_ptr(), mode) }) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let child = Self { directory: open_at(Some(&self.directory), &name, flags)? };
        // The umask took bits away.
        // SAFETY: the directory is open; fchmod takes integers. Only the owner may, which a reused one shows.
        let _ = check(unsafe { libc::fchmod(child.directory.as_raw_fd(), mode) });
        Ok(child)
    }

    /// Lets a user make leaves below this group and move processes between them.
    ///
    /// # Errors
    /// Not permitted.
    pub fn delegate(&self, uid: u32, gid: u32) -> io::Result<()> {
        // SAFETY: the names are NUL-terminated and the directory is open.
        unsafe {
            check(libc::fchown(self.directory.as_raw_fd(), uid, gid))?;
            check(libc::fchownat(
                self.directory.as_raw_fd(),
                c"cgroup.procs".as_ptr(),
                uid,
                gid,
                libc::AT_SYMLINK_NOFOLLOW,
            ))?;
        }
        Ok(())
    }

    /// Moves the calling process into this group.
    ///
    /// # Errors
    /// Not permitted.
    pub fn enter(&self) -> io::Result<()> {
        write_file(&open_at(Some(&self.directory), c"cgroup.procs", libc::O_WRONLY)?, b"0")
    }

    /// Kills everything in this group and below, whatever it does.
    ///
    /// # Errors
    /// Not permitted, or the kernel has no `cgroup.kill` (before 5.14).
    pub fn kill(&self) -> io::Result<()> {
        write_file(&open_at(Some(&self.directory), c"cgroup.kill", libc::O_WRONLY)?, b"1")
    }

    /// Whether any process is in this group or below.
    ///
    /// # Errors
    /// The group was removed.
    pub fn is_populated(&self) -> io::Result<bool> {
        read_populated(&open_at(Some(&self.directory), c"cgroup.events", libc::O_RDONLY)?)
    }

    /// Kills everything and waits until nothing is left, at most `time`. Returns whether nothing is left.
    pub fn kill_and_wait(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            let _ = self.kill();
            match self.is_populated() {
                Ok(false) | Err(_) => return true,
                Ok(true) if Instant::now() >= until => return false,
                Ok(true) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Removes a child and everything below it, deepest first. Fails while a process is in it.
    ///
    /// # Errors
    /// A process is in it, or it is not there.
    pub fn remove_child(&self, name: &str) -> io::Result<()> {
        let name_c = CString::new(name).map_err(io::Error::other)?;
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let child = Self { directory: open_at(Some(&self.directory), &name_c, flags)? };
        for below in child.children() {
            child.remove_child(&below)?;
        }
        // SAFETY: `name_c` is NUL-terminated and the directory is open.
        check(unsafe { libc::unlinkat(self.directory.as_raw_fd(), name_c.as_ptr(), libc::AT_REMOVEDIR) })?;
        Ok(())
    }

    /// Names of the groups directly below.
    #[must_use]
    pub fn children(&self) -> Vec<String> {
        let path = format!("/proc/self/fd/{}", self.directory.as_raw_fd());
        let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
        entries
            .flatten()
            .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
            .filter_map(|e| e.file_name().into_string().ok())
            .collect()
    }
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Leaf {
    /// Opens the leaf of this name below `host`, making it when it is not there.
    ///
    /// # Errors
    /// Not permitted.
    pub fn open(host: &Group, name: &str) -> io::Result<Self> {
        let group = host.child(name, 0o700)?;
        let events = open_at(Some(&group.directory), c"cgroup.events", libc::O_RDONLY)?;
        let kill = open_at(Some(&group.directory), c"cgroup.kill", libc::O_WRONLY)?;
        Ok(Self { group, events, kill })
    }

    /// Kills everything in it.
    ///
    /// # Errors
    /// The leaf was removed.
    pub fn kill(&self) -> io::Result<()> {
        write_file(&self.kill, b"1")
    }

    /// Whether any process is in it. Also arms [`Leaf::events`] for the next change.
    ///
    /// # Errors
    /// The leaf was removed.
    pub fn is_populated(&self) -> io::Result<bool> {
        read_populated(&self.events)
    }

    /// Becomes ready for [`crate::poll::Interest::Changed`] when the last process has gone.
    #[must_use]
    pub fn events(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// Ids and names of the processes in it, for a message.
    #[must_use]
    pub fn processes(&self) -> Vec<(i32, String)> {
        let Ok(list) = open_at(Some(&self.group.directory), c"cgroup.procs", libc::O_RDONLY) else {
            return Vec::new();
        };
        let text = std::io::read_to_string(std::fs::File::from(list)).unwrap_or_default();
        text.lines().filter_map(|l| l.parse().ok()).map(|pid| (pid, name_of(pid))).collect()
    }
}

impl AsFd for Leaf {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.group.directory.as_fd()
    }
}

/// The name a process goes by, `?` when it is hidden or gone. Characters that could disturb a terminal are
/// replaced: a process chooses its own name.
#[must_use]
pub fn name_of(pid: i32) -> String {
    let text = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_else(|_| b"?".to_vec());
    String::from_utf8_lossy(&text).trim_end().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn open_at(directory: Option<&OwnedFd>, name: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    let at = directory.map_or(libc::AT_FDCWD, AsRawFd::as_raw_fd);
    // SAFETY: `name` is NUL-terminated; the result is a new descriptor that nobody else owns.
    unsafe {
        let fd = retry(|| check(libc::openat(at, name.as_ptr(), flags | libc::O_CLOEXEC)))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

fn write_file(fd: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: write reads `bytes.len()` bytes of `bytes`.
    retry(|| unsafe { check_len(libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len())) })?;
    Ok(())
}

fn read_populated(events: &OwnedFd) -> io::Result<bool> {
    let mut text = [0u8; 128];
    // SAFETY: pread writes at most `text.len()` bytes into `text`.
    let length =
        retry(|| unsafe { check_len(libc::pread(events.as_raw_fd(), text.as_mut_ptr().cast(), text.len(), 0)) })?;
    let text = text.get(..length).unwrap_or_default();
    Ok(!text.split(|b| *b == b'\n').any(|line| line == b"populated 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 28 0:21 / /sys rw,relatime shared:7 - sysfs sysfs rw
33 30 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw
34 30 0:29 / /sys/fs/cgroup/pids rw shared:15 - cgroup cgroup rw,pids";

    #[test]
    fn the_own_directory_is_found_in_every_layout() {
        let find = |mounts: &str, groups: &str| directory_from(mounts, groups).map(|p| p.display().to_string());
        let modern = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        let partial = "30 23 0:26 /box /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw";
        assert_eq!(find(MOUNTS, "9:pids:/\n0::/\n").as_deref(), Some("/sys/fs/cgroup/unified/"));
        assert_eq!(
            find(modern, "0::/system.slice/reeve-broker.service\n").as_deref(),
            Some("/sys/fs/cgroup/system.slice/reeve-broker.service")
        );
        assert_eq!(find(partial, "0::/box/x\n").as_deref(), Some("/sys/fs/cgroup/x"));
        assert_eq!(find(partial, "0::/other\n"), None);
        assert_eq!(find(MOUNTS, "9:pids:/\n"), None);
        assert_eq!(find("", "0::/\n"), None);
    }
}
