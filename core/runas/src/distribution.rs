//! Distribution: who may receive an account, who holds it, and where that differs from what is needed.
//! Nothing an agent reports can widen it: only the account's own list and the trust an administrator gave.

use crate::index::AssociationIndex;
use crate::resolve::{Needs, Question, Refusal, RunAs, verdict_with};
use reeve_model::{
    CredentialVersion, DeliveryState, Distribution, Estate, HealthServiceId, HealthServiceTrust, ObjectId,
    RunAsAccountId, RunAsProfileId, Target, WorkflowId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Why a health service may not receive an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotReceivable {
    /// No such account.
    UnknownAccount,
    /// No such health service.
    UnknownHealthService,
    /// The account has no secret to send yet.
    NoCredential,
    /// More secure, and the health service is not on the list.
    NotListed,
    /// The health service waits for approval.
    Pending,
    /// The health service is shut out.
    Banned,
    /// The health service was approved automatically.
    Unverified,
}

/// Whether a health service may receive an account's credential, or use an account without one.
///
/// # Errors
/// The first reason that stands against it.
pub fn may_receive(
    estate: &Estate,
    account: RunAsAccountId,
    health_service: HealthServiceId,
) -> Result<(), NotReceivable> {
    let account = estate.accounts.get(&account).ok_or(NotReceivable::UnknownAccount)?;
    let recipient = estate.health_services.get(&health_service).ok_or(NotReceivable::UnknownHealthService)?;
    if let Distribution::MoreSecure(listed) = &account.distribution
        && !listed.contains(&health_service)
    {
        return Err(NotReceivable::NotListed);
    }
    match recipient.trust {
        HealthServiceTrust::Verified => {}
        HealthServiceTrust::Unverified => return Err(NotReceivable::Unverified),
        HealthServiceTrust::Pending => return Err(NotReceivable::Pending),
        HealthServiceTrust::Banned => return Err(NotReceivable::Banned),
    }
    if account.kind.has_secret() && account.version == CredentialVersion(0) {
        return Err(NotReceivable::NoCredential);
    }
    Ok(())
}

/// A workflow's module that names a profile, for an object on a health service.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Need {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The profile.
    pub profile: RunAsProfileId,
    /// The object.
    pub object: ObjectId,
    /// The health service that runs it.
    pub health_service: HealthServiceId,
}

/// Where distribution and need differ.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Mismatches {
    /// A workflow needs the account there and it is not distributed.
    pub targeted_not_approved: BTreeSet<(RunAsAccountId, HealthServiceId)>,
    /// It is distributed there and no workflow needs it.
    pub approved_not_targeted: BTreeSet<(RunAsAccountId, HealthServiceId)>,
}

/// Computes both mismatches.
#[must_use]
pub fn mismatches(index: &AssociationIndex, estate: &Estate, needs: &[Need]) -> Mismatches {
    let mut out = Mismatches::default();
    let mut needed = BTreeSet::new();
    for need in needs {
        let question = Question {
            profile: Some(need.profile.clone()),
            object: need.object,
            health_service: need.health_service,
            needs: Needs::Become,
        };
        match verdict_with(index, estate, &question) {
            RunAs::Account { account, .. } | RunAs::Pending { account, .. } => {
                needed.insert((account, need.health_service));
            }
            RunAs::Refused(Refusal::NotDistributed(account)) => {
                out.targeted_not_approved.insert((account, need.health_service));
            }
            RunAs::Refused(_) | RunAs::DefaultActionAccount(_) => {}
        }
    }
    for account in estate.accounts.values() {
        match &account.distribution {
            Distribution::MoreSecure(listed) => {
                let unneeded = listed.iter().map(|hs| (account.id, *hs)).filter(|pair| !needed.contains(pair));
                out.approved_not_targeted.extend(unneeded);
            }
            // Less secure goes everywhere by the administrator's word; listing every computer would say nothing.
            Distribution::LessSecure => {}
        }
    }
    out
}

/// Computers whose objects the account's associations name, and that may not receive it yet. Shown, never added.
#[must_use]
pub fn suggested_computers(estate: &Estate, account: RunAsAccountId) -> BTreeSet<HealthServiceId> {
    let index = AssociationIndex::build(estate);
    let mut out = BTreeSet::new();
    let associations: Vec<_> = estate.associations.values().filter(|a| a.account == account).collect();
    for object in estate.objects.values() {
        let Some(health_service) = object.health_service else { continue };
        let named = associations.iter().any(|a| {
            // Targeting every object suggests nothing in particular.
            !matches!(a.target, Target::All) && {
                let mut covers = false;
                index.covering(estate, &a.profile, object.id, |_, _, entry| covers |= entry.association == a.id);
                covers
            }
        });
        if named && may_receive(estate, account, health_service) == Err(NotReceivable::NotListed) {
            out.insert(health_service);
        }
    }
    out
}

/// A credential on a health service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// The account.
    pub account: RunAsAccountId,
    /// The health service.
    pub health_service: HealthServiceId,
    /// The version.
    pub version: CredentialVersion,
    /// How far it has come.
    pub state: DeliveryState,
}

/// Which health services hold an account, by what they signed for.
#[must_use]
pub fn who_has(estate: &Estate, account: RunAsAccountId) -> Vec<Held> {
    held(estate, |a, _| a == account)
}

/// Which accounts a health service holds.
#[must_use]
pub fn held_by(estate: &Estate, health_service: HealthServiceId) -> Vec<Held> {
    held(estate, |_, hs| hs == health_service)
}

fn held(estate: &Estate, wanted: impl Fn(RunAsAccountId, HealthServiceId) -> bool) -> Vec<Held> {
    estate
        .deliveries
        .iter()
        .filter(|((account, health_service), _)| wanted(*account, *health_service))
        .map(|((account, health_service), (version, state))| Held {
            account: *account,
            health_service: *health_service,
            version: *version,
            state: *state,
        })
        .collect()
}
