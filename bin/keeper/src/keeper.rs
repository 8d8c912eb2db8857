//! One request in, one reply out.

use crate::epochs::Epochs;
use crate::group_keys::GroupKeys;
use crate::quota::Quota;
use crate::refusal::{Code, Refusal};
use crate::rollback::{self, Roots};
use crate::{rows, secrets, signing};
use reeve_model::{Guid, Wall};
use reeve_wire::keeper::{
    BadRows, Certificate, FromKeeper, Identity, IssueCertificate, Macs, Reply, Row, Rows, SealFor, ToKeeper, ToSign,
    Verb,
};
use std::fmt::Write as _;
use std::time::Duration;

/// Rows named in one line of the log; more are counted.
const LOGGED_ROWS_MAX: usize = 100;

/// The time of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For what carries a date.
    pub(crate) wall: Wall,
    /// For the quota; never goes back.
    pub(crate) since_start: Duration,
}

/// Keys, and what the keeper remembers.
pub(crate) struct Keeper {
    pub(crate) keys: GroupKeys,
    pub(crate) roots: Roots,
    pub(crate) epochs: Epochs,
    pub(crate) quota: Quota,
}

impl Keeper {
    /// Answers a request and logs it, with ids and never with a secret. `None` when the request has no verb
    /// this version knows: the connection is closed then.
    pub(crate) fn handle(&mut self, request: ToKeeper, now: Now) -> Option<FromKeeper> {
        let verb = request.verb?;
        let (name, subject) = describe(&verb);
        let reply = match self.decide(verb, now) {
            Ok(reply) => {
                tracing::info!(verb = name, subject, "done");
                reply
            }
            Err(refusal) => {
                tracing::warn!(verb = name, subject, code = refusal.code.word(), why = refusal.message, "refused");
                Reply::Refused(refusal.into())
            }
        };
        Some(FromKeeper { reply: Some(reply) })
    }

    fn decide(&mut self, verb: Verb, now: Now) -> Result<Reply, Refusal> {
        if gives_out(&verb) {
            self.quota.check(now.since_start)?;
        }
        match verb {
            Verb::Identity(_) => Ok(self.identity()),
            Verb::Put(put) => secrets::put(&self.keys, &put).map(Reply::AtRest),
            Verb::Rewrap(rewrap) => secrets::rewrap(&self.keys, &rewrap).map(Reply::AtRest),
            Verb::SealFor(request) => self.seal_for(&request, now),
            Verb::Grant(Rows { rows }) => {
                let macs: Result<Vec<_>, _> = rows.iter().map(|row| rows::grant(&self.keys, row)).collect();
                Ok(Reply::Macs(Macs { macs: macs? }))
            }
            Verb::VerifyRows(Rows { rows }) => Ok(self.verify_rows(&rows)),
            Verb::IssueCertificate(request) => self.issue_certificate(&request, now),
            Verb::SignManifest(request) => {
                self.roots.check_settled()?;
                signing::sign_manifest(&self.keys, &mut self.epochs, request, now.wall).map(Reply::Signed)
            }
            Verb::SignTask(request) => {
                self.roots.check_settled()?;
                signing::sign_task(&self.keys, request, now.wall).map(Reply::Signed)
            }
            Verb::RootPending(root) => {
                self.roots.pending(rollback::parse(&root.root)?)?;
                Ok(self.identity())
            }
            Verb::RootConfirm(root) => {
                self.roots.confirm(rollback::parse(&root.root)?)?;
                Ok(self.identity())
            }
        }
    }

    fn identity(&self) -> Reply {
        Reply::Identity(Identity {
            management_group: self.keys.group.to_bytes(),
            ca_certificate: self.keys.authority.certificate().to_vec(),
            signing_key: self.keys.signing.public().to_vec(),
            sealing_key: self.keys.sealing.public().to_vec(),
            root_settled: self.roots.is_settled(),
        })
    }

    fn seal_for(&mut self, request: &SealFor, now: Now) -> Result<Reply, Refusal> {
        self.roots.check_settled()?;
        let envelope = secrets::seal_for(&self.keys, request)?;
        // Counted when it would be given out: refused requests neither use the quota up nor pass it.
        self.quota.take(now.since_start)?;
        Ok(Reply::Envelope(envelope))
    }

    fn verify_rows(&self, rows: &[Row]) -> Reply {
        let bad = rows.iter().zip(0u32..).filter(|(row, _)| !rows::is_genuine(&self.keys, row));
        let indices: Vec<u32> = bad.map(|(_, index)| index).collect();
        for index in &indices {
            if let Some(row) = usize::try_from(*index).ok().and_then(|index| rows.get(index)) {
                tracing::error!(table = ?row.table, id = ?row.id, "a row was changed outside the server");
            }
        }
        Reply::BadRows(BadRows { indices })
    }

