//! Run As accounts, profiles, associations and distribution.

use crate::{
    AssociationId, ClassId, CredentialVersion, HealthServiceId, ObjectId, PackId, RunAsAccountId, RunAsProfileId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What kind of credential an account holds.
///
/// Two kinds that never mix: an identity to *become*, which only the broker handles, and a
/// credential to *present*, which is handed to the module that uses it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum AccountKind {
    /// Become an OS identity.
    Become(BecomeKind),
    /// Present a credential to something else.
    Present(PresentKind),
}

/// An OS identity.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BecomeKind {
    /// User and password, logged on through PAM; with a domain as `DOMAIN\user`, else the local user.
    Windows {
        /// User name or UPN.
        user: String,
        /// Domain, if any.
        domain: Option<String>,
    },
    /// As Windows; only for the Default Action Account profile, more secure only.
    ActionAccount {
        /// User name or UPN.
        user: String,
        /// Domain, if any.
        domain: Option<String>,
    },
    /// UNIX/Linux monitoring.
    UnixMonitoring {
        /// User name.
        user: String,
        /// How it gains privilege.
        elevation: Elevation,
    },
    /// Passwordless; allowed only where the computer's own policy lists the user. Field: gMSA.
    LocalIdentity {
        /// User name.
        user: String,
    },
    /// Built in: root. Needs the computer's own policy to allow it.
    LocalSystem,
    /// Built in: the user `reeve-action`, which owns nothing of Reeve's.
    LocalAction,
}

/// How a UNIX/Linux account gains privilege.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Elevation {
    /// Not at all.
    None,
    /// By passwordless `sudo`.
    Sudo,
}

/// A credential to present.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PresentKind {
    /// SQL and generic.
    Simple {
        /// User name.
        user: String,
    },
    /// HTTP basic.
    Basic {
        /// User name.
        user: String,
    },
    /// HTTP digest.
    Digest {
        /// User name.
        user: String,
    },
    /// SNMP v1, v2c.
    CommunityString,
    /// SNMP v3.
    SnmpV3 {
        /// User name.
        user: String,
    },
    /// Pack-defined bytes.
    Binary,
    /// SSH.
    UnixMaintenance {
        /// User name.
        user: String,
    },
}

impl AccountKind {
    /// The stable word for this type in the CLI, the API and messages.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Become(BecomeKind::Windows { .. }) => "windows",
            Self::Become(BecomeKind::ActionAccount { .. }) => "action",
            Self::Become(BecomeKind::UnixMonitoring { .. }) => "unix-monitoring",
            Self::Become(BecomeKind::LocalIdentity { .. }) => "local-identity",
            Self::Become(BecomeKind::LocalSystem) => "local-system",
            Self::Become(BecomeKind::LocalAction) => "local-action",
            Self::Present(PresentKind::Simple { .. }) => "simple",
            Self::Present(PresentKind::Basic { .. }) => "basic",
            Self::Present(PresentKind::Digest { .. }) => "digest",
            Self::Present(PresentKind::CommunityString) => "community",
            Self::Present(PresentKind::SnmpV3 { .. }) => "snmpv3",
            Self::Present(PresentKind::Binary) => "binary",
            Self::Present(PresentKind::UnixMaintenance { .. }) => "unix-maintenance",
        }
    }

    /// The OS user name as PAM gets it, for an identity to become.
    #[must_use]
    pub fn logon_name(&self) -> Option<String> {
        match self {
            Self::Become(BecomeKind::Windows { user, domain } | BecomeKind::ActionAccount { user, domain }) => {
                Some(domain.as_ref().map_or_else(|| user.clone(), |d| format!("{d}\\{user}")))
            }
            Self::Become(BecomeKind::UnixMonitoring { user, .. } | BecomeKind::LocalIdentity { user }) => {
                Some(user.clone())
            }
            Self::Become(BecomeKind::LocalSystem) => Some("root".to_owned()),
            Self::Become(BecomeKind::LocalAction) => Some("reeve-action".to_owned()),
            Self::Present(_) => None,
        }
    }

    /// Whether an account of this type holds a secret at all.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        !matches!(
            self,
            Self::Become(BecomeKind::LocalIdentity { .. } | BecomeKind::LocalSystem | BecomeKind::LocalAction)
        )
    }
}

/// Who may receive an account's credential.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "security", content = "recipients", rename_all = "kebab-case")]
pub enum Distribution {
    /// Only the health services an administrator named. The default, with an empty list.
    MoreSecure(BTreeSet<HealthServiceId>),
    /// Every approved, verified health service, now and in future.
    LessSecure,
}

/// A Run As account (field: SecureData): one credential set, owned by the operator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Identity.
    pub id: RunAsAccountId,
    /// Unique in the management group.
    pub name: String,
    /// Free text; defaults to the name.
    pub description: String,
    /// Type and public fields.
    pub kind: AccountKind,
    /// Whether workflows may use it.
    pub enabled: bool,
    /// Current credential; 0 while none is set.
    pub version: CredentialVersion,
    /// Who may receive it.
    pub distribution: Distribution,
    /// Made by the installation; cannot be edited or deleted.
    pub is_system: bool,
}

/// A Run As profile (field: SecureReference): a named need for a credential.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Profile {
    /// Full name.
    pub id: RunAsProfileId,
    /// What people read.
    pub display_name: String,
    /// Class against which accounts are associated; bounds the valid targets.
    pub context: ClassId,
    /// The pack that defines it; none when made by hand.
    pub pack: Option<PackId>,
    /// Visible to other packs.
    pub is_public: bool,
}

/// What an association covers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "kebab-case")]
pub enum Target {
    /// All targeted objects.
    All,
    /// Objects of a class or of classes derived from it.
    Class(ClassId),
    /// Members of a group, and what they host.
    Group(ObjectId),
    /// One object, and what it hosts.
    Object(ObjectId),
}

/// For a profile, on a target, use an account. Field: SecureReferenceOverride.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Association {
    /// Identity.
    pub id: AssociationId,
    /// The profile.
    pub profile: RunAsProfileId,
    /// What it covers.
    pub target: Target,
    /// The account to use there.
    pub account: RunAsAccountId,
    /// Settles ties of the same kind and distance only.
    pub enforced: bool,
}
