//! The nouns of a management group, without behaviour that needs the outside.
//!
//! Pure: no clock, no randomness, no I/O. Everything a decision needs is in [`Estate`],
//! an immutable value per generation.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod account;
mod estate;
mod guid;
mod ids;
mod object;
mod time;

pub use account::*;
pub use estate::*;
pub use guid::*;
pub use ids::*;
pub use object::*;
pub use time::*;
