//! The broker's loop.

use crate::arguments::Arguments;
use crate::disk::{Disk, Notes};
use crate::hosts::{self, Host, LoggingOn};
use crate::identity::Keys;
use crate::peer::Peer;
use crate::policy::PolicyFile;
use crate::trust::Trust;
use reeve_sys::cgroup::{self, Group};
use reeve_sys::poll::{Interest, PollSet};
use reeve_sys::spawn::Spawner;
use reeve_sys::trusted_file::{self, Version};
use reeve_sys::{harden, landlock, packet};
use reeve_wire::Message;
use reeve_wire::broker::{BrokerEvent, FromBroker, ToBroker};
use reeve_wire::limits::{BROKER_MESSAGE_BYTES_MAX, HOST_IDLE_S};
use reeve_wire::signed::{Manifest, Signed};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// The trust file is looked at this often while there is none.
const WAIT_FOR_TRUST: Duration = Duration::from_secs(1);
/// Messages taken from the agent before others get a turn.
const MESSAGES_AT_ONCE: usize = 64;

/// Everything the broker is.
pub(crate) struct Broker {
    pub(crate) arguments: Arguments,
    pub(crate) keys: Keys,
    pub(crate) disk: Disk,
    pub(crate) notes: Notes,
    pub(crate) policy: PolicyFile,
    pub(crate) trust: Option<Trust>,
    pub(crate) trust_problem: String,
    trust_version: Option<Version>,
    pub(crate) manifest: Option<(Signed, Manifest)>,
    pub(crate) templates: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) logons: Vec<LoggingOn>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) agent: Option<Peer>,
    pub(crate) spawner: Spawner,
    pub(crate) group: Option<Group>,
    pub(crate) hosts_made: u64,
}

/// Microseconds since 1970 UTC.
pub(crate) fn now_us() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// Serves until killed.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("the broker has to run as root: it becomes other accounts".to_owned());
    }
    harden::harden_process().map_err(|e| format!("the process cannot be protected: {e}"))?;
    let keys = Keys::read_or_create(&arguments.state)?;
    let disk = Disk::open(&arguments.state).map_err(|e| format!("{} cannot be used: {e}", arguments.state.display()))?;
    let notes = disk.notes().map_err(|e| format!("{}/notes.json cannot be read: {e}", arguments.state.display()))?;
    if let Some(dir) = arguments.socket.parent() {
        std::fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    }
    let listener = packet::listen(&arguments.socket).map_err(|e| format!("cannot listen on {}: {e}", arguments.socket.display()))?;
    let agent_uid = nix::unistd::User::from_name(&arguments.agent_user)
        .map_err(|e| format!("the user database cannot be read: {e}"))?
        .ok_or_else(|| format!("the user {} does not exist", arguments.agent_user))?
        .uid;
    nix::unistd::chown(&arguments.socket, Some(agent_uid), None).map_err(|e| format!("cannot give the socket to {}: {e}", arguments.agent_user))?;
    let mut broker = Broker {
        arguments: arguments.clone(),
        keys,
        disk,
        notes,
        policy: PolicyFile::new(&arguments.policy),
        trust: None,
        trust_problem: String::new(),
        trust_version: None,
        manifest: None,
        templates: BTreeMap::new(),
        logons: Vec::new(),
        hosts: Vec::new(),
        agent: None,
        spawner: Spawner::new().map_err(|e| e.to_string())?,
        group: own_group(),
        hosts_made: 0,
    };
    broker.read_trust();
    broker.load_manifest();
    broker.turn(&listener, agent_uid.as_raw()).map_err(|e| format!("the broker cannot go on: {e}"))
}

/// The broker's own corner of the cgroup tree, emptied of what an earlier life left behind.
fn own_group() -> Option<Group> {
    let own: PathBuf = cgroup::own_directory().ok()??;
    let parent = Group::open(&own).ok()?;
    // Brokers of several throw-away computers may share one tree; the name is made of what tells them apart.
    let space = std::fs::read_link("/proc/self/ns/pid").map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    let digits: String = space.chars().filter(char::is_ascii_digit).collect();
    let group = parent.child(&format!("reeve-{digits}"), 0o700).ok()?;
    for left in group.children() {
        hosts::remove_group(&group, &left);
    }
    Some(group)
}

impl Broker {
    fn read_trust(&mut self) {
        let version = trusted_file::version(&self.arguments.trust);
        if version.is_some() && version == self.trust_version {
            return;
        }
        self.trust_version = version;
        match Trust::read(&self.arguments.trust) {
            Ok(trust) => (self.trust, self.trust_problem) = (trust, String::new()),
            Err(problem) => {
                eprintln!("reeve-broker: {problem}");
                (self.trust, self.trust_problem) = (None, problem);
            }
        }
    }

    fn load_manifest(&mut self) {
        let (Some(trust), Some(signed)) = (&self.trust, self.disk.manifest()) else { return };
        // What was accepted before is in force again, as long as its signature still holds.
        let valid = reeve_seal::sign::verify(&trust.keeper_key, reeve_wire::signed::context::MANIFEST, &signed).is_ok();
        if let (true, Ok(manifest)) = (valid, Manifest::decode(signed.bytes.as_slice())) {
            self.manifest = Some((signed, manifest));
        }
    }

