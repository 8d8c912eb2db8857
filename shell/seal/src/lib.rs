//! Everything that seals, signs, authenticates or keeps a key in a file.
//!
//! Nothing here is home-made: HPKE (RFC 9180), Ed25519, HMAC-SHA256 and XChaCha20-Poly1305 come from
//! well-kept crates, and this crate fixes which bytes go in, in which order, under which context.
//! It never logs, never takes a secret as anything but [`reeve_secret::Secret`], and holds no policy:
//! who may have what is decided by the keeper and by the broker.
#![forbid(unsafe_code)]

pub mod at_rest;
pub mod digest;
pub mod envelope;
mod error;
pub mod fingerprint;
pub mod framing;
pub mod hpke;
pub mod keeper_client;
pub mod key_ring;
pub mod keyfile;
pub mod mac;
pub mod random;
pub mod rows;
pub mod sign;

pub use error::SealError;
