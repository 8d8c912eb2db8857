// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Messages with descriptors over `SOCK_SEQPACKET` Unix sockets.
//!
//! A message of up to [`INLINE_BYTES_MAX`] is one packet. A larger one travels in a sealed memory file whose
//! descriptor comes last with a packet of one zero byte; no encoded message is that byte. Sockets never block:
//! [`std::io::ErrorKind::WouldBlock`] says that the other side has to read first, or that nothing is there.

use crate::errno::{check, check_len, retry};
use crate::memfd;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Largest message that is sent as one packet, bytes. Fits the default send buffer of Linux.
pub const INLINE_BYTES_MAX: usize = 128 << 10;
/// Most descriptors with one message, the memory file of a large one included.
pub const FDS_MAX: usize = 4;

const LARGE: [u8; 1] = [0];

/// Who is on the other side of a connection, as the kernel noted it when it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Process id.
    pub pid: i32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Two connected sockets, close-on-exec.
///
/// # Errors
/// No descriptor left.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds: [RawFd; 2] = [-1; 2];
    // SAFETY: `fds` has room for the two descriptors; both are new and ours alone.
    unsafe {
        check(libc::socketpair(libc::AF_UNIX, SOCKET_TYPE, 0, fds.as_mut_ptr()))?;
        Ok((OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])))
    }
}

/// A listening socket at `path`. A socket that is there already is replaced; anything else there is an error.
/// The file gets mode 0600: its owner decides who may connect.
///
/// # Errors
/// The directory is missing or not writable, or the path is too long or taken by something else.
pub fn listen(path: &Path) -> io::Result<OwnedFd> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no socket is in its place"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let fd = socket()?;
    let (address, length) = address(path)?;
    // SAFETY: `address` is a live sockaddr_un of `length` bytes.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    // SAFETY: listen takes integers.
    check(unsafe { libc::listen(fd.as_raw_fd(), 16) })?;
    Ok(fd)
}

/// Takes the next connection; `None` when there is none.
///
/// # Errors
/// No descriptor left.
pub fn accept(listener: impl AsFd) -> io::Result<Option<OwnedFd>> {
    let raw = listener.as_fd().as_raw_fd();
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: null address and length mean that the peer's address is not wanted; the result is ours alone.
    let accepted = retry(|| check(unsafe { libc::accept4(raw, std::ptr::null_mut(), std::ptr::null_mut(), flags) }));
    match accepted {
        // SAFETY: the descriptor is new.
        Ok(fd) => Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) })),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Connects to a listening socket.
///
/// # Errors
/// Nobody listens, or the socket is not ours to use.
pub fn connect(path: &Path) -> io::Result<OwnedFd> {
    let fd = socket()?;
    let (address, length) = address(path)?;
    // SAFETY: `address` is a live sockaddr_un of `length` bytes.
    retry(|| check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const address).cast(), length) }))?;
    Ok(fd)
}

/// Who is on the other side.
///
/// # Errors
/// Not a Unix socket.
pub fn peer(fd: impl AsFd) -> io::Result<Peer> {
    // SAFETY: all-zero is a valid ucred; getsockopt writes at most `length` bytes into it.
    let credentials = unsafe {
        let mut credentials: libc::ucred = zeroed();
        let mut length = socklen(size_of::<libc::ucred>())?;
        let raw = fd.as_fd().as_raw_fd();
        let into = (&raw mut credentials).cast();
        check(libc::getsockopt(raw, libc::SOL_SOCKET, libc::SO_PEERCRED, into, &raw mut length))?;
        credentials
    };
    Ok(Peer { pid: credentials.pid, uid: credentials.uid, gid: credentials.gid })
}

/// Sends a message.
///
/// # Errors
/// `WouldBlock` when the other side has to read first; `BrokenPipe` when it is gone.
pub fn send(fd: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    send_with_fds(fd, bytes, &[])
}

/// Sends a message with descriptors, which stay open here too.
///
/// # Errors
/// As [`send`]; `InvalidInput` for an empty message or too many descriptors.
pub fn send_with_fds(fd: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if bytes.is_empty() || fds.len() > FDS_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    if bytes.len() <= INLINE_BYTES_MAX {
        return send_packet(fd.as_fd(), bytes, fds);
    }
    let body = memfd::sealed(c"message", bytes)?;
    let mut all = fds.to_vec();
    all.push(body.as_fd());
    if all.len() > FDS_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    send_packet(fd.as_fd(), &LARGE, &all)
}

