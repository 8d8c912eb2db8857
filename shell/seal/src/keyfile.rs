//! Files that hold a key.
//!
//! A key file is 0600, belongs to the one who uses it, and is never a symbolic link; both are checked on
//! the open descriptor, so that what was checked is what is read. Contents are text, so that a person
//! who finds one knows what it is: `reeve-sealing-key 1`, a line feed, base64, a line feed. A new file
//! appears under its name only when complete and on disk.

use crate::random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::fcntl::OFlag;
use reeve_secret::Secret;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Version of the format.
const VERSION: &str = "1";
/// Largest key file, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("there is no key file {}", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It is there already, and keys are never overwritten.
    #[error("{} exists already; a key file is never overwritten. Move it away first if it is not needed", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It is a link, a directory, a device.
    #[error("{} is not a regular file; a key file must not be a link, directory or device", .path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// It belongs to someone else.
    #[error(
        "{} belongs to uid {owner}, not to uid {expected} that uses it. If the contents are to be trusted: chown {expected} {}",
        .path.display(), .path.display()
    )]
    WrongOwner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it should be.
        expected: u32,
    },
    /// Others may read or write it.
    #[error(
        "{} has mode {mode:04o}, so others can reach the key. Consider the key known to them, and then: chmod 600 {}",
        .path.display(), .path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
    },
    /// The contents are something else.
    #[error("{} is not a `{label}` file of version 1; restore it from a backup", .path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What it should be.
        label: String,
    },
    /// The system refused.
    #[error("cannot {doing} {}", .path.display())]
    System {
        /// A verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl KeyFileError {
    /// The contents are not what the label says.
    #[must_use]
    pub fn unfit(path: &Path, label: &str) -> Self {
        Self::Unfit { path: path.to_owned(), label: label.to_owned() }
    }

    fn system(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::System { doing, path, source }
    }
}

/// Reads the key file, or makes the secret and the file.
///
/// # Errors
/// As [`read`] and [`write_new`]. A file that exists and cannot be used is an error: no new key is
/// ever made beside it.
pub fn read_or_create(path: &Path, label: &str, make: impl FnOnce() -> Secret) -> Result<Secret, KeyFileError> {
    match read(path, label) {
        Err(KeyFileError::Missing { .. }) => {}
        other => return other,
    }
    match write_new(path, label, &make()) {
        // Someone else was first; theirs is the key.
        Ok(()) | Err(KeyFileError::Exists { .. }) => read(path, label),
        Err(error) => Err(error),
    }
}

/// Reads a key file that belongs to this process's user.
///
/// # Errors
/// [`KeyFileError`]; owner and mode are checked before a byte is read.
pub fn read(path: &Path, label: &str) -> Result<Secret, KeyFileError> {
    read_owned_by(path, label, nix::unistd::geteuid().as_raw())
}

/// Reads a key file that belongs to `owner`, for root working on a service's files.
///
/// # Errors
/// As [`read`].
pub fn read_owned_by(path: &Path, label: &str, owner: u32) -> Result<Secret, KeyFileError> {
    let file = match OpenOptions::new().read(true).custom_flags(read_flags()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyFileError::Missing { path: path.to_owned() });
        }
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => {
            return Err(KeyFileError::NotRegular { path: path.to_owned() });
        }
        Err(error) => return Err(KeyFileError::system("open", path)(error)),
    };
    let size = check(&file, path, owner)?;
    // The full size at once: a buffer that grows leaves copies of the key behind.
    let mut text = Zeroizing::new(Vec::with_capacity(size + 1));
    (&file).take(size as u64 + 1).read_to_end(&mut text).map_err(KeyFileError::system("read", path))?;
    decode(&text, label).ok_or_else(|| KeyFileError::unfit(path, label))
}

