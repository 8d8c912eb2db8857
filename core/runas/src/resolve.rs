//! Resolution: candidates, their order, and the checks that turn the winner into an answer.

use crate::distribution::{NotReceivable, may_receive};
use crate::index::{AssociationIndex, Entry};
use reeve_model::{
    Account, AccountKind, AssociationId, BecomeKind, CredentialVersion, Estate, HealthServiceId, ObjectId,
    RunAsAccountId, RunAsProfileId, Target,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a module needs from its account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Needs {
    /// An OS identity to run as. Without one the default action account serves.
    Become,
    /// A credential to present, of one of these account types. Without one nothing serves.
    Present(BTreeSet<String>),
}

/// As whom does a module run for this object on this health service?
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Question {
    /// The profile the module names, if any.
    pub profile: Option<RunAsProfileId>,
    /// The target object.
    pub object: ObjectId,
    /// The health service that *runs* the workflow, not where the object lives.
    pub health_service: HealthServiceId,
    /// What the module needs.
    pub needs: Needs,
}

/// Kinds of association, most specific first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One object.
    Object,
    /// A group.
    Group,
    /// A class.
    Class,
    /// All targeted objects.
    All,
}

/// Why an association that covers the object did not win.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossReason {
    /// A more specific kind covers the object.
    LessSpecificKind,
    /// Same kind, but further away.
    FurtherAway,
    /// Same kind and distance, and another one is enforced.
    NotEnforced,
    /// Equal in everything and naming the same account; the one with the lower id is shown as winner.
    SameAccount,
    /// Equal in everything and naming another account: nothing wins.
    Tied,
}

/// What became of an association.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It decides.
    Won,
    /// It covers the object and lost.
    Lost(LossReason),
    /// It does not cover the object.
    DoesNotCover,
}

/// An association of the profile, as it was considered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The association.
    pub association: AssociationId,
    /// The account it names.
    pub account: RunAsAccountId,
    /// What it targets.
    pub target: Target,
    /// Kind.
    pub kind: Kind,
    /// Hosting steps (object, group) or inheritance steps (class); none when it does not cover.
    pub distance: Option<u32>,
    /// Enforced.
    pub enforced: bool,
    /// What became of it.
    pub outcome: Outcome,
}

/// Why the default action account is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultReason {
    /// The module names no profile.
    NoProfile,
    /// The profile has no association that covers the object.
    NoAssociation,
}

/// Why nothing runs. A refusal never turns into another credential.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No installed pack defines the profile.
    UnknownProfile,
    /// No such object.
    UnknownObject,
    /// No such health service.
    UnknownHealthService,
    /// The association names an account that is not there.
    UnknownAccount(RunAsAccountId),
    /// The module needs a credential to present and none is associated.
    NoAccount,
    /// The account's type does not fit the profile or the module.
    WrongAccountType(RunAsAccountId),
    /// The account is disabled.
    Disabled(RunAsAccountId),
    /// The account has no secret yet.
    NoCredential(RunAsAccountId),
    /// The account is not distributed to this health service.
    NotDistributed(RunAsAccountId),
    /// The computer's own policy refuses the identity.
    LockedDown(RunAsAccountId),
    /// Equal associations name different accounts.
    Ambiguous(Vec<AssociationId>),
}

impl Refusal {
    /// Event id. Field: 1104–1108 and 7017 keep their meaning.
    #[must_use]
    pub fn event_id(&self) -> u32 {
        match self {
            Self::UnknownProfile | Self::Ambiguous(_) => 1104,
            Self::WrongAccountType(_) => 1105,
            Self::NoAccount => 1107,
            Self::UnknownAccount(_) | Self::NoCredential(_) | Self::NotDistributed(_) => 1108,
            Self::LockedDown(_) => 7017,
            Self::UnknownObject | Self::UnknownHealthService | Self::Disabled(_) => 1102,
        }
    }

    /// Stable word, as in `reeve why -o json` and the anchors of the manual.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::UnknownProfile => "unknown-profile",
            Self::UnknownObject => "unknown-object",
            Self::UnknownHealthService => "unknown-health-service",
            Self::UnknownAccount(_) => "unknown-account",
            Self::NoAccount => "no-account",
            Self::WrongAccountType(_) => "wrong-account-type",
            Self::Disabled(_) => "disabled",
            Self::NoCredential(_) => "no-credential",
            Self::NotDistributed(_) => "not-distributed",
            Self::LockedDown(_) => "locked-down",
            Self::Ambiguous(_) => "ambiguous",
        }
    }

    /// The account it is about, if one.
    #[must_use]
    pub fn account(&self) -> Option<RunAsAccountId> {
        match self {
            Self::UnknownAccount(a)
            | Self::WrongAccountType(a)
            | Self::Disabled(a)
            | Self::NoCredential(a)
            | Self::NotDistributed(a)
            | Self::LockedDown(a) => Some(*a),
            Self::UnknownProfile
            | Self::UnknownObject
            | Self::UnknownHealthService
            | Self::NoAccount
            | Self::Ambiguous(_) => None,
        }
    }
}

