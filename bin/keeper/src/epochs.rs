//! The highest manifest epoch signed for each health service.
//!
//! An append-only file, one record per signature, on disk before the signature is given out: health
//! service (16 bytes), epoch (u64 big-endian), first 8 bytes of the SHA-256 of both. Rewritten with one
//! record per health service at start. A last record cut short by a crash was never answered, and is dropped.

use crate::refusal::{Code, Refusal};
use crate::state_directory::StateDirectory;
use anyhow::{Context, bail};
use nix::fcntl::OFlag;
use reeve_model::HealthServiceId;
use reeve_seal::digest;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FILE: &str = "manifest-epochs";
const RECORD_BYTES: usize = 32;

/// Highest epochs by health service.
pub(crate) struct Epochs {
    highest: BTreeMap<HealthServiceId, u64>,
    file: File,
    length: u64,
}

/// Whether any epoch was ever signed in this directory.
pub(crate) fn were_used(state: &StateDirectory) -> bool {
    std::fs::symlink_metadata(state.file(FILE)).is_ok_and(|meta| meta.len() > 0)
}

impl Epochs {
    pub(crate) fn open(state: &StateDirectory) -> anyhow::Result<Self> {
        let path = state.file(FILE);
        let highest = read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let (file, length) = rewrite(&path, &highest).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { highest, file, length })
    }

    /// Takes an epoch above all earlier ones of the health service; on disk when this returns.
    pub(crate) fn rise(&mut self, health_service: HealthServiceId, epoch: u64) -> Result<(), Refusal> {
        let highest = self.highest.get(&health_service).copied().unwrap_or(0);
        if epoch <= highest {
            return Err(Refusal::new(
                Code::Rollback,
                format!("manifest epoch {epoch} is not above {highest}, the last one signed for this health service"),
            ));
        }
        // At a known place: what a failed write left behind is written over.
        self.file
            .write_all_at(&record(health_service, epoch), self.length)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| {
                tracing::error!("cannot write {FILE}: {error}");
                Refusal::new(Code::Unavailable, format!("the keeper cannot write its state: {error}"))
            })?;
        self.length += RECORD_BYTES as u64;
        self.highest.insert(health_service, epoch);
        Ok(())
    }
}

fn record(health_service: HealthServiceId, epoch: u64) -> [u8; RECORD_BYTES] {
    let mut out = [0u8; RECORD_BYTES];
    let (body, check) = out.split_at_mut(24);
    for (slot, byte) in body.iter_mut().zip(health_service.0.0.into_iter().chain(epoch.to_be_bytes())) {
        *slot = byte;
    }
    for (slot, byte) in check.iter_mut().zip(digest::sha256(body).0) {
        *slot = byte;
    }
    out
}

fn read(path: &Path) -> anyhow::Result<BTreeMap<HealthServiceId, u64>> {
    let mut bytes = Vec::new();
    match OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let mut highest = BTreeMap::new();
    let mut records = bytes.chunks(RECORD_BYTES).peekable();
    while let Some(found) = records.next() {
        match parse(found) {
            Some((health_service, epoch)) => {
                let slot = highest.entry(health_service).or_insert(epoch);
                *slot = epoch.max(*slot);
            }
            None if records.peek().is_none() => {}
            None => bail!("it is damaged; restore the state directory from a backup"),
        }
    }
    Ok(highest)
}

fn parse(found: &[u8]) -> Option<(HealthServiceId, u64)> {
    let (id, rest) = found.split_first_chunk::<16>()?;
    let (epoch, _) = rest.split_first_chunk::<8>()?;
    let (id, epoch) = (HealthServiceId::from_bytes(id)?, u64::from_be_bytes(*epoch));
    (record(id, epoch) == found).then_some((id, epoch))
}

fn rewrite(path: &Path, highest: &BTreeMap<HealthServiceId, u64>) -> io::Result<(File, u64)> {
    let mut bytes = Vec::with_capacity(highest.len() * RECORD_BYTES);
    for (health_service, epoch) in highest {
        bytes.extend_from_slice(&record(*health_service, *epoch));
    }
    let temporary: PathBuf = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(&temporary)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok((file, bytes.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reeve_model::Guid;

    const A: HealthServiceId = HealthServiceId(Guid([1; 16]));
    const B: HealthServiceId = HealthServiceId(Guid([2; 16]));

    fn code(result: Result<(), Refusal>) -> Option<Code> {
        result.err().map(|refusal| refusal.code)
    }

    #[test]
    fn an_epoch_rises_per_health_service_and_over_restarts() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDirectory::open_or_create(&directory.path().join("state")).unwrap();
        assert!(!were_used(&state));
        let mut epochs = Epochs::open(&state).unwrap();
        assert_eq!(code(epochs.rise(A, 0)), Some(Code::Rollback), "zero is no epoch");
        assert_eq!(epochs.rise(A, 5), Ok(()));
        assert_eq!(epochs.rise(B, 3), Ok(()));
        assert_eq!(code(epochs.rise(A, 5)), Some(Code::Rollback));
        assert_eq!(epochs.rise(A, 7), Ok(()));
        drop(epochs);
        assert!(were_used(&state));
        for _ in 0..2 {
            let mut epochs = Epochs::open(&state).unwrap();
            assert_eq!(code(epochs.rise(A, 7)), Some(Code::Rollback));
            assert_eq!(code(epochs.rise(B, 3)), Some(Code::Rollback));
        }
        assert_eq!(std::fs::metadata(state.file(FILE)).unwrap().len(), 64, "one record each after a restart");
    }

    #[test]
    fn a_record_cut_short_by_a_crash_is_dropped_and_damage_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDirectory::open_or_create(&directory.path().join("state")).unwrap();
        let mut epochs = Epochs::open(&state).unwrap();
        epochs.rise(A, 5).unwrap();
        epochs.rise(A, 6).unwrap();
        drop(epochs);
        let path = state.file(FILE);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..50]).unwrap();
        assert_eq!(Epochs::open(&state).unwrap().highest, BTreeMap::from([(A, 5)]));
        let mut damaged = whole.clone();
        damaged[3] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        assert!(Epochs::open(&state).is_err());
    }
}
