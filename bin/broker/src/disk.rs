//! What the broker keeps: the manifest in force, envelopes as they came, receipts of evictions, failed logons,
//! nonces of orders. Nothing in the clear. Written beside, synced, renamed.

use crate::arguments::Arguments;
use reeve_model::Guid;
use reeve_seal::digest::sha256;
use reeve_wire::Message;
use reeve_wire::signed::{Manifest, Signed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Nonces kept at most; an order lives for minutes.
const NONCES_MAX: usize = 10_000;

/// The state directory.
pub(crate) struct Disk {
    dir: PathBuf,
}

/// Small facts in one file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Notes {
    /// Highest epoch ever accepted. Never goes back.
    pub(crate) epoch: u64,
    /// Failed logons: account (hex) to version and event. No further attempt until a new version or a check.
    pub(crate) latched: BTreeMap<String, (u64, u32, String)>,
    /// Nonces of orders (hex) with their end, microseconds since 1970.
    pub(crate) nonces: BTreeMap<String, i64>,
    /// Accounts (hex) that were held, with their version, so that an eviction names one.
    pub(crate) held: BTreeMap<String, u64>,
}

impl Disk {
    /// Opens the directory.
    pub(crate) fn open(state: &Path) -> io::Result<Self> {
        for dir in [state.to_owned(), state.join("envelopes"), state.join("evictions")] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        Ok(Self { dir: state.to_owned() })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.dir.join(name);
        let parent = path.parent().unwrap_or(&self.dir);
        let fresh = parent.join(format!(".new-{}", path.file_name().unwrap_or_default().to_string_lossy()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(parent)?.sync_all()
    }

    /// The manifest in force, as it was signed.
    pub(crate) fn manifest(&self) -> Option<Signed> {
        Signed::decode(fs::read(self.dir.join("manifest")).ok()?.as_slice()).ok()
    }

    /// Puts a manifest in force.
    pub(crate) fn put_manifest(&self, manifest: &Signed) -> io::Result<()> {
        self.write("manifest", &manifest.encode_to_vec())
    }

    /// The notes. A file that cannot be read is an error: forgetting the epoch would let an old manifest in.
    pub(crate) fn notes(&self) -> io::Result<Notes> {
        match fs::read(self.dir.join("notes.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Notes::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes the notes.
    pub(crate) fn put_notes(&self, notes: &mut Notes, now_us: i64) -> io::Result<()> {
        notes.nonces.retain(|_, end| *end > now_us);
        while notes.nonces.len() > NONCES_MAX {
            notes.nonces.pop_first();
        }
        self.write("notes.json", &serde_json::to_vec_pretty(notes).map_err(io::Error::other)?)
    }

    /// An envelope by its digest. One that was damaged is as good as none.
    pub(crate) fn envelope(&self, digest: &[u8]) -> Option<Vec<u8>> {
        let bytes = fs::read(self.dir.join("envelopes").join(hex::encode(digest))).ok()?;
        (sha256(&bytes).0 == digest).then_some(bytes)
    }

    /// Stores an envelope.
    pub(crate) fn put_envelope(&self, digest: &[u8], bytes: &[u8]) -> io::Result<()> {
        self.write(&format!("envelopes/{}", hex::encode(digest)), bytes)
    }

    /// Erases every envelope that is not in the list, overwriting it first.
    pub(crate) fn keep_envelopes(&self, digests: &[Vec<u8>]) -> io::Result<()> {
        let keep: Vec<String> = digests.iter().map(hex::encode).collect();
        for entry in fs::read_dir(self.dir.join("envelopes"))? {
            let entry = entry?;
            if keep.iter().all(|k| entry.file_name().to_string_lossy() != *k) {
                let length = usize::try_from(entry.metadata()?.size()).unwrap_or(0).min(1 << 20);
                let mut file = OpenOptions::new().write(true).open(entry.path())?;
                file.write_all(&vec![0; length])?;
                file.sync_all()?;
                fs::remove_file(entry.path())?;
            }
        }
        File::open(self.dir.join("envelopes"))?.sync_all()
    }

    /// Receipts of evictions, by account (hex).
    pub(crate) fn evictions(&self) -> Vec<Signed> {
        let Ok(entries) = fs::read_dir(self.dir.join("evictions")) else { return Vec::new() };
        entries.flatten().filter_map(|e| Signed::decode(fs::read(e.path()).ok()?.as_slice()).ok()).collect()
    }

    /// Keeps the receipt of an eviction, so that it can be shown again.
    pub(crate) fn put_eviction(&self, account: &str, receipt: &Signed) -> io::Result<()> {
        self.write(&format!("evictions/{account}"), &receipt.encode_to_vec())
    }

    /// The account is held again.
    pub(crate) fn forget_eviction(&self, account: &str) {
        // There is one only after an eviction.
        let _ = fs::remove_file(self.dir.join("evictions").join(account));
    }
}

/// `reeve-broker held`: what this computer holds, read from the state, as root.
pub(crate) fn print_held(arguments: &Arguments, json: bool) -> Result<(), String> {
    let entries = fs::read_dir(&arguments.state).map_err(|e| format!("{} cannot be read: {e}", arguments.state.display()));
    entries?;
    let disk = Disk { dir: arguments.state.clone() };
    let manifest = disk.manifest().and_then(|signed| Manifest::decode(signed.bytes.as_slice()).ok()).unwrap_or_default();
    let mut rows = Vec::new();
    for account in manifest.accounts.iter().filter(|a| !a.envelope.is_empty()) {
        let path = arguments.state.join("envelopes").join(hex::encode(&account.envelope));
        let Ok(about) = fs::metadata(&path) else { continue };
        let guid = <[u8; 16]>::try_from(account.account.as_slice()).map(Guid).unwrap_or_default();
        let since_us = about.mtime() * 1_000_000 + about.mtime_nsec() / 1_000;
        rows.push((guid, account, since_us));
    }
    if json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(guid, account, since_us)| {
                serde_json::json!({
                    "account": guid, "name": account.name, "version": account.version,
                    "envelope": hex::encode(&account.envelope), "since_us": since_us,
                })
            })
            .collect();
        println!("{}", serde_json::Value::Array(rows));
    } else {
        for (guid, account, _) in rows {
            println!("{}  version {}  {guid}", account.name, account.version);
        }
    }
    Ok(())
}
