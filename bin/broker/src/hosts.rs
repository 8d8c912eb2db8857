//! Hosts and the logon processes they come from.

use crate::messages::{LogonAnswer, LogonOrder};
use crate::peer::Peer;
use reeve_sys::cgroup::Group;
use reeve_sys::process::Child;
use reeve_sys::spawn::{CStrings, Command, Spawner};
use reeve_sys::{harden, packet};
use reeve_wire::Message;
use reeve_wire::broker::{HostOrder, HostStart, Run, ToHost};
use reeve_wire::limits::LOGON_TIMEOUT_S;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use zeroize::Zeroize;

/// What a logon process was started for.
pub(crate) enum Purpose {
    /// A host, with the runs that wait for it.
    Host {
        waiting: Vec<Run>,
        control: Peer,
        output: (OwnedFd, OwnedFd),
        group: Option<Group>,
        group_name: String,
    },
    /// Only to see whether it works; the agent's token.
    Check { token: u64 },
}

/// Which identity a host is: the account's id and version; empty = the default action account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key {
    pub(crate) account: Vec<u8>,
    pub(crate) version: u64,
}

/// A logon that is not answered yet.
pub(crate) struct LoggingOn {
    pub(crate) key: Key,
    pub(crate) name: String,
    pub(crate) process: Child,
    pub(crate) socket: OwnedFd,
    pub(crate) until: Instant,
    pub(crate) purpose: Purpose,
}

/// A host that serves.
pub(crate) struct Host {
    pub(crate) number: u64,
    pub(crate) key: Key,
    pub(crate) logon: Child,
    /// Closing it ends the logon process, which ends the host.
    pub(crate) _logon_socket: OwnedFd,
    pub(crate) control: Peer,
    pub(crate) templates: BTreeSet<Vec<u8>>,
    pub(crate) group_name: String,
    pub(crate) last_used: Instant,
    pub(crate) checked: Instant,
    pub(crate) who: LogonAnswer,
    pub(crate) logon_name: String,
}

/// What a logon process is told, beside the password.
pub(crate) struct Asked<'a> {
    pub(crate) key: Key,
    pub(crate) name: &'a str,
    pub(crate) logon_name: &'a str,
    pub(crate) password: Option<&'a reeve_secret::Secret>,
    pub(crate) service: &'a str,
    pub(crate) host_program: &'a str,
    pub(crate) allow_root: bool,
}

/// Starts a logon process for a check.
pub(crate) fn start_check(spawner: &mut Spawner, asked: Asked<'_>, token: u64) -> io::Result<LoggingOn> {
    start(spawner, Asked { host_program: "", ..asked }, Vec::new(), Purpose::Check { token })
}

/// Starts a logon process for a host. `root` is the broker's own cgroup, where it has one.
pub(crate) fn start_host(
    spawner: &mut Spawner,
    asked: Asked<'_>,
    root: Option<&Group>,
    group_name: String,
    first: Run,
) -> io::Result<LoggingOn> {
    let (control, host_control) = packet::pair()?;
    let output = packet::pair()?;
    let group = root.map(|root| root.child(&group_name, 0o700)).transpose()?;
    let mut fds = vec![host_control];
    if let Some(group) = &group {
        fds.push(group.as_fd().try_clone_to_owned()?);
    }
    let purpose = Purpose::Host { waiting: vec![first], control: Peer::new(control), output, group, group_name };
    start(spawner, asked, fds, purpose)
}

