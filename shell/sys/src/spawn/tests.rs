use super::*;
use crate::cgroup::{self, Group, Leaf};
use crate::landlock;
use crate::pipe;
use crate::process::Exit;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};

fn strings(items: &[&str]) -> CStrings {
    let mut strings = CStrings::new();
    for item in items {
        strings.push(item.as_bytes()).unwrap();
    }
    strings
}

fn high(file: impl Into<OwnedFd>) -> OwnedFd {
    crate::harden::raise(file.into(), 10).unwrap()
}

fn null() -> OwnedFd {
    high(File::options().read(true).write(true).open("/dev/null").unwrap())
}

fn command<'a>(program: &'a CStr, argv: &'a CStrings, envp: &'a CStrings, null: &'a OwnedFd) -> Command<'a> {
    Command {
        program,
        argv,
        envp,
        directory: c"/",
        stdio: [null.as_fd(); 3],
        extra: None,
        new_session: true,
        die_with_parent: true,
        no_new_privs: false,
        domain: None,
        cgroup: None,
        umask: None,
        limits: &[],
    }
}

/// Runs `/bin/sh` with these arguments and what `adjust` changes, and returns what it printed.
fn sh<'a>(
    arguments: &[&str],
    extra: Option<BorrowedFd<'a>>,
    domain: Option<BorrowedFd<'a>>,
    adjust: impl FnOnce(&mut Command<'_>),
) -> (Exit, String) {
    let (argv, envp) = (strings(&[&["sh"], arguments].concat()), strings(&["PATH=/bin:/usr/bin"]));
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (null, writer) = (null(), high(writer));
    let mut command = command(c"/bin/sh", &argv, &envp, &null);
    command.stdio = [null.as_fd(), writer.as_fd(), writer.as_fd()];
    (command.extra, command.domain) = (extra, domain);
    adjust(&mut command);
    let child = Spawner::new().unwrap().spawn(&command).unwrap();
    drop(writer);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    (child.wait().unwrap(), output)
}

#[test]
fn a_program_starts_with_exactly_what_was_asked_for() {
    let text = "umask; pwd; ulimit -n; env | sort; ls /proc/self/fd | wc -l; grep -E '^(SigBlk|NoNewPrivs)' /proc/self/status | sort; \
         trap - PIPE; sh -c 'kill -PIPE $$'; echo $?; test $(ps -o sid= -p $$) -eq $$ && echo session; exit 7";
    let (exit, output) = sh(&["-c", text], None, None, |command| {
        command.umask = Some(0o077);
        command.directory = c"/usr";
        command.limits = &[(libc::RLIMIT_NOFILE, 64, 64)];
        command.no_new_privs = true;
    });
    assert_eq!(exit, Exit::Code(7));
    let lines: Vec<_> = output.lines().collect();
    // `ls` itself opens one descriptor beside the standard three. 141: SIGPIPE ended the inner shell, although
    // this test program, like every Rust program, ignores it.
    assert_eq!(
        lines,
        [
            "0077",
            "/usr",
            "64",
            "PATH=/bin:/usr/bin",
            "PWD=/usr",
            "4",
            "NoNewPrivs:\t1",
            "SigBlk:\t0000000000000000",
            "141",
            "session"
        ]
    );
}

#[test]
fn descriptor_three_is_handed_over_and_no_other() {
    let body = high(crate::memfd::sealed(c"b", b"echo \"body: $0 $1\"; ls /proc/self/fd | wc -l").unwrap());
    let (_, output) = sh(&["/dev/fd/3", "one"], Some(body.as_fd()), None, |_| {});
    // Standard three, the body, what `ls` opens. The shell's own descriptor for the body is close-on-exec.
    assert_eq!(output, "body: /dev/fd/3 one\n5\n");
}

