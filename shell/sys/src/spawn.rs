// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Starting a program without copying the parent.
//!
//! `clone3(CLONE_VM | CLONE_VFORK)`: the child borrows the parent's memory while the parent stands still, so
//! the price does not grow with the parent. The child runs on a stack of its own, makes only the system calls
//! that [`Command`] asks for, and ends in `execve` or `_exit`. It is born in its cgroup: moving it there
//! later would cost milliseconds and leave a moment outside.

mod child;
mod clone3;
mod stack;

use crate::process::Child;
use child::Plan;
use stack::Stack;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Strings for `argv` or `envp`: one block of memory, whatever their number.
#[derive(Clone, Default, Debug)]
pub struct CStrings {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

/// A NUL inside a string that a program would cut there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds a NUL byte")]
pub struct NulInside;

impl CStrings {
    /// No strings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one string.
    ///
    /// # Errors
    /// It holds a NUL byte; nothing is added.
    pub fn push(&mut self, string: &[u8]) -> Result<(), NulInside> {
        if string.contains(&0) {
            return Err(NulInside);
        }
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(string);
        self.bytes.push(0);
        Ok(())
    }

    /// The strings, without their NUL.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.starts.iter().map(|start| {
            let rest = self.bytes.get(*start..).unwrap_or_default();
            rest.split(|b| *b == 0).next().unwrap_or_default()
        })
    }

    /// Pointers to the strings, null-terminated, valid while `self` is neither changed nor dropped.
    fn pointers(&self) -> Vec<*const libc::c_char> {
        let mut pointers = Vec::with_capacity(self.starts.len() + 1);
        pointers.extend(self.starts.iter().map(|start| self.bytes[*start..].as_ptr().cast()));
        pointers.push(std::ptr::null());
        pointers
    }
}

/// A program to start and the process state it starts with.
pub struct Command<'a> {
    /// Path of the program; `PATH` is not searched.
    pub program: &'a CStr,
    /// Its arguments, the name first.
    pub argv: &'a CStrings,
    /// Its whole environment.
    pub envp: &'a CStrings,
    /// Working directory; when it cannot be entered, `/`.
    pub directory: &'a CStr,
    /// Standard input, output and error.
    pub stdio: [BorrowedFd<'a>; 3],
    /// Descriptor 3, the only other one it gets.
    pub extra: Option<BorrowedFd<'a>>,
    /// A session of its own, so without a terminal.
    pub new_session: bool,
    /// Killed when the thread that starts it dies.
    pub die_with_parent: bool,
    /// Can never gain privileges.
    pub no_new_privs: bool,
    /// Landlock domain to enter; needs `no_new_privs`.
    pub domain: Option<BorrowedFd<'a>>,
    /// cgroup2 directory to be born in.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// umask; `None` keeps the parent's.
    pub umask: Option<u32>,
    /// Limits to set: resource, soft, hard.
    pub limits: &'a [(u32, u64, u64)],
}

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The kernel made no process.
    #[error("no process could be made")]
    Clone(#[source] io::Error),
    /// The child could not do a step before the program's start.
    #[error("{step} failed in the new process")]
    Child {
        /// Which step.
        step: Step,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// Steps of the child before the program starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Step {
    /// Killed when the parent dies.
    ParentDeathSignal = 1,
    /// Own session.
    Session = 2,
    /// Resource limits.
    Limits = 3,
    /// Working directory.
    Directory = 4,
    /// Standard descriptors and descriptor 3.
    Descriptors = 5,
    /// `no_new_privs`.
    NoNewPrivileges = 6,
    /// Landlock domain.
    Domain = 7,
    /// Closing what is not the program's.
    Close = 8,
    /// Signal handling.
    Signals = 9,
    /// `execve`.
    Execute = 10,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ParentDeathSignal => "setting the parent-death signal",
            Self::Session => "opening a session",
            Self::Limits => "setting resource limits",
            Self::Directory => "entering the working directory",
            Self::Descriptors => "placing descriptors",
            Self::NoNewPrivileges => "setting no_new_privs",
            Self::Domain => "entering the Landlock domain",
            Self::Close => "closing descriptors",
            Self::Signals => "resetting signals",
            Self::Execute => "execve",
        })
    }
}

/// Starts programs. Owns the stack that children borrow, so one exists a process and starts one at a time.
#[derive(Debug)]
pub struct Spawner {
    stack: Stack,
}

impl Spawner {
    /// Maps the children's stack.
    ///
    /// # Errors
    /// No memory.
    pub fn new() -> io::Result<Self> {
        Ok(Self { stack: Stack::new()? })
    }

    /// Starts a program. Descriptors of `command` must not be 0 to 3 themselves, so that placing one cannot
    /// overwrite another.
    ///
    /// # Errors
    /// What failed; then nothing runs.
    pub fn spawn(&mut self, command: &Command<'_>) -> Result<Child, SpawnError> {
        let argv = command.argv.pointers();
        let envp = command.envp.pointers();
        let mut plan = Plan::new(command, &argv, &envp).map_err(SpawnError::Clone)?;
        let mut pidfd: libc::c_int = -1;
        let flags = clone3::CLONE_VM | clone3::CLONE_VFORK | clone3::CLONE_PIDFD | clone3::CLONE_CLEAR_SIGHAND;
        let arguments = clone3::Arguments {
            flags: if command.cgroup.is_some() { flags | clone3::CLONE_INTO_CGROUP } else { flags },
            pidfd: (&raw mut pidfd) as u64,
            exit_signal: libc::SIGCHLD as u64,
            stack: self.stack.lowest() as u64,
            stack_size: self.stack.size() as u64,
            cgroup: command.cgroup.map_or(0, |fd| u64::from(fd.as_raw_fd().unsigned_abs())),
            ..clone3::Arguments::default()
        };

        let blocked = BlockedSignals::new().map_err(SpawnError::Clone)?;
        // SAFETY: see `clone3::call` for the contract. `child::run` never returns. `plan`, the pointer arrays
        // and everything they point at outlive the call, and CLONE_VFORK keeps this thread from running until
        // the child has left this memory by execve or _exit, so the child's use of `plan` never overlaps ours.
        // The stack is ours alone (`&mut self`). No signal handler can run on it or in the child: all signals
        // are blocked, and CLONE_CLEAR_SIGHAND gives the child default handling.
        let pid = unsafe { clone3::call(&arguments, child::run, (&raw mut plan).cast()) };
        drop(blocked);

        let pid = pid.map_err(SpawnError::Clone)?;
        // SAFETY: the kernel stored a new descriptor in `pidfd` because CLONE_PIDFD was given.
        let child = Child::new(pid, unsafe { OwnedFd::from_raw_fd(pidfd) });
        match plan.failure() {
            None => Ok(child),
            Some((step, error)) => {
                // It has exited already; reaping cannot block for long, and its status says nothing new.
                let _ = child.wait();
                Err(SpawnError::Child { step, error })
            }
        }
    }
}

/// Blocks every signal until dropped.
struct BlockedSignals {
    before: libc::sigset_t,
}

impl BlockedSignals {
    fn new() -> io::Result<Self> {
        // SAFETY: all-zero is a valid sigset_t; both sets live for the calls, which only fill them in.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            match libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) {
                0 => Ok(Self { before }),
                error => Err(io::Error::from_raw_os_error(error)),
            }
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: `before` was filled in by pthread_sigmask.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests;
