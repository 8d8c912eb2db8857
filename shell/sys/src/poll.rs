// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One `poll(2)` call over a set that is rebuilt each round: no state in the kernel, nothing to forget.

use crate::errno::check;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// Data, a new connection, the end of the other side, or the end of a process.
    Readable,
    /// Room to write.
    Writable,
    /// Data or room.
    Both,
    /// A change of a kernel file such as `cgroup.events`.
    Changed,
    /// Only that the other side is gone.
    Gone,
}

/// Descriptors to wait for. The set holds numbers, not descriptors: it is cleared before each use, and the
/// descriptors must live until [`PollSet::wait`] returned.
#[derive(Default)]
pub struct PollSet {
    entries: Vec<libc::pollfd>,
}

impl PollSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the set, keeping its memory.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds a descriptor; the result is its place in the set.
    pub fn push(&mut self, fd: impl AsFd, interest: Interest) -> usize {
        let events = match interest {
            Interest::Readable => libc::POLLIN,
            Interest::Writable => libc::POLLOUT,
            Interest::Both => libc::POLLIN | libc::POLLOUT,
            Interest::Changed => libc::POLLPRI,
            Interest::Gone => 0,
        };
        self.entries.push(libc::pollfd { fd: fd.as_fd().as_raw_fd(), events, revents: 0 });
        self.entries.len() - 1
    }

    /// Waits until something happened or the time is over. `None` waits for ever.
    ///
    /// # Errors
    /// Out of memory in the kernel. An interruption by a signal is no error: nothing happened.
    pub fn wait(&mut self, time: Option<Duration>) -> io::Result<()> {
        // Rounded up, or the last fraction of a millisecond would be spent spinning.
        let milliseconds = time.map_or(-1, |t| i32::try_from(t.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
        let count = libc::nfds_t::try_from(self.entries.len()).map_err(io::Error::other)?;
        // SAFETY: `entries` is a live array of `count` pollfd structures.
        match check(unsafe { libc::poll(self.entries.as_mut_ptr(), count, milliseconds) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Whether something happened to the descriptor in this place: what was asked for, an error or a hang-up.
    #[must_use]
    pub fn is_ready(&self, place: usize) -> bool {
        self.entries.get(place).is_some_and(|e| e.revents != 0)
    }

    /// Whether the descriptor in this place can be written to.
    #[must_use]
    pub fn is_writable(&self, place: usize) -> bool {
        self.entries.get(place).is_some_and(|e| e.revents & libc::POLLOUT != 0)
    }

    /// Whether the descriptor in this place has data or came to its end.
    #[must_use]
    pub fn is_readable(&self, place: usize) -> bool {
        self.entries.get(place).is_some_and(|e| e.revents & !libc::POLLOUT != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn readiness_is_told_apart_by_place() {
        let (quiet, _keep) = std::io::pipe().unwrap();
        let (busy, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"x").unwrap();
        let mut set = PollSet::new();
        let (a, b, c) = (
            set.push(&quiet, Interest::Readable),
            set.push(&busy, Interest::Readable),
            set.push(&writer, Interest::Writable),
        );
        set.wait(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(
            [set.is_ready(a), set.is_readable(b), set.is_writable(c), set.is_readable(c)],
            [false, true, true, false]
        );
        set.clear();
        set.push(&quiet, Interest::Readable);
        set.wait(Some(Duration::from_millis(1))).unwrap();
        assert!(!set.is_ready(0));
    }
}
