//! A group's keys and rows for the tests of this crate.

use crate::group_keys::GroupKeys;
use crate::rows::{self, ACCOUNT, HEALTH_SERVICE};
use reeve_model::{
    Account, AccountKind, BecomeKind, CredentialVersion, Distribution, Guid, HealthService, HealthServiceId,
    HealthServiceTrust, ObjectId, RunAsAccountId, Wall,
};
use reeve_seal::hpke;
use reeve_secret::Secret;
use reeve_wire::keeper::{Put, Row};
use reeve_wire::signed::context;
use std::collections::BTreeSet;

pub(crate) const NOW: Wall = Wall(1_800_000_000_000_000);

pub(crate) fn keys() -> GroupKeys {
    GroupKeys::generate(NOW).unwrap()
}

pub(crate) fn account(number: u8) -> Account {
    Account {
        id: RunAsAccountId(Guid([0x10 + number; 16])),
        name: format!("account-{number}"),
        description: String::new(),
        kind: AccountKind::Become(BecomeKind::Windows {
            user: format!("svc-{number}"),
            domain: Some("CORP".to_owned()),
        }),
        enabled: true,
        version: CredentialVersion(1),
        distribution: Distribution::MoreSecure(BTreeSet::new()),
        is_system: false,
    }
}

pub(crate) fn health_service(number: u8) -> HealthService {
    HealthService {
        id: HealthServiceId(Guid([0x20 + number; 16])),
        computer_name: format!("computer-{number}"),
        computer: ObjectId(Guid([0x30 + number; 16])),
        trust: HealthServiceTrust::Verified,
        default_action_account: "reeve-action".to_owned(),
        sealing_key: vec![9; 32],
        receipt_key: vec![8; 32],
        tls_key_digest: vec![7; 32],
    }
}

pub(crate) fn account_row(keys: &GroupKeys, account: &Account) -> Row {
    granted(keys, ACCOUNT, account.id.to_string(), serde_json::to_vec(account).unwrap())
}

pub(crate) fn health_service_row(keys: &GroupKeys, health_service: &HealthService) -> Row {
    granted(keys, HEALTH_SERVICE, health_service.id.to_string(), serde_json::to_vec(health_service).unwrap())
}

fn granted(keys: &GroupKeys, table: &str, id: String, bytes: Vec<u8>) -> Row {
    let mut row = Row { table: table.to_owned(), id, bytes, mac: Vec::new() };
    row.mac = rows::grant(keys, &row).unwrap();
    row
}

/// What the CLI makes of a typed secret.
pub(crate) fn typed(keys: &GroupKeys, account: &Account, secret: &[u8]) -> Put {
    let secret = Secret::new(secret.to_vec());
    let sealed = hpke::seal(&keys.sealing.public(), context::TYPED_SECRET, account.name.as_bytes(), &secret).unwrap();
    Put {
        account: account.id.to_bytes(),
        version: account.version.0,
        sealed,
        name: account.name.clone(),
        rule: "logon".to_owned(),
    }
}
