//! Secrets at rest: envelope encryption under the key ring.
//!
//! Every secret has a fresh data key (XChaCha20-Poly1305, random nonce); the data key is encrypted under
//! one term of the [`KeyRing`]. Both ciphertexts are bound to where the secret belongs, so that a row
//! moved to another account, version, table or column does not open.
//!
//! Layout: suite (1 byte), term (u32 big-endian), encrypted data key (nonce 24, key 32, tag 16),
//! encrypted secret (nonce 24, secret, tag 16).

use crate::SealError;
use crate::key_ring::{KeyRing, NONCE_BYTES, TAG_BYTES, decrypt, encrypt, fresh};
use reeve_model::Guid;
use reeve_secret::Secret;
use zeroize::Zeroizing;

/// The only suite so far.
const SUITE: u8 = 1;
const WRAPPED_BYTES: usize = NONCE_BYTES + 32 + TAG_BYTES;

/// Where a secret at rest belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place<'a> {
    /// Table.
    pub table: &'a str,
    /// Column.
    pub column: &'a str,
    /// Whose it is: the account's id, as a rule.
    pub id: Guid,
    /// Which of its versions.
    pub version: u64,
}

impl Place<'_> {
    fn bound(&self, role: &[u8], suite: u8, term: u32) -> Vec<u8> {
        let parts: [&[u8]; 7] = [
            b"reeve/1 at rest",
            role,
            &[suite],
            &term.to_be_bytes(),
            self.table.as_bytes(),
            self.column.as_bytes(),
            &self.id.0,
        ];
        let mut out = Vec::with_capacity(128);
        for part in parts {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        }
        out.extend_from_slice(&self.version.to_be_bytes());
        out
    }
}