    fn issue_certificate(&self, request: &IssueCertificate, now: Now) -> Result<Reply, Refusal> {
        let authority = &self.keys.authority;
        let chain = match &request.health_service {
            Some(_) if !request.server_names.is_empty() => {
                return Err(Refusal::new(Code::Malformed, "a certificate is for an agent or for the server, not both"));
            }
            Some(row) => {
                // A database from the past may still hold an agent that was banned since.
                self.roots.check_settled()?;
                let health_service = rows::approved_health_service(&self.keys, Some(row))?;
                authority.issue_to_agent(self.keys.group, &health_service, &request.csr, request.life_s, now.wall)?
            }
            None => authority.issue_to_server(&request.server_names, &request.csr, request.life_s, now.wall)?,
        };
        Ok(Reply::Certificate(Certificate { chain }))
    }
}

/// Whether the verb uses a key for the one who asks. The others only read, or tell the keeper something.
fn gives_out(verb: &Verb) -> bool {
    match verb {
        Verb::Put(_)
        | Verb::SealFor(_)
        | Verb::Rewrap(_)
        | Verb::Grant(_)
        | Verb::IssueCertificate(_)
        | Verb::SignManifest(_)
        | Verb::SignTask(_) => true,
        Verb::Identity(_) | Verb::VerifyRows(_) | Verb::RootPending(_) | Verb::RootConfirm(_) => false,
    }
}

/// The verb's name and what it is about, for the log.
fn describe(verb: &Verb) -> (&'static str, String) {
    match verb {
        Verb::Identity(_) => ("identity", String::new()),
        Verb::Put(put) => ("put", format!("account {} version {}", id(&put.account), put.version)),
        Verb::SealFor(SealFor { account, health_service, .. }) => {
            ("seal_for", format!("{} for {}", row(account.as_ref()), row(health_service.as_ref())))
        }
        Verb::Rewrap(rewrap) => ("rewrap", format!("account {} version {}", id(&rewrap.account), rewrap.version)),
        Verb::Grant(Rows { rows }) => ("grant", list(rows)),
        Verb::VerifyRows(Rows { rows }) => ("verify_rows", format!("{} rows", rows.len())),
        Verb::IssueCertificate(IssueCertificate { health_service: Some(found), .. }) => {
            ("issue_certificate", row(Some(found)))
        }
        Verb::IssueCertificate(request) => ("issue_certificate", format!("server {:?}", request.server_names)),
        Verb::SignManifest(ToSign { health_service, .. }) => ("sign_manifest", row(health_service.as_ref())),
        Verb::SignTask(ToSign { health_service, .. }) => ("sign_task", row(health_service.as_ref())),
        Verb::RootPending(root) => ("root_pending", id(&root.root)),
        Verb::RootConfirm(root) => ("root_confirm", id(&root.root)),
    }
}

fn list(rows: &[Row]) -> String {
    let mut out = String::new();
    for found in rows.iter().take(LOGGED_ROWS_MAX) {
        out.push_str(if out.is_empty() { "" } else { ", " });
        out.push_str(&row(Some(found)));
    }
    if let Some(more) = rows.len().checked_sub(LOGGED_ROWS_MAX).filter(|more| *more > 0) {
        out.push_str(&format!(", and {more} more"));
    }
    out
}

/// Table and id, in the form that shows control characters.
fn row(row: Option<&Row>) -> String {
    row.map_or_else(
        || "no row".to_owned(),
        |row| {
            let id: String = row.id.chars().take(80).collect();
            let table: String = row.table.chars().take(40).collect();
            format!("{} {}", table.escape_debug(), id.escape_debug())
        },
    )
}

