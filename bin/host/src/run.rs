//! One run: its process, its pipes, its leaf, its bounds.

use reeve_modules::Collected;
use reeve_sys::cgroup::{Leaf, name_of};
use reeve_sys::process::{Child, Exit};
use reeve_wire::broker::{Ended, RunEnd};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Why the host ended a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stopped {
    /// Its time was over.
    TimedOut,
    /// The agent asked.
    Cancelled,
}

/// A run in flight.
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) child: Child,
    pub(crate) stdout: Option<OwnedFd>,
    pub(crate) stderr: Option<OwnedFd>,
    pub(crate) out: Collected,
    pub(crate) err: Collected,
    pub(crate) streams: bool,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    pub(crate) stopped: Option<Stopped>,
    /// Set when the leader has ended.
    pub(crate) exit: Option<Exit>,
    /// Until when what the leader left behind may go on.
    pub(crate) grace: Option<Instant>,
    /// What the leader left behind and the host killed.
    pub(crate) survivors: Vec<String>,
    pub(crate) leaf: Option<Leaf>,
}

impl Run {
    /// Kills everything the run started.
    pub(crate) fn kill(&self) {
        match &self.leaf {
            Some(leaf) => {
                // A leaf that cannot be killed is gone already.
                let _ = leaf.kill();
            }
            None => {
                self.child.kill();
                kill_orphans();
            }
        }
    }

    /// Whether anything the run started is alive.
    pub(crate) fn is_alive(&self) -> bool {
        match &self.leaf {
            Some(leaf) => leaf.is_populated().unwrap_or(false),
            // Without cgroups there is one run at a time, and the host is the reaper of everything it left behind.
            None => !reeve_sys::process::children().is_empty(),
        }
    }

    /// Names what is still there, for the result.
    pub(crate) fn name_survivors(&mut self) {
        let names = match &self.leaf {
            Some(leaf) => leaf.processes(),
            None => reeve_sys::process::children().into_iter().map(|pid| (pid, name_of(pid))).collect(),
        };
        self.survivors.extend(names.into_iter().take(10).map(|(pid, name)| format!("{name} ({pid})")));
    }

    /// The result.
    pub(crate) fn ended(self, uid: u32) -> (Ended, Option<Leaf>) {
        let (end, code) = match (self.stopped, self.exit) {
            (Some(Stopped::TimedOut), _) => (RunEnd::TimedOut, 0),
            (Some(Stopped::Cancelled), _) => (RunEnd::Cancelled, 0),
            (None, Some(Exit::Code(code))) => (RunEnd::Exited, code),
            (None, Some(Exit::Signal(signal))) => (RunEnd::Signalled, signal),
            (None, None) => (RunEnd::Unspecified, 0),
        };
        let message = match self.survivors.is_empty() {
            true => String::new(),
            false => format!("left behind and ended: {}", self.survivors.join(", ")),
        };
        let dropped_bytes = self.out.dropped() + self.err.dropped();
        let wall_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let ended = Ended {
            run: self.id,
            end: end.into(),
            code,
            stdout: self.out.into_bytes(),
            stderr: self.err.into_bytes(),
            dropped_bytes,
            message,
            uid,
            wall_us,
        };
        (ended, self.leaf)
    }

    /// When the host has to look at it again.
    pub(crate) fn next_look(&self) -> Instant {
        self.grace.map_or(self.deadline, |grace| grace.min(self.deadline))
    }
}

/// Ends orphans of an earlier run; without cgroups only.
pub(crate) fn kill_orphans() {
    for pid in reeve_sys::process::children() {
        if let Ok(child) = Child::adopt(pid) {
            child.kill();
            let _ = child.wait();
        }
    }
}

/// A result for a run that never began.
pub(crate) fn not_started(run: u64, message: String, uid: u32) -> Ended {
    Ended { run, end: RunEnd::NotStarted.into(), message, uid, ..Ended::default() }
}

/// A short wait that is never negative.
pub(crate) fn until(at: Instant) -> Duration {
    at.saturating_duration_since(Instant::now())
}