/// Writes a new key file, complete and on disk before it has its name, and never over another.
///
/// # Errors
/// [`KeyFileError::Exists`], or the system's reason.
pub fn write_new(path: &Path, label: &str, secret: &Secret) -> Result<(), KeyFileError> {
    write_new_owned_by(path, label, secret, nix::unistd::geteuid().as_raw())
}

/// As [`write_new`], for a file that belongs to `owner` before it has its name.
///
/// # Errors
/// As [`write_new`]; only root can give a file away.
pub fn write_new_owned_by(path: &Path, label: &str, secret: &Secret, owner: u32) -> Result<(), KeyFileError> {
    let temporary = write_temporary(path, label, secret, owner)?;
    // A hard link fails where a rename would replace.
    let linked = std::fs::hard_link(&temporary, path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            KeyFileError::Exists { path: path.to_owned() }
        } else {
            KeyFileError::system("create", path)(error)
        }
    });
    let removed = std::fs::remove_file(&temporary).map_err(KeyFileError::system("remove", &temporary));
    linked?;
    removed?;
    sync_directory_of(path)
}

/// Replaces a key file as a whole: after a crash there is the old one or the new one.
///
/// # Errors
/// The system's reason.
pub fn replace(path: &Path, label: &str, secret: &Secret) -> Result<(), KeyFileError> {
    replace_owned_by(path, label, secret, nix::unistd::geteuid().as_raw())
}

/// As [`replace`], for a file that belongs to `owner` before it has its name.
///
/// # Errors
/// As [`replace`]; only root can give a file away.
pub fn replace_owned_by(path: &Path, label: &str, secret: &Secret, owner: u32) -> Result<(), KeyFileError> {
    let temporary = write_temporary(path, label, secret, owner)?;
    if let Err(error) = std::fs::rename(&temporary, path) {
        // The rename is what failed and is reported; a temporary left behind is harmless.
        drop(std::fs::remove_file(&temporary));
        return Err(KeyFileError::system("replace", path)(error));
    }
    sync_directory_of(path)
}

fn write_temporary(path: &Path, label: &str, secret: &Secret, owner: u32) -> Result<PathBuf, KeyFileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", hex::encode(random::bytes::<8>())));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits() | OFlag::O_CLOEXEC.bits())
        .open(&temporary)
        .map_err(KeyFileError::system("create", path))?;
    let text = encode(label, secret);
    std::os::unix::fs::fchown(&file, Some(owner), None)
        .and_then(|()| file.write_all(&text))
        .and_then(|()| file.sync_all())
        .map_err(|source| {
            // The write is what failed and is reported.
            drop(std::fs::remove_file(&temporary));
            KeyFileError::system("write", path)(source)
        })?;
    Ok(temporary)
}

fn sync_directory_of(path: &Path) -> Result<(), KeyFileError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(KeyFileError::system("sync the directory of", path))
}

fn read_flags() -> i32 {
    // Without O_NONBLOCK a FIFO in the file's place would hang the start.
    (OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).bits()
}

fn check(file: &File, path: &Path, expected: u32) -> Result<usize, KeyFileError> {
    let meta = file.metadata().map_err(KeyFileError::system("inspect", path))?;
    let path = path.to_owned();
    if !meta.is_file() {
        return Err(KeyFileError::NotRegular { path });
    }
    if meta.uid() != expected {
        return Err(KeyFileError::WrongOwner { path, owner: meta.uid(), expected });
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::OpenToOthers { path, mode });
    }
    if meta.len() > FILE_BYTES_MAX {
        return Err(KeyFileError::Unfit { path, label: "key".to_owned() });
    }
    usize::try_from(meta.len()).map_err(|_| KeyFileError::Unfit { path, label: "key".to_owned() })
}

