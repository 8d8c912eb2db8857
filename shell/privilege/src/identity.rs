//! Who a user name is on this computer, resolved freshly from the user database.

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use std::ffi::CString;

/// Users that no run may become, whatever a policy says.
const OURS: &[&str] = &["reeve", "reeve-keeper", "reeve-agent"];

/// A user with everything a switch needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Name as the database has it.
    pub name: String,
    /// uid.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All groups, sorted.
    pub groups: Vec<u32>,
    /// Home directory.
    pub home: String,
}

/// Why a name is nobody to become.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoIdentity {
    /// It cannot be a user name.
    #[error("`{0}` is not a user name")]
    NotAName(String),
    /// The user database has no such user.
    #[error("the user {0} does not exist on this computer")]
    Unknown(String),
    /// The user database cannot be asked.
    #[error("the user database cannot be read: {0}")]
    Unavailable(nix::errno::Errno),
    /// The user is one of Reeve's own.
    #[error("{0} is one of Reeve's own users; nothing runs as it")]
    Ours(String),
    /// uid 2^32-1 means "unchanged" to the kernel.
    #[error("the user {0} has an impossible uid")]
    BadUid(String),
}

/// Refuses what is not a name: numbers that some tools take as uids, options, paths, control characters.
///
/// # Errors
/// [`NoIdentity::NotAName`], [`NoIdentity::Ours`].
pub fn check_name(name: &str) -> Result<(), NoIdentity> {
    let shown = || NoIdentity::NotAName(name.chars().take(64).filter(|c| !c.is_control()).collect());
    let is_numeric = name.trim_start_matches(['+', '-', '#']).chars().all(|c| c.is_ascii_digit());
    let has_bad_character = name.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '/' | ':' | ','));
    if name.is_empty() || name.len() > 256 || name.starts_with(['-', '+', '#']) || is_numeric || has_bad_character {
        return Err(shown());
    }
    if OURS.contains(&name) {
        return Err(NoIdentity::Ours(name.to_owned()));
    }
    Ok(())
}

/// Looks a user up, with all groups.
///
/// # Errors
/// [`NoIdentity`]. A database that cannot be read is an error, never "no such user".
pub fn lookup(name: &str) -> Result<Identity, NoIdentity> {
    check_name(name)?;
    let user = User::from_name(name).map_err(NoIdentity::Unavailable)?.ok_or_else(|| NoIdentity::Unknown(name.to_owned()))?;
    if user.uid == Uid::from_raw(u32::MAX) || user.gid == Gid::from_raw(u32::MAX) {
        return Err(NoIdentity::BadUid(name.to_owned()));
    }
    // A second name for one of our own uids is one of ours too.
    for ours in OURS {
        if let Ok(Some(own)) = User::from_name(ours)
            && own.uid == user.uid
        {
            return Err(NoIdentity::Ours(name.to_owned()));
        }
    }
    let c_name = CString::new(user.name.as_str()).map_err(|_| NoIdentity::NotAName(String::new()))?;
    let mut groups: Vec<u32> =
        getgrouplist(&c_name, user.gid).map_err(NoIdentity::Unavailable)?.into_iter().map(Gid::as_raw).collect();
    groups.sort_unstable();
    groups.dedup();
    Ok(Identity {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups,
        home: user.dir.to_string_lossy().into_owned(),
    })
}

impl Identity {
    /// Names of its groups, for messages; a group without a name is shown by its number.
    #[must_use]
    pub fn group_names(&self) -> Vec<String> {
        let name = |gid: &u32| {
            Group::from_gid(Gid::from_raw(*gid)).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name)
        };
        self.groups.iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_is_never_looked_up() {
        let long = "x".repeat(300);
        let bad = [
            "", "0", "+0", "-1", "4294967295", "#0", " root", "root ", "root\n", "ro\0ot", "../x", "a/b", "-u", "a:b", "a,b", &long,
        ];
        for name in bad {
            assert!(matches!(check_name(name), Err(NoIdentity::NotAName(_))), "{name:?}");
        }
        for name in ["root", "ROOT", "svc-1", "DOMAIN\\u", "u@dom", "ünal"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn reeves_own_users_are_nobody_to_become() {
        for name in OURS {
            assert_eq!(check_name(name), Err(NoIdentity::Ours((*name).to_owned())));
        }
    }

    #[test]
    fn a_user_has_all_its_groups_and_a_stranger_is_unknown() {
        let root = lookup("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert!(matches!(lookup("no-such-user-here"), Err(NoIdentity::Unknown(_))));
    }
}