fn id(bytes: &[u8]) -> String {
    if let Ok(guid) = bytes.try_into().map(Guid) {
        return guid.to_string();
    }
    bytes.iter().take(32).fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_directory::StateDirectory;
    use crate::test_group::{self, NOW, account_row, health_service_row, typed};
    use prost::Message;
    use reeve_model::{Account, Distribution, HealthService};
    use reeve_seal::hpke::SealingKey;
    use reeve_wire::keeper::{IdentityRequest, Rewrap, Root};
    use reeve_wire::signed::{Manifest, TaskOrder};
    use tempfile::TempDir;

    struct Scene {
        keeper: Keeper,
        account: Account,
        health_service: HealthService,
        at_rest: Vec<u8>,
        _directory: TempDir,
    }

    impl Scene {
        fn new(seals_per_minute: u32) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let state = StateDirectory::open_or_create(&directory.path().join("state")).unwrap();
            Roots::create(&state).unwrap();
            let keeper = Keeper {
                keys: test_group::keys(),
                roots: Roots::open(&state).unwrap(),
                epochs: Epochs::open(&state).unwrap(),
                quota: Quota::new(seals_per_minute),
            };
            let account = Account { distribution: Distribution::LessSecure, ..test_group::account(1) };
            let health_service = HealthService {
                sealing_key: SealingKey::generate().public().to_vec(),
                ..test_group::health_service(1)
            };
            let at_rest = secrets::put(&keeper.keys, &typed(&keeper.keys, &account, b"hunter2")).unwrap();
            Self { keeper, account, health_service, at_rest, _directory: directory }
        }

        /// The refusal's word, or `ok`.
        fn ask(&mut self, verb: Verb, second: u64) -> String {
            let now = Now { wall: NOW, since_start: Duration::from_secs(second) };
            match self.keeper.handle(ToKeeper { verb: Some(verb) }, now).unwrap().reply.unwrap() {
                Reply::Refused(refused) => refused.code,
                Reply::Identity(_)
                | Reply::AtRest(_)
                | Reply::Envelope(_)
                | Reply::Macs(_)
                | Reply::BadRows(_)
                | Reply::Certificate(_)
                | Reply::Signed(_) => "ok".to_owned(),
            }
        }

        /// One sound request of every verb, by name.
        fn verbs(&self, epoch: u64) -> Vec<(&'static str, Verb)> {
            let keys = &self.keeper.keys;
            let account = account_row(keys, &self.account);
            let row = || Some(health_service_row(keys, &self.health_service));
            let end = NOW.plus(Duration::from_secs(300)).0;
            let manifest = Manifest {
                management_group: keys.group.to_bytes(),
                health_service: self.health_service.id.to_bytes(),
                epoch,
                issued_at_us: NOW.0,
                not_after_us: end,
                default_action_account: self.health_service.default_action_account.clone(),
                runs: vec![],
                accounts: vec![],
            };
            let order = TaskOrder {
                run: vec![1; 16],
                health_service: self.health_service.id.to_bytes(),
                template: vec![2; 32],
                account: vec![],
                object: vec![4; 16],
                operator: "admin".to_owned(),
                nonce: vec![5; 16],
                not_after_us: end,
                management_group: keys.group.to_bytes(),
            };
            let rewrap = Rewrap { account: self.account.id.to_bytes(), version: 1, at_rest: self.at_rest.clone() };
            let seal_for =
                SealFor { account: Some(account.clone()), health_service: row(), at_rest: self.at_rest.clone() };
            let sign = |bytes| ToSign { bytes, health_service: row() };
            vec![
                ("identity", Verb::Identity(IdentityRequest {})),
                ("put", Verb::Put(typed(keys, &self.account, b"hunter2"))),
                ("rewrap", Verb::Rewrap(rewrap)),
                ("grant", Verb::Grant(Rows { rows: vec![account.clone()] })),
                ("verify_rows", Verb::VerifyRows(Rows { rows: vec![account] })),
                ("sign_manifest", Verb::SignManifest(sign(manifest.encode_to_vec()))),
                ("sign_task", Verb::SignTask(sign(order.encode_to_vec()))),
                ("seal_for", Verb::SealFor(seal_for)),
                ("root_confirm", Verb::RootConfirm(Root { root: vec![1; 32] })),
                ("root_pending", Verb::RootPending(Root { root: vec![2; 32] })),
            ]
        }
    }

    #[test]
    fn until_the_root_is_settled_nothing_goes_to_a_health_service() {
        let mut scene = Scene::new(600);
        for (name, verb) in scene.verbs(1) {
            let want = match name {
                "seal_for" | "sign_manifest" | "sign_task" => "rollback",
                "root_confirm" | "root_pending" => continue,
                _ => "ok",
            };
            assert_eq!(scene.ask(verb, 0), want, "{name}");
        }
        let row = health_service_row(&scene.keeper.keys, &scene.health_service);
        let agent = IssueCertificate { csr: vec![], health_service: Some(row), server_names: vec![], life_s: 1 };
        assert_eq!(scene.ask(Verb::IssueCertificate(agent), 0), "rollback");
        assert_eq!(scene.ask(Verb::RootConfirm(Root { root: vec![1; 32] }), 0), "ok");
        for (name, verb) in scene.verbs(1) {
            assert_eq!(scene.ask(verb, 0), "ok", "{name}");
        }
        // A database that shows another root at run time unsettles everything again.
        assert_eq!(scene.ask(Verb::RootConfirm(Root { root: vec![9; 32] }), 0), "rollback");
        for (name, verb) in scene.verbs(2) {
            if matches!(name, "seal_for" | "sign_manifest" | "sign_task") {
                assert_eq!(scene.ask(verb, 0), "rollback", "{name}");
            }
        }
    }

    #[test]
    fn over_the_quota_nothing_is_given_out_until_the_minute_ends() {
        let mut scene = Scene::new(2);
        assert_eq!(scene.ask(Verb::RootConfirm(Root { root: vec![1; 32] }), 0), "ok");
        let seal = |scene: &Scene| {
            scene.verbs(1).into_iter().find(|(name, _)| *name == "seal_for").map(|(_, verb)| verb).unwrap()
        };
        let refused = SealFor { at_rest: vec![], ..SealFor::default() };
        for _ in 0..5 {
            assert_eq!(scene.ask(Verb::SealFor(refused.clone()), 1), "malformed", "a refusal uses nothing up");
        }
        let verb = seal(&scene);
        assert_eq!(scene.ask(verb.clone(), 1), "ok");
        assert_eq!(scene.ask(verb.clone(), 2), "ok");
        assert_eq!(scene.ask(verb, 3), "quota");
        for (name, verb) in scene.verbs(1) {
            let want = match name {
                "identity" | "verify_rows" | "root_confirm" | "root_pending" => "ok",
                _ => "quota",
            };
            assert_eq!(scene.ask(verb, 4), want, "{name}");
        }
        for (name, verb) in scene.verbs(1) {
            assert_eq!(scene.ask(verb, 70), "ok", "{name}");
        }
    }

    #[test]
    fn edited_rows_are_named_by_index() {
        let mut scene = Scene::new(1);
        let good = account_row(&scene.keeper.keys, &scene.account);
        let bad = Row { bytes: b"{}".to_vec(), ..good.clone() };
        let rows = vec![good.clone(), bad.clone(), good, bad];
        let now = Now { wall: NOW, since_start: Duration::ZERO };
        let reply = scene.keeper.handle(ToKeeper { verb: Some(Verb::VerifyRows(Rows { rows })) }, now).unwrap();
        assert_eq!(reply.reply, Some(Reply::BadRows(BadRows { indices: vec![1, 3] })));
    }

    #[test]
    fn one_row_that_gets_no_mac_leaves_all_without() {
        let mut scene = Scene::new(1);
        let good = account_row(&scene.keeper.keys, &scene.account);
        let bad = Row { table: "performance".to_owned(), ..good.clone() };
        assert_eq!(scene.ask(Verb::Grant(Rows { rows: vec![good, bad] }), 0), "malformed");
    }

    #[test]
    fn a_certificate_is_for_an_agent_or_for_the_server_and_a_banned_agent_gets_none() {
        let mut scene = Scene::new(1);
        scene.ask(Verb::RootConfirm(Root { root: vec![1; 32] }), 0);
        let key = rcgen::KeyPair::generate().unwrap();
        let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
        let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
        scene.health_service.tls_key_digest = reeve_seal::digest::sha256(&spki).to_bytes();
        let request = |scene: &Scene| IssueCertificate {
            csr: csr.clone(),
            health_service: Some(health_service_row(&scene.keeper.keys, &scene.health_service)),
            server_names: vec![],
            life_s: 60,
        };
        let good = request(&scene);
        assert_eq!(scene.ask(Verb::IssueCertificate(good.clone()), 0), "ok");
        let both = IssueCertificate { server_names: vec!["server".to_owned()], ..good.clone() };
        assert_eq!(scene.ask(Verb::IssueCertificate(both), 0), "malformed");
        let mut edited = good.clone();
        edited.health_service.as_mut().unwrap().bytes[1] ^= 1;
        assert_eq!(scene.ask(Verb::IssueCertificate(edited), 0), "bad-mac");
        let nobody = IssueCertificate { health_service: None, ..good };
        assert_eq!(scene.ask(Verb::IssueCertificate(nobody), 0), "malformed");
        for trust in [reeve_model::HealthServiceTrust::Banned, reeve_model::HealthServiceTrust::Pending] {
            scene.health_service.trust = trust;
            let request = request(&scene);
            assert_eq!(scene.ask(Verb::IssueCertificate(request), 0), "not-approved");
        }
    }

    #[test]
    fn a_request_without_a_verb_gets_no_answer_and_bad_roots_are_malformed() {
        let mut scene = Scene::new(1);
        let now = Now { wall: NOW, since_start: Duration::ZERO };
        assert!(scene.keeper.handle(ToKeeper { verb: None }, now).is_none());
        for root in [vec![], vec![1; 31], vec![1; 33]] {
            assert_eq!(scene.ask(Verb::RootConfirm(Root { root: root.clone() }), 0), "malformed");
            assert_eq!(scene.ask(Verb::RootPending(Root { root }), 0), "malformed");
        }
    }
}
