//! Makes the committed test vectors anew, with fresh keys. Only for a deliberate change of a format:
//! `cargo run -p reeve-seal --example make-vectors > shell/seal/vectors/formats.json`.
//! Data sealed by older versions does not open any more when the old vectors fail.

use prost::Message;
use reeve_model::Guid;
use reeve_seal::at_rest::{self, Place};
use reeve_seal::hpke::SealingKey;
use reeve_seal::key_ring::{KeyRing, RootKey};
use reeve_seal::sign::SigningKey;
use reeve_seal::{SealError, envelope, hpke, mac, random, rows};
use reeve_secret::Secret;
use reeve_wire::enrol::EnrolRequest;
use reeve_wire::signed::{EnvelopeHeader, Manifest, ManifestAccount, ManifestRun, context};
use serde_json::json;

fn main() -> Result<(), SealError> {
    let secret = || Secret::new("pä ss".as_bytes().to_vec());
    // Exposed because a test vector's keys are public.
    let shown = |secret: Secret| hex::encode(secret.expose());

    let broker = SealingKey::generate();
    let header = EnvelopeHeader {
        suite: hpke::SUITE,
        management_group: vec![1; 16],
        health_service: vec![2; 16],
        recipient_key: Vec::new(),
        account: vec![3; 16],
        version: 4,
        kind: "windows".to_owned(),
        logon_name: "CORP\\svc".to_owned(),
        usages: vec!["logon".to_owned()],
        not_after_us: 5,
    };
    let sealed = envelope::seal_envelope(&header, &broker.public(), &secret())?;
    let typed = hpke::seal(&broker.public(), context::TYPED_SECRET, "account-1".as_bytes(), &secret())?;

    let root = RootKey::generate();
    let mut ring = KeyRing::generate();
    let place = Place { table: "credential", column: "sealed", id: Guid([3; 16]), version: 4 };
    let old = at_rest::seal(&ring, &place, &secret())?;
    ring.rotate()?;
    let new = at_rest::seal(&ring, &place, &secret())?;

    let keeper = SigningKey::generate();
    let manifest = Manifest {
        management_group: vec![1; 16],
        health_service: vec![2; 16],
        epoch: 7,
        issued_at_us: 1_700_000_000_000_000,
        not_after_us: 1_701_209_600_000_000,
        default_action_account: "reeve-action".to_owned(),
        runs: vec![ManifestRun { template: vec![6; 32], account: vec![3; 16], objects: vec![vec![8; 16]] }],
        accounts: vec![ManifestAccount {
            account: vec![3; 16],
            name: "account-1".to_owned(),
            kind: "windows".to_owned(),
            logon_name: "CORP\\svc".to_owned(),
            version: 4,
            envelope: reeve_seal::digest::sha256(&sealed.encode_to_vec()).to_bytes(),
        }],
    };
    let signed = keeper.sign(context::MANIFEST, manifest.encode_to_vec());

    let row_key = random::bytes::<32>();
    let row = br#"{"id":"03030303-0303-0303-0303-030303030303"}"#;

    let token = random::bytes::<32>();
    let enrol = EnrolRequest {
        token_id: "0123456789abcdef".to_owned(),
        tls_csr: vec![0x30, 0x03, 0x02, 0x01, 0x00],
        sealing_key: broker.public().to_vec(),
        receipt_key: keeper.public().to_vec(),
        host_name: "computer-a".to_owned(),
        action_account: "reeve-action".to_owned(),
        proof: Vec::new(),
    };

    let vectors = json!({
        "secret": shown(secret()),
        "envelope": {
            "recipient_private": shown(broker.to_secret()),
            "header": hex::encode(&sealed.header),
            "sealed": hex::encode(&sealed.sealed),
            "encoded": hex::encode(sealed.encode_to_vec()),
        },
        "typed_secret": {
            "recipient_private": shown(broker.to_secret()),
            "account_name": "account-1",
            "sealed": hex::encode(typed),
        },
        "at_rest": {
            "root_key": shown(root.to_secret()),
            "key_ring": hex::encode(ring.encode(&root)?),
            "table": place.table,
            "column": place.column,
            "id": place.id.to_string(),
            "version": place.version,
            "term_1": hex::encode(old),
            "term_2": hex::encode(new),
        },
        "manifest": {
            "signing_private": shown(keeper.to_secret()),
            "signing_public": hex::encode(keeper.public()),
            "bytes": hex::encode(&signed.bytes),
            "signature": hex::encode(&signed.signature),
        },
        "row": {
            "key": hex::encode(row_key),
            "table": "account",
            "id": "03030303-0303-0303-0303-030303030303",
            "bytes": hex::encode(row),
            "mac": hex::encode(rows::row_mac(&row_key, "account", "03030303-0303-0303-0303-030303030303", row)),
        },
        "enrol": {
            "token": hex::encode(token),
            "request": hex::encode(enrol.encode_to_vec()),
            "proof": hex::encode(mac::hmac_sha256(&token, &enrol.bound_bytes())),
        },
    });
    println!("{vectors:#}");
    Ok(())
}
