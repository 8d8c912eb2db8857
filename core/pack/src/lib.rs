//! The management-pack language: text → syntax → validated → compiled, with spans and findings throughout.
//!
//! [`check_files`] answers offline; [`Installed::import`] answers for a management group. Both use the
//! shipped library packs, which are ordinary files in `library/`.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod check;
mod compile;
mod decode;
mod expression;
mod finding;
mod flatten;
mod installed;
mod names;
mod report;
mod shipped;
mod source;
mod syntax;
mod xml;

pub use compile::{CompiledPack, Override, OverrideChange, RelationshipType, SecretRead};
pub use finding::{Finding, Severity, codes};
pub use installed::{Import, Installed};
pub use report::{Report, check_files};
pub use shipped::shipped;
