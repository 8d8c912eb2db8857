//! The management group's keys: made once, stored encrypted, opened at start.

use crate::certificates::CertificateAuthority;
use crate::cli::Places;
use crate::epochs;
use crate::rollback::Roots;
use crate::state_directory::StateDirectory;
use anyhow::{Context, bail};
use prost::Message;
use reeve_model::{Guid, ManagementGroupId, Wall};
use reeve_seal::at_rest::{self, Place};
use reeve_seal::hpke::SealingKey;
use reeve_seal::key_ring::{KeyRing, ROOT_KEY_FILE_LABEL, RootKey};
use reeve_seal::keyfile::{self, KeyFileError};
use reeve_seal::sign::SigningKey;
use reeve_seal::{SealError, random};
use reeve_secret::Secret;
use std::path::Path;

/// File of the encrypted keys, in the state directory.
const FILE: &str = "group.keys";
const FILE_LABEL: &str = "reeve-keeper-group";

/// Everything the keeper keeps secret, in the clear in this process's memory only.
pub(crate) struct GroupKeys {
    pub(crate) group: ManagementGroupId,
    pub(crate) ring: KeyRing,
    pub(crate) row_mac: Secret,
    pub(crate) signing: SigningKey,
    pub(crate) sealing: SealingKey,
    pub(crate) authority: CertificateAuthority,
}

/// The file: everything secret in it is encrypted.
#[derive(Clone, PartialEq, Message)]
struct StoredGroup {
    #[prost(bytes = "vec", tag = "1")]
    management_group: Vec<u8>,
    /// Under the root key.
    #[prost(bytes = "vec", tag = "2")]
    key_ring: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    ca_certificate: Vec<u8>,
    // At rest under the key ring.
    #[prost(bytes = "vec", tag = "4")]
    ca_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    row_mac_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    signing_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    sealing_key: Vec<u8>,
}

impl GroupKeys {
    /// Opens the group's keys, or makes a new group where there never was one.
    ///
    /// A missing root key beside existing state, or missing keys beside used state, is an error: new
    /// keys would make every stored secret, signature and certificate worthless.
    pub(crate) fn open_or_create(state: &StateDirectory, places: &Places, now: Wall) -> anyhow::Result<Self> {
        let file = state.file(FILE);
        if std::fs::symlink_metadata(&file).is_ok() {
            let root = read_root_key(state, &places.root_key())?;
            return Self::open(state, &root);
        }
        if Roots::were_used(state)? || epochs::were_used(state) {
            bail!(
                "the state directory was in use, but {} is missing. No new keys are made; put the file back from a \
                 backup of the state directory",
                file.display()
            );
        }
        let made = || RootKey::generate().to_secret();
        let root = keyfile::read_or_create(&places.root_key(), ROOT_KEY_FILE_LABEL, made)?;
        let root = RootKey::from_secret(&root)?;
        let keys = Self::generate(now)?;
        // Before the keys: their file is what says that the group exists.
        Roots::create(state)?;
        keyfile::write_new(&file, FILE_LABEL, &keys.encode(&root)?)?;
        tracing::info!(group = %keys.group, "made a new management group and its keys");
        Ok(keys)
    }

    /// Opens existing keys.
    pub(crate) fn open(state: &StateDirectory, root: &RootKey) -> anyhow::Result<Self> {
        let file = state.file(FILE);
        let stored = keyfile::read_owned_by(&file, FILE_LABEL, state.owner())?;
        // Exposed to be decoded; what is secret in it is encrypted.
        Self::decode(root, stored.expose()).with_context(|| format!("cannot open {}", file.display()))
    }

    /// Encrypts the stored keys again and replaces their file, after a rotation.
    pub(crate) fn store_again(&self, state: &StateDirectory, root: &RootKey) -> anyhow::Result<()> {
        keyfile::replace_owned_by(&state.file(FILE), FILE_LABEL, &self.encode(root)?, state.owner())?;
        Ok(())
    }

    pub(crate) fn generate(now: Wall) -> anyhow::Result<Self> {
        let group = ManagementGroupId(random::guid_v7(now.0));
        Ok(Self {
            group,
            ring: KeyRing::generate(),
            row_mac: Secret::new(random::bytes::<32>().to_vec()),
            signing: SigningKey::generate(),
            sealing: SealingKey::generate(),
            authority: CertificateAuthority::generate(group, now)?,
        })
    }

    fn encode(&self, root: &RootKey) -> Result<Secret, SealError> {
        let id = self.group.0;
        let stored = StoredGroup {
            management_group: self.group.to_bytes(),
            key_ring: self.ring.encode(root)?,
            ca_certificate: self.authority.certificate().to_vec(),
            ca_key: at_rest::seal(&self.ring, &place("ca key", id), &self.authority.to_secret())?,
            row_mac_key: at_rest::seal(&self.ring, &place("row mac key", id), &self.row_mac)?,
            signing_key: at_rest::seal(&self.ring, &place("signing key", id), &self.signing.to_secret())?,
            sealing_key: at_rest::seal(&self.ring, &place("sealing key", id), &self.sealing.to_secret())?,
        };
        Ok(Secret::new(stored.encode_to_vec()))
    }

    fn decode(root: &RootKey, stored: &[u8]) -> anyhow::Result<Self> {
        let stored = StoredGroup::decode(stored).context("it is damaged; restore it from a backup")?;
        let group = ManagementGroupId::from_bytes(&stored.management_group)
            .context("it is damaged; restore it from a backup")?;
        let ring = KeyRing::decode(root, &stored.key_ring)
            .context("the root key file is not the one this state was made with")?;
        let open = |column, sealed: &[u8]| {
            at_rest::open(&ring, &place(column, group.0), sealed).with_context(|| format!("the {column} is damaged"))
        };
        let row_mac = open("row mac key", &stored.row_mac_key)?;
        let signing = SigningKey::from_secret(&open("signing key", &stored.signing_key)?)?;
        let sealing = SealingKey::from_secret(&open("sealing key", &stored.sealing_key)?)?;
        let authority = CertificateAuthority::open(&stored.ca_certificate, &open("ca key", &stored.ca_key)?)?;
        Ok(Self { group, ring, row_mac, signing, sealing, authority })
    }
}

/// Reads the root key; its absence beside existing state has a message of its own.
pub(crate) fn read_root_key(state: &StateDirectory, path: &Path) -> anyhow::Result<RootKey> {
    match keyfile::read_owned_by(path, ROOT_KEY_FILE_LABEL, state.owner()) {
        Ok(secret) => Ok(RootKey::from_secret(&secret)?),
        Err(KeyFileError::Missing { .. }) => bail!(
            "the root key file {} is missing, and the state directory holds keys encrypted under it. No new key is \
             made; put the key back with: reeve-keeper key restore --from FILE",
            path.display()
        ),
        Err(error) => Err(error.into()),
    }
}

fn place(column: &'static str, id: Guid) -> Place<'static> {
    Place { table: "keeper", column, id, version: 1 }
}
