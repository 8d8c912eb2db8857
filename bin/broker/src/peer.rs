//! A connection that is never waited for: what cannot be sent now is sent when there is room.

use reeve_sys::packet;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Messages that may wait for a peer. One that does not read for so long is gone.
const WAITING_MAX: usize = 4_096;

/// A socket with messages that wait.
pub(crate) struct Peer {
    fd: OwnedFd,
    waiting: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
}

impl Peer {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self { fd, waiting: VecDeque::new() }
    }

    /// Whether something waits.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends now, or when there is room.
    pub(crate) fn send(&mut self, bytes: Vec<u8>, fds: Vec<OwnedFd>) -> io::Result<()> {
        if self.waiting.len() >= WAITING_MAX {
            return Err(io::Error::other("the other side does not read"));
        }
        self.waiting.push_back((bytes, fds));
        self.flush()
    }

    /// Sends what waits, as far as there is room.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while let Some((bytes, fds)) = self.waiting.front() {
            let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
            match packet::send_with_fds(&self.fd, bytes, &borrowed) {
                Ok(()) => {
                    self.waiting.pop_front();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