    fn turn(&mut self, listener: &OwnedFd, agent_uid: u32) -> io::Result<()> {
        let mut poll = PollSet::new();
        let mut buffer = Vec::new();
        loop {
            poll.clear();
            let new = poll.push(listener, Interest::Readable);
            let agent = self.agent.as_ref().map(|a| poll.push(a, if a.is_waiting() { Interest::Both } else { Interest::Readable }));
            let logons: Vec<usize> = self.logons.iter().map(|l| poll.push(&l.socket, Interest::Readable)).collect();
            let hosts: Vec<(usize, usize)> = self
                .hosts
                .iter()
                .map(|h| {
                    let interest = if h.control.is_waiting() { Interest::Writable } else { Interest::Gone };
                    (poll.push(&h.control, interest), poll.push(&h.logon, Interest::Readable))
                })
                .collect();
            poll.wait(self.next_wake())?;
            if self.trust.is_none() {
                self.read_trust();
                self.load_manifest();
            }
            for (index, (control, logon)) in hosts.into_iter().enumerate().rev() {
                let is_gone = poll.is_ready(logon) || (poll.is_ready(control) && !poll.is_writable(control));
                let stuck = !is_gone && poll.is_ready(control) && self.hosts[index].control.flush().is_err();
                if is_gone || stuck {
                    self.end_host(index, "it ended");
                }
            }
            for (index, place) in logons.into_iter().enumerate().rev() {
                if poll.is_ready(place) || Instant::now() >= self.logons[index].until {
                    self.logon_answered(index);
                }
            }
            if let Some(place) = agent {
                let writable = poll.is_writable(place);
                let lost = writable && self.agent.as_mut().is_some_and(|a| a.flush().is_err());
                if lost || (poll.is_readable(place) && !self.hear_agent(&mut buffer)) {
                    self.agent_gone();
                }
            }
            if poll.is_ready(new) {
                self.accept(listener, agent_uid)?;
            }
            self.stop_idle();
        }
    }

    fn next_wake(&self) -> Option<Duration> {
        let now = Instant::now();
        let mut wake: Option<Duration> = self.trust.is_none().then_some(WAIT_FOR_TRUST);
        let mut at = |when: Instant| {
            let wait = when.saturating_duration_since(now);
            wake = Some(wake.map_or(wait, |w| w.min(wait)));
        };
        self.logons.iter().for_each(|l| at(l.until));
        self.hosts.iter().for_each(|h| at(h.last_used + Duration::from_secs(HOST_IDLE_S)));
        wake
    }

    fn accept(&mut self, listener: &OwnedFd, agent_uid: u32) -> io::Result<()> {
        while let Some(socket) = packet::accept(listener)? {
            let peer = packet::peer(&socket)?;
            if peer.uid != agent_uid && peer.uid != 0 {
                eprintln!("reeve-broker: a connection of uid {} was refused", peer.uid);
                continue;
            }
            if self.agent.is_some() {
                // An agent has one connection; the new one is the living one.
                self.agent_gone();
            }
            self.agent = Some(Peer::new(socket));
            self.greet();
        }
        Ok(())
    }

    /// Without the agent nobody hears results: its runs end. The hosts' output sockets are closed with it.
    fn agent_gone(&mut self) {
        self.agent = None;
        for index in (0..self.hosts.len()).rev() {
            self.end_host(index, "the agent is gone");
        }
        for logon in self.logons.drain(..) {
            logon.process.kill();
            let _ = logon.process.wait();
        }
    }

    /// Takes what the agent said. False when it is gone or talks nonsense.
    fn hear_agent(&mut self, buffer: &mut Vec<u8>) -> bool {
        for _ in 0..MESSAGES_AT_ONCE {
            let Some(agent) = &self.agent else { return true };
            match packet::recv_with_fds(agent.as_fd(), buffer, BROKER_MESSAGE_BYTES_MAX) {
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) => {
                    eprintln!("reeve-broker: the agent is not heard any more: {error}");
                    return false;
                }
            }
            match ToBroker::decode(buffer.as_slice()) {
                Ok(ToBroker { request: Some(request) }) => self.obey(request),
                Ok(ToBroker { request: None }) | Err(_) => {
                    eprintln!("reeve-broker: the agent said what is not understood");
                    return false;
                }
            }
        }
        true
    }

    /// Tells the agent, if there is one.
    pub(crate) fn tell(&mut self, event: BrokerEvent, fds: Vec<OwnedFd>) {
        let bytes = FromBroker { event: Some(event) }.encode_to_vec();
        let failed = self.agent.as_mut().is_some_and(|agent| agent.send(bytes, fds).is_err());
        if failed {
            eprintln!("reeve-broker: the agent does not read what it is told");
        }
    }

    fn stop_idle(&mut self) {
        let now = Instant::now();
        for index in (0..self.hosts.len()).rev() {
            if now.saturating_duration_since(self.hosts[index].last_used) >= Duration::from_secs(HOST_IDLE_S) {
                self.end_host(index, "it was idle");
            }
        }
    }

    /// Layers of the box that this computer lacks, for people.
    pub(crate) fn missing_layers(&self) -> Vec<String> {
        let mut out = Vec::new();
        match landlock::abi() {
            0 => out.push("Landlock: runs of one account can see each other".to_owned()),
            abi if abi < landlock::ABI_WITH_SCOPES => {
                out.push("Landlock scopes (Linux 6.12): runs of one account can signal each other".to_owned());
            }
            _ => {}
        }
        if self.group.is_none() {
            out.push("writable cgroup2: runs of one account go one after the other".to_owned());
        }
        out
    }
}
