//! Classes, objects, groups and health services.

use crate::{ClassId, Guid, HealthServiceId, ObjectId, PackId, RelationshipId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A class of objects, as its management pack defines it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Class {
    /// Full name.
    pub id: ClassId,
    /// GUID by the element recipe.
    pub guid: Guid,
    /// What people read.
    pub display_name: String,
    /// Base class; none only for `System.Entity`.
    pub base: Option<ClassId>,
    /// Has no objects of its own.
    pub is_abstract: bool,
    /// Objects live and die with a host object.
    pub is_hosted: bool,
    /// Exactly one object, made when the pack is imported; its GUID is the class's.
    pub is_singleton: bool,
    /// The class that hosts objects of this one, from its concrete hosting relationship.
    pub host: Option<ClassId>,
    /// Own properties, without inherited ones.
    pub properties: Vec<Property>,
}

/// A property of a class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Property {
    /// Name, unique in the class.
    pub name: String,
    /// GUID by the sub-element recipe.
    pub guid: Guid,
    /// Part of the object's identity.
    pub is_key: bool,
    /// The pack language's type name: `string`, `int`, `guid`, …
    pub value_type: String,
}

/// Names a property by the class that defines it, since derived classes may reuse a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PropertyName {
    /// Defining class.
    pub class: ClassId,
    /// Property name.
    pub name: String,
}

/// A relationship between two objects other than hosting.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Relationship {
    /// Relationship type.
    pub relationship: RelationshipId,
    /// From.
    pub source: ObjectId,
    /// To.
    pub target: ObjectId,
}

/// A monitored object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Object {
    /// GUID by the object recipe.
    pub id: ObjectId,
    /// Most specific class.
    pub class: ClassId,
    /// What people read and type.
    pub display_name: String,
    /// The object that hosts this one.
    pub host: Option<ObjectId>,
    /// The health service that runs workflows for this object; none until one claims it.
    pub health_service: Option<HealthServiceId>,
    /// Property values by defining class and name. Serialised as a list, because the key is a structure.
    #[serde(with = "property_list")]
    pub properties: BTreeMap<PropertyName, String>,
}

mod property_list {
    use super::{BTreeMap, PropertyName};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<PropertyName, String>, s: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<PropertyName, String>, D::Error> {
        Ok(Vec::<(PropertyName, String)>::deserialize(d)?.into_iter().collect())
    }
}

/// An explicit list of objects, which may itself contain groups.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// A group is an object; this is its id.
    pub id: ObjectId,
    /// Unique in the management group.
    pub name: String,
    /// Direct members; a member that is a group contributes its own members.
    pub members: BTreeSet<ObjectId>,
}

/// How far the management group trusts a health service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthServiceTrust {
    /// A person, or a one-time token bound to this computer, vouched for the keys.
    Verified,
    /// Approved automatically: never receives a more secure account.
    Unverified,
    /// Waiting for a person.
    Pending,
    /// Shut out; nothing is delivered, nothing accepted. Outlives restore.
    Banned,
}

/// One agent's engine: what credentials are distributed *to*, and what runs workflows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HealthService {
    /// Server-minted.
    pub id: HealthServiceId,
    /// The computer's name as the administrator's enrolment token stated it.
    pub computer_name: String,
    /// The computer object this health service runs on.
    pub computer: ObjectId,
    /// How far it is trusted.
    pub trust: HealthServiceTrust,
    /// User name of the default action account, set at join.
    pub default_action_account: String,
    /// X25519 public key of the broker.
    pub sealing_key: Vec<u8>,
    /// Ed25519 public key of the broker's receipts.
    pub receipt_key: Vec<u8>,
    /// SHA-256 of the agent's TLS public key (SPKI).
    pub tls_key_digest: Vec<u8>,
}

/// Identity of an installed management pack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstalledPack {
    /// Pack id.
    pub id: PackId,
    /// Four numbers.
    pub version: String,
    /// Public key token when sealed.
    pub key_token: Option<String>,
    /// What people read.
    pub display_name: String,
}
