//! Typed ids, one line per noun. No id converts into another.

use crate::Guid;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

macro_rules! guid_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Guid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = crate::NotAGuid;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl $name {
            /// The id as 16 bytes, the form that travels in messages.
            #[must_use]
            pub fn to_bytes(self) -> Vec<u8> {
                self.0.0.to_vec()
            }

            /// Reads the 16-byte form.
            #[must_use]
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                <[u8; 16]>::try_from(bytes).ok().map(|b| Self(Guid(b)))
            }
        }
    )*};
}

guid_ids! {
    /// An alert.
    AlertId,
    /// An association of a Run As profile with an account.
    AssociationId,
    /// A batch of task runs started together.
    BatchId,
    /// A health service: the engine of one agent, the thing credentials are distributed to. Minted by the
    /// server, never reused, never a name.
    HealthServiceId,
    /// A management group.
    ManagementGroupId,
    /// A monitored object. A group is an object too.
    ObjectId,
    /// A Run As account.
    RunAsAccountId,
    /// One task run on one object.
    TaskRunId,
    /// A person or program that signs in.
    UserId,
}

/// `Pack!Element`: the full name of a management-pack element. Case-sensitive, cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ElementName(Arc<str>);

/// The text is not `Pack!Element`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a full element name of the form Pack!Element")]
pub struct NotAnElementName(pub String);

impl ElementName {
    /// Joins a pack id and an element id.
    #[must_use]
    pub fn new(pack: &str, element: &str) -> Self {
        Self(format!("{pack}!{element}").into())
    }

    /// The pack id, left of the first `!`.
    #[must_use]
    pub fn pack(&self) -> &str {
        self.0.split_once('!').map_or("", |(p, _)| p)
    }

    /// The element id, right of the first `!`.
    #[must_use]
    pub fn element(&self) -> &str {
        self.0.split_once('!').map_or(&*self.0, |(_, e)| e)
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ElementName {
    type Error = NotAnElementName;
    fn try_from(text: String) -> Result<Self, NotAnElementName> {
        match text.split_once('!') {
            Some((p, e)) if !p.is_empty() && !e.is_empty() => Ok(Self(text.into())),
            Some(_) | None => Err(NotAnElementName(text.chars().take(256).collect())),
        }
    }
}

impl From<ElementName> for String {
    fn from(name: ElementName) -> Self {
        name.0.to_string()
    }
}

impl FromStr for ElementName {
    type Err = NotAnElementName;
    fn from_str(text: &str) -> Result<Self, NotAnElementName> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for ElementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ElementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! element_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub ElementName);

        impl $name {
            /// Joins a pack id and an element id.
            #[must_use]
            pub fn new(pack: &str, element: &str) -> Self {
                Self(ElementName::new(pack, element))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnElementName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

element_ids! {
    /// A class of objects.
    ClassId,
    /// A module type: data source, probe action, condition detection or write action.
    ModuleTypeId,
    /// A relationship type.
    RelationshipId,
    /// A Run As profile (`SecureReference`).
    RunAsProfileId,
    /// A rule, monitor, discovery or task.
    WorkflowId,
}

/// A management pack's id, the left part of every element name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct PackId(pub String);

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a state of the management group. Rises with every change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug, Default)]
#[serde(transparent)]
pub struct Generation(pub u64);

/// The number of a credential of one account. Rises with every new secret; 0 = none set yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Debug, Default)]
#[serde(transparent)]
pub struct CredentialVersion(pub u64);

/// SHA-256 of content that travels by digest: templates, compiled workflows, envelopes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentDigest(pub [u8; 32]);

impl ContentDigest {
    /// Reads the 32-byte form.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(bytes).ok().map(Self)
    }

    /// The digest as bytes, the form that travels in messages.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ContentDigest> for String {
    fn from(digest: ContentDigest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for ContentDigest {
    type Error = NotADigest;
    fn try_from(text: String) -> Result<Self, NotADigest> {
        let bad = || NotADigest(text.chars().take(80).collect());
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let mut out = [0u8; 32];
        for (slot, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            *slot = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Self(out))
    }
}

impl Serialize for ContentDigest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentDigest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.try_into().map_err(serde::de::Error::custom)
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest")]
pub struct NotADigest(pub String);
