//! The Estate: everything a decision reads, as one immutable value per generation.

use crate::{
    Account, Association, AssociationId, Class, ClassId, CredentialVersion, Generation, Group, HealthService,
    HealthServiceId, Object, ObjectId, Profile, RunAsAccountId, RunAsProfileId,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How far a credential version has come on one health service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// An administrator named the recipient; nothing has left yet.
    Approved,
    /// The keeper sealed it to the recipient's key.
    Sealed,
    /// The agent has the envelope.
    Delivered,
    /// The broker holds it; a signed hold receipt is in.
    Stored,
    /// It logged on there.
    Verified,
    /// It could not log on there.
    Failed,
    /// Withdrawn; the signed evict receipt is still missing.
    Evicting,
    /// Withdrawn; a signed evict receipt is in.
    Evicted,
}

impl DeliveryState {
    /// Whether the health service can use the credential now.
    #[must_use]
    pub fn is_usable(self) -> bool {
        match self {
            Self::Stored | Self::Verified | Self::Failed => true,
            Self::Approved | Self::Sealed | Self::Delivered | Self::Evicting | Self::Evicted => false,
        }
    }
}

/// Ground state and what follows from it, indexed for decisions. Immutable once built.
#[derive(Clone, Debug, Default)]
pub struct Estate {
    /// Which state of the management group this is.
    pub generation: Generation,
    /// Classes of all installed packs.
    pub classes: BTreeMap<ClassId, Class>,
    /// Objects.
    pub objects: BTreeMap<ObjectId, Object>,
    /// Groups, by the object id of the group.
    pub groups: BTreeMap<ObjectId, Group>,
    /// Health services.
    pub health_services: BTreeMap<HealthServiceId, HealthService>,
    /// Accounts.
    pub accounts: BTreeMap<RunAsAccountId, Account>,
    /// Profiles.
    pub profiles: BTreeMap<RunAsProfileId, Profile>,
    /// Associations.
    pub associations: BTreeMap<AssociationId, Association>,
    /// How far credentials have come, by account, health service and version.
    pub deliveries: BTreeMap<(RunAsAccountId, HealthServiceId), (CredentialVersion, DeliveryState)>,
    /// Identities that a computer's own lockdown refuses, as its broker reported them: logon names.
    pub locked_down: BTreeMap<HealthServiceId, BTreeSet<String>>,
}

impl Estate {
    /// The base classes of `class`, nearest first, starting with itself. Ends at a cycle or an unknown class.
    #[must_use]
    pub fn lineage(&self, class: &ClassId) -> Vec<&ClassId> {
        let mut out: Vec<&ClassId> = Vec::new();
        let mut next = self.classes.get(class);
        while let Some(found) = next {
            if out.contains(&&found.id) {
                break;
            }
            out.push(&found.id);
            next = found.base.as_ref().and_then(|base| self.classes.get(base));
        }
        out
    }

    /// Whether `class` is `base` or derives from it.
    #[must_use]
    pub fn derives_from(&self, class: &ClassId, base: &ClassId) -> bool {
        self.lineage(class).contains(&base)
    }

    /// The object and its hosts, nearest first. Ends at a cycle or a missing host.
    #[must_use]
    pub fn host_chain(&self, object: ObjectId) -> Vec<ObjectId> {
        let mut out = Vec::new();
        let mut next = self.objects.get(&object);
        while let Some(found) = next {
            if out.contains(&found.id) {
                break;
            }
            out.push(found.id);
            next = found.host.and_then(|host| self.objects.get(&host));
        }
        out
    }
}