/// Which credential a module runs under.
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunAs {
    /// The default action account of the health service.
    DefaultActionAccount(DefaultReason),
    /// An account.
    Account {
        /// The account.
        account: RunAsAccountId,
        /// The credential version the health service holds; 0 for accounts without a secret.
        version: CredentialVersion,
        /// The association that decides.
        because: AssociationId,
    },
    /// The account is distributed and its credential is on its way.
    Pending {
        /// The account.
        account: RunAsAccountId,
        /// The association that decides.
        because: AssociationId,
    },
    /// Nothing runs.
    Refused(Refusal),
}

/// The answer with everything that was considered.
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// What was asked.
    pub question: Question,
    /// The answer.
    pub verdict: RunAs,
    /// Every association of the profile, those that cover the object first, best first.
    pub candidates: Vec<Candidate>,
}

/// Position in the order: kind, then distance, then enforced before not enforced. Smaller wins.
type Rank = (Kind, u32, bool);

/// The best associations of a profile for an object: those that share the best rank.
enum Best {
    Nothing,
    One(Entry),
    Tied(Vec<AssociationId>),
}

fn best(index: &AssociationIndex, estate: &Estate, profile: &RunAsProfileId, object: ObjectId) -> Best {
    let mut best: Option<(Rank, Entry)> = None;
    let mut differing: Vec<AssociationId> = Vec::new();
    index.covering(estate, profile, object, |kind, distance, entry| {
        let rank = (kind, distance, !entry.enforced);
        match &mut best {
            Some((known, _)) if *known < rank => {}
            Some((known, winner)) if *known == rank => {
                if winner.account != entry.account {
                    differing.push(entry.association);
                } else if entry.association < winner.association {
                    *winner = *entry;
                }
            }
            Some(_) | None => {
                best = Some((rank, *entry));
                differing.clear();
            }
        }
    });
    match best {
        None => Best::Nothing,
        Some((_, winner)) if differing.is_empty() => Best::One(winner),
        Some((rank, _)) => {
            let mut tied = BTreeSet::new();
            index.covering(estate, profile, object, |kind, distance, entry| {
                if (kind, distance, !entry.enforced) == rank {
                    tied.insert(entry.association);
                }
            });
            Best::Tied(tied.into_iter().collect())
        }
    }
}

/// The answer alone, without the list of candidates: for bulk resolution.
pub fn verdict_with(index: &AssociationIndex, estate: &Estate, question: &Question) -> RunAs {
    if !estate.objects.contains_key(&question.object) {
        return RunAs::Refused(Refusal::UnknownObject);
    }
    if !estate.health_services.contains_key(&question.health_service) {
        return RunAs::Refused(Refusal::UnknownHealthService);
    }
    let Some(profile) = &question.profile else { return without(question, DefaultReason::NoProfile) };
    if !estate.profiles.contains_key(profile) {
        return RunAs::Refused(Refusal::UnknownProfile);
    }
    match best(index, estate, profile, question.object) {
        Best::Nothing => without(question, DefaultReason::NoAssociation),
        Best::Tied(tied) => RunAs::Refused(Refusal::Ambiguous(tied)),
        Best::One(entry) => judge(estate, question, profile, &entry),
    }
}

fn without(question: &Question, reason: DefaultReason) -> RunAs {
    match question.needs {
        Needs::Become => RunAs::DefaultActionAccount(reason),
        Needs::Present(_) => RunAs::Refused(Refusal::NoAccount),
    }
}

/// Whether an account's type can serve this profile and need.
pub(crate) fn type_fits(account: &Account, profile: &RunAsProfileId, needs: &Needs) -> bool {
    let is_default_profile = profile.0.as_str() == crate::DEFAULT_ACTION_ACCOUNT_PROFILE;
    match (&account.kind, needs) {
        (AccountKind::Become(BecomeKind::ActionAccount { .. }), Needs::Become) => is_default_profile,
        // Field: the Default Action Account profile takes the types Action Account and Windows only.
        (AccountKind::Become(BecomeKind::Windows { .. }), Needs::Become) => true,
        (
            AccountKind::Become(
                BecomeKind::UnixMonitoring { .. }
                | BecomeKind::LocalIdentity { .. }
                | BecomeKind::LocalSystem
                | BecomeKind::LocalAction,
            ),
            Needs::Become,
        ) => !is_default_profile,
        (AccountKind::Present(_), Needs::Present(types)) => types.contains(account.kind.word()),
        (AccountKind::Become(_), Needs::Present(_)) | (AccountKind::Present(_), Needs::Become) => false,
    }
}

