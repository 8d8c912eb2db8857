//! Messages between the processes: the agent link, the broker socket, the keeper socket, and the
//! formats that are signed or sealed.
//!
//! Every message is protobuf through `prost`; what is signed travels as the exact bytes that were
//! signed, never re-encoded. Sizes are bounded by [`limits`].
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod action;
pub mod broker;
pub mod enrol;
pub mod items;
pub mod keeper;
pub mod limits;
pub mod link;
pub mod signed;

pub use prost::Message;
