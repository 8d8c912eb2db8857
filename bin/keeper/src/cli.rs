//! Flags and commands.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Holds the keys of a management group and uses them for its server.
#[derive(Debug, Parser)]
#[command(name = "reeve-keeper", version, about, args_conflicts_with_subcommands = false)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) places: Places,
    #[command(flatten)]
    pub(crate) serve: Serve,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Where things are.
#[derive(Debug, Args)]
pub(crate) struct Places {
    /// Directory of the keeper's state.
    #[arg(long, global = true, value_name = "DIR", default_value = "/var/lib/reeve/keeper")]
    pub(crate) state: PathBuf,
    /// File of the root key [default: root.key in the state directory].
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) root_key_file: Option<PathBuf>,
}

impl Places {
    pub(crate) fn root_key(&self) -> PathBuf {
        self.root_key_file.clone().unwrap_or_else(|| self.state.join("root.key"))
    }
}

/// Flags of the service.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Socket to listen on.
    #[arg(long, value_name = "PATH", default_value = "/run/reeve/keeper.sock")]
    pub(crate) socket: PathBuf,
    /// The one user that may use the socket, by name or uid: the server's.
    #[arg(long, value_name = "UID|NAME", default_value = "reeve")]
    pub(crate) allow_uid: String,
    /// Secrets sealed to health services in one minute; one more stops everything until the minute ends.
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seals_per_minute: u32,
}

/// Work on the machine itself, as root or as the keeper's user; none of it goes through the socket.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Back up, restore or rotate keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Accept the database's state after it was restored from a backup: the next root the server
    /// confirms is taken, once.
    AcceptRestore,
}

/// Work on keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Write a copy of the root key file. Not protected by a passphrase: keep it away from the backups.
    Backup {
        /// The copy; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put the root key file back, after checking that it opens this keeper's state.
    Restore {
        /// A copy made by `key backup`.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Add a key term: new secrets are encrypted under it, older ones stay readable. The keeper must be stopped.
    Rotate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_fit_together() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
        let plain = Arguments::try_parse_from(["reeve-keeper"]).unwrap();
        assert_eq!(plain.places.root_key(), PathBuf::from("/var/lib/reeve/keeper/root.key"));
        let backup =
            Arguments::try_parse_from(["reeve-keeper", "key", "backup", "--out", "k", "--state", "s"]).unwrap();
        assert_eq!(backup.places.state, PathBuf::from("s"));
        assert!(Arguments::try_parse_from(["reeve-keeper", "--seals-per-minute", "0"]).is_err());
    }
}