/// Encrypts a secret for its place under the ring's newest term.
///
/// # Errors
/// [`SealError::TooLong`] for absurd sizes.
pub fn seal(ring: &KeyRing, place: &Place<'_>, secret: &Secret) -> Result<Vec<u8>, SealError> {
    let term = ring.newest_term();
    let data_key = fresh();
    let wrapped = encrypt(ring.key(term)?, &place.bound(b"key", SUITE, term), &*data_key)?;
    // Exposed to be encrypted.
    let sealed = encrypt(&data_key, &place.bound(b"secret", SUITE, term), secret.expose())?;
    let mut out = Vec::with_capacity(5 + wrapped.len() + sealed.len());
    out.push(SUITE);
    out.extend_from_slice(&term.to_be_bytes());
    out.extend_from_slice(&wrapped);
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// Opens what [`seal`] made for the same place.
///
/// # Errors
/// [`SealError::UnknownTerm`] when the term was dropped, [`SealError::DoesNotOpen`] when a byte was
/// changed or it belongs elsewhere.
pub fn open(ring: &KeyRing, place: &Place<'_>, stored: &[u8]) -> Result<Secret, SealError> {
    let (term, wrapped, sealed) = parts(stored)?;
    let data_key = decrypt(ring.key(term)?, &place.bound(b"key", SUITE, term), wrapped)?;
    let data_key: Zeroizing<[u8; 32]> =
        Zeroizing::new(data_key.as_slice().try_into().map_err(|_| SealError::DoesNotOpen)?);
    let mut plain = decrypt(&data_key, &place.bound(b"secret", SUITE, term), sealed)?;
    Ok(Secret::take(&mut plain))
}

/// Encrypts again under the newest term, with a fresh data key: what an old term ever opened says
/// nothing about the result.
///
/// # Errors
/// As [`open`].
pub fn rewrap(ring: &KeyRing, place: &Place<'_>, stored: &[u8]) -> Result<Vec<u8>, SealError> {
    seal(ring, place, &open(ring, place, stored)?)
}

/// The key term a stored secret needs.
///
/// # Errors
/// [`SealError::Malformed`] or [`SealError::UnknownSuite`].
pub fn term_of(stored: &[u8]) -> Result<u32, SealError> {
    parts(stored).map(|(term, _, _)| term)
}

fn parts(stored: &[u8]) -> Result<(u32, &[u8], &[u8]), SealError> {
    const MALFORMED: SealError = SealError::Malformed("the secret at rest");
    let (&suite, rest) = stored.split_first().ok_or(MALFORMED)?;
    if suite != SUITE {
        return Err(SealError::UnknownSuite(suite.into()));
    }
    let (term, rest) = rest.split_first_chunk::<4>().ok_or(MALFORMED)?;
    let (wrapped, sealed) = rest.split_at_checked(WRAPPED_BYTES).ok_or(MALFORMED)?;
    Ok((u32::from_be_bytes(*term), wrapped, sealed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACE: Place<'static> = Place { table: "credential", column: "sealed", id: Guid([1; 16]), version: 3 };

    fn secret() -> Secret {
        Secret::new(b"hunter2".to_vec())
    }

    #[test]
    fn a_secret_opens_in_its_place_only() {
        let ring = KeyRing::generate();
        let stored = seal(&ring, &PLACE, &secret()).unwrap();
        assert!(open(&ring, &PLACE, &stored).unwrap().ct_eq(&secret()));
        for elsewhere in [
            Place { id: Guid([2; 16]), ..PLACE },
            Place { version: 4, ..PLACE },
            Place { table: "credentials", column: "ealed", ..PLACE },
            Place { column: "typed", ..PLACE },
        ] {
            assert_eq!(open(&ring, &elsewhere, &stored).err(), Some(SealError::DoesNotOpen), "{elsewhere:?}");
        }
        assert_eq!(open(&KeyRing::generate(), &PLACE, &stored).err(), Some(SealError::DoesNotOpen));
        assert!(open(&ring, &PLACE, &stored[..50]).is_err());
    }

    #[test]
    fn parts_of_two_records_of_one_place_do_not_combine() {
        let ring = KeyRing::generate();
        let (a, b) = (seal(&ring, &PLACE, &secret()).unwrap(), seal(&ring, &PLACE, &secret()).unwrap());
        let cut = 5 + WRAPPED_BYTES;
        let mixed = [&a[..cut], &b[cut..]].concat();
        assert_eq!(open(&ring, &PLACE, &mixed).err(), Some(SealError::DoesNotOpen));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn a_record_with_any_bit_flipped_does_not_open(place in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut ring = KeyRing::generate();
            ring.rotate().unwrap();
            let mut stored = seal(&ring, &PLACE, &secret()).unwrap();
            let at = place.index(stored.len());
            stored[at] ^= 1 << bit;
            prop_assert!(open(&ring, &PLACE, &stored).is_err());
        }

        /// Any history of new versions, rotations, rewraps, restarts and dropped terms.
        #[test]
        fn after_any_history_exactly_the_current_version_is_readable(steps in prop::collection::vec(0u8..5, 0..40)) {
            let root = crate::key_ring::RootKey::generate();
            let mut ring = KeyRing::generate();
            let mut version = 1u64;
            let text = |version: u64| Secret::new(format!("secret {version}").into_bytes());
            let mut stored = seal(&ring, &Place { version, ..PLACE }, &text(version)).unwrap();
            for step in steps {
                let place = Place { version, ..PLACE };
                match step {
                    0 => {
                        version += 1;
                        stored = seal(&ring, &Place { version, ..PLACE }, &text(version)).unwrap();
                    }
                    1 => drop(ring.rotate().unwrap()),
                    2 => stored = rewrap(&ring, &place, &stored).unwrap(),
                    3 => ring = KeyRing::decode(&root, &ring.encode(&root).unwrap()).unwrap(),
                    _ => {
                        // Only terms that nothing refers to are dropped.
                        let needed = term_of(&stored).unwrap();
                        let unused: Vec<u32> =
                            ring.terms().filter(|term| *term != needed && *term != ring.newest_term()).collect();
                        for term in unused {
                            ring.drop_term(term).unwrap();
                        }
                    }
                }
            }
            let readable: Vec<u64> =
                (0..version + 2).filter(|v| open(&ring, &Place { version: *v, ..PLACE }, &stored).is_ok()).collect();
            prop_assert_eq!(readable, vec![version]);
            let opened = open(&ring, &Place { version, ..PLACE }, &stored).unwrap();
            prop_assert!(opened.ct_eq(&text(version)));
        }
    }
}
