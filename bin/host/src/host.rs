//! The host's loop: one thread, one poll.

use crate::run::{Run, Stopped, kill_orphans, not_started, until};
use reeve_modules::{Collected, environment, plan};
use reeve_sys::cgroup::{Group, Leaf};
use reeve_sys::poll::{Interest, PollSet};
use reeve_sys::spawn::{CStrings, Command, Spawner};
use reeve_sys::{harden, landlock, memfd, packet, pipe};
use reeve_wire::Message;
use reeve_wire::action::ActionTemplate;
use reeve_wire::broker::{FromHost, HostEvent, HostOrder, HostStart, Output, Run as RunOrder, ToHost};
use reeve_wire::limits::{
    BROKER_MESSAGE_BYTES_MAX, HOST_RUNS_MAX, RUN_OUTPUT_BYTES_DEFAULT, RUN_OUTPUT_BYTES_MAX, RUN_SURVIVOR_GRACE_MS,
    RUN_TIMEOUT_S_DEFAULT, RUN_TIMEOUT_S_MAX,
};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// The broker's descriptor.
const CONTROL: i32 = 3;
/// Bytes read from a pipe at once.
const CHUNK: usize = 64 << 10;
/// Live output waiting for the agent; more is left out of the stream, not of the result.
const STREAM_BACKLOG: usize = 64;

struct Template {
    template: ActionTemplate,
    /// The body's memory file, where it is the same for every run.
    body: Option<OwnedFd>,
}

/// This process.
pub(crate) struct Host {
    control: OwnedFd,
    output: OwnedFd,
    start: HostStart,
    environment: CStrings,
    /// This host's own group, where cgroups are ours to write.
    group: Option<Group>,
    home: CString,
    uid: u32,
    null: OwnedFd,
    domain: Option<OwnedFd>,
    spawner: Spawner,
    templates: BTreeMap<Vec<u8>, Template>,
    runs: Vec<Run>,
    free_leaves: Vec<Leaf>,
    leaves_made: usize,
    outgoing: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
    chunk: Vec<u8>,
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

impl Host {
    /// Takes the control socket and the broker's first message.
    pub(crate) fn start() -> io::Result<Self> {
        harden::harden_process()?;
        let control = harden::take_inherited(CONTROL)?;
        let mut buffer = Vec::new();
        let mut poll = PollSet::new();
        let mut fds = loop {
            match packet::recv_with_fds(&control, &mut buffer, BROKER_MESSAGE_BYTES_MAX) {
                Ok(Some(fds)) => break fds,
                Ok(None) => return Err(invalid("the broker is gone")),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll.clear();
                    poll.push(&control, Interest::Readable);
                    poll.wait(None)?;
                }
                Err(error) => return Err(error),
            }
        };
        let first = ToHost::decode(buffer.as_slice()).map_err(io::Error::other)?;
        let Some(HostOrder::Start(start)) = first.order else { return Err(invalid("the first order is not to start")) };
        let mut fds = fds.drain(..);
        let output = fds.next().ok_or_else(|| invalid("the output socket is missing"))?;
        let group = fds.next().map(|fd| harden::raise(fd, 4).and_then(Group::from_fd)).transpose()?;
        if group.is_none() {
            reeve_sys::process::become_subreaper()?;
        }
        let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
        let domain = if start.open_box { None } else { landlock::run_domain()? };
        let environment = c_strings(&environment(&start.user, &start.home).map_err(io::Error::other)?);
        Ok(Self {
            control,
            home: CString::new(start.home.as_str()).map_err(io::Error::other)?,
            output: harden::raise(output, 4)?,
            environment,
            group,
            start,
            uid: effective_uid()?,
            null: harden::raise(null.into(), 4)?,
            domain: domain.map(|d| harden::raise(d, 4)).transpose()?,
            spawner: Spawner::new()?,
            templates: BTreeMap::new(),
            runs: Vec::new(),
            free_leaves: Vec::new(),
            leaves_made: 0,
            outgoing: VecDeque::new(),
            buffer,
            chunk: vec![0; CHUNK],
        })
    }

