// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The operating system, as the other crates see it: starting a process, ending everything it started,
//! passing descriptors, keeping memory to oneself.
//!
//! The first of the two crates that may contain `unsafe`; every block says why it is sound. It knows nothing
//! of accounts, manifests or messages, never touches the network and never becomes another user.

pub mod cgroup;
pub mod harden;
pub mod landlock;
pub mod memfd;
pub mod packet;
pub mod pipe;
pub mod poll;
pub mod process;
pub mod spawn;
pub mod trusted_file;

mod errno;
