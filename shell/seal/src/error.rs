//! What can go wrong when something is sealed, opened, signed or checked.

/// Why something could not be sealed, opened or verified.
///
/// Deliberately says little about *why* a ciphertext did not open: a changed byte, a foreign key and a
/// foreign context look the same to whoever asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// A public key has the wrong length or is a point nobody may use.
    #[error("the recipient's key is not a usable X25519 public key (32 bytes)")]
    UnusableRecipient,
    /// The bytes are not of the format at all.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// A suite this version does not know.
    #[error("cipher suite {0} is not known here; the other side is newer than this program")]
    UnknownSuite(u32),
    /// Sealed to a key that is not ours.
    #[error("it is sealed to another key than this one")]
    OtherRecipient,
    /// The ciphertext, the key or what it is bound to does not match.
    #[error("it does not open: it was changed, or it belongs to something else")]
    DoesNotOpen,
    /// The key term was dropped or never existed.
    #[error("key term {0} is not in the key ring")]
    UnknownTerm(u32),
    /// The newest term stays.
    #[error("key term {0} is the newest and cannot be dropped; rotate first")]
    NewestTerm(u32),
    /// The signature is not by that key over those bytes in that context.
    #[error("the signature is wrong")]
    BadSignature,
    /// The cipher refused the input, which is only possible for absurd sizes.
    #[error("the input is too long to seal")]
    TooLong,
}
