//! The heart: which account a workflow runs under for an object on a health service, and why.
//!
//! Everything here is a total, pure function of the Estate. The value that decides is the value that
//! explains: `reeve why`, alerts, configuration and the audit all read the same [`Decision`].
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod association;
mod distribution;
mod explain;
mod index;
mod render;
mod resolve;

pub use association::{AssociationCheck, check_association};
pub use distribution::{
    Held, Mismatches, Need, NotReceivable, held_by, may_receive, mismatches, suggested_computers, who_has,
};
pub use explain::{Explanation, Step, WorkflowFacts, explain};
pub use index::AssociationIndex;
pub use render::render;
pub use resolve::{
    Candidate, Decision, DefaultReason, Kind, LossReason, Needs, Outcome, Question, Refusal, RunAs, resolve,
    resolve_with, verdict_with,
};

/// The profile of the default action account; the only one that takes the Action Account type.
pub const DEFAULT_ACTION_ACCOUNT_PROFILE: &str =
    "Microsoft.SystemCenter.Library!Microsoft.SystemCenter.DefaultActionAccount";
