//! A refusal: a normal value, with a stable word and a sentence for people.

use reeve_seal::SealError;
use reeve_wire::keeper::Refused;

/// The stable words of [`Refused::code`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Code {
    /// A row was not MACed by this keeper, or was changed since.
    BadMac,
    /// The health service is banned, pending or not verified, or its key is not the approved one.
    NotApproved,
    /// The account is not distributed to the health service.
    NotDistributed,
    /// What was asked for belongs to another account, version, health service or group.
    WrongAccount,
    /// The typed secret breaks its rule.
    UnfitSecret,
    /// Too many seals in a minute.
    Quota,
    /// The database, or what it wants signed, went back in time.
    Rollback,
    /// The request makes no sense.
    Malformed,
    /// The keeper could not write to its own state.
    Unavailable,
}

impl Code {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::BadMac => "bad-mac",
            Self::NotApproved => "not-approved",
            Self::NotDistributed => "not-distributed",
            Self::WrongAccount => "wrong-account",
            Self::UnfitSecret => "unfit-secret",
            Self::Quota => "quota",
            Self::Rollback => "rollback",
            Self::Malformed => "malformed",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Why a verb was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(Code::Malformed, message)
    }

    /// For an at-rest secret that does not open where the database says it belongs.
    pub(crate) fn at_rest(error: SealError) -> Self {
        let code = match error {
            SealError::DoesNotOpen | SealError::OtherRecipient => Code::WrongAccount,
            SealError::UnusableRecipient
            | SealError::Malformed(_)
            | SealError::UnknownSuite(_)
            | SealError::UnknownTerm(_)
            | SealError::NewestTerm(_)
            | SealError::BadSignature
            | SealError::TooLong => Code::Malformed,
        };
        Self::new(code, format!("the stored secret cannot be used for this account and version: {error}"))
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code.word().to_owned(), message: refusal.message }
    }
}