fn judge(estate: &Estate, question: &Question, profile: &RunAsProfileId, entry: &Entry) -> RunAs {
    let id = entry.account;
    let Some(account) = estate.accounts.get(&id) else { return RunAs::Refused(Refusal::UnknownAccount(id)) };
    if !type_fits(account, profile, &question.needs) {
        return RunAs::Refused(Refusal::WrongAccountType(id));
    }
    if !account.enabled {
        return RunAs::Refused(Refusal::Disabled(id));
    }
    match may_receive(estate, id, question.health_service) {
        Ok(()) => {}
        Err(NotReceivable::NoCredential) => return RunAs::Refused(Refusal::NoCredential(id)),
        Err(_) => return RunAs::Refused(Refusal::NotDistributed(id)),
    }
    let refused_there = account.kind.logon_name().is_some_and(|name| {
        estate.locked_down.get(&question.health_service).is_some_and(|refused| refused.contains(&name))
    });
    if refused_there {
        return RunAs::Refused(Refusal::LockedDown(id));
    }
    if !account.kind.has_secret() {
        return RunAs::Account { account: id, version: CredentialVersion(0), because: entry.association };
    }
    match estate.deliveries.get(&(id, question.health_service)) {
        Some((version, state)) if state.is_usable() => {
            RunAs::Account { account: id, version: *version, because: entry.association }
        }
        Some(_) | None => RunAs::Pending { account: id, because: entry.association },
    }
}

/// The answer with everything that was considered.
pub fn resolve(estate: &Estate, question: &Question) -> Decision {
    resolve_with(&AssociationIndex::build(estate), estate, question)
}

/// As [`resolve`], with an index built before.
pub fn resolve_with(index: &AssociationIndex, estate: &Estate, question: &Question) -> Decision {
    let verdict = verdict_with(index, estate, question);
    let candidates = match &question.profile {
        Some(profile) => candidates(index, estate, profile, question.object),
        None => Vec::new(),
    };
    Decision { question: question.clone(), verdict, candidates }
}

fn candidates(
    index: &AssociationIndex,
    estate: &Estate,
    profile: &RunAsProfileId,
    object: ObjectId,
) -> Vec<Candidate> {
    let mut ranked: Vec<(Rank, Entry)> = Vec::new();
    index.covering(estate, profile, object, |kind, distance, entry| {
        ranked.push(((kind, distance, !entry.enforced), *entry));
    });
    ranked.sort_by_key(|(rank, entry)| (*rank, entry.association));
    let best = ranked.first().copied();
    let tied = best.is_some_and(|(rank, winner)| {
        ranked.iter().any(|(other, entry)| *other == rank && entry.account != winner.account)
    });
    let mut out: Vec<Candidate> = Vec::new();
    for (rank, entry) in &ranked {
        let outcome = match best {
            Some((top, winner)) if *rank == top => match (tied, entry.association == winner.association) {
                (true, _) => Outcome::Lost(LossReason::Tied),
                (false, true) => Outcome::Won,
                (false, false) => Outcome::Lost(LossReason::SameAccount),
            },
            Some((top, _)) if rank.0 != top.0 => Outcome::Lost(LossReason::LessSpecificKind),
            Some((top, _)) if rank.1 != top.1 => Outcome::Lost(LossReason::FurtherAway),
            Some(_) | None => Outcome::Lost(LossReason::NotEnforced),
        };
        out.push(candidate(estate, entry, rank.0, Some(rank.1), outcome));
    }
    for association in estate.associations.values().filter(|a| a.profile == *profile) {
        if ranked.iter().all(|(_, entry)| entry.association != association.id) {
            let kind = match &association.target {
                Target::All => Kind::All,
                Target::Class(_) => Kind::Class,
                Target::Group(_) => Kind::Group,
                Target::Object(_) => Kind::Object,
            };
            let entry =
                Entry { association: association.id, account: association.account, enforced: association.enforced };
            out.push(candidate(estate, &entry, kind, None, Outcome::DoesNotCover));
        }
    }
    out
}

fn candidate(estate: &Estate, entry: &Entry, kind: Kind, distance: Option<u32>, outcome: Outcome) -> Candidate {
    let target = estate.associations.get(&entry.association).map_or(Target::All, |a| a.target.clone());
    Candidate {
        association: entry.association,
        account: entry.account,
        target,
        kind,
        distance,
        enforced: entry.enforced,
        outcome,
    }
}
