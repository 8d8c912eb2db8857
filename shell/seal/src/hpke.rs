//! HPKE base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
//!
//! Sealed bytes are the encapsulated key (32 bytes) followed by the ciphertext with its tag. Anyone can
//! seal to a public key: HPKE says nothing about *who* sealed, which is why the broker also wants the
//! envelope's digest in a manifest that the keeper signed.

use crate::{SealError, keyfile, random};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{CryptoRng, Infallible, TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use reeve_secret::Secret;
use std::path::Path;

/// The suite's number in [`reeve_wire::signed::EnvelopeHeader::suite`]. 2 is kept for a hybrid
/// post-quantum suite.
pub const SUITE: u32 = 1;
/// Length of the encapsulated key in front of the ciphertext, bytes.
pub const ENCAPSULATED_BYTES: usize = 32;
/// First word of the key's file.
pub const KEY_FILE_LABEL: &str = "reeve-sealing-key";

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// An X25519 private key that opens what was sealed to its public half. Wiped when dropped; has no
/// `Debug`, `Clone` or `Serialize`.
pub struct SealingKey(PrivateKey);

impl SealingKey {
    /// A fresh key.
    #[must_use]
    pub fn generate() -> Self {
        Self(X25519HkdfSha256::gen_keypair_with_rng(&mut Kernel).0)
    }

    /// The key of 32 stored bytes.
    ///
    /// # Errors
    /// [`SealError::Malformed`] when it is not 32 bytes.
    pub fn from_secret(secret: &Secret) -> Result<Self, SealError> {
        // Exposed because the cipher works on the bytes.
        PrivateKey::from_bytes(secret.expose()).map(Self).map_err(|_| SealError::Malformed("the sealing key"))
    }

    /// The 32 bytes to store.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        let mut bytes = self.0.to_bytes();
        Secret::take(&mut bytes)
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
        X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into()
    }

    /// Opens what [`seal`] made for this key with the same `info` and `aad`.
    ///
    /// # Errors
    /// [`SealError::Malformed`] when it is too short, [`SealError::DoesNotOpen`] otherwise.
    pub fn open(&self, info: &str, aad: &[u8], sealed: &[u8]) -> Result<Secret, SealError> {
        let (enc, ciphertext) =
            sealed.split_at_checked(ENCAPSULATED_BYTES).ok_or(SealError::Malformed("the sealed secret"))?;
        let enc = EncappedKey::from_bytes(enc).map_err(|_| SealError::DoesNotOpen)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &enc,
            info.as_bytes(),
            ciphertext,
            aad,
        )
        .map(Secret::new)
        .map_err(|_| SealError::DoesNotOpen)
    }
}

/// Seals a secret to an X25519 public key. `info` is the purpose, one of
/// [`reeve_wire::signed::context`]; `aad` is what the secret is bound to.
///
/// # Errors
/// [`SealError::UnusableRecipient`] when the key is not 32 bytes or is a point of low order.
pub fn seal(recipient: &[u8], info: &str, aad: &[u8], secret: &Secret) -> Result<Vec<u8>, SealError> {
    seal_with(&mut Kernel, recipient, info, aad, secret)
}

/// As [`seal`] with a given generator, so that a test can compare with published bytes.
fn seal_with(
    rng: &mut impl CryptoRng,
    recipient: &[u8],
    info: &str,
    aad: &[u8],
    secret: &Secret,
) -> Result<Vec<u8>, SealError> {
    let recipient = PublicKey::from_bytes(recipient).map_err(|_| SealError::UnusableRecipient)?;
    let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &recipient,
        info.as_bytes(),
        // Exposed to be encrypted.
        secret.expose(),
        aad,
        rng,
    )
    .map_err(|error| match error {
        hpke::HpkeError::EncapError | hpke::HpkeError::ValidationError => SealError::UnusableRecipient,
        hpke::HpkeError::MessageLimitReached
        | hpke::HpkeError::OpenError
        | hpke::HpkeError::SealError
        | hpke::HpkeError::KdfOutputTooLong
        | hpke::HpkeError::DecapError
        | hpke::HpkeError::IncorrectInputLength(..)
        | hpke::HpkeError::InvalidPskBundle => SealError::TooLong,
    })?;
    let mut out = Vec::with_capacity(ENCAPSULATED_BYTES + ciphertext.len());
    out.extend_from_slice(&enc.to_bytes());
    out.extend_from_slice(&ciphertext);
    Ok(out)
}

