//! Verbs on secrets: `put`, `seal_for`, `rewrap`.

use crate::group_keys::GroupKeys;
use crate::refusal::{Code, Refusal};
use crate::rows;
use reeve_model::{Account, AccountKind, BecomeKind, Distribution, HealthService, HealthServiceTrust, RunAsAccountId};
use reeve_seal::at_rest::{self, Place};
use reeve_seal::envelope;
use reeve_secret::{Secret, check_logon_password};
use reeve_wire::keeper::{Put, Rewrap, SealFor};
use reeve_wire::signed::{Envelope, EnvelopeHeader, context};

/// Longest secret to present, bytes.
const PRESENT_BYTES_MAX: usize = 4_096;
/// Longest binary secret, bytes.
const BINARY_BYTES_MAX: usize = 64 << 10;

/// Takes a typed secret, checks its rule, and returns it encrypted for its account and version.
pub(crate) fn put(keys: &GroupKeys, put: &Put) -> Result<Vec<u8>, Refusal> {
    let place = place(&put.account, put.version)?;
    let secret = keys.sealing.open(context::TYPED_SECRET, put.name.as_bytes(), &put.sealed).map_err(|_| {
        Refusal::malformed(format!(
            "the typed secret does not open: it was sealed to another keeper's key or for another account than {:?}",
            put.name
        ))
    })?;
    check_rule(&put.rule, &secret)?;
    at_rest::seal(&keys.ring, &place, &secret).map_err(Refusal::at_rest)
}

/// Encrypts again under the newest key term.
pub(crate) fn rewrap(keys: &GroupKeys, rewrap: &Rewrap) -> Result<Vec<u8>, Refusal> {
    let place = place(&rewrap.account, rewrap.version)?;
    at_rest::rewrap(&keys.ring, &place, &rewrap.at_rest).map_err(Refusal::at_rest)
}

/// Seals an account's current secret to a health service that may receive it.
pub(crate) fn seal_for(keys: &GroupKeys, request: &SealFor) -> Result<Envelope, Refusal> {
    let account = rows::account(keys, request.account.as_ref())?;
    let health_service = rows::approved_health_service(keys, request.health_service.as_ref())?;
    check_recipient(&account, &health_service)?;
    if !account.kind.has_secret() || account.version.0 == 0 {
        return Err(Refusal::new(Code::WrongAccount, format!("account {:?} has no secret", account.name)));
    }
    let place = place(&account.id.to_bytes(), account.version.0)?;
    let secret = at_rest::open(&keys.ring, &place, &request.at_rest).map_err(Refusal::at_rest)?;
    let header = header(keys, &account, &health_service);
    envelope::seal_envelope(&header, &health_service.sealing_key, &secret).map_err(|error| {
        Refusal::new(Code::NotApproved, format!("cannot seal to health service {}: {error}", health_service.id))
    })
}

/// Whether the health service may hold the account's credential. A less secure account goes to every
/// *verified* health service, a more secure one to the verified ones that were named.
fn check_recipient(account: &Account, health_service: &HealthService) -> Result<(), Refusal> {
    match health_service.trust {
        HealthServiceTrust::Verified => {}
        HealthServiceTrust::Unverified | HealthServiceTrust::Pending | HealthServiceTrust::Banned => {
            return Err(Refusal::new(
                Code::NotApproved,
                format!("health service {} is not verified; it receives no credential", health_service.id),
            ));
        }
    }
    let is_distributed = match &account.distribution {
        Distribution::MoreSecure(recipients) => recipients.contains(&health_service.id),
        Distribution::LessSecure => !matches!(account.kind, AccountKind::Become(BecomeKind::ActionAccount { .. })),
    };
    if !is_distributed {
        return Err(Refusal::new(
            Code::NotDistributed,
            format!("account {:?} is not distributed to health service {}", account.name, health_service.id),
        ));
    }
    Ok(())
}

fn header(keys: &GroupKeys, account: &Account, health_service: &HealthService) -> EnvelopeHeader {
    let usage = match account.kind {
        AccountKind::Become(_) => "logon",
        AccountKind::Present(_) => "present",
    };
    EnvelopeHeader {
        management_group: keys.group.to_bytes(),
        health_service: health_service.id.to_bytes(),
        account: account.id.to_bytes(),
        version: account.version.0,
        kind: account.kind.word().to_owned(),
        logon_name: account.kind.logon_name().unwrap_or_default(),
        usages: vec![usage.to_owned()],
        not_after_us: 0,
        // Filled in by `seal_envelope`.
        suite: 0,
        recipient_key: Vec::new(),
    }
}

