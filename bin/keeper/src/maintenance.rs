//! Work on the machine itself: backup, restore, rotation, and accepting a restored database.

use crate::cli::Places;
use crate::group_keys::{GroupKeys, read_root_key};
use crate::rollback;
use crate::state_directory::StateDirectory;
use anyhow::{Context, bail};
use reeve_seal::key_ring::{ROOT_KEY_FILE_LABEL, RootKey};
use reeve_seal::keyfile::{self, KeyFileError};
use std::path::Path;

/// `key backup`: a copy of the root key file, after checking that the key is the right one.
pub(crate) fn back_up_key(places: &Places, out: &Path) -> anyhow::Result<()> {
    let state = StateDirectory::open(&places.state)?;
    let root = read_root_key(&state, &places.root_key())?;
    let group = GroupKeys::open(&state, &root)?.group;
    keyfile::write_new(out, ROOT_KEY_FILE_LABEL, &root.to_secret())?;
    println!("Root key of management group {group} written to {}.", out.display());
    println!("Whoever has this file and a backup of {} has every credential.", places.state.display());
    println!("Keep them apart.");
    Ok(())
}

/// `key restore`: puts the root key file back beside its state, and beside no other.
pub(crate) fn restore_key(places: &Places, from: &Path) -> anyhow::Result<()> {
    let state = StateDirectory::open(&places.state)
        .context("restore the state directory first; a root key is of no use without it")?;
    let copy = keyfile::read(from, ROOT_KEY_FILE_LABEL)?;
    let group = GroupKeys::open(&state, &RootKey::from_secret(&copy)?)
        .with_context(|| {
            format!("{} does not open the state in {}; nothing was changed", from.display(), places.state.display())
        })?
        .group;
    let file = places.root_key();
    match keyfile::write_new_owned_by(&file, ROOT_KEY_FILE_LABEL, &copy, state.owner()) {
        Ok(()) => {}
        Err(KeyFileError::Exists { .. }) => {
            let present = keyfile::read_owned_by(&file, ROOT_KEY_FILE_LABEL, state.owner());
            if !present.is_ok_and(|present| present.ct_eq(&copy)) {
                bail!("{} exists and is another key or not usable; move it away first", file.display());
            }
        }
        Err(error) => return Err(error.into()),
    }
    println!("Root key of management group {group} is in {}.", file.display());
    Ok(())
}

/// `key rotate`: a new key term for what is encrypted from now on.
pub(crate) fn rotate_key(places: &Places) -> anyhow::Result<()> {
    let state = StateDirectory::open(&places.state)?;
    let _lock = state.lock()?;
    let root = read_root_key(&state, &places.root_key())?;
    let mut keys = GroupKeys::open(&state, &root)?;
    let term = keys.ring.rotate()?;
    keys.store_again(&state, &root)?;
    println!("Key term {term} is the newest. Secrets of older terms stay readable.");
    Ok(())
}

/// `accept-restore`: the next root the server confirms is taken.
pub(crate) fn accept_restore(places: &Places) -> anyhow::Result<()> {
    let state = StateDirectory::open(&places.state)?;
    rollback::leave_permission(&state)?;
    println!("The next database state the server confirms is accepted, once. Restart reeve-server now.");
    Ok(())
}
