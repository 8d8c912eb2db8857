//! A credential sealed to one broker, with what it is for.

use crate::hpke::{self, SealingKey};
use crate::{SealError, digest};
use prost::Message;
use reeve_secret::Secret;
use reeve_wire::signed::{Envelope, EnvelopeHeader, context};

/// Seals a secret to a broker's sealing key. `header.suite` and `header.recipient_key` are filled in
/// here, whatever they held, because they follow from how and to whom it is sealed.
///
/// # Errors
/// [`SealError::UnusableRecipient`] when the key is not a usable X25519 key.
pub fn seal_envelope(header: &EnvelopeHeader, recipient: &[u8], secret: &Secret) -> Result<Envelope, SealError> {
    let header =
        EnvelopeHeader { suite: hpke::SUITE, recipient_key: digest::sha256(recipient).to_bytes(), ..header.clone() }
            .encode_to_vec();
    let sealed = hpke::seal(recipient, context::ENVELOPE, &header, secret)?;
    Ok(Envelope { header, sealed })
}

/// Opens an envelope. The header comes back as authenticated: the caller compares group, health
/// service, account, version, usage and expiry with what it wants to do.
///
/// # Errors
/// [`SealError::UnknownSuite`], [`SealError::OtherRecipient`], [`SealError::Malformed`] or
/// [`SealError::DoesNotOpen`].
pub fn open_envelope(key: &SealingKey, envelope: &Envelope) -> Result<(EnvelopeHeader, Secret), SealError> {
    let header = read_header(envelope)?;
    if header.recipient_key != digest::sha256(&key.public()).0 {
        return Err(SealError::OtherRecipient);
    }
    // The bytes as sent, never re-encoded: two encodings of one header are two headers.
    let secret = key.open(context::ENVELOPE, &envelope.header, &envelope.sealed)?;
    Ok((header, secret))
}

/// Reads the header without opening anything. Not authenticated: good for looking up and refusing,
/// not for granting.
///
/// # Errors
/// [`SealError::Malformed`] or [`SealError::UnknownSuite`].
pub fn read_header(envelope: &Envelope) -> Result<EnvelopeHeader, SealError> {
    let header =
        EnvelopeHeader::decode(&*envelope.header).map_err(|_| SealError::Malformed("the envelope's header"))?;
    if header.suite != hpke::SUITE {
        return Err(SealError::UnknownSuite(header.suite));
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> EnvelopeHeader {
        EnvelopeHeader {
            suite: 0,
            management_group: vec![1; 16],
            health_service: vec![2; 16],
            recipient_key: vec![],
            account: vec![3; 16],
            version: 4,
            kind: "windows".to_owned(),
            logon_name: "CORP\\svc".to_owned(),
            usages: vec!["logon".to_owned()],
            not_after_us: 5,
        }
    }

    fn sealed() -> (SealingKey, Envelope) {
        let key = SealingKey::generate();
        let envelope = seal_envelope(&header(), &key.public(), &Secret::new(b"hunter2".to_vec())).unwrap();
        (key, envelope)
    }

    #[test]
    fn what_was_sealed_opens_with_its_header() {
        let (key, envelope) = sealed();
        let (opened, secret) = open_envelope(&key, &envelope).unwrap();
        assert_eq!(opened.suite, 1);
        assert_eq!(opened.recipient_key, digest::sha256(&key.public()).0);
        assert_eq!(EnvelopeHeader { suite: 0, recipient_key: vec![], ..opened }, header());
        assert_eq!(secret.expose(), b"hunter2");
    }

    #[test]
    fn an_envelope_for_another_key_is_refused_by_name() {
        let (_, envelope) = sealed();
        assert_eq!(open_envelope(&SealingKey::generate(), &envelope).err(), Some(SealError::OtherRecipient));
    }

    #[test]
    fn an_unknown_suite_is_refused_by_number() {
        let (key, envelope) = sealed();
        let header = EnvelopeHeader { suite: 2, ..read_header(&envelope).unwrap() };
        let envelope = Envelope { header: header.encode_to_vec(), ..envelope };
        assert_eq!(open_envelope(&key, &envelope).err(), Some(SealError::UnknownSuite(2)));
    }

    #[test]
    fn a_header_of_another_envelope_does_not_open() {
        let (key, envelope) = sealed();
        let other = EnvelopeHeader { version: 5, ..header() };
        let other = seal_envelope(&other, &key.public(), &Secret::new(b"hunter2".to_vec())).unwrap();
        let mixed = Envelope { header: other.header, sealed: envelope.sealed };
        assert_eq!(open_envelope(&key, &mixed).err(), Some(SealError::DoesNotOpen));
    }

    #[test]
    fn a_low_order_or_short_recipient_is_refused() {
        let secret = Secret::new(b"x".to_vec());
        for bad in [vec![0; 32], vec![9; 31], vec![]] {
            assert_eq!(seal_envelope(&header(), &bad, &secret).err(), Some(SealError::UnusableRecipient));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn an_envelope_with_any_bit_flipped_does_not_open(place in any::<prop::sample::Index>(), bit in 0u8..8) {
            let (key, mut envelope) = sealed();
            let at = place.index(envelope.header.len() + envelope.sealed.len());
            match at.checked_sub(envelope.header.len()) {
                None => envelope.header[at] ^= 1 << bit,
                Some(at) => envelope.sealed[at] ^= 1 << bit,
            }
            prop_assert!(open_envelope(&key, &envelope).is_err());
        }
    }
}
