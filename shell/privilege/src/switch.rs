//! The switch itself: groups, gid, uid, in that order, and the proof that there is no way back.

use crate::identity::Identity;
use std::io;

/// Highest capability number asked for; the kernel says where it really ends.
const CAPABILITIES_MAX: libc::c_ulong = 63;

/// Which step failed. The process must end: it may be half somebody else.
#[derive(Debug, thiserror::Error)]
pub enum NotSwitched {
    /// A system call failed.
    #[error("cannot {step}")]
    Step {
        /// What was attempted.
        step: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The switch could be undone, or did not take.
    #[error("the switch to another user cannot be proven: {0}")]
    NotProven(&'static str),
}

fn step(result: libc::c_int, step: &'static str) -> Result<(), NotSwitched> {
    if result == -1 { Err(NotSwitched::Step { step, source: io::Error::last_os_error() }) } else { Ok(()) }
}

/// Makes this single-threaded process the user, for good.
///
/// For root the same is done, with root's own groups: capabilities stay, since that is what root is for.
///
/// # Errors
/// [`NotSwitched`]; the caller must exit at once.
pub fn become_user(identity: &Identity) -> Result<(), NotSwitched> {
    let groups: Vec<libc::gid_t> = identity.groups.clone();
    let (uid, gid) = (identity.uid, identity.gid);
    if uid != 0 {
        drop_bounding_set()?;
    }
    // SAFETY: `groups` holds `groups.len()` ids; the other calls take integers.
    unsafe {
        step(libc::setgroups(groups.len(), groups.as_ptr()), "set the groups")?;
        step(libc::setresgid(gid, gid, gid), "set the group")?;
        step(libc::setresuid(uid, uid, uid), "set the user")?;
    }
    prove(identity)
}

fn drop_bounding_set() -> Result<(), NotSwitched> {
    for capability in 0..=CAPABILITIES_MAX {
        // SAFETY: prctl takes integers.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        let error = io::Error::last_os_error();
        if result == -1 && error.raw_os_error() == Some(libc::EINVAL) {
            // Past the last capability this kernel knows.
            return Ok(());
        }
        if result == -1 {
            return Err(NotSwitched::Step { step: "drop a capability from the bounding set", source: error });
        }
    }
    Ok(())
}

fn prove(identity: &Identity) -> Result<(), NotSwitched> {
    let (mut ruid, mut euid, mut suid) = (0, 0, 0);
    let (mut rgid, mut egid, mut sgid) = (0, 0, 0);
    // SAFETY: each call writes into the three integers it is given.
    unsafe {
        step(libc::getresuid(&raw mut ruid, &raw mut euid, &raw mut suid), "read the user")?;
        step(libc::getresgid(&raw mut rgid, &raw mut egid, &raw mut sgid), "read the group")?;
    }
    if [ruid, euid, suid] != [identity.uid; 3] || [rgid, egid, sgid] != [identity.gid; 3] {
        return Err(NotSwitched::NotProven("the ids are not the ones asked for"));
    }
    let mut groups = vec![0 as libc::gid_t; identity.groups.len() + 1];
    // SAFETY: `groups` has room for its length; more groups than that is an error.
    let count = unsafe { libc::getgroups(i32::try_from(groups.len()).unwrap_or(i32::MAX), groups.as_mut_ptr()) };
    step(count, "read the groups")?;
    groups.truncate(usize::try_from(count).unwrap_or(0));
    groups.sort_unstable();
    if groups != identity.groups {
        return Err(NotSwitched::NotProven("the groups are not the ones asked for"));
    }
    if identity.uid == 0 {
        return Ok(());
    }
    // SAFETY: these calls take integers, and are meant to fail.
    let came_back = unsafe {
        libc::setuid(0) != -1
            || libc::setresuid(0, 0, 0) != -1
            || (identity.gid != 0 && libc::setresgid(0, 0, 0) != -1)
            || libc::setgroups(0, std::ptr::null()) != -1
    };
    if came_back {
        return Err(NotSwitched::NotProven("the way back to root is open"));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        let value = status.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(':')).map(str::trim);
        if value != Some("0000000000000000") {
            return Err(NotSwitched::NotProven("a capability is left"));
        }
    }
    Ok(())
}

/// Starts a program as the user, from a single-threaded process that is still root.
///
/// The child runs `before` (still root), becomes the user, and executes the program with `control` as
/// descriptor 3 and nothing else but `/dev/null`. Returns its process id.
///
/// # Errors
/// No process left. What fails in the child ends the child with code 127.
pub fn start_as(
    identity: &Identity,
    before: impl FnOnce() -> io::Result<()>,
    program: &std::ffi::CStr,
    control: std::os::fd::BorrowedFd<'_>,
) -> io::Result<libc::pid_t> {
    use std::os::fd::AsRawFd;
    let control = control.as_raw_fd();
    // SAFETY: the process is single-threaded, so the child may do anything its parent may.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let error = child_of_start(identity, before, program, control);
            eprintln!("reeve-broker: the host for {} did not start: {error}", identity.name);
            // SAFETY: the child ends here without running its parent's destructors.
            unsafe { libc::_exit(127) }
        }
        pid => Ok(pid),
    }
}

fn child_of_start(
    identity: &Identity,
    before: impl FnOnce() -> io::Result<()>,
    program: &std::ffi::CStr,
    control: libc::c_int,
) -> String {
    if let Err(error) = before() {
        return format!("its cgroup cannot be entered: {error}");
    }
    if let Err(error) = become_user(identity) {
        return error.to_string();
    }
    let environment = [c"PATH=/usr/bin:/bin".as_ptr(), std::ptr::null()];
    let arguments = [program.as_ptr(), std::ptr::null()];
    // SAFETY: integers and NUL-terminated strings; the arrays end with null and live until execve.
    unsafe {
        libc::umask(0o077);
        libc::setsid();
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        let moved = libc::fcntl(control, libc::F_DUPFD_CLOEXEC, 10);
        if null == -1 || moved == -1 {
            return io::Error::last_os_error().to_string();
        }
        for target in 0..3 {
            libc::dup2(null, target);
        }
        if libc::dup2(moved, 3) == -1
            || libc::syscall(libc::SYS_close_range, 4u32, u32::MAX, 0u32) == -1
            || libc::chdir(c"/".as_ptr()) == -1
        {
            libc::_exit(126);
        }
        libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
        libc::_exit(127)
    }
}
