//! Compiled workflows and what runs them: data items, XPath, expressions, schedules, mappers, health.
//!
//! Pure and synchronous. Nothing here reads a clock, a file or randomness; acting modules are
//! effects that the agent hands to its broker.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod compiled;
