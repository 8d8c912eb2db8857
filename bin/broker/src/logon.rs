//! The logon process: one logon, one host, then it only waits. PAM modules change the process they run in,
//! may hang and may crash: here they do it to nobody else.

use crate::messages::{LogonAnswer, LogonOrder};
use reeve_privilege::{Failure, Identity, Logon, Verdict, lookup, start_as};
use reeve_secret::Secret;
use reeve_sys::cgroup::Group;
use reeve_sys::poll::{Interest, PollSet};
use reeve_sys::process::Child;
use reeve_sys::{harden, packet};
use reeve_wire::Message;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use zeroize::Zeroize;

const CONTROL: i32 = 3;
const ORDER_BYTES_MAX: usize = 64 << 10;

/// Is the logon process: takes the order on descriptor 3.
pub(crate) fn run() -> Result<(), String> {
    let failed = |error: io::Error| format!("logon process: {error}");
    harden::harden_process().map_err(failed)?;
    harden::die_with_parent().map_err(failed)?;
    let control = harden::take_inherited(CONTROL).map_err(failed)?;
    let (order, fds) = receive(&control).map_err(failed)?;
    let host_program = order.host_program.clone();
    match log_on(order) {
        Ok((logon, identity)) if host_program.is_empty() => {
            answer(&control, &good(&identity)).map_err(failed)?;
            drop(logon);
            Ok(())
        }
        Ok((logon, identity)) => {
            let result = start_host(&host_program, &identity, fds);
            match result {
                Ok(host) => {
                    answer(&control, &good(&identity)).map_err(failed)?;
                    harden::trim_memory();
                    // The broker's end closing says that the host has to go; the host sees its own socket close too.
                    wait_for(&control, &host).map_err(failed)?;
                    // Whoever opened the session closes it.
                    drop(logon);
                    Ok(())
                }
                Err(error) => {
                    let refusal = LogonAnswer {
                        event: 1102,
                        message: format!("the host could not be started: {error}"),
                        inconclusive: true,
                        ..LogonAnswer::default()
                    };
                    answer(&control, &refusal).map_err(failed)
                }
            }
        }
        Err(refusal) => answer(&control, &refusal).map_err(failed),
    }
}

fn receive(control: &OwnedFd) -> io::Result<(LogonOrder, Vec<OwnedFd>)> {
    // One allocation of the final size: a buffer that grows would leave copies of the password behind.
    let mut buffer = Vec::with_capacity(ORDER_BYTES_MAX);
    let mut poll = PollSet::new();
    loop {
        match packet::recv_with_fds(control, &mut buffer, ORDER_BYTES_MAX) {
            Ok(Some(fds)) => {
                let order = LogonOrder::decode(buffer.as_slice()).map_err(|_| io::Error::other("an order that cannot be read"));
                buffer.zeroize();
                return order.map(|order| (order, fds));
            }
            Ok(None) => return Err(io::Error::other("the broker is gone")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll.clear();
                poll.push(control, Interest::Readable);
                poll.wait(None)?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn refusal(event: u32, message: String, inconclusive: bool) -> LogonAnswer {
    LogonAnswer { event, message, inconclusive, ..LogonAnswer::default() }
}

fn of_failure(user: &str, failure: &Failure) -> LogonAnswer {
    let message = format!("{user} could not log on: {failure}");
    match failure.verdict {
        Verdict::BadCredential => refusal(7000, message, false),
        Verdict::NotPermitted => refusal(7002, message, false),
        Verdict::Inconclusive => refusal(7000, message, true),
    }
}

fn log_on(mut order: LogonOrder) -> Result<(Logon, Identity), LogonAnswer> {
    let password = order.authenticate.then(|| Secret::take(&mut order.password));
    order.password.zeroize();
    let user = order.user.clone();
    let unknown = |error: reeve_privilege::NoIdentity| {
        let is_away = matches!(error, reeve_privilege::NoIdentity::Unavailable(_));
        refusal(7000, format!("{user} could not log on: {error}"), is_away)
    };
    let before = lookup(&order.user).map_err(unknown)?;
    if before.uid == 0 && !order.allow_root {
        return Err(refusal(7017, format!("{user} is root, which this computer's policy does not allow"), false));
    }
    let mut logon = Logon::start(&order.service, &order.user, password).map_err(|f| of_failure(&user, &f))?;
    if order.authenticate {
        logon.authenticate().map_err(|f| of_failure(&user, &f))?;
    }
    logon.check_account().map_err(|f| of_failure(&user, &f))?;
    logon.open().map_err(|f| of_failure(&user, &f))?;
    // PAM may have taken its time; who the name is now must be who it was.
    let identity = lookup(&order.user).map_err(unknown)?;
    if identity != before {
        return Err(refusal(1102, format!("{user} became another identity during the logon"), true));
    }
    Ok((logon, identity))
}

fn good(identity: &Identity) -> LogonAnswer {
    LogonAnswer {
        user: identity.name.clone(),
        uid: identity.uid,
        gid: identity.gid,
        groups: identity.groups.clone(),
        home: identity.home.clone(),
        ..LogonAnswer::default()
    }
}

fn start_host(program: &str, identity: &Identity, fds: Vec<OwnedFd>) -> io::Result<Child> {
    let mut fds = fds.into_iter();
    let control = fds.next().ok_or_else(|| io::Error::other("the host's socket is missing"))?;
    let group = fds.next().map(Group::from_fd).transpose()?;
    if let Some(group) = &group {
        group.delegate(identity.uid, identity.gid)?;
    }
    let program = CString::new(program).map_err(io::Error::other)?;
    let enter = || match &group {
        Some(group) => {
            let own = group.child("self", 0o700)?;
            own.enter()
        }
        None => Ok(()),
    };
    let pid = start_as(identity, enter, &program, control.as_fd())?;
    Child::adopt(pid)
}

fn answer(control: &OwnedFd, answer: &LogonAnswer) -> io::Result<()> {
    packet::send(control, &answer.encode_to_vec())
}

fn wait_for(control: &OwnedFd, host: &Child) -> io::Result<()> {
    let mut poll = PollSet::new();
    loop {
        poll.clear();
        let broker = poll.push(control, Interest::Gone);
        let ended = poll.push(host, Interest::Readable);
        poll.wait(None)?;
        if poll.is_ready(broker) {
            host.kill();
        }
        if poll.is_ready(ended) || poll.is_ready(broker) {
            host.wait()?;
            return Ok(());
        }
    }
}