fn start(spawner: &mut Spawner, asked: Asked<'_>, fds: Vec<OwnedFd>, purpose: Purpose) -> io::Result<LoggingOn> {
    let (ours, theirs) = packet::pair()?;
    let theirs = harden::raise(theirs, 4)?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    let null = harden::raise(null.into(), 4)?;
    let log = harden::raise(io::stderr().as_fd().try_clone_to_owned()?, 4)?;
    let mut arguments = CStrings::new();
    let mut environment = CStrings::new();
    let nul = |_| io::Error::other("a NUL in an argument");
    arguments.push(b"reeve-broker").and_then(|()| arguments.push(b"logon")).map_err(nul)?;
    environment.push(b"PATH=/usr/sbin:/usr/bin:/sbin:/bin").map_err(nul)?;
    let process = spawner
        .spawn(&Command {
            program: c"/proc/self/exe",
            argv: &arguments,
            envp: &environment,
            directory: c"/",
            stdio: [null.as_fd(), null.as_fd(), log.as_fd()],
            extra: Some(theirs.as_fd()),
            new_session: true,
            die_with_parent: true,
            no_new_privs: false,
            domain: None,
            cgroup: None,
            umask: Some(0o077),
            limits: &[],
        })
        .map_err(io::Error::other)?;
    // Exposed to hand it to the one process that logs on; the copy and the encoded order are wiped below.
    let mut order = LogonOrder {
        user: asked.logon_name.to_owned(),
        password: asked.password.map(|p| p.expose().to_vec()).unwrap_or_default(),
        authenticate: asked.password.is_some(),
        service: asked.service.to_owned(),
        host_program: asked.host_program.to_owned(),
        allow_root: asked.allow_root,
    };
    let mut bytes = order.encode_to_vec();
    order.password.zeroize();
    let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    let sent = packet::send_with_fds(&ours, &bytes, &borrowed);
    bytes.zeroize();
    if let Err(error) = sent {
        process.kill();
        let _ = process.wait();
        return Err(error);
    }
    Ok(LoggingOn {
        key: asked.key,
        name: asked.name.to_owned(),
        process,
        socket: ours,
        until: Instant::now() + Duration::from_secs(LOGON_TIMEOUT_S),
        purpose,
    })
}

impl Host {
    /// Tells the host how to work.
    pub(crate) fn begin(&mut self, start: HostStart, output: OwnedFd, group: Option<OwnedFd>) -> io::Result<()> {
        let mut fds = vec![output];
        fds.extend(group);
        self.control.send(ToHost { order: Some(HostOrder::Start(start)) }.encode_to_vec(), fds)
    }

    /// Hands a run over, with its template in front where the host does not know it yet.
    pub(crate) fn run(&mut self, run: Run, template: &[u8]) -> io::Result<()> {
        self.last_used = Instant::now();
        if self.templates.insert(run.template.clone()) {
            let mut bytes = run.template.clone();
            bytes.extend_from_slice(template);
            self.control.send(ToHost { order: Some(HostOrder::Template(bytes)) }.encode_to_vec(), Vec::new())?;
        }
        let order = Run { order: None, account: Vec::new(), ..run };
        self.control.send(ToHost { order: Some(HostOrder::Run(order)) }.encode_to_vec(), Vec::new())
    }

    /// Ends one run.
    pub(crate) fn cancel(&mut self, run: u64) -> io::Result<()> {
        let cancel = reeve_wire::broker::Cancel { run };
        self.control.send(ToHost { order: Some(HostOrder::Cancel(cancel)) }.encode_to_vec(), Vec::new())
    }
}

/// Ends a host with everything it started. The logon process closes the session and ends by itself.
pub(crate) fn end(root: Option<&Group>, host: Host) {
    let Host { control, _logon_socket: logon_socket, logon, group_name, .. } = host;
    drop(control);
    if let Some(root) = root {
        remove_group(root, &group_name);
    }
    drop(logon_socket);
    // It waits for the host, which is dead or about to be.
    let until = Instant::now() + Duration::from_secs(5);
    while matches!(logon.try_wait(), Ok(None)) {
        if Instant::now() > until {
            logon.kill();
            let _ = logon.wait();
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Kills what is in a host's group and removes it.
pub(crate) fn remove_group(root: &Group, name: &str) {
    if let Ok(group) = root.child(name, 0o700) {
        group.kill_and_wait(Duration::from_secs(5));
        if let Err(error) = root.remove_child(name) {
            eprintln!("reeve-broker: the cgroup {name} cannot be removed: {error}");
        }
    }
}
