//! The rollback root: what the database must still be.
//!
//! The server announces the root it is about to commit (`pending`), commits, and confirms. At start it
//! confirms what it finds; a root that was neither confirmed nor announced means that the database went
//! back in time or was replaced, and nothing is given out until a person on the machine accepts it.
//!
//! Several roots may be pending, because the keeper cannot know whether a commit it heard nothing more of
//! took place; a confirmation settles them all.

use crate::refusal::{Code, Refusal};
use crate::state_directory::StateDirectory;
use anyhow::Context;
use prost::Message;
use reeve_seal::keyfile::{self, KeyFileError};
use reeve_secret::Secret;
use std::path::{Path, PathBuf};

const FILE: &str = "rollback-root";
const FILE_LABEL: &str = "reeve-rollback-root";
const ACCEPT_FILE: &str = "accept-restore";
const ACCEPT_FILE_LABEL: &str = "reeve-accept-restore";
/// Announced and not confirmed; more means that the server never confirms.
const PENDING_MAX: usize = 8;

type Root = [u8; 32];

/// The roots a database may have, and whether it has shown one of them since this start.
pub(crate) struct Roots {
    file: PathBuf,
    accept_file: PathBuf,
    known: Known,
    is_settled: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Known {
    /// A new group: the first root confirmed is the one.
    NoneYet,
    Roots {
        confirmed: Root,
        pending: Vec<Root>,
    },
    /// The file was lost: any root may be a rolled-back one.
    Lost,
}

#[derive(Clone, PartialEq, Message)]
struct StoredRoots {
    #[prost(bytes = "vec", tag = "1")]
    confirmed: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pending: Vec<Vec<u8>>,
}

impl Roots {
    /// Writes the file of a new group.
    pub(crate) fn create(state: &StateDirectory) -> Result<(), KeyFileError> {
        match keyfile::write_new(&state.file(FILE), FILE_LABEL, &encode(&Known::NoneYet)) {
            // From a first start that was cut short.
            Err(KeyFileError::Exists { .. }) => Ok(()),
            other => other,
        }
    }

