//! Becoming someone else: PAM and the identity switch, for the broker's logon process alone.
//!
//! The second of the two crates that may contain `unsafe`. The order is fixed: authenticate, account
//! management always, credentials, session; then groups, gid, uid, and the proof that it cannot be undone.

mod identity;
mod pam;
mod switch;

pub use identity::{Identity, NoIdentity, check_name, lookup};
pub use pam::{Failure, Logon, Verdict};
pub use switch::{NotSwitched, become_user, start_as};
