//! The key ring: the group's key-encryption keys, one per term.
//!
//! New secrets are encrypted under the newest term; older terms stay readable until they are dropped,
//! which nobody does but a person. The ring itself is stored encrypted under the root key.
//!
//! The root key comes from a file (`provider: file`). That is honest only where something else guards
//! the file: who can read both the root key file and the rest of the keeper's state has everything.

use crate::{SealError, random};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use reeve_secret::Secret;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// First word of the root key's file.
pub const ROOT_KEY_FILE_LABEL: &str = "reeve-root-key";
/// Nonce length, bytes: long enough to be random for every encryption.
pub(crate) const NONCE_BYTES: usize = 24;
/// Bytes that authenticate a ciphertext.
pub(crate) const TAG_BYTES: usize = 16;

const RING_CONTEXT: &[u8] = b"reeve/1 key ring";
const RING_VERSION: u8 = 1;

/// A 256-bit key. Wiped when dropped.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The key under which the key ring is stored.
pub struct RootKey(Box<Key>);

impl RootKey {
    /// A fresh key.
    #[must_use]
    pub fn generate() -> Self {
        Self(Box::new(fresh()))
    }

    /// The key of 32 stored bytes.
    ///
    /// # Errors
    /// [`SealError::Malformed`] when it is not 32 bytes.
    pub fn from_secret(secret: &Secret) -> Result<Self, SealError> {
        // Exposed because the cipher works on the bytes.
        let bytes = secret.expose().try_into().map_err(|_| SealError::Malformed("the root key"))?;
        Ok(Self(Box::new(Zeroizing::new(bytes))))
    }

    /// The 32 bytes to store.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        Secret::new(self.0.to_vec())
    }
}

/// Key-encryption keys by term. Terms start at 1, rise, and are never used again.
pub struct KeyRing {
    terms: BTreeMap<u32, Box<Key>>,
    newest: u32,
}

impl KeyRing {
    /// A ring with one fresh term.
    #[must_use]
    pub fn generate() -> Self {
        Self { terms: BTreeMap::from([(1, Box::new(fresh()))]), newest: 1 }
    }

    /// The term new secrets are encrypted under.
    #[must_use]
    pub fn newest_term(&self) -> u32 {
        self.newest
    }

    /// Terms that can be read, in order.
    pub fn terms(&self) -> impl Iterator<Item = u32> + '_ {
        self.terms.keys().copied()
    }

    /// Adds a fresh term for new secrets and returns its number. Older terms stay readable.
    ///
    /// # Errors
    /// [`SealError::TooLong`] after 2^32 rotations.
    pub fn rotate(&mut self) -> Result<u32, SealError> {
        let term = self.newest.checked_add(1).ok_or(SealError::TooLong)?;
        self.terms.insert(term, Box::new(fresh()));
        self.newest = term;
        Ok(term)
    }

    /// Forgets a term. What is still encrypted under it is lost for good: rewrap everything first.
    ///
    /// # Errors
    /// [`SealError::NewestTerm`] or [`SealError::UnknownTerm`].
    pub fn drop_term(&mut self, term: u32) -> Result<(), SealError> {
        if term == self.newest {
            return Err(SealError::NewestTerm(term));
        }
        self.terms.remove(&term).map(drop).ok_or(SealError::UnknownTerm(term))
    }

    pub(crate) fn key(&self, term: u32) -> Result<&[u8; 32], SealError> {
        self.terms.get(&term).map(|key| &***key).ok_or(SealError::UnknownTerm(term))
    }

    /// The ring encrypted under the root key, as it is stored.
    ///
    /// # Errors
    /// [`SealError::TooLong`] never in practice.
    pub fn encode(&self, root: &RootKey) -> Result<Vec<u8>, SealError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(8 + self.terms.len() * 36));
        plain.extend_from_slice(&self.newest.to_be_bytes());
        for (term, key) in &self.terms {
            plain.extend_from_slice(&term.to_be_bytes());
            plain.extend_from_slice(&***key);
        }
        let mut out = vec![RING_VERSION];
        out.extend_from_slice(&encrypt(&root.0, &[RING_CONTEXT, &[RING_VERSION]].concat(), &plain)?);
        Ok(out)
    }

    /// Opens a stored ring.
    ///
    /// # Errors
    /// [`SealError::DoesNotOpen`] when the root key is another one or a byte was changed.
    pub fn decode(root: &RootKey, stored: &[u8]) -> Result<Self, SealError> {
        const MALFORMED: SealError = SealError::Malformed("the key ring");
        let (&version, sealed) = stored.split_first().ok_or(MALFORMED)?;
        if version != RING_VERSION {
            return Err(SealError::UnknownSuite(version.into()));
        }
        let plain = decrypt(&root.0, &[RING_CONTEXT, &[version]].concat(), sealed)?;
        let (newest, entries) = plain.split_first_chunk::<4>().ok_or(MALFORMED)?;
        let newest = u32::from_be_bytes(*newest);
        let mut terms = BTreeMap::new();
        let (entries, rest) = entries.as_chunks::<36>();
        for entry in entries {
            let (term, key) = entry.split_first_chunk::<4>().ok_or(MALFORMED)?;
            let key: [u8; 32] = key.try_into().map_err(|_| MALFORMED)?;
            terms.insert(u32::from_be_bytes(*term), Box::new(Zeroizing::new(key)));
        }
        if !rest.is_empty() || terms.last_key_value().map(|(term, _)| *term) != Some(newest) {
            return Err(MALFORMED);
        }
        Ok(Self { terms, newest })
    }
}

pub(crate) fn fresh() -> Key {
    Zeroizing::new(random::bytes())
}

/// Random nonce, then ciphertext and tag.
pub(crate) fn encrypt(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = random::bytes::<NONCE_BYTES>();
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad })
        .map_err(|_| SealError::TooLong)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

pub(crate) fn decrypt(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::DoesNotOpen)?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad })
        .map(Zeroizing::new)
        .map_err(|_| SealError::DoesNotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stored_ring_opens_with_its_root_key_only() {
        let root = RootKey::generate();
        let mut ring = KeyRing::generate();
        ring.rotate().unwrap();
        ring.rotate().unwrap();
        ring.drop_term(2).unwrap();
        let stored = ring.encode(&root).unwrap();
        let again = KeyRing::decode(&root, &stored).unwrap();
        assert_eq!(again.terms().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(again.newest_term(), 3);
        assert_eq!(again.key(1), ring.key(1));
        assert_eq!(KeyRing::decode(&RootKey::generate(), &stored).err(), Some(SealError::DoesNotOpen));
        assert_eq!(KeyRing::decode(&root, &[]).err(), Some(SealError::Malformed("the key ring")));
    }

    #[test]
    fn the_newest_and_unknown_terms_cannot_be_dropped() {
        let mut ring = KeyRing::generate();
        assert_eq!(ring.drop_term(1), Err(SealError::NewestTerm(1)));
        assert_eq!(ring.drop_term(9), Err(SealError::UnknownTerm(9)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_ring_with_any_bit_flipped_does_not_open(place in any::<prop::sample::Index>(), bit in 0u8..8) {
            let root = RootKey::generate();
            let mut stored = KeyRing::generate().encode(&root).unwrap();
            let at = place.index(stored.len());
            stored[at] ^= 1 << bit;
            prop_assert!(KeyRing::decode(&root, &stored).is_err());
        }
    }
}