/// Receives a message of at most `bytes_max` into `buffer`, replacing what is there; `None` at the end.
///
/// Descriptors that came with it are close-on-exec. On any error those that came are closed.
///
/// # Errors
/// `WouldBlock` when nothing is there; `InvalidData` when the peer broke the rules: too long, or too many
/// descriptors.
pub fn recv_with_fds(fd: impl AsFd, buffer: &mut Vec<u8>, bytes_max: usize) -> io::Result<Option<Vec<OwnedFd>>> {
    if buffer.capacity() > 2 * INLINE_BYTES_MAX {
        // A large message passed through; do not keep its memory for ever.
        *buffer = Vec::new();
    }
    buffer.clear();
    buffer.reserve(INLINE_BYTES_MAX);
    let Some(mut fds) = recv_packet(fd.as_fd(), buffer)? else { return Ok(None) };
    if *buffer == LARGE {
        let body = fds.pop().ok_or_else(|| misbehaved("a large message came without its memory file"))?;
        memfd::read_sealed(&body, bytes_max, buffer)?;
    } else if buffer.len() > bytes_max {
        return Err(misbehaved("the message is longer than allowed"));
    }
    Ok(Some(fds))
}

fn send_packet(fd: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut control = Control::default();
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: all-zero is a valid msghdr. It points at `part`, which points at `bytes`, and at `control`; all
    // live until sendmsg returned, which only reads them. The control message is written inside `control`,
    // whose size is CMSG_SPACE of FDS_MAX descriptors and whose alignment is that of a cmsghdr.
    let sent = unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        if !fds.is_empty() {
            let payload = u32::try_from(size_of_val(fds)).map_err(io::Error::other)?;
            message.msg_control = (&raw mut control).cast();
            message.msg_controllen = libc::CMSG_SPACE(payload) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(payload) as _;
            let slots = libc::CMSG_DATA(header).cast::<RawFd>();
            for (i, fd) in fds.iter().enumerate() {
                slots.add(i).write_unaligned(fd.as_raw_fd());
            }
        }
        retry(|| check_len(libc::sendmsg(fd.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL)))?
    };
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn recv_packet(fd: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> io::Result<Option<Vec<OwnedFd>>> {
    let mut control = Control::default();
    let spare = buffer.spare_capacity_mut();
    let mut part = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len() };
    let mut fds = Vec::new();
    // SAFETY: all-zero is a valid msghdr. recvmsg writes at most `spare.len()` bytes into the buffer's spare
    // capacity and at most the size of `control` into it; both live until it returned. The control messages
    // are walked with the macros for it, within the length the kernel reported. Every descriptor in them is
    // new and ours; each becomes an OwnedFd before anything can fail, so none leaks.
    let (received, flags) = unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut control).cast();
        message.msg_controllen = size_of::<Control>() as _;
        let received = retry(|| check_len(libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC)))?;
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let data = libc::CMSG_DATA(header);
                let length = ((*header).cmsg_len as usize).saturating_sub(data.offset_from(header.cast()) as usize);
                for i in 0..length / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(data.cast::<RawFd>().add(i).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
        (received, message.msg_flags)
    };
    if flags & libc::MSG_CTRUNC != 0 {
        return Err(misbehaved("more descriptors came than a message may carry"));
    }
    if flags & libc::MSG_TRUNC != 0 {
        return Err(misbehaved("the message is longer than allowed"));
    }
    if received == 0 {
        return Ok(None);
    }
    // SAFETY: recvmsg initialised `received` bytes, which is at most the spare capacity.
    unsafe { buffer.set_len(received) };
    Ok(Some(fds))
}

/// Room for one control message with [`FDS_MAX`] descriptors, aligned as a `cmsghdr` must be.
#[repr(C)]
union Control {
    bytes: [u8; CONTROL_BYTES],
    align: libc::cmsghdr,
}

// SAFETY: CMSG_SPACE only computes.
const CONTROL_BYTES: usize = unsafe { libc::CMSG_SPACE((FDS_MAX * size_of::<RawFd>()) as u32) } as usize;

impl Default for Control {
    fn default() -> Self {
        Self { bytes: [0; CONTROL_BYTES] }
    }
}

const SOCKET_TYPE: libc::c_int = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;

fn socket() -> io::Result<OwnedFd> {
    // SAFETY: socket takes integers; the result is a new descriptor.
    unsafe { Ok(OwnedFd::from_raw_fd(check(libc::socket(libc::AF_UNIX, SOCKET_TYPE, 0))?)) }
}

fn address(path: &Path) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    // SAFETY: all-zero is a valid sockaddr_un.
    let mut address: libc::sockaddr_un = unsafe { zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() || bytes.len() >= address.sun_path.len() || bytes.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket path has 1 to 107 bytes"));
    }
    for (slot, byte) in address.sun_path.iter_mut().zip(bytes) {
        *slot = *byte as libc::c_char;
    }
    Ok((address, socklen(size_of::<libc::sockaddr_un>())?))
}

fn socklen(length: usize) -> io::Result<libc::socklen_t> {
    libc::socklen_t::try_from(length).map_err(io::Error::other)
}

fn misbehaved(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
