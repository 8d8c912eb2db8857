//! The API's contract: one table of operations and the JSON types they take and give.
//!
//! The server builds its router and its OpenAPI document from [`operations::Operation`]; the CLI calls
//! through the same paths and types. Names in requests (accounts, profiles, computers, classes) are what
//! people type: a full name, a name that is unique without its pack, a display name, or an id.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod operations;
pub mod types;