/// The kernel's generator in the form the HPKE crate takes.
struct Kernel;

impl TryRng for Kernel {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_ne_bytes(random::bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_ne_bytes(random::bytes()))
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Infallible> {
        random::fill(buffer);
        Ok(())
    }
}

impl TryCryptoRng for Kernel {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out published bytes instead of random ones.
    struct Published(Vec<u8>);

    impl TryRng for Published {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("the key is made of bytes")
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("the key is made of bytes")
        }

        fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Infallible> {
            buffer.copy_from_slice(&self.0);
            Ok(())
        }
    }

    impl TryCryptoRng for Published {}

    #[test]
    fn sealing_and_opening_agree_with_rfc_9180_appendix_a_2_1() {
        let hex = |text| hex::decode(text).unwrap();
        let ephemeral = hex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b");
        let recipient = hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
        let private = hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
        let sealed = [
            hex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"),
            hex("1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"),
        ]
        .concat();
        let (info, aad, plain) = ("Ode on a Grecian Urn", b"Count-0", b"Beauty is truth, truth beauty");

        let secret = Secret::new(plain.to_vec());
        let ours = seal_with(&mut Published(ephemeral), &recipient, info, aad, &secret).unwrap();
        assert_eq!(hex::encode(&ours), hex::encode(&sealed));
        let key = SealingKey::from_secret(&Secret::new(private)).unwrap();
        assert_eq!(key.public(), recipient.as_slice());
        assert!(key.open(info, aad, &sealed).unwrap().ct_eq(&secret));
    }

    #[test]
    fn a_sealed_secret_opens_for_its_key_purpose_and_binding_only() {
        let key = SealingKey::generate();
        let sealed = seal(&key.public(), "info", b"aad", &Secret::new(b"hunter2".to_vec())).unwrap();
        assert_eq!(key.open("info", b"aad", &sealed).unwrap().expose(), b"hunter2");
        assert_eq!(key.open("inf", b"aad", &sealed).err(), Some(SealError::DoesNotOpen));
        assert_eq!(key.open("info", b"aae", &sealed).err(), Some(SealError::DoesNotOpen));
        assert_eq!(SealingKey::generate().open("info", b"aad", &sealed).err(), Some(SealError::DoesNotOpen));
        assert_eq!(key.open("info", b"aad", &sealed[..40]).err(), Some(SealError::DoesNotOpen));
        assert_eq!(key.open("info", b"aad", &sealed[..31]).err(), Some(SealError::Malformed("the sealed secret")));
        let again = seal(&key.public(), "info", b"aad", &Secret::new(b"hunter2".to_vec())).unwrap();
        assert_ne!(sealed, again, "the same secret sealed twice must not look the same");
    }

    #[test]
    fn an_empty_secret_seals_and_opens() {
        let key = SealingKey::generate();
        let sealed = seal(&key.public(), "info", b"", &Secret::new(Vec::new())).unwrap();
        assert!(key.open("info", b"", &sealed).unwrap().is_empty());
    }

    #[test]
    fn a_key_file_gives_the_same_key_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sealing.key");
        let key = SealingKey::read_or_create(&path).unwrap();
        assert_eq!(SealingKey::read_or_create(&path).unwrap().public(), key.public());
        std::fs::write(&path, "reeve-sealing-key 1\nAAAA\n").unwrap();
        assert!(matches!(SealingKey::read_or_create(&path), Err(keyfile::KeyFileError::Unfit { .. })));
    }
}
