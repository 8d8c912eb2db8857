//! Verbs that sign: manifests and task orders.
//!
//! The keeper cannot see whether a manifest is right in every association; it makes sure that it is for
//! this group and for the health service of a genuine, approved row, well-formed, short-lived, and newer
//! than every one signed before.

use crate::epochs::Epochs;
use crate::group_keys::GroupKeys;
use crate::refusal::{Code, Refusal};
use crate::rows;
use prost::Message;
use reeve_model::Wall;
use reeve_wire::keeper::ToSign;
use reeve_wire::signed::{Manifest, Signed, TaskOrder, context};
use std::collections::BTreeSet;
use std::time::Duration;

/// Longest life of a manifest from now: the lease of an agent that hears nothing more.
const MANIFEST_LIFE_MAX: Duration = Duration::from_secs(31 * 86_400);
/// Longest time from now in which a task order may start its run.
const TASK_ORDER_LIFE_MAX: Duration = Duration::from_secs(86_400);
/// How far the server's clock may be ahead of the keeper's.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);

/// Signs a manifest and remembers its epoch.
pub(crate) fn sign_manifest(
    keys: &GroupKeys,
    epochs: &mut Epochs,
    request: ToSign,
    now: Wall,
) -> Result<Signed, Refusal> {
    let health_service = rows::approved_health_service(keys, request.health_service.as_ref())?;
    let manifest = Manifest::decode(&*request.bytes).map_err(|_| Refusal::malformed("the bytes are not a manifest"))?;
    check_group(keys, &manifest.management_group)?;
    check_named(&manifest.health_service, &health_service.id.to_bytes())?;
    if manifest.default_action_account != health_service.default_action_account {
        return Err(Refusal::new(
            Code::WrongAccount,
            format!(
                "the manifest's default action account {:?} is not the approved one, {:?}",
                manifest.default_action_account, health_service.default_action_account
            ),
        ));
    }
    check_contents(&manifest)?;
    if manifest.issued_at_us > now.plus(CLOCK_SKEW_MAX).0 {
        return Err(Refusal::malformed("the manifest is issued in the future; are the clocks right?"));
    }
    check_end(manifest.not_after_us, now, MANIFEST_LIFE_MAX)?;
    epochs.rise(health_service.id, manifest.epoch)?;
    Ok(keys.signing.sign(context::MANIFEST, request.bytes))
}

/// Signs a task order.
pub(crate) fn sign_task(keys: &GroupKeys, request: ToSign, now: Wall) -> Result<Signed, Refusal> {
    let health_service = rows::approved_health_service(keys, request.health_service.as_ref())?;
    let order = TaskOrder::decode(&*request.bytes).map_err(|_| Refusal::malformed("the bytes are not a task order"))?;
    check_group(keys, &order.management_group)?;
    check_named(&order.health_service, &health_service.id.to_bytes())?;
    let is_well_formed = order.run.len() == 16
        && order.template.len() == 32
        && matches!(order.account.len(), 0 | 16)
        && order.object.len() == 16
        && order.nonce.len() == 16;
    if !is_well_formed {
        return Err(Refusal::malformed("the task order lacks its run, template, object or nonce"));
    }
    check_end(order.not_after_us, now, TASK_ORDER_LIFE_MAX)?;
    Ok(keys.signing.sign(context::TASK_ORDER, request.bytes))
}

fn check_group(keys: &GroupKeys, named: &[u8]) -> Result<(), Refusal> {
    if named == keys.group.0.0 {
        return Ok(());
    }
    Err(Refusal::new(Code::WrongAccount, "it is for another management group"))
}

fn check_named(named: &[u8], wanted: &[u8]) -> Result<(), Refusal> {
    if named == wanted {
        return Ok(());
    }
    Err(Refusal::new(Code::WrongAccount, "it is for another health service than the row"))
}

fn check_contents(manifest: &Manifest) -> Result<(), Refusal> {
    let mut accounts = BTreeSet::new();
    for account in &manifest.accounts {
        let is_well_formed =
            account.account.len() == 16 && matches!((account.version, account.envelope.len()), (0, 0) | (1.., 32));
        if !is_well_formed {
            return Err(Refusal::malformed(format!("the manifest's account {:?} is not well-formed", account.name)));
        }
        if !accounts.insert(account.account.as_slice()) {
            return Err(Refusal::malformed(format!("the manifest lists account {:?} twice", account.name)));
        }
    }
    for run in &manifest.runs {
        if run.template.len() != 32 || run.objects.iter().any(|object| object.len() != 16) {
            return Err(Refusal::malformed("a run of the manifest is not well-formed"));
        }
        if !run.account.is_empty() && !accounts.contains(run.account.as_slice()) {
            return Err(Refusal::malformed(
                "a run of the manifest is under an account that the manifest does not list",
            ));
        }
    }
    Ok(())
}

