// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reading files that grant something: they must belong to root and nobody else may be able to change them.
//!
//! Owner and mode are checked on the open descriptors of the file and of its directory, so that what was
//! checked is what is read.

use crate::errno::check;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Why a file is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// It is a directory, a device, a pipe or a symbolic link.
    #[error("it is not a regular file")]
    NotAFile,
    /// Somebody else owns it.
    #[error("it belongs to uid {0} instead of root; `chown root` it")]
    Owner(u32),
    /// Somebody else may write to it.
    #[error("its group or everybody may write to it (mode {0:04o}); `chmod go-w` it")]
    Writable(u32),
    /// Somebody else may replace it.
    #[error("its directory belongs to uid {uid} with mode {mode:04o}; only root may be able to change it")]
    Directory {
        /// Owner of the directory.
        uid: u32,
        /// Its mode.
        mode: u32,
    },
    /// Nobody writes that much by hand.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// Not text.
    #[error("it is not UTF-8 text")]
    NotText,
}

/// What tells one version of a file from the next without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    device: u64,
    inode: u64,
    size: u64,
    changed_s: i64,
    changed_ns: i64,
    mode: u32,
    uid: u32,
}

/// The file's version now; `None` when there is none.
#[must_use]
pub fn version(path: &Path) -> Option<Version> {
    std::fs::symlink_metadata(path).ok().map(|m| Version {
        device: m.dev(),
        inode: m.ino(),
        size: m.len(),
        changed_s: m.ctime(),
        changed_ns: m.ctime_nsec(),
        mode: m.mode(),
        uid: m.uid(),
    })
}

/// Reads a file of at most `bytes_max` that root alone can change; `None` when it does not exist.
///
/// # Errors
/// Why it is not believed.
pub fn read(path: &Path, bytes_max: u64) -> Result<Option<String>, Untrusted> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = match std::fs::OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Untrusted::Unreadable)?,
    };
    let about = directory.metadata().map_err(Untrusted::Unreadable)?;
    if about.uid() != 0 || about.mode() & 0o022 != 0 {
        return Err(Untrusted::Directory { uid: about.uid(), mode: about.mode() & 0o7777 });
    }
    let name = path.file_name().ok_or(Untrusted::NotAFile)?;
    let file = match open_in(&directory, name.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err(Untrusted::NotAFile),
        other => other.map_err(Untrusted::Unreadable)?,
    };
    let about = file.metadata().map_err(Untrusted::Unreadable)?;
    if !about.is_file() {
        return Err(Untrusted::NotAFile);
    }
    if about.uid() != 0 {
        return Err(Untrusted::Owner(about.uid()));
    }
    if about.mode() & 0o022 != 0 {
        return Err(Untrusted::Writable(about.mode() & 0o7777));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(Untrusted::Unreadable)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Untrusted::TooLarge(bytes_max));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| Untrusted::NotText)
}

/// Opens without following a link and without waiting for the writer of a pipe.
fn open_in(directory: &File, name: &[u8]) -> io::Result<File> {
    let name = CString::new(name).map_err(io::Error::other)?;
    let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: `name` is NUL-terminated and the directory is open; the result is a new descriptor.
    unsafe {
        let fd = check(libc::openat(directory.as_raw_fd(), name.as_ptr(), flags))?;
        Ok(File::from(OwnedFd::from_raw_fd(fd)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn only_a_file_that_root_alone_can_change_is_believed() {
        let top = tempfile::tempdir().unwrap();
        let directory = top.path().join("etc");
        create_dir(&directory).unwrap();
        set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        let path = directory.join("policy.toml");
        let refused = |path: &Path| read(path, 100).map_err(|e| e.to_string());
        assert_eq!(refused(&path), Ok(None));
        assert_eq!(refused(&top.path().join("absent/policy.toml")), Ok(None));

        write(&path, "allow_root = false").unwrap();
        set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(refused(&path), Ok(Some("allow_root = false".to_owned())));

        for (mode, word) in [(0o664, "chmod"), (0o646, "chmod"), (0o666, "chmod")] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(refused(&path).unwrap_err().contains(word), "{mode:o}");
        }
        set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        chown(&path, Some(12_345), None).unwrap();
        assert!(refused(&path).unwrap_err().contains("12345"));
        chown(&path, Some(0), None).unwrap();

        for mode in [0o775, 0o777, 0o1777] {
            set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
            assert!(refused(&path).unwrap_err().contains("directory"), "{mode:o}");
        }
        set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();

        write(&path, vec![b'#'; 101]).unwrap();
        assert!(refused(&path).unwrap_err().contains("larger"));
        write(&path, b"\xff").unwrap();
        assert!(refused(&path).unwrap_err().contains("UTF-8"));

        let link = directory.join("link");
        symlink(&path, &link).unwrap();
        let pipe = directory.join("pipe");
        let name = CString::new(pipe.as_os_str().as_bytes()).unwrap();
        // SAFETY: `name` is NUL-terminated.
        check(unsafe { libc::mkfifo(name.as_ptr(), 0o644) }).unwrap();
        for other in [&link, &pipe, &directory] {
            assert_eq!(refused(other).unwrap_err(), "it is not a regular file", "{other:?}");
        }
    }

    #[test]
    fn a_changed_file_has_another_version() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("f");
        assert_eq!(version(&path), None);
        write(&path, "a").unwrap();
        let first = version(&path);
        write(&path, "ab").unwrap();
        assert_ne!(version(&path), first);
    }
}
