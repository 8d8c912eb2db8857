// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files without a name that nobody can change: how a script body reaches its interpreter.

use crate::errno::{check, check_len, retry};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// `MFD_NOEXEC_SEAL` of Linux 6.3: the file can never be made executable.
const MFD_NOEXEC_SEAL: libc::c_uint = 8;

const ALL_SEALS: libc::c_int = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// Puts `bytes` into a sealed memory file: nobody can write, grow, shrink or unseal it. Close-on-exec.
///
/// # Errors
/// No memory or no descriptor left.
pub fn sealed(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let fd = create(name, flags | MFD_NOEXEC_SEAL).or_else(|error| {
        // Before Linux 6.3 the flag is unknown. Nothing of ours ever executes the file itself.
        if error.raw_os_error() == Some(libc::EINVAL) { create(name, flags) } else { Err(error) }
    })?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    let fd = OwnedFd::from(file);
    // SAFETY: `fd` is open; F_ADD_SEALS takes an integer.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, ALL_SEALS) })?;
    Ok(fd)
}

fn create(name: &CStr, flags: libc::c_uint) -> io::Result<OwnedFd> {
    // SAFETY: `name` is NUL-terminated; the result is a new descriptor that nobody else owns.
    unsafe {
        let fd = check(libc::memfd_create(name.as_ptr(), flags))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Copies a sealed memory file into `into`, which is cleared first.
///
/// Refuses anything that is not a sealed memory file, so a peer cannot hand over a pipe or a file on a slow
/// file system to stall the reader.
///
/// # Errors
/// It is no sealed memory file, or it is larger than `bytes_max`.
pub fn read_sealed(fd: impl AsFd, bytes_max: usize, into: &mut Vec<u8>) -> io::Result<()> {
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: `raw` is open for the time of the call; F_GET_SEALS takes no argument.
    let seals = check(unsafe { libc::fcntl(raw, libc::F_GET_SEALS) })?;
    if seals & (libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK) != libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the memory file is not sealed"));
    }
    let file = File::from(fd.as_fd().try_clone_to_owned()?);
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the memory file is larger than a message may be"));
    }
    into.clear();
    into.reserve(length);
    while into.len() < length {
        let offset = libc::off_t::try_from(into.len()).map_err(io::Error::other)?;
        let spare = into.spare_capacity_mut();
        // SAFETY: pread writes at most `spare.len()` bytes into the spare capacity, and set_len covers
        // exactly the bytes it wrote.
        let read = retry(|| unsafe {
            check_len(libc::pread(raw, spare.as_mut_ptr().cast(), spare.len().min(length), offset))
        })?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the `read` bytes after the old length were just initialised.
        unsafe { into.set_len(into.len() + read) };
    }
    into.truncate(length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_body_can_be_read_and_never_changed() {
        let fd = sealed(c"body", b"echo hello").unwrap();
        let mut copy = Vec::new();
        read_sealed(&fd, 100, &mut copy).unwrap();
        assert_eq!(copy, b"echo hello");
        let mut file = File::from(fd);
        assert!(file.write_all(b"x").is_err());
        assert!(file.set_len(0).is_err());
        assert!(file.set_len(4096).is_err());
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        assert!(std::fs::OpenOptions::new().write(true).open(&path).and_then(|mut f| f.write_all(b"x")).is_err());
    }

    #[test]
    fn only_sealed_memory_files_within_the_limit_are_read() {
        let mut into = Vec::new();
        assert!(read_sealed(sealed(c"b", &[0; 11]).unwrap(), 10, &mut into).is_err());
        assert!(read_sealed(create(c"b", libc::MFD_ALLOW_SEALING).unwrap(), 10, &mut into).is_err());
        assert!(read_sealed(File::open("/etc/passwd").unwrap(), 1 << 20, &mut into).is_err());
        assert!(read_sealed(std::io::pipe().unwrap().0, 10, &mut into).is_err());
        read_sealed(sealed(c"b", b"").unwrap(), 10, &mut into).unwrap();
        assert!(into.is_empty());
    }
}
