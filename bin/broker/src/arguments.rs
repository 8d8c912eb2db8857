//! The command line. Read by hand: this program keeps its tree small.

use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
reeve-broker: opens credentials and starts logons for this computer's health service

usage: reeve-broker [OPTIONS]            serve the agent
       reeve-broker identity [-o json]   print the public keys; made at first use
       reeve-broker held [-o json]       list the credentials this computer holds

options:
  --state DIR          state directory           [/var/lib/reeve/broker]
  --socket PATH        socket for the agent      [/run/reeve/broker.sock]
  --trust PATH         whom to believe           [/etc/reeve/trust.toml]
  --policy PATH        this computer's policy    [/etc/reeve/policy.toml]
  --host-program PATH  the host                  [reeve-host beside this program]
  --agent-user NAME    who may connect           [reeve-agent]
  --pam-service NAME   PAM service of logons     [reeve]";

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Command {
    /// Serve the agent.
    Serve,
    /// Print the public keys.
    Identity {
        /// As JSON.
        json: bool,
    },
    /// List credentials.
    Held {
        /// As JSON.
        json: bool,
    },
    /// Be a logon process; started by the broker itself.
    Logon,
    /// Print the help.
    Help,
}

/// The command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) state: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) trust: PathBuf,
    pub(crate) policy: PathBuf,
    pub(crate) host_program: PathBuf,
    pub(crate) agent_user: String,
    pub(crate) pam_service: String,
}

impl Arguments {
    /// Reads the arguments after the program's name.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let beside = std::env::current_exe().map(|p| p.with_file_name("reeve-host")).unwrap_or_default();
        let mut out = Self {
            command: Command::Serve,
            state: "/var/lib/reeve/broker".into(),
            socket: "/run/reeve/broker.sock".into(),
            trust: "/etc/reeve/trust.toml".into(),
            policy: "/etc/reeve/policy.toml".into(),
            host_program: beside,
            agent_user: "reeve-agent".to_owned(),
            pam_service: "reeve".to_owned(),
        };
        let mut words = words.peekable();
        let mut json = false;
        let mut verb: Option<String> = None;
        while let Some(word) = words.next() {
            let mut value = |name: &str| words.next().ok_or_else(|| format!("{name} needs a value; see reeve-broker --help"));
            match word.as_str() {
                "--state" => out.state = value("--state")?.into(),
                "--socket" => out.socket = value("--socket")?.into(),
                "--trust" => out.trust = value("--trust")?.into(),
                "--policy" => out.policy = value("--policy")?.into(),
                "--host-program" => out.host_program = value("--host-program")?.into(),
                "--agent-user" => out.agent_user = value("--agent-user")?,
                "--pam-service" => out.pam_service = value("--pam-service")?,
                "-o" | "--output" => match value("-o")?.as_str() {
                    "json" => json = true,
                    "table" => json = false,
                    other => return Err(format!("`{other}` is not an output format: table or json")),
                },
                "-h" | "--help" => verb = Some("help".to_owned()),
                other if verb.is_none() && !other.starts_with('-') => verb = Some(other.to_owned()),
                other => return Err(format!("`{other}` is not understood; see reeve-broker --help")),
            }
        }
        out.command = match verb.as_deref() {
            None => Command::Serve,
            Some("identity") => Command::Identity { json },
            Some("held") => Command::Held { json },
            Some("logon") => Command::Logon,
            Some("help") => Command::Help,
            Some(other) => return Err(format!("`{other}` is not a command; see reeve-broker --help")),
        };
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(words.iter().map(|w| (*w).to_owned()))
    }

    #[test]
    fn commands_and_options_are_told_apart() {
        assert_eq!(parse(&[]).unwrap().command, Command::Serve);
        let held = parse(&["held", "-o", "json", "--state", "/x"]).unwrap();
        assert_eq!((held.command, held.state), (Command::Held { json: true }, "/x".into()));
        for bad in [&["hold"][..], &["--state"], &["--nothing", "x"], &["held", "more"], &["-o", "xml"]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
