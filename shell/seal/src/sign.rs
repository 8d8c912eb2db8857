//! Ed25519 over `context || 0x00 || bytes`.
//!
//! The context is part of what is signed, so that a manifest can never be taken for a task order;
//! contexts hold no NUL, so that no two (context, bytes) pairs give the same input. Verification is
//! strict: keys and signatures that some verifiers accept and others do not are refused.

use crate::{SealError, keyfile, random};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use reeve_secret::Secret;
use reeve_wire::signed::Signed;
use std::path::Path;
use zeroize::Zeroizing;

/// First word of the key's file.
pub const KEY_FILE_LABEL: &str = "reeve-signing-key";

/// An Ed25519 private key. Wiped when dropped; has no `Debug`, `Clone` or `Serialize`.
pub struct SigningKey(Box<ed25519_dalek::SigningKey>);

impl SigningKey {
    /// A fresh key.
    #[must_use]
    pub fn generate() -> Self {
        let seed = Zeroizing::new(random::bytes::<32>());
        Self(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// The key of 32 stored bytes.
    ///
    /// # Errors
    /// [`SealError::Malformed`] when it is not 32 bytes.
    pub fn from_secret(secret: &Secret) -> Result<Self, SealError> {
        // Exposed because the signature works on the bytes.
        let seed = secret.expose().try_into().map_err(|_| SealError::Malformed("the signing key"))?;
        Ok(Self(Box::new(ed25519_dalek::SigningKey::from_bytes(seed))))
    }

    /// The 32 bytes to store.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        Secret::new(self.0.as_bytes().to_vec())
    }

    /// Reads the key's file, or makes a key and the file (0600, owned by this process's user).
    ///
    /// # Errors
    /// As [`keyfile::read_or_create`]; never makes a new key beside a file that cannot be read.
    pub fn read_or_create(path: &Path) -> Result<Self, keyfile::KeyFileError> {
        let secret = keyfile::read_or_create(path, KEY_FILE_LABEL, || Self::generate().to_secret())?;
        Self::from_secret(&secret).map_err(|_| keyfile::KeyFileError::unfit(path, KEY_FILE_LABEL))
    }

    /// The public half, 32 bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs the bytes in a context of [`reeve_wire::signed::context`].
    #[must_use]
    pub fn sign(&self, context: &str, bytes: Vec<u8>) -> Signed {
        let signature = self.0.sign(&signed_input(context, &bytes)).to_bytes().to_vec();
        Signed { bytes, signature }
    }
}

/// Checks a signature. Only after this may `signed.bytes` be decoded.
///
/// # Errors
/// [`SealError::BadSignature`], whatever is wrong: the key, the signature, the context or the bytes.
pub fn verify(public: &[u8], context: &str, signed: &Signed) -> Result<(), SealError> {
    let key: &[u8; 32] = public.try_into().map_err(|_| SealError::BadSignature)?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| SealError::BadSignature)?;
    let signature = Signature::from_slice(&signed.signature).map_err(|_| SealError::BadSignature)?;
    key.verify_strict(&signed_input(context, &signed.bytes), &signature).map_err(|_| SealError::BadSignature)
}

fn signed_input(context: &str, bytes: &[u8]) -> Vec<u8> {
    let mut input = Vec::with_capacity(context.len() + 1 + bytes.len());
    input.extend_from_slice(context.as_bytes());
    input.push(0);
    input.extend_from_slice(bytes);
    input
}

#[cfg(test)]
mod tests {
    use super::*;
    use reeve_wire::signed::context;

    #[test]
    fn a_signature_holds_for_its_bytes_key_and_context_only() {
        let key = SigningKey::generate();
        let signed = key.sign(context::MANIFEST, b"manifest".to_vec());
        assert_eq!(verify(&key.public(), context::MANIFEST, &signed), Ok(()));
        let other = SigningKey::generate().public();
        assert_eq!(verify(&other, context::MANIFEST, &signed), Err(SealError::BadSignature));
        assert_eq!(verify(&key.public(), context::TASK_ORDER, &signed), Err(SealError::BadSignature));
        let changed = Signed { bytes: b"Manifest".to_vec(), ..signed.clone() };
        assert_eq!(verify(&key.public(), context::MANIFEST, &changed), Err(SealError::BadSignature));
        for cut in [0, 63] {
            let cut = Signed { signature: signed.signature[..cut].to_vec(), ..signed.clone() };
            assert_eq!(verify(&key.public(), context::MANIFEST, &cut), Err(SealError::BadSignature));
        }
        assert_eq!(verify(&key.public()[..31], context::MANIFEST, &signed), Err(SealError::BadSignature));
    }

    #[test]
    fn a_key_of_low_order_verifies_nothing() {
        // The identity point with the all-identity signature verifies under lax rules for any message.
        let mut identity = [0u8; 32];
        identity[0] = 1;
        let mut signature = [0u8; 64];
        signature[0] = 1;
        let forged = Signed { bytes: b"anything".to_vec(), signature: signature.to_vec() };
        assert_eq!(verify(&identity, context::MANIFEST, &forged), Err(SealError::BadSignature));
    }

    #[test]
    fn a_stored_key_signs_the_same() {
        let key = SigningKey::generate();
        let again = SigningKey::from_secret(&key.to_secret()).unwrap();
        assert_eq!(key.sign("c", vec![1]), again.sign("c", vec![1]));
        assert!(SigningKey::from_secret(&Secret::new(vec![0; 31])).is_err());
    }
}