    /// Serves until the broker or the agent is gone.
    pub(crate) fn serve(mut self) -> io::Result<()> {
        let result = self.turn_until_closed();
        // Nothing outlives the host.
        self.runs.iter().for_each(Run::kill);
        result
    }

    fn turn_until_closed(&mut self) -> io::Result<()> {
        let mut poll = PollSet::new();
        loop {
            poll.clear();
            let control = poll.push(&self.control, Interest::Readable);
            let output = poll.push(&self.output, if self.outgoing.is_empty() { Interest::Gone } else { Interest::Writable });
            let mut places = Vec::with_capacity(self.runs.len());
            for run in &self.runs {
                let leader = run.exit.is_none().then(|| poll.push(&run.child, Interest::Readable));
                let stdout = run.stdout.as_ref().map(|fd| poll.push(fd, Interest::Readable));
                let stderr = run.stderr.as_ref().map(|fd| poll.push(fd, Interest::Readable));
                // The last process of a leaf leaving is an event: no need to look again and again.
                if let (Some(_), Some(leaf)) = (&run.exit, &run.leaf) {
                    poll.push(leaf.events(), Interest::Changed);
                }
                places.push((run.id, leader, stdout, stderr));
            }
            let time = self.runs.iter().map(Run::next_look).min().map(until);
            poll.wait(time)?;
            if poll.is_ready(output) {
                if !poll.is_writable(output) {
                    return Ok(());
                }
                self.flush()?;
            }
            for (id, leader, stdout, stderr) in places {
                let ready = |place: Option<usize>| place.is_some_and(|p| poll.is_ready(p));
                if ready(stdout) || ready(leader) {
                    self.read(id, false)?;
                }
                if ready(stderr) || ready(leader) {
                    self.read(id, true)?;
                }
                if ready(leader) {
                    self.leader_ended(id)?;
                }
            }
            self.look_after_runs()?;
            if poll.is_ready(control) && !self.obey()? {
                return Ok(());
            }
        }
    }

