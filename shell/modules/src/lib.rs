//! How an action template becomes a process: values put in, interpreter found, environment made, output kept
//! within bounds. Pure: the host does what this plans.
#![forbid(unsafe_code)]

mod output;
mod plan;

pub use output::Collected;
pub use plan::{NotStarted, Plan, environment, plan};
