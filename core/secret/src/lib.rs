//! The only crate where secret bytes have a type.
//!
//! [`Secret`] has no `Debug`, `Display`, `Clone`, `PartialEq` or `Serialize`: it cannot be printed,
//! copied by accident or sent. [`Sealed`] may travel and be stored.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Secret bytes: wiped when dropped, boxed so that a move leaves no copy behind.
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the bytes over. The vector must not have been grown since the secret was put in, or
    /// earlier copies of it stay in freed memory; build it with room enough. Room left over is wiped.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        if bytes.capacity() == bytes.len() {
            return Self(bytes.into_boxed_slice());
        }
        // Giving room back would move the bytes and leave the old ones behind.
        let copy: Box<[u8]> = Box::from(bytes.as_slice());
        bytes.zeroize();
        Self(copy)
    }

    /// Copies the bytes out of a buffer and wipes the buffer.
    #[must_use]
    pub fn take(buffer: &mut [u8]) -> Self {
        let copy: Box<[u8]> = Box::from(&*buffer);
        buffer.zeroize();
        Self(copy)
    }

    /// The one door out. Every call says in a comment why the plaintext is needed there.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes. Not shown to people: a length narrows a guess.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Constant-time comparison.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Ciphertext: may be stored, sent and logged by digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed(pub Vec<u8>);

/// Why bytes cannot be a secret to become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnfitSecret {
    /// No bytes at all.
    Empty,
    /// More than 511 bytes, the limit of PAM conversations.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// Holds NUL, CR or LF.
    ControlCharacter,
}

impl UnfitSecret {
    /// What to tell the person. Never says anything about the secret but the rule it broke.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Empty => "the password is empty; an account to become needs one of 1 to 511 bytes",
            Self::TooLong => "the password is longer than 511 bytes, which no logon accepts",
            Self::NotUtf8 => "the password is not valid UTF-8",
            Self::ControlCharacter => "the password holds a NUL, carriage return or line feed, which a logon would cut",
        }
    }
}

/// Checks a password for an OS identity: 1 to 511 bytes of UTF-8 without NUL, CR, LF.
///
/// # Errors
/// Which rule it breaks.
pub fn check_logon_password(secret: &Secret) -> Result<(), UnfitSecret> {
    // Exposed to look at the bytes; nothing is copied.
    let bytes = secret.expose();
    if bytes.is_empty() {
        return Err(UnfitSecret::Empty);
    }
    if bytes.len() > 511 {
        return Err(UnfitSecret::TooLong);
    }
    if std::str::from_utf8(bytes).is_err() {
        return Err(UnfitSecret::NotUtf8);
    }
    if bytes.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
        return Err(UnfitSecret::ControlCharacter);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Result<(), UnfitSecret> {
        check_logon_password(&Secret::new(bytes.to_vec()))
    }

    #[test]
    fn passwords_that_a_logon_would_misread_are_refused() {
        assert_eq!(check(b""), Err(UnfitSecret::Empty));
        assert_eq!(check(&[b'x'; 512]), Err(UnfitSecret::TooLong));
        assert_eq!(check(b"\xff\xfe"), Err(UnfitSecret::NotUtf8));
        for bad in [&b"a\nb"[..], b"a\rb", b"a\0b"] {
            assert_eq!(check(bad), Err(UnfitSecret::ControlCharacter));
        }
        for good in [&b"x"[..], &[b'x'; 511], "pä ss\t'\"$(id)".as_bytes(), b"-leading"] {
            assert_eq!(check(good), Ok(()));
        }
    }

    #[test]
    fn taking_a_buffer_wipes_it() {
        let mut buffer = *b"hunter2";
        let secret = Secret::take(&mut buffer);
        assert_eq!(buffer, [0; 7]);
        assert!(secret.ct_eq(&Secret::new(b"hunter2".to_vec())));
        assert!(!secret.ct_eq(&Secret::new(b"hunter3".to_vec())));
    }
}