    /// Takes the orders that are there. False when the broker is gone.
    fn obey(&mut self) -> io::Result<bool> {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let received = packet::recv_with_fds(&self.control, &mut buffer, BROKER_MESSAGE_BYTES_MAX);
            let decoded = match received {
                Ok(Some(_)) => ToHost::decode(buffer.as_slice()).map_err(io::Error::other),
                Ok(None) => {
                    self.buffer = buffer;
                    return Ok(false);
                }
                Err(error) => {
                    self.buffer = buffer;
                    return if error.kind() == io::ErrorKind::WouldBlock { Ok(true) } else { Err(error) };
                }
            };
            self.buffer = buffer;
            match decoded?.order {
                Some(HostOrder::Template(bytes)) => self.take_template(&bytes)?,
                Some(HostOrder::Run(order)) => self.begin(&order)?,
                Some(HostOrder::Cancel(cancel)) => self.stop(cancel.run, Stopped::Cancelled),
                Some(HostOrder::Start(_)) | None => return Err(invalid("an order that does not belong here")),
            }
        }
    }

    /// The broker sends the digest in front: it has checked it, and this process needs no cryptography.
    fn take_template(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (digest, body) = bytes.split_at_checked(32).ok_or_else(|| invalid("a template without its digest"))?;
        let template = ActionTemplate::decode(body).map_err(io::Error::other)?;
        self.templates.insert(digest.to_vec(), Template { template, body: None });
        Ok(())
    }

    fn begin(&mut self, order: &RunOrder) -> io::Result<()> {
        match self.try_begin(order) {
            Ok(run) => {
                self.runs.push(run);
                Ok(())
            }
            Err(message) => self.tell(HostEvent::Ended(not_started(order.run, message, self.uid))),
        }
    }

    fn try_begin(&mut self, order: &RunOrder) -> Result<Run, String> {
        let most = if self.group.is_none() { 1 } else { HOST_RUNS_MAX };
        if self.runs.len() >= most {
            return Err(format!("{most} runs are in flight already"));
        }
        let leaf = self.leaf()?;
        let known = self.templates.get_mut(&order.template).ok_or("the template is not known to the host")?;
        let planned = plan(&known.template, &order.values, &self.start.shell_characters).map_err(|e| e.to_string())?;
        let fresh;
        let extra = match (&planned.body, planned.is_body_constant) {
            (None, _) => None,
            (Some(bytes), true) => {
                if known.body.is_none() {
                    known.body = Some(body_file(bytes)?);
                }
                known.body.as_ref()
            }
            (Some(bytes), false) => {
                fresh = body_file(bytes)?;
                Some(&fresh)
            }
        };
        let directory = CString::new(planned.directory.as_str()).map_err(|_| "the working directory holds NUL")?;
        let failed = |error: io::Error| format!("{} cannot be started: {error}", planned.program.to_string_lossy());
        let (stdout, their_stdout) = pipe::for_output().map_err(failed)?;
        let (stderr, their_stderr) = pipe::for_output().map_err(failed)?;
        let their_stdout = harden::raise(their_stdout, 4).map_err(failed)?;
        let their_stderr = harden::raise(their_stderr, 4).map_err(failed)?;
        let child = self
            .spawner
            .spawn(&Command {
                program: &planned.program,
                argv: &c_strings(&planned.arguments),
                envp: &self.environment,
                directory: if planned.directory.is_empty() { &self.home } else { &directory },
                stdio: [self.null.as_fd(), their_stdout.as_fd(), their_stderr.as_fd()],
                extra: extra.map(AsFd::as_fd),
                new_session: true,
                die_with_parent: true,
                no_new_privs: !self.start.open_box,
                domain: self.domain.as_ref().map(AsFd::as_fd),
                cgroup: leaf.as_ref().map(AsFd::as_fd),
                umask: Some(0o077),
                limits: &[],
            })
            .map_err(|error| cannot_start(&planned.program, &error))?;
        let template = &known.template;
        let limit = match template.output_bytes_max {
            0 => RUN_OUTPUT_BYTES_DEFAULT,
            bytes => bytes.min(RUN_OUTPUT_BYTES_MAX),
        } as usize;
        let own = if template.timeout_s == 0 { RUN_TIMEOUT_S_DEFAULT } else { template.timeout_s.min(RUN_TIMEOUT_S_MAX) };
        let seconds = if order.timeout_s == 0 { own } else { order.timeout_s.min(own) };
        let now = Instant::now();
        Ok(Run {
            id: order.run,
            child,
            stdout: Some(stdout),
            stderr: Some(stderr),
            out: Collected::new(limit),
            err: Collected::new(limit),
            streams: order.stream_output,
            started: now,
            deadline: now + Duration::from_secs(u64::from(seconds)),
            stopped: None,
            exit: None,
            grace: None,
            survivors: Vec::new(),
            leaf,
        })
    }

    /// A leaf of its own for a run: one that is empty, or a new one. None where cgroups are not ours to write.
    fn leaf(&mut self) -> Result<Option<Leaf>, String> {
        let Some(group) = &self.group else { return Ok(None) };
        let is_free = |leaf: &Leaf| leaf.is_populated().is_ok_and(|populated| !populated);
        if let Some(at) = self.free_leaves.iter().position(is_free) {
            return Ok(Some(self.free_leaves.swap_remove(at)));
        }
        let leaf = Leaf::open(group, &format!("run-{}", self.leaves_made))
            .map_err(|error| format!("the run cannot be fenced in: {error}"))?;
        self.leaves_made += 1;
        Ok(Some(leaf))
    }

    fn stop(&mut self, id: u64, why: Stopped) {
        if let Some(run) = self.runs.iter_mut().find(|r| r.id == id) {
            run.stopped.get_or_insert(why);
            run.kill();
        }
    }

    /// Reads what a run has written.
    fn read(&mut self, id: u64, is_stderr: bool) -> io::Result<()> {
        let Some(at) = self.runs.iter().position(|r| r.id == id) else { return Ok(()) };
        let mut kept = Vec::new();
        {
            let run = &mut self.runs[at];
            let (slot, collected) =
                if is_stderr { (&mut run.stderr, &mut run.err) } else { (&mut run.stdout, &mut run.out) };
            let Some(fd) = slot.as_ref() else { return Ok(()) };
            // Some of it each time: a run that floods must not keep the others waiting.
            for _ in 0..8 {
                match pipe::read(fd, &mut self.chunk)? {
                    None => break,
                    Some(0) => {
                        *slot = None;
                        break;
                    }
                    Some(n) => {
                        let part = collected.push(&self.chunk[..n]);
                        if run.streams {
                            kept.extend_from_slice(part);
                        }
                    }
                }
            }
        }
        if !kept.is_empty() && self.outgoing.len() < STREAM_BACKLOG {
            self.tell(HostEvent::Output(Output { run: id, is_stderr, bytes: kept }))?;
        }
        Ok(())
    }

    fn leader_ended(&mut self, id: u64) -> io::Result<()> {
        let Some(run) = self.runs.iter_mut().find(|r| r.id == id) else { return Ok(()) };
        if run.exit.is_none() {
            run.exit = run.child.try_wait()?;
        }
        if run.exit.is_some() && run.grace.is_none() {
            run.grace = Some(Instant::now() + Duration::from_millis(RUN_SURVIVOR_GRACE_MS));
        }
        Ok(())
    }

    /// Ends runs whose time is over, and reports those that are over.
    fn look_after_runs(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let mut over = Vec::new();
        for run in &mut self.runs {
            if run.exit.is_none() {
                if now >= run.deadline && run.stopped.is_none() {
                    run.stopped = Some(Stopped::TimedOut);
                    run.kill();
                    // Killing takes a moment; the loop looks again soon.
                    run.deadline = now + Duration::from_millis(50);
                } else if now >= run.deadline {
                    run.kill();
                    run.deadline = now + Duration::from_millis(50);
                }
                continue;
            }
            let pipes_closed = run.stdout.is_none() && run.stderr.is_none();
            let was_killed = run.stopped.is_some();
            let is_alive = !pipes_closed || run.is_alive();
            if !is_alive || was_killed {
                if was_killed && run.is_alive() {
                    run.kill();
                    run.grace = Some(now + Duration::from_millis(5));
                    continue;
                }
                over.push(run.id);
            } else if run.grace.is_some_and(|grace| now >= grace) {
                if run.survivors.is_empty() {
                    run.name_survivors();
                }
                run.kill();
                if run.is_alive() {
                    run.grace = Some(now + Duration::from_millis(5));
                } else {
                    over.push(run.id);
                }
            }
        }
        for id in over {
            self.read(id, false)?;
            self.read(id, true)?;
            let Some(at) = self.runs.iter().position(|r| r.id == id) else { continue };
            let run = self.runs.swap_remove(at);
            let (ended, leaf) = run.ended(self.uid);
            self.free_leaves.extend(leaf);
            if self.group.is_none() {
                kill_orphans();
            }
            self.tell(HostEvent::Ended(ended))?;
        }
        Ok(())
    }

    fn tell(&mut self, event: HostEvent) -> io::Result<()> {
        let bytes = FromHost { event: Some(event) }.encode_to_vec();
        if !self.outgoing.is_empty() {
            self.outgoing.push_back(bytes);
            return Ok(());
        }
        match packet::send(&self.output, &bytes) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.outgoing.push_back(bytes);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(bytes) = self.outgoing.front() {
            match packet::send(&self.output, bytes) {
                Ok(()) => {
                    self.outgoing.pop_front();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn c_strings(list: &[CString]) -> CStrings {
    let mut out = CStrings::new();
    for string in list {
        // A CString holds no NUL inside, which is the one thing that can go wrong here.
        let _ = out.push(string.as_bytes());
    }
    out
}

fn cannot_start(program: &std::ffi::CStr, error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    format!("{} cannot be started: {error}{cause}", program.to_string_lossy())
}

fn body_file(bytes: &[u8]) -> Result<OwnedFd, String> {
    let made = memfd::sealed(c"reeve-script", bytes).and_then(|fd| harden::raise(fd, 4));
    made.map_err(|error| format!("the script cannot be put into memory: {error}"))
}

/// uid of this process, from the kernel.
fn effective_uid() -> io::Result<u32> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).ok_or_else(|| invalid("no uid"))?;
    line.split_whitespace().nth(1).and_then(|uid| uid.parse().ok()).ok_or_else(|| invalid("no uid"))
}
