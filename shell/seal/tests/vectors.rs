//! Committed vectors: fixed keys and fixed bytes. A change of any format fails here, before it makes
//! stored secrets, signed manifests or MACed rows of an older version unreadable.

use prost::Message;
use reeve_model::Guid;
use reeve_seal::at_rest::{self, Place};
use reeve_seal::hpke::SealingKey;
use reeve_seal::key_ring::{KeyRing, RootKey};
use reeve_seal::sign::{self, SigningKey};
use reeve_seal::{digest, envelope, mac, rows};
use reeve_secret::Secret;
use reeve_wire::enrol::EnrolRequest;
use reeve_wire::signed::{Envelope, Manifest, Signed, context};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/formats.json")).unwrap()
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} is missing"))
}

fn bytes(value: &Value, path: &str) -> Vec<u8> {
    hex::decode(text(value, path)).unwrap()
}

fn secret(value: &Value, path: &str) -> Secret {
    Secret::new(bytes(value, path))
}

#[test]
fn a_committed_envelope_opens() {
    let v = vectors();
    let key = SealingKey::from_secret(&secret(&v, "/envelope/recipient_private")).unwrap();
    let sealed = Envelope { header: bytes(&v, "/envelope/header"), sealed: bytes(&v, "/envelope/sealed") };
    assert_eq!(hex::encode(sealed.encode_to_vec()), text(&v, "/envelope/encoded"));
    let (header, opened) = envelope::open_envelope(&key, &sealed).unwrap();
    assert!(opened.ct_eq(&secret(&v, "/secret")));
    assert_eq!(hex::encode(header.encode_to_vec()), text(&v, "/envelope/header"), "the header's encoding changed");
    assert_eq!((header.version, header.kind.as_str(), header.logon_name.as_str()), (4, "windows", "CORP\\svc"));
}

#[test]
fn a_committed_typed_secret_opens() {
    let v = vectors();
    let key = SealingKey::from_secret(&secret(&v, "/typed_secret/recipient_private")).unwrap();
    let name = text(&v, "/typed_secret/account_name");
    let opened = key.open(context::TYPED_SECRET, name.as_bytes(), &bytes(&v, "/typed_secret/sealed")).unwrap();
    assert!(opened.ct_eq(&secret(&v, "/secret")));
}

#[test]
fn committed_secrets_at_rest_open_under_every_term() {
    let v = vectors();
    let root = RootKey::from_secret(&secret(&v, "/at_rest/root_key")).unwrap();
    let ring = KeyRing::decode(&root, &bytes(&v, "/at_rest/key_ring")).unwrap();
    assert_eq!(ring.terms().collect::<Vec<_>>(), [1, 2]);
    let id: Guid = text(&v, "/at_rest/id").parse().unwrap();
    let version = v.pointer("/at_rest/version").and_then(Value::as_u64).unwrap();
    let place = Place { table: text(&v, "/at_rest/table"), column: text(&v, "/at_rest/column"), id, version };
    for (path, term) in [("/at_rest/term_1", 1), ("/at_rest/term_2", 2)] {
        let stored = bytes(&v, path);
        assert_eq!(at_rest::term_of(&stored), Ok(term));
        assert!(at_rest::open(&ring, &place, &stored).unwrap().ct_eq(&secret(&v, "/secret")));
    }
}

#[test]
fn a_committed_manifest_verifies_and_signs_to_the_same_bytes() {
    let v = vectors();
    let signed = Signed { bytes: bytes(&v, "/manifest/bytes"), signature: bytes(&v, "/manifest/signature") };
    let public = bytes(&v, "/manifest/signing_public");
    assert_eq!(sign::verify(&public, context::MANIFEST, &signed), Ok(()));
    let key = SigningKey::from_secret(&secret(&v, "/manifest/signing_private")).unwrap();
    assert_eq!(key.public(), public.as_slice());
    assert_eq!(key.sign(context::MANIFEST, signed.bytes.clone()), signed, "Ed25519 is deterministic");
    let manifest = Manifest::decode(&*signed.bytes).unwrap();
    assert_eq!(manifest.encode_to_vec(), signed.bytes, "the manifest's encoding changed");
    let envelope = digest::sha256(&bytes(&v, "/envelope/encoded")).to_bytes();
    assert_eq!(manifest.accounts[0].envelope, envelope, "the manifest names the envelope by digest");
}

#[test]
fn a_committed_row_mac_verifies() {
    let v = vectors();
    let (key, row, row_mac) = (bytes(&v, "/row/key"), bytes(&v, "/row/bytes"), bytes(&v, "/row/mac"));
    assert!(rows::verify_row(&key, text(&v, "/row/table"), text(&v, "/row/id"), &row, &row_mac));
}

#[test]
fn a_committed_enrolment_proof_verifies() {
    let v = vectors();
    let request = EnrolRequest::decode(&*bytes(&v, "/enrol/request")).unwrap();
    let (token, proof) = (bytes(&v, "/enrol/token"), bytes(&v, "/enrol/proof"));
    assert!(mac::verify_hmac_sha256(&token, &request.bound_bytes(), &proof));
    let substituted = EnrolRequest { sealing_key: vec![9; 32], ..request };
    assert!(!mac::verify_hmac_sha256(&token, &substituted.bound_bytes(), &proof));
}