    /// Whether a root was ever confirmed in this directory.
    pub(crate) fn were_used(state: &StateDirectory) -> anyhow::Result<bool> {
        match read(&state.file(FILE), state.owner()) {
            Ok(known) => Ok(known != Known::NoneYet),
            Err(KeyFileError::Missing { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn open(state: &StateDirectory) -> anyhow::Result<Self> {
        let file = state.file(FILE);
        let known = match read(&file, state.owner()) {
            Ok(known) => known,
            Err(KeyFileError::Missing { .. }) => {
                tracing::error!(
                    "{} is missing, so a database from the past cannot be told from the present one. Compare it by \
                     hand, then type: reeve-keeper accept-restore",
                    file.display()
                );
                Known::Lost
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { file, accept_file: state.file(ACCEPT_FILE), known, is_settled: false })
    }

    /// Whether the database has shown since this start that it is the present one.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Refuses until the database has shown that it is the present one.
    pub(crate) fn check_settled(&self) -> Result<(), Refusal> {
        if self.is_settled {
            return Ok(());
        }
        Err(Refusal::new(
            Code::Rollback,
            "the database has not yet confirmed that it is the present one; the server does so when it starts",
        ))
    }

    /// The database is about to commit this root.
    pub(crate) fn pending(&mut self, root: Root) -> Result<(), Refusal> {
        self.check_settled()?;
        let Known::Roots { confirmed, pending } = &self.known else {
            return Err(Refusal::new(Code::Rollback, "no root is confirmed yet; confirm the present one first"));
        };
        if *confirmed == root || pending.contains(&root) {
            return Ok(());
        }
        if pending.len() >= PENDING_MAX {
            return Err(Refusal::new(
                Code::Rollback,
                format!("{PENDING_MAX} roots are announced and none confirmed; confirm the present one first"),
            ));
        }
        let mut pending = pending.clone();
        pending.push(root);
        self.store(Known::Roots { confirmed: *confirmed, pending })
    }

    /// The database holds this root.
    pub(crate) fn confirm(&mut self, root: Root) -> Result<(), Refusal> {
        let is_known = match &self.known {
            Known::NoneYet => true,
            Known::Roots { confirmed, pending } => *confirmed == root || pending.contains(&root),
            Known::Lost => false,
        };
        if !is_known {
            if keyfile::read(&self.accept_file, ACCEPT_FILE_LABEL).is_err() {
                self.is_settled = false;
                tracing::error!(
                    "the database is not the one this keeper last saw: it went back in time or was replaced. Nothing \
                     is given out. If it was restored on purpose, type on this machine: reeve-keeper accept-restore"
                );
                return Err(Refusal::new(
                    Code::Rollback,
                    "the database is not the one the keeper last saw. If it was restored on purpose, type on the \
                     keeper's machine: reeve-keeper accept-restore",
                ));
            }
            tracing::warn!("accepted a restored database, as told by accept-restore");
        }
        let settled = Known::Roots { confirmed: root, pending: Vec::new() };
        if self.known != settled {
            self.store(settled)?;
        }
        // Good for one confirmation, whichever it was: a permission left behind would let the next rollback pass.
        match std::fs::remove_file(&self.accept_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(unavailable(&format!("cannot remove {}: {error}", self.accept_file.display())));
            }
            Ok(()) | Err(_) => {}
        }
        self.is_settled = true;
        Ok(())
    }

    fn store(&mut self, known: Known) -> Result<(), Refusal> {
        keyfile::replace(&self.file, FILE_LABEL, &encode(&known)).map_err(|error| unavailable(&chain(&error)))?;
        self.known = known;
        Ok(())
    }
}

/// Leaves the permission to accept the next root.
pub(crate) fn leave_permission(state: &StateDirectory) -> anyhow::Result<()> {
    let file = state.file(ACCEPT_FILE);
    match keyfile::write_new_owned_by(&file, ACCEPT_FILE_LABEL, &Secret::new(Vec::new()), state.owner()) {
        Ok(()) | Err(KeyFileError::Exists { .. }) => Ok(()),
        Err(error) => Err(error).context("cannot leave the permission for the keeper"),
    }
}

/// A root as it travels.
pub(crate) fn parse(bytes: &[u8]) -> Result<Root, Refusal> {
    bytes.try_into().map_err(|_| Refusal::malformed("a root has 32 bytes"))
}

fn unavailable(why: &str) -> Refusal {
    tracing::error!("cannot write the rollback root: {why}");
    Refusal::new(Code::Unavailable, format!("the keeper cannot write its state: {why}"))
}

fn chain(error: &KeyFileError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn read(file: &Path, owner: u32) -> Result<Known, KeyFileError> {
    let stored = keyfile::read_owned_by(file, FILE_LABEL, owner)?;
    let unfit = || KeyFileError::unfit(file, FILE_LABEL);
    // Exposed to be decoded; a root is a digest and no secret.
    let stored = StoredRoots::decode(stored.expose()).map_err(|_| unfit())?;
    if stored.confirmed.is_empty() {
        return Ok(Known::NoneYet);
    }
    let confirmed = stored.confirmed.try_into().map_err(|_| unfit())?;
    let pending: Result<Vec<Root>, _> = stored.pending.into_iter().map(TryInto::try_into).collect();
    Ok(Known::Roots { confirmed, pending: pending.map_err(|_| unfit())? })
}

fn encode(known: &Known) -> Secret {
    let stored = match known {
        Known::NoneYet | Known::Lost => StoredRoots::default(),
        Known::Roots { confirmed, pending } => {
            StoredRoots { confirmed: confirmed.to_vec(), pending: pending.iter().map(|root| root.to_vec()).collect() }
        }
    };
    Secret::new(stored.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn state(directory: &TempDir) -> StateDirectory {
        StateDirectory::open_or_create(&directory.path().join("state")).unwrap()
    }

    fn new_group() -> (TempDir, Roots) {
        let directory = tempfile::tempdir().unwrap();
        Roots::create(&state(&directory)).unwrap();
        let roots = Roots::open(&state(&directory)).unwrap();
        (directory, roots)
    }

    fn restarted(directory: &TempDir) -> Roots {
        Roots::open(&state(directory)).unwrap()
    }

    fn root(byte: u8) -> Root {
        [byte; 32]
    }

    fn code(result: Result<(), Refusal>) -> Option<Code> {
        result.err().map(|refusal| refusal.code)
    }

    #[test]
    fn the_first_confirmation_of_a_new_group_sets_the_root() {
        let (directory, mut roots) = new_group();
        assert_eq!(code(roots.check_settled()), Some(Code::Rollback));
        assert_eq!(code(roots.pending(root(1))), Some(Code::Rollback), "nothing to stand beside yet");
        assert!(!Roots::were_used(&state(&directory)).unwrap());
        assert_eq!(roots.confirm(root(1)), Ok(()));
        assert_eq!(roots.check_settled(), Ok(()));
        assert!(Roots::were_used(&state(&directory)).unwrap());
    }

    #[test]
    fn after_a_restart_nothing_is_settled_until_the_root_is_shown() {
        let (directory, mut roots) = new_group();
        roots.confirm(root(1)).unwrap();
        let mut roots = restarted(&directory);
        assert_eq!(code(roots.check_settled()), Some(Code::Rollback));
        assert_eq!(code(roots.pending(root(2))), Some(Code::Rollback));
        assert_eq!(code(roots.confirm(root(9))), Some(Code::Rollback));
        assert_eq!(code(roots.check_settled()), Some(Code::Rollback));
        assert_eq!(roots.confirm(root(1)), Ok(()));
        assert_eq!(roots.check_settled(), Ok(()));
    }

    #[test]
    fn a_crash_between_pending_and_confirm_accepts_the_old_and_the_new_root() {
        for survivor in [1, 2] {
            let (directory, mut roots) = new_group();
            roots.confirm(root(1)).unwrap();
            roots.pending(root(2)).unwrap();
            let mut roots = restarted(&directory);
            assert_eq!(roots.confirm(root(survivor)), Ok(()));
            // Settled: the other one is no longer good.
            let mut roots = restarted(&directory);
            assert_eq!(code(roots.confirm(root(3 - survivor))), Some(Code::Rollback));
            assert_eq!(roots.confirm(root(survivor)), Ok(()));
        }
    }

    #[test]
    fn a_root_from_before_the_last_confirmation_is_refused() {
        let (directory, mut roots) = new_group();
        roots.confirm(root(1)).unwrap();
        roots.pending(root(2)).unwrap();
        roots.confirm(root(2)).unwrap();
        assert_eq!(code(restarted(&directory).confirm(root(1))), Some(Code::Rollback));
        assert_eq!(code(roots.confirm(root(1))), Some(Code::Rollback), "also while running");
        assert_eq!(code(roots.check_settled()), Some(Code::Rollback), "and nothing is given out any more");
        assert_eq!(roots.confirm(root(2)), Ok(()));
    }

    #[test]
    fn commits_that_were_never_heard_of_again_all_stay_possible() {
        let (directory, mut roots) = new_group();
        roots.confirm(root(1)).unwrap();
        for pending in 2..10 {
            assert_eq!(roots.pending(root(pending)), Ok(()));
        }
        assert_eq!(roots.pending(root(9)), Ok(()), "announced already");
        assert_eq!(roots.pending(root(1)), Ok(()), "no change at all");
        assert_eq!(code(roots.pending(root(10))), Some(Code::Rollback), "bounded");
        let mut roots = restarted(&directory);
        assert_eq!(roots.confirm(root(5)), Ok(()));
        assert_eq!(code(roots.confirm(root(6))), Some(Code::Rollback));
    }

    #[test]
    fn accept_restore_is_good_for_one_confirmation() {
        let (directory, mut roots) = new_group();
        roots.confirm(root(1)).unwrap();
        leave_permission(&state(&directory)).unwrap();
        assert_eq!(roots.confirm(root(7)), Ok(()));
        assert_eq!(roots.check_settled(), Ok(()));
        assert_eq!(code(roots.confirm(root(8))), Some(Code::Rollback));
        assert_eq!(code(restarted(&directory).confirm(root(1))), Some(Code::Rollback));
    }

    #[test]
    fn a_permission_nobody_needed_does_not_stay() {
        let (directory, mut roots) = new_group();
        roots.confirm(root(1)).unwrap();
        leave_permission(&state(&directory)).unwrap();
        assert_eq!(roots.confirm(root(1)), Ok(()));
        assert_eq!(code(roots.confirm(root(7))), Some(Code::Rollback));
    }

    #[test]
    fn a_lost_file_settles_nothing_without_accept_restore() {
        let (directory, mut roots) = new_group();
        roots.confirm(root(1)).unwrap();
        std::fs::remove_file(directory.path().join("state").join(FILE)).unwrap();
        let mut roots = restarted(&directory);
        assert_eq!(code(roots.confirm(root(1))), Some(Code::Rollback));
        leave_permission(&state(&directory)).unwrap();
        assert_eq!(roots.confirm(root(1)), Ok(()));
        assert_eq!(restarted(&directory).confirm(root(1)), Ok(()));
    }

    #[test]
    fn what_cannot_be_written_is_refused_and_not_believed() {
        let (directory, mut roots) = new_group();
        roots.confirm(root(1)).unwrap();
        std::fs::rename(directory.path().join("state"), directory.path().join("gone")).unwrap();
        assert_eq!(code(roots.pending(root(2))), Some(Code::Unavailable));
        std::fs::rename(directory.path().join("gone"), directory.path().join("state")).unwrap();
        assert_eq!(code(roots.confirm(root(2))), Some(Code::Rollback));
    }
}
