//! The computer's own policy: what its owner allows, whatever the management group says. Deny beats allow.

use reeve_privilege::Identity;
use reeve_sys::trusted_file::{self, Version};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `/etc/reeve/policy.toml`. Absent = the defaults.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policy {
    /// Whether anything may run as root.
    pub(crate) allow_root: bool,
    /// Which identities may be used at all.
    pub(crate) identities: Identities,
    /// Users that may be used without a password.
    pub(crate) local_identities: Vec<String>,
    /// Accounts whose runs get neither `no_new_privs` nor a Landlock domain.
    pub(crate) open_box: Vec<String>,
    /// Characters allowed in shell text beside the safe ones.
    pub(crate) shell_characters: String,
}

/// Lockdown lists. Field: HSLockdown.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Identities {
    /// Only these, when the list is there.
    pub(crate) allow: Option<Vec<String>>,
    /// Never these.
    pub(crate) deny: Vec<String>,
}

impl Policy {
    /// Why the policy refuses a user; none when it allows it.
    pub(crate) fn refuses(&self, logon_name: &str, kind: &str) -> Option<String> {
        let is_listed = |list: &[String]| list.iter().any(|n| n == logon_name);
        if is_listed(&self.identities.deny) {
            return Some(format!("this computer's policy denies {logon_name}"));
        }
        if self.identities.allow.as_ref().is_some_and(|allow| !is_listed(allow)) {
            return Some(format!("this computer's policy does not list {logon_name} among its allowed identities"));
        }
        if kind == "local-identity" && !is_listed(&self.local_identities) {
            return Some(format!("{logon_name} has no password, and this computer's policy does not list it in local_identities"));
        }
        if (logon_name == "root" || kind == "local-system") && !self.allow_root {
            return Some("this computer's policy does not allow root (allow_root = true would)".to_owned());
        }
        None
    }

    /// As above, for what the name turned out to be: any name of uid 0 is root.
    pub(crate) fn refuses_identity(&self, identity: &Identity) -> Option<String> {
        (identity.uid == 0 && !self.allow_root)
            .then(|| format!("{} is root by its uid, which this computer's policy does not allow", identity.name))
    }

    /// Whether the account's runs are unboxed.
    pub(crate) fn is_open_box(&self, logon_name: &str) -> bool {
        self.open_box.iter().any(|n| n == logon_name)
    }
}

/// The policy file with its last known version: read again when it changed.
pub(crate) struct PolicyFile {
    path: PathBuf,
    version: Option<Version>,
    current: Result<Policy, String>,
}

impl PolicyFile {
    pub(crate) fn new(path: &Path) -> Self {
        let mut file = Self { path: path.to_owned(), version: None, current: Ok(Policy::default()) };
        file.current = file.read();
        file.version = trusted_file::version(path);
        file
    }

    fn read(&self) -> Result<Policy, String> {
        match trusted_file::read(&self.path, 256 << 10) {
            Ok(Some(text)) => toml::from_str(&text)
                .map_err(|e| format!("{} is not understood: {}", self.path.display(), e.message())),
            Ok(None) => Ok(Policy::default()),
            Err(error) => Err(format!("{} is not believed: {error}", self.path.display())),
        }
    }

    /// The policy in force now. An error means that no account but the default action account is used.
    pub(crate) fn current(&mut self) -> Result<&Policy, &str> {
        let version = trusted_file::version(&self.path);
        if version != self.version {
            self.version = version;
            self.current = self.read();
            if let Err(problem) = &self.current {
                eprintln!("reeve-broker: {problem}");
            }
        }
        self.current.as_ref().map_err(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn deny_beats_allow_and_root_needs_a_word_of_its_own() {
        let cases: &[(&str, &str, &str, bool)] = &[
            ("", "svc-1", "windows", true),
            ("", "root", "windows", false),
            ("", "root", "local-system", false),
            ("allow_root = true", "root", "local-system", true),
            ("[identities]\ndeny = [\"svc-1\"]", "svc-1", "windows", false),
            ("[identities]\nallow = [\"svc-1\"]\ndeny = [\"svc-1\"]", "svc-1", "windows", false),
            ("[identities]\nallow = [\"svc-1\"]", "svc-1", "windows", true),
            ("[identities]\nallow = [\"svc-1\"]", "svc-2", "windows", false),
            ("[identities]\nallow = []", "svc-1", "windows", false),
            ("", "svc-1", "local-identity", false),
            ("local_identities = [\"svc-1\"]", "svc-1", "local-identity", true),
            ("local_identities = [\"svc-1\"]\n[identities]\ndeny = [\"svc-1\"]", "svc-1", "local-identity", false),
            ("allow_root = true\n[identities]\ndeny = [\"root\"]", "root", "local-system", false),
        ];
        for (text, name, kind, allowed) in cases {
            assert_eq!(policy(text).refuses(name, kind).is_none(), *allowed, "{text:?} {name} {kind}");
        }
    }

    #[test]
    fn a_second_name_of_uid_0_is_root() {
        let toor = Identity { name: "toor".into(), uid: 0, gid: 0, groups: vec![0], home: "/root".into() };
        assert!(policy("").refuses_identity(&toor).is_some());
        assert!(policy("allow_root = true").refuses_identity(&toor).is_none());
    }

    #[test]
    fn an_unknown_key_is_an_error_not_a_surprise() {
        assert!(toml::from_str::<Policy>("allow_rot = true").is_err());
        assert!(toml::from_str::<Policy>("[identities]\nalow = []").is_err());
    }
}