fn encode(label: &str, secret: &Secret) -> Zeroizing<Vec<u8>> {
    let head = format!("{label} {VERSION}\n");
    let room = secret.len().div_ceil(3) * 4;
    let mut text = Zeroizing::new(vec![0u8; head.len() + room + 1]);
    text[..head.len()].copy_from_slice(head.as_bytes());
    // Exposed to be written to the one file that holds it.
    let written = STANDARD.encode_slice(secret.expose(), &mut text[head.len()..]);
    debug_assert_eq!(written, Ok(room));
    text[head.len() + room] = b'\n';
    text
}

fn decode(text: &[u8], label: &str) -> Option<Secret> {
    let rest = text.strip_prefix(label.as_bytes())?.strip_prefix(b" ")?.strip_prefix(VERSION.as_bytes())?;
    let body = rest.strip_prefix(b"\n")?.strip_suffix(b"\n")?;
    let mut buffer = Zeroizing::new(vec![0u8; base64::decoded_len_estimate(body.len())]);
    let length = STANDARD.decode_slice(body, &mut buffer).ok()?;
    Some(Secret::take(&mut buffer[..length]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const LABEL: &str = "reeve-test-key";

    fn secret() -> Secret {
        Secret::new(b"0123456789abcdef".to_vec())
    }

    #[test]
    fn a_person_recognises_the_file_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_new(&path, LABEL, &secret()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "reeve-test-key 1\nMDEyMzQ1Njc4OWFiY2RlZg==\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(read(&path, LABEL).unwrap().ct_eq(&secret()));
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["key"], "no temporary file stays");
    }

    #[test]
    fn a_key_is_made_once_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert!(read_or_create(&path, LABEL, secret).unwrap().ct_eq(&secret()));
        let again = read_or_create(&path, LABEL, || panic!("a second key must not be made")).unwrap();
        assert!(again.ct_eq(&secret()));
        assert!(matches!(write_new(&path, LABEL, &secret()), Err(KeyFileError::Exists { .. })));
        replace(&path, LABEL, &Secret::new(b"new".to_vec())).unwrap();
        assert_eq!(read(&path, LABEL).unwrap().expose(), b"new");
    }

    #[test]
    fn a_file_others_can_reach_is_refused_with_the_command_that_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_new(&path, LABEL, &secret()).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let message = read(&path, LABEL).err().unwrap().to_string();
            assert!(message.contains(&format!("chmod 600 {}", path.display())), "{message}");
        }
        let made = read_or_create(&path, LABEL, || panic!("no key is made beside an unusable one"));
        assert!(matches!(made, Err(KeyFileError::OpenToOthers { .. })));
    }

    #[test]
    fn a_file_of_another_user_is_refused_with_the_command_that_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_new(&path, LABEL, &secret()).unwrap();
        let stranger = nix::unistd::geteuid().as_raw() + 1;
        let message = read_owned_by(&path, LABEL, stranger).err().unwrap().to_string();
        assert!(message.contains(&format!("chown {stranger} {}", path.display())), "{message}");
    }

    #[test]
    fn links_directories_and_pipes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link, fifo) = (dir.path().join("real"), dir.path().join("link"), dir.path().join("fifo"));
        write_new(&real, LABEL, &secret()).unwrap();
        symlink(&real, &link).unwrap();
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        for bad in [&link, &fifo, &dir.path().to_owned()] {
            assert!(matches!(read(bad, LABEL), Err(KeyFileError::NotRegular { .. })), "{}", bad.display());
        }
        assert!(matches!(read(&dir.path().join("none"), LABEL), Err(KeyFileError::Missing { .. })));
    }

    #[test]
    fn other_contents_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_new(&path, LABEL, &secret()).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        let wrong = [
            String::new(),
            good.replace(" 1\n", " 2\n"),
            good.replace("test", "sealing"),
            good.trim_end().to_owned(),
            good.replace('=', ""),
            format!("{good}x\n"),
        ];
        for text in wrong {
            std::fs::write(&path, &text).unwrap();
            assert!(matches!(read(&path, LABEL), Err(KeyFileError::Unfit { .. })), "{text}");
        }
    }
}