fn check_rule(rule: &str, secret: &Secret) -> Result<(), Refusal> {
    let unfit = |sentence: &str| Refusal::new(Code::UnfitSecret, sentence);
    // Exposed to look for NUL; nothing is copied.
    let has_nul = || secret.expose().contains(&0);
    match rule {
        "logon" => check_logon_password(secret).map_err(|why| unfit(why.sentence())),
        "present" | "binary" if secret.is_empty() => Err(unfit("the secret is empty")),
        "present" if secret.len() > PRESENT_BYTES_MAX => {
            Err(unfit("the secret is longer than 4,096 bytes, the most that can be presented"))
        }
        "present" if has_nul() => Err(unfit("the secret holds a NUL")),
        "binary" if secret.len() > BINARY_BYTES_MAX => Err(unfit("the secret is longer than 64 KiB")),
        "present" | "binary" => Ok(()),
        _ => Err(Refusal::malformed(format!("there is no rule {rule:?} for secrets; known: logon, present, binary"))),
    }
}

fn place(account: &[u8], version: u64) -> Result<Place<'static>, Refusal> {
    let account =
        RunAsAccountId::from_bytes(account).ok_or_else(|| Refusal::malformed("an account id has 16 bytes"))?;
    if version == 0 {
        return Err(Refusal::malformed("credential versions start at 1"));
    }
    Ok(Place { table: "credential", column: "secret", id: account.0, version })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_group::{self, account_row, health_service_row, typed};
    use reeve_model::{CredentialVersion, PresentKind};
    use reeve_seal::hpke::SealingKey;
    use std::collections::BTreeSet;

    fn refused<T>(result: Result<T, Refusal>) -> Code {
        match result {
            Ok(_) => panic!("accepted"),
            Err(refusal) => {
                assert!(!refusal.message.contains("hunter2"));
                refusal.code
            }
        }
    }

    /// Everything a `seal_for` needs, right in every respect.
    struct Scene {
        keys: GroupKeys,
        broker: SealingKey,
        account: Account,
        health_service: HealthService,
        at_rest: Vec<u8>,
    }

    impl Scene {
        fn new() -> Self {
            let (keys, broker) = (test_group::keys(), SealingKey::generate());
            let health_service =
                HealthService { sealing_key: broker.public().to_vec(), ..test_group::health_service(1) };
            let account = Account {
                distribution: Distribution::MoreSecure(BTreeSet::from([health_service.id])),
                ..test_group::account(1)
            };
            let at_rest = put(&keys, &typed(&keys, &account, b"hunter2")).unwrap();
            Self { keys, broker, account, health_service, at_rest }
        }

        fn request(&self) -> SealFor {
            SealFor {
                account: Some(account_row(&self.keys, &self.account)),
                health_service: Some(health_service_row(&self.keys, &self.health_service)),
                at_rest: self.at_rest.clone(),
            }
        }

        fn seal(&self) -> Result<Envelope, Refusal> {
            seal_for(&self.keys, &self.request())
        }
    }

    #[test]
    fn a_distributed_secret_opens_at_its_broker_with_the_rows_facts_in_the_header() {
        let scene = Scene::new();
        let (header, secret) = envelope::open_envelope(&scene.broker, &scene.seal().unwrap()).unwrap();
        assert_eq!(secret.expose(), b"hunter2");
        assert_eq!(header.management_group, scene.keys.group.to_bytes());
        assert_eq!(header.health_service, scene.health_service.id.to_bytes());
        assert_eq!(header.account, scene.account.id.to_bytes());
        assert_eq!((header.version, header.kind.as_str(), header.logon_name.as_str()), (1, "windows", "CORP\\svc-1"));
        assert_eq!(header.usages, ["logon"]);
    }

    #[test]
    fn an_account_to_present_is_not_for_logon() {
        let mut scene = Scene::new();
        scene.account.kind = AccountKind::Present(PresentKind::Simple { user: "u".to_owned() });
        let (header, _) = envelope::open_envelope(&scene.broker, &scene.seal().unwrap()).unwrap();
        assert_eq!((header.usages[0].as_str(), header.logon_name.as_str()), ("present", ""));
    }

    #[test]
    fn a_disabled_account_is_still_delivered_and_a_less_secure_one_goes_to_every_verified_health_service() {
        let mut scene = Scene::new();
        scene.account.enabled = false;
        assert!(scene.seal().is_ok());
        scene.account.distribution = Distribution::LessSecure;
        assert!(scene.seal().is_ok());
    }

    #[test]
    fn trust_and_distribution_decide() {
        use HealthServiceTrust::{Banned, Pending, Unverified, Verified};
        let named = |id: u8| Distribution::MoreSecure(BTreeSet::from([test_group::health_service(id).id]));
        let none = || Distribution::MoreSecure(BTreeSet::new());
        let table = [
            (Verified, named(1), None),
            (Verified, Distribution::LessSecure, None),
            (Verified, named(2), Some(Code::NotDistributed)),
            (Verified, none(), Some(Code::NotDistributed)),
            (Unverified, named(1), Some(Code::NotApproved)),
            (Unverified, Distribution::LessSecure, Some(Code::NotApproved)),
            (Pending, named(1), Some(Code::NotApproved)),
            (Pending, Distribution::LessSecure, Some(Code::NotApproved)),
            (Banned, named(1), Some(Code::NotApproved)),
            (Banned, Distribution::LessSecure, Some(Code::NotApproved)),
        ];
        for (trust, distribution, code) in table {
            let mut scene = Scene::new();
            scene.health_service.trust = trust;
            scene.account.distribution = distribution.clone();
            assert_eq!(scene.seal().err().map(|refusal| refusal.code), code, "{trust:?} {distribution:?}");
        }
    }

    #[test]
    fn an_action_account_never_goes_out_as_less_secure() {
        let mut scene = Scene::new();
        scene.account.kind = AccountKind::Become(BecomeKind::ActionAccount { user: "action".to_owned(), domain: None });
        assert!(scene.seal().is_ok());
        scene.account.distribution = Distribution::LessSecure;
        assert_eq!(refused(scene.seal()), Code::NotDistributed);
    }

    #[test]
    fn a_row_edited_in_the_database_is_refused_at_every_byte() {
        let scene = Scene::new();
        let good = scene.request();
        for at in 0..good.account.as_ref().unwrap().bytes.len() {
            let mut request = good.clone();
            request.account.as_mut().unwrap().bytes[at] ^= 1;
            assert_eq!(refused(seal_for(&scene.keys, &request)), Code::BadMac, "byte {at} of the account");
        }
        for at in 0..good.health_service.as_ref().unwrap().bytes.len() {
            let mut request = good.clone();
            request.health_service.as_mut().unwrap().bytes[at] ^= 1;
            assert_eq!(refused(seal_for(&scene.keys, &request)), Code::BadMac, "byte {at} of the health service");
        }
    }

    #[test]
    fn a_distribution_widened_in_the_database_is_refused() {
        let mut scene = Scene::new();
        scene.account.distribution = Distribution::MoreSecure(BTreeSet::new());
        let mut request = scene.request();
        scene.account.distribution = Distribution::LessSecure;
        request.account.as_mut().unwrap().bytes = serde_json::to_vec(&scene.account).unwrap();
        assert_eq!(refused(seal_for(&scene.keys, &request)), Code::BadMac);
    }

    #[test]
    fn an_agent_key_replaced_in_the_database_is_refused() {
        let mut scene = Scene::new();
        let mut request = scene.request();
        scene.health_service.sealing_key = SealingKey::generate().public().to_vec();
        request.health_service.as_mut().unwrap().bytes = serde_json::to_vec(&scene.health_service).unwrap();
        assert_eq!(refused(seal_for(&scene.keys, &request)), Code::BadMac);
    }

    #[test]
    fn rows_of_other_rows_places_are_refused() {
        let scene = Scene::new();
        let other = HealthService { trust: HealthServiceTrust::Verified, ..test_group::health_service(2) };
        let mut request = scene.request();
        request.health_service = Some(health_service_row(&scene.keys, &other));
        assert_eq!(refused(seal_for(&scene.keys, &request)), Code::NotDistributed, "another, genuine health service");
        let mut request = scene.request();
        std::mem::swap(&mut request.account, &mut request.health_service);
        assert_eq!(refused(seal_for(&scene.keys, &request)), Code::Malformed, "rows exchanged");
        let mut request = scene.request();
        request.account.as_mut().unwrap().id = test_group::account(2).id.to_string();
        assert_eq!(refused(seal_for(&scene.keys, &request)), Code::BadMac, "a row under another id");
        for missing in [
            SealFor { account: None, ..scene.request() },
            SealFor { health_service: None, ..scene.request() },
            SealFor { at_rest: Vec::new(), ..scene.request() },
        ] {
            assert_eq!(refused(seal_for(&scene.keys, &missing)), Code::Malformed);
        }
        let foreign = test_group::keys();
        assert_eq!(refused(seal_for(&foreign, &scene.request())), Code::BadMac, "rows of another group");
    }

    #[test]
    fn secrets_exchanged_between_accounts_or_versions_are_refused() {
        let mut scene = Scene::new();
        let other = put(&scene.keys, &typed(&scene.keys, &test_group::account(2), b"other")).unwrap();
        assert_eq!(refused(seal_for(&scene.keys, &SealFor { at_rest: other, ..scene.request() })), Code::WrongAccount);
        scene.account.version = CredentialVersion(2);
        assert_eq!(refused(scene.seal()), Code::WrongAccount, "a secret of an earlier version");
        scene.account.version = CredentialVersion(0);
        assert_eq!(refused(scene.seal()), Code::WrongAccount, "no secret set yet");
        scene.account.kind = AccountKind::Become(BecomeKind::LocalIdentity { user: "u".to_owned() });
        scene.account.version = CredentialVersion(1);
        assert_eq!(refused(scene.seal()), Code::WrongAccount, "an account without a secret");
    }

    #[test]
    fn an_approved_key_that_nobody_may_use_is_refused() {
        for key in [vec![], vec![0; 32], vec![9; 33]] {
            let mut scene = Scene::new();
            scene.health_service.sealing_key = key;
            assert_eq!(refused(scene.seal()), Code::NotApproved);
        }
    }

    #[test]
    fn typed_secrets_are_checked_against_their_rule() {
        let keys = test_group::keys();
        let account = test_group::account(1);
        let long = |count: usize| vec![b'x'; count];
        let table: [(&str, Vec<u8>, Option<Code>); 18] = [
            ("logon", b"x".to_vec(), None),
            ("logon", long(511), None),
            ("logon", long(512), Some(Code::UnfitSecret)),
            ("logon", Vec::new(), Some(Code::UnfitSecret)),
            ("logon", b"a\nb".to_vec(), Some(Code::UnfitSecret)),
            ("logon", b"a\rb".to_vec(), Some(Code::UnfitSecret)),
            ("logon", b"a\0b".to_vec(), Some(Code::UnfitSecret)),
            ("logon", b"\xff".to_vec(), Some(Code::UnfitSecret)),
            ("present", b"a\nb\xff".to_vec(), None),
            ("present", long(4_096), None),
            ("present", long(4_097), Some(Code::UnfitSecret)),
            ("present", b"a\0b".to_vec(), Some(Code::UnfitSecret)),
            ("present", Vec::new(), Some(Code::UnfitSecret)),
            ("binary", vec![0; 65_536], None),
            ("binary", long(65_537), Some(Code::UnfitSecret)),
            ("binary", Vec::new(), Some(Code::UnfitSecret)),
            ("", b"x".to_vec(), Some(Code::Malformed)),
            ("Logon", b"x".to_vec(), Some(Code::Malformed)),
        ];
        for (rule, secret, code) in table {
            let request = Put { rule: rule.to_owned(), ..typed(&keys, &account, &secret) };
            let found = put(&keys, &request).err().map(|refusal| refusal.code);
            assert_eq!(found, code, "{rule} with {} bytes", secret.len());
        }
    }

    #[test]
    fn a_typed_secret_is_bound_to_its_account_name_and_keeper() {
        let keys = test_group::keys();
        let good = typed(&keys, &test_group::account(1), b"hunter2");
        assert!(put(&keys, &good).is_ok());
        let mut flipped = good.clone();
        flipped.sealed[40] ^= 1;
        for bad in [
            Put { name: "account-2".to_owned(), ..good.clone() },
            Put { version: 0, ..good.clone() },
            Put { account: vec![1; 15], ..good.clone() },
            Put { sealed: vec![1; 20], ..good.clone() },
            flipped,
            typed(&test_group::keys(), &test_group::account(1), b"hunter2"),
        ] {
            assert_eq!(refused(put(&keys, &bad)), Code::Malformed);
        }
    }

    #[test]
    fn rewrapping_moves_a_secret_to_the_newest_term_and_nowhere_else() {
        let mut scene = Scene::new();
        scene.keys.ring.rotate().unwrap();
        let request = Rewrap { account: scene.account.id.to_bytes(), version: 1, at_rest: scene.at_rest.clone() };
        let rewrapped = rewrap(&scene.keys, &request).unwrap();
        assert_eq!(at_rest::term_of(&rewrapped), Ok(2));
        scene.keys.ring.drop_term(1).unwrap();
        assert_eq!(refused(scene.seal()), Code::Malformed, "the old term is gone");
        scene.at_rest = rewrapped;
        assert!(scene.seal().is_ok());
        for bad in [
            Rewrap { version: 2, at_rest: scene.at_rest.clone(), ..request.clone() },
            Rewrap { account: vec![7; 16], at_rest: scene.at_rest.clone(), ..request.clone() },
        ] {
            assert_eq!(refused(rewrap(&scene.keys, &bad)), Code::WrongAccount);
        }
    }
}
