//! The directory that holds the keeper's state, and its lock.

use anyhow::{Context, bail};
use nix::fcntl::{Flock, FlockArg, OFlag};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An existing state directory, checked on an open descriptor.
pub(crate) struct StateDirectory {
    path: PathBuf,
    directory: File,
    owner: u32,
}

/// Keeps others from the state directory while it lives.
pub(crate) struct Locked(#[expect(dead_code, reason = "held for its lock")] Flock<File>);

impl StateDirectory {
    /// Opens the directory for the service, making it (0700) when it is not there. It must belong to
    /// this process's user.
    pub(crate) fn open_or_create(path: &Path) -> anyhow::Result<Self> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot make the state directory {}", path.display()));
            }
        }
        let opened = Self::open(path)?;
        let user = nix::unistd::geteuid().as_raw();
        if opened.owner != user {
            bail!(
                "the state directory {} belongs to uid {}, but the keeper runs as uid {user}; \
                 run it as the directory's owner",
                path.display(),
                opened.owner,
            );
        }
        Ok(opened)
    }

    /// Opens the directory for work on the machine: by its owner, or by root.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let directory = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits())
            .open(path)
            .with_context(|| format!("cannot open the state directory {}", path.display()))?;
        let meta = directory.metadata().with_context(|| format!("cannot inspect {}", path.display()))?;
        if meta.mode() & 0o022 != 0 {
            bail!("others may write to the state directory {0}; type: chmod 700 {0}", path.display());
        }
        Ok(Self { path: path.to_owned(), directory, owner: meta.uid() })
    }

    /// Whose the directory is, and so whose its files are.
    pub(crate) fn owner(&self) -> u32 {
        self.owner
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Locks the directory, so that one keeper at a time has it.
    pub(crate) fn lock(&self) -> anyhow::Result<Locked> {
        let directory = self.directory.try_clone().context("cannot duplicate a descriptor")?;
        match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Locked(lock)),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
                bail!("a keeper is running with the state directory {}; stop it first", self.path.display())
            }
            Err((_, error)) => Err(error).with_context(|| format!("cannot lock {}", self.path.display())),
        }
    }
}