fn check_end(not_after_us: i64, now: Wall, life_max: Duration) -> Result<(), Refusal> {
    if not_after_us <= now.0 {
        return Err(Refusal::malformed("it is over already; are the clocks right?"));
    }
    if not_after_us > now.plus(life_max).plus(CLOCK_SKEW_MAX).0 {
        return Err(Refusal::malformed(format!("it would hold for longer than {} hours", life_max.as_secs() / 3_600)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_directory::StateDirectory;
    use crate::test_group::{self, NOW, health_service_row};
    use reeve_model::{HealthService, HealthServiceTrust};
    use reeve_seal::sign;
    use reeve_wire::signed::{ManifestAccount, ManifestRun};
    use tempfile::TempDir;

    struct Scene {
        keys: GroupKeys,
        epochs: Epochs,
        health_service: HealthService,
        _directory: TempDir,
    }

    impl Scene {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let state = StateDirectory::open_or_create(&directory.path().join("state")).unwrap();
            Self {
                keys: test_group::keys(),
                epochs: Epochs::open(&state).unwrap(),
                health_service: test_group::health_service(1),
                _directory: directory,
            }
        }

        fn manifest(&self, epoch: u64) -> Manifest {
            Manifest {
                management_group: self.keys.group.to_bytes(),
                health_service: self.health_service.id.to_bytes(),
                epoch,
                issued_at_us: NOW.0,
                not_after_us: NOW.plus(Duration::from_secs(14 * 86_400)).0,
                default_action_account: "reeve-action".to_owned(),
                runs: vec![
                    ManifestRun { template: vec![6; 32], account: vec![3; 16], objects: vec![vec![8; 16]] },
                    ManifestRun { template: vec![5; 32], account: vec![], objects: vec![] },
                ],
                accounts: vec![ManifestAccount {
                    account: vec![3; 16],
                    name: "account-1".to_owned(),
                    kind: "windows".to_owned(),
                    logon_name: "svc".to_owned(),
                    version: 1,
                    envelope: vec![4; 32],
                }],
            }
        }

        fn order(&self) -> TaskOrder {
            TaskOrder {
                run: vec![1; 16],
                health_service: self.health_service.id.to_bytes(),
                template: vec![2; 32],
                account: vec![3; 16],
                object: vec![4; 16],
                operator: "admin".to_owned(),
                nonce: vec![5; 16],
                not_after_us: NOW.plus(Duration::from_secs(300)).0,
                management_group: self.keys.group.to_bytes(),
            }
        }

        fn to_sign(&self, bytes: Vec<u8>) -> ToSign {
            ToSign { bytes, health_service: Some(health_service_row(&self.keys, &self.health_service)) }
        }

        fn sign(&mut self, manifest: &Manifest) -> Result<Signed, Refusal> {
            let request = self.to_sign(manifest.encode_to_vec());
            sign_manifest(&self.keys, &mut self.epochs, request, NOW)
        }

        fn sign_order(&self, order: &TaskOrder) -> Result<Signed, Refusal> {
            sign_task(&self.keys, self.to_sign(order.encode_to_vec()), NOW)
        }
    }

    fn code<T>(result: Result<T, Refusal>) -> Option<Code> {
        result.err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_manifest_is_signed_as_the_bytes_that_came() {
        let mut scene = Scene::new();
        let manifest = scene.manifest(1);
        let signed = scene.sign(&manifest).unwrap();
        assert_eq!(signed.bytes, manifest.encode_to_vec());
        assert_eq!(sign::verify(&scene.keys.signing.public(), context::MANIFEST, &signed), Ok(()));
        assert!(sign::verify(&scene.keys.signing.public(), context::TASK_ORDER, &signed).is_err());
    }

    #[test]
    fn epochs_only_rise() {
        let mut scene = Scene::new();
        for (epoch, want) in [
            (0, Some(Code::Rollback)),
            (5, None),
            (5, Some(Code::Rollback)),
            (4, Some(Code::Rollback)),
            (6, None),
            (u64::MAX, None),
            (u64::MAX, Some(Code::Rollback)),
        ] {
            let manifest = scene.manifest(epoch);
            assert_eq!(code(scene.sign(&manifest)), want, "epoch {epoch}");
        }
    }

    #[test]
    fn a_manifest_that_is_not_for_this_health_service_or_not_sound_is_refused() {
        type Change = fn(&mut Manifest);
        let table: [(Change, Code); 15] = [
            (|m| m.management_group = vec![9; 16], Code::WrongAccount),
            (|m| m.management_group.clear(), Code::WrongAccount),
            (|m| m.health_service = vec![9; 16], Code::WrongAccount),
            (|m| m.health_service.clear(), Code::WrongAccount),
            (|m| m.default_action_account = "root".to_owned(), Code::WrongAccount),
            (|m| m.not_after_us = NOW.0, Code::Malformed),
            (|m| m.not_after_us = i64::MAX, Code::Malformed),
            (|m| m.issued_at_us = NOW.plus(Duration::from_secs(3_600)).0, Code::Malformed),
            (|m| m.runs[0].template.truncate(31), Code::Malformed),
            (|m| m.runs[0].objects[0].clear(), Code::Malformed),
            (|m| m.runs[0].account = vec![7; 16], Code::Malformed),
            (|m| m.accounts[0].account.push(0), Code::Malformed),
            (|m| m.accounts[0].envelope.clear(), Code::Malformed),
            (|m| m.accounts[0].version = 0, Code::Malformed),
            (|m| m.accounts.push(m.accounts[0].clone()), Code::Malformed),
        ];
        for (number, (change, want)) in table.into_iter().enumerate() {
            let mut scene = Scene::new();
            let mut manifest = scene.manifest(1);
            change(&mut manifest);
            assert_eq!(code(scene.sign(&manifest)), Some(want), "change {number}");
            let good = scene.manifest(1);
            assert!(scene.sign(&good).is_ok(), "a refusal uses up no epoch");
        }
        let mut scene = Scene::new();
        let request = scene.to_sign(b"\xff\xff".to_vec());
        assert_eq!(code(sign_manifest(&scene.keys, &mut scene.epochs, request, NOW)), Some(Code::Malformed));
    }

    #[test]
    fn nothing_is_signed_for_a_health_service_that_is_not_approved_or_whose_row_was_edited() {
        for trust in [HealthServiceTrust::Banned, HealthServiceTrust::Pending] {
            let mut scene = Scene::new();
            scene.health_service.trust = trust;
            let manifest = scene.manifest(1);
            assert_eq!(code(scene.sign(&manifest)), Some(Code::NotApproved));
            assert_eq!(code(scene.sign_order(&scene.order())), Some(Code::NotApproved));
        }
        let mut scene = Scene::new();
        let mut request = scene.to_sign(scene.manifest(1).encode_to_vec());
        request.health_service.as_mut().unwrap().bytes[2] ^= 1;
        assert_eq!(code(sign_manifest(&scene.keys, &mut scene.epochs, request.clone(), NOW)), Some(Code::BadMac));
        request.bytes = scene.order().encode_to_vec();
        assert_eq!(code(sign_task(&scene.keys, request.clone(), NOW)), Some(Code::BadMac));
        request.health_service = None;
        assert_eq!(code(sign_task(&scene.keys, request, NOW)), Some(Code::Malformed));
    }

    #[test]
    fn a_sound_task_order_is_signed_and_others_are_refused() {
        let scene = Scene::new();
        let signed = scene.sign_order(&scene.order()).unwrap();
        assert_eq!(sign::verify(&scene.keys.signing.public(), context::TASK_ORDER, &signed), Ok(()));
        let default_action_account = TaskOrder { account: vec![], ..scene.order() };
        assert!(scene.sign_order(&default_action_account).is_ok());
        type Change = fn(&mut TaskOrder);
        let table: [(Change, Code); 10] = [
            (|o| o.management_group = vec![9; 16], Code::WrongAccount),
            (|o| o.health_service = vec![9; 16], Code::WrongAccount),
            (|o| o.run.clear(), Code::Malformed),
            (|o| o.template.clear(), Code::Malformed),
            (|o| o.account = vec![1; 4], Code::Malformed),
            (|o| o.object.clear(), Code::Malformed),
            (|o| o.nonce.truncate(8), Code::Malformed),
            (|o| o.nonce.clear(), Code::Malformed),
            (|o| o.not_after_us = NOW.0 - 1, Code::Malformed),
            (|o| o.not_after_us = NOW.plus(Duration::from_secs(172_800)).0, Code::Malformed),
        ];
        for (number, (change, want)) in table.into_iter().enumerate() {
            let mut order = scene.order();
            change(&mut order);
            assert_eq!(code(scene.sign_order(&order)), Some(want), "change {number}");
        }
    }
}