#[test]
fn the_parent_learns_which_step_failed_and_nothing_is_left_running() {
    let (argv, envp, null) = (strings(&["x"]), strings(&[]), null());
    let mut spawner = Spawner::new().unwrap();
    let mut command = command(c"/nonexistent/program", &argv, &envp, &null);
    command.directory = c"/nonexistent";
    for (program, errno) in [(c"/nonexistent/program", libc::ENOENT), (c"/etc/passwd", libc::EACCES)] {
        command.program = program;
        match spawner.spawn(&command) {
            Err(SpawnError::Child { step: Step::Execute, error }) => assert_eq!(error.raw_os_error(), Some(errno)),
            other => panic!("{other:?}"),
        }
    }
    command.program = c"/bin/true";
    command.domain = Some(null.as_fd());
    assert!(matches!(spawner.spawn(&command), Err(SpawnError::Child { step: Step::Domain, .. })));
    command.domain = None;
    assert_eq!(spawner.spawn(&command).unwrap().wait().unwrap(), Exit::Code(0));
}

#[test]
fn a_thousand_children_leave_the_parent_as_it_was() {
    let (argv, envp, null) = (strings(&["true"]), strings(&[]), null());
    let mut spawner = Spawner::new().unwrap();
    let before = File::open("/dev/null").unwrap().as_raw_fd();
    for _ in 0..1000 {
        let child = spawner.spawn(&command(c"/bin/true", &argv, &envp, &null)).unwrap();
        assert_eq!(child.wait().unwrap(), Exit::Code(0));
    }
    assert_eq!(File::open("/dev/null").unwrap().as_raw_fd(), before);
}

#[test]
fn a_run_in_the_domain_cannot_signal_or_look_at_a_process_outside_it() {
    let domain = landlock::run_domain().unwrap().map(high).expect("this test needs Landlock");
    // As root this asks for memory and descriptors only: CAP_PERFMON lets root read `environ` all the same.
    let mut outside = std::process::Command::new("/bin/sleep").arg("100").spawn().unwrap();
    let text = format!(
        "kill -0 {pid} 2>/dev/null && echo signalled; readlink /proc/{pid}/fd/0 && echo looked; \
         head -c 0 /proc/{pid}/mem 2>/dev/null && echo read; \
         sleep 100 & kill $! && echo own child",
        pid = outside.id()
    );
    let (_, output) = sh(&["-c", &text], None, Some(domain.as_fd()), |command| command.no_new_privs = true);
    outside.kill().unwrap();
    outside.wait().unwrap();
    assert_eq!(output, "own child\n");
}

#[test]
fn a_killed_leaf_takes_a_daemon_along_that_left_its_session() {
    let own = cgroup::own_directory().unwrap().expect("this test needs cgroup2");
    let top = Group::open(&own).unwrap();
    let name = format!("reeve-test-{}", std::process::id());
    let host = top.child(&name, 0o700).unwrap();
    let leaf = Leaf::open(&host, "run-0").unwrap();
    let text = "setsid sh -c 'setsid sleep 100 & sleep 100' & sleep 100";
    let (argv, envp, null) = (strings(&["sh", "-c", text]), strings(&["PATH=/bin:/usr/bin"]), null());
    let (reader, writer) = pipe::for_output().unwrap();
    let writer = high(writer);
    let mut command = command(c"/bin/sh", &argv, &envp, &null);
    command.stdio = [null.as_fd(), writer.as_fd(), writer.as_fd()];
    command.cgroup = Some(leaf.as_fd());
    let child = Spawner::new().unwrap().spawn(&command).unwrap();
    while leaf.processes().iter().filter(|(_, name)| name == "sleep").count() < 3 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(leaf.is_populated().unwrap());
    leaf.kill().unwrap();
    assert_eq!(child.wait().unwrap(), Exit::Signal(libc::SIGKILL));
    assert!(host.kill_and_wait(std::time::Duration::from_secs(5)));
    drop(writer);
    // Nobody holds the pipe any more.
    assert_eq!(pipe::read(&reader, &mut [0; 8]).unwrap(), Some(0));
    drop(leaf);
    top.remove_child(&name).unwrap();
}
