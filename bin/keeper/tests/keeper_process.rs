//! The real keeper, over its socket, from first start through restarts, loss and restore.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reeve_model::{
    Account, AccountKind, BecomeKind, CredentialVersion, Distribution, Guid, HealthService, HealthServiceId,
    HealthServiceTrust, ObjectId, RunAsAccountId,
};
use reeve_seal::hpke::{self, SealingKey};
use reeve_seal::keeper_client::{KeeperClient, KeeperError};
use reeve_seal::{digest, envelope, sign};
use reeve_secret::Secret;
use reeve_wire::Message;
use reeve_wire::keeper::{Identity, IssueCertificate, Put, Rewrap, Row};
use reeve_wire::signed::{Envelope, Manifest, context};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

const PASSWORD: &str = "canary-hunter2-54c1";
const START_TIMEOUT: Duration = Duration::from_secs(10);

struct Machine {
    directory: TempDir,
    broker: SealingKey,
}

struct Running {
    child: Child,
    socket: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGKILL: every stop in these tests is a crash.
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGKILL).ok();
        self.child.wait().ok();
    }
}

impl Running {
    fn client(&self) -> KeeperClient {
        KeeperClient::connect(&self.socket).unwrap()
    }
}

impl Machine {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), broker: SealingKey::generate() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reeve-keeper"));
        command.args(arguments).arg("--state").arg(self.state());
        command
    }

    /// Runs the keeper on the machine, to its end.
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn start(&self) -> Running {
        self.start_with(&[])
    }

    fn start_with(&self, flags: &[&str]) -> Running {
        let socket = self.path("keeper.sock");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = self.command(&[]);
        command.arg("--socket").arg(&socket);
        if !flags.contains(&"--allow-uid") {
            command.arg("--allow-uid").arg(nix::unistd::geteuid().to_string());
        }
        let mut child = command.args(flags).stdin(Stdio::null()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + START_TIMEOUT;
        // An old socket may still be there; connecting is what counts.
        while UnixStream::connect(&socket).is_err() {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the keeper ended with {status}: {}", self.log());
            }
            assert!(Instant::now() < deadline, "the keeper does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        Running { child, socket }
    }

    /// Starts the keeper where it must refuse to, and returns what it says.
    fn refused_start(&self) -> String {
        let socket = self.path("keeper.sock");
        let uid = nix::unistd::geteuid().to_string();
        let mut child = self
            .command(&["--socket", socket.to_str().unwrap(), "--allow-uid", &uid])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + START_TIMEOUT;
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                child.kill().unwrap();
                panic!("the keeper started where it must not");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn account(&self) -> Account {
        Account {
            id: RunAsAccountId(Guid([0x11; 16])),
            name: "account-1".to_owned(),
            description: String::new(),
            kind: AccountKind::Become(BecomeKind::Windows { user: "svc".to_owned(), domain: None }),
            enabled: true,
            version: CredentialVersion(1),
            distribution: Distribution::MoreSecure(BTreeSet::from([self.health_service().id])),
            is_system: false,
        }
    }

    fn health_service(&self) -> HealthService {
        HealthService {
            id: HealthServiceId(Guid([0x22; 16])),
            computer_name: "computer-a".to_owned(),
            computer: ObjectId(Guid([0x33; 16])),
            trust: HealthServiceTrust::Verified,
            default_action_account: "reeve-action".to_owned(),
            sealing_key: self.broker.public().to_vec(),
            receipt_key: vec![8; 32],
            tls_key_digest: vec![7; 32],
        }
    }

    fn seal(&self, client: &mut KeeperClient, at_rest: &[u8]) -> Result<Envelope, KeeperError> {
        let account = self.account();
        let account = granted(client, "account", account.id.to_string(), serde_json::to_vec(&account).unwrap());
        let service = self.health_service();
        let service = granted(client, "health_service", service.id.to_string(), serde_json::to_vec(&service).unwrap());
        client.seal_for(account, service, at_rest.to_vec())
    }

    fn assert_opens(&self, client: &mut KeeperClient, at_rest: &[u8]) {
        let sealed = self.seal(client, at_rest).unwrap();
        let (_, secret) = envelope::open_envelope(&self.broker, &sealed).unwrap();
        assert_eq!(secret.expose(), PASSWORD.as_bytes());
    }

    fn put(&self, client: &mut KeeperClient) -> Vec<u8> {
        let identity = client.identity().unwrap();
        let account = self.account();
        let secret = Secret::new(PASSWORD.as_bytes().to_vec());
        let sealed =
            hpke::seal(&identity.sealing_key, context::TYPED_SECRET, account.name.as_bytes(), &secret).unwrap();
        let (account, name, rule) = (account.id.to_bytes(), account.name, "logon".to_owned());
        client.put(Put { account, version: 1, sealed, name, rule }).unwrap()
    }
}

fn granted(client: &mut KeeperClient, table: &str, id: String, bytes: Vec<u8>) -> Row {
    let mut row = Row { table: table.to_owned(), id, bytes, mac: Vec::new() };
    row.mac = client.grant(vec![row.clone()]).unwrap().remove(0);
    row
}

fn without_settled(identity: Identity) -> Identity {
    Identity { root_settled: false, ..identity }
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[test]
fn identity_and_secrets_survive_a_crash_and_nothing_is_sealed_before_the_root_is_confirmed() {
    let machine = Machine::new();
    let keeper = machine.start();
    let mut client = keeper.client();
    let identity = client.identity().unwrap();
    assert!(!identity.root_settled);
    let at_rest = machine.put(&mut client);
    assert_eq!(machine.seal(&mut client, &at_rest).unwrap_err().code(), Some("rollback"));
    client.root_confirm([1; 32]).unwrap();
    assert!(client.identity().unwrap().root_settled);
    machine.assert_opens(&mut client, &at_rest);
    client.root_pending([2; 32]).unwrap();
    drop(keeper);

    // The client finds the new process by itself, after one failed call.
    let keeper = machine.start();
    assert!(matches!(client.identity(), Err(KeeperError::Broken { .. })));
    assert_eq!(without_settled(client.identity().unwrap()), without_settled(identity));
    assert_eq!(machine.seal(&mut client, &at_rest).unwrap_err().code(), Some("rollback"));
    assert_eq!(client.root_confirm([3; 32]).unwrap_err().code(), Some("rollback"));
    client.root_confirm([2; 32]).unwrap();
    machine.assert_opens(&mut client, &at_rest);
    let rewrap = Rewrap { account: machine.account().id.to_bytes(), version: 1, at_rest };
    let rewrapped = client.rewrap(rewrap).unwrap();
    machine.assert_opens(&mut client, &rewrapped);
    drop(keeper);
    assert!(matches!(client.identity(), Err(KeeperError::Broken { .. })));
    assert!(matches!(client.identity(), Err(KeeperError::Unreachable { .. })));

    let log = machine.log();
    assert!(log.contains("seal_for") && log.contains(&machine.account().id.to_string()), "{log}");
    assert!(!log.contains(PASSWORD) && !log.contains("hunter2"));
}

#[test]
fn a_restored_database_is_accepted_once_and_only_on_the_machine() {
    let machine = Machine::new();
    let keeper = machine.start();
    let mut client = keeper.client();
    client.root_confirm([1; 32]).unwrap();
    client.root_pending([2; 32]).unwrap();
    client.root_confirm([2; 32]).unwrap();
    assert_eq!(client.root_confirm([1; 32]).unwrap_err().code(), Some("rollback"));
    assert!(!client.identity().unwrap().root_settled);
    let output = machine.run(&["accept-restore"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    client.root_confirm([1; 32]).unwrap();
    assert!(client.identity().unwrap().root_settled);
    assert_eq!(client.root_confirm([2; 32]).unwrap_err().code(), Some("rollback"));
}

#[test]
fn the_key_file_can_be_backed_up_and_restored_and_its_loss_makes_no_new_key() {
    let machine = Machine::new();
    let keeper = machine.start();
    let mut client = keeper.client();
    let at_rest = machine.put(&mut client);
    let identity = client.identity().unwrap();
    client.root_confirm([1; 32]).unwrap();
    let (backup, root_key) = (machine.path("key-backup"), machine.state().join("root.key"));
    let backup_argument = backup.to_str().unwrap();
    let output = machine.run(&["key", "backup", "--out", backup_argument]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read(&backup).unwrap(), std::fs::read(&root_key).unwrap());
    let again = machine.run(&["key", "backup", "--out", backup_argument]);
    assert!(!again.status.success() && text(&again.stderr).contains("never overwritten"), "{}", text(&again.stderr));
    drop(keeper);

    // The key is lost.
    std::fs::remove_file(&root_key).unwrap();
    let before = contents(&machine.state());
    let message = machine.refused_start();
    assert!(message.contains("reeve-keeper key restore --from FILE"), "{message}");
    assert_eq!(contents(&machine.state()), before, "a refused start changes nothing");

    // The key of another group does not fit.
    let other = Machine::new();
    drop(other.start());
    let wrong = machine.run(&["key", "restore", "--from", other.state().join("root.key").to_str().unwrap()]);
    assert!(!wrong.status.success() && text(&wrong.stderr).contains("does not open"), "{}", text(&wrong.stderr));
    assert_eq!(contents(&machine.state()), before);
    std::fs::copy(other.state().join("root.key"), &root_key).unwrap();
    let message = machine.refused_start();
    assert!(message.contains("not the one this state was made with"), "{message}");
    let occupied = machine.run(&["key", "restore", "--from", backup_argument]);
    assert!(
        !occupied.status.success() && text(&occupied.stderr).contains("move it away"),
        "{}",
        text(&occupied.stderr)
    );
    std::fs::remove_file(&root_key).unwrap();

    let output = machine.run(&["key", "restore", "--from", backup_argument]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = machine.run(&["key", "restore", "--from", backup_argument]);
    assert!(output.status.success(), "restoring the same key twice is no error: {}", text(&output.stderr));
    let keeper = machine.start();
    let mut client = keeper.client();
    assert_eq!(without_settled(client.identity().unwrap()), without_settled(identity));
    client.root_confirm([1; 32]).unwrap();
    machine.assert_opens(&mut client, &at_rest);
}

#[test]
fn a_state_directory_moved_to_another_machine_opens_with_the_backed_up_key() {
    let machine = Machine::new();
    let keeper = machine.start();
    let at_rest = machine.put(&mut keeper.client());
    keeper.client().root_confirm([1; 32]).unwrap();
    drop(keeper);
    let new = Machine { broker: machine.broker, directory: tempfile::tempdir().unwrap() };
    let key = machine.directory.path().join("state/root.key");
    let none = new.run(&["key", "restore", "--from", key.to_str().unwrap()]);
    assert!(!none.status.success() && text(&none.stderr).contains("restore the state directory first"));
    std::fs::create_dir(new.state()).unwrap();
    std::fs::set_permissions(new.state(), std::fs::Permissions::from_mode(0o700)).unwrap();
    for name in ["group.keys", "rollback-root", "manifest-epochs"] {
        std::fs::copy(machine.directory.path().join("state").join(name), new.state().join(name)).unwrap();
    }
    assert!(new.run(&["key", "restore", "--from", key.to_str().unwrap()]).status.success());
    let keeper = new.start();
    let mut client = keeper.client();
    assert_eq!(client.root_confirm([9; 32]).unwrap_err().code(), Some("rollback"));
    client.root_confirm([1; 32]).unwrap();
    new.assert_opens(&mut client, &at_rest);
}

#[test]
fn used_state_without_its_keys_makes_no_new_group() {
    let machine = Machine::new();
    let keeper = machine.start();
    keeper.client().root_confirm([1; 32]).unwrap();
    drop(keeper);
    std::fs::remove_file(machine.state().join("group.keys")).unwrap();
    let message = machine.refused_start();
    assert!(message.contains("No new keys are made"), "{message}");
}

#[test]
fn a_first_start_that_was_cut_short_goes_on() {
    let machine = Machine::new();
    drop(machine.start());
    // The last file of a first start, before anything was given out.
    std::fs::remove_file(machine.state().join("group.keys")).unwrap();
    let keeper = machine.start();
    keeper.client().root_confirm([1; 32]).unwrap();
}

#[test]
fn only_the_root_key_is_in_the_clear_and_no_file_is_open_to_others() {
    let machine = Machine::new();
    let keeper = machine.start();
    let mut client = keeper.client();
    machine.put(&mut client);
    client.root_confirm([1; 32]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&machine.state()), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(machine.state()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(names, ["group.keys", "manifest-epochs", "rollback-root", "root.key"]);
    drop(keeper);
    for (name, file) in [("root.key", "chmod 600"), ("group.keys", "chmod 600")] {
        let path = machine.state().join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let message = machine.refused_start();
        assert!(message.contains(&format!("{file} {}", path.display())), "{message}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    std::fs::set_permissions(machine.state(), std::fs::Permissions::from_mode(0o770)).unwrap();
    let message = machine.refused_start();
    assert!(message.contains("chmod 700"), "{message}");
}

#[test]
fn rotation_needs_a_stopped_keeper_and_keeps_everything_readable() {
    let machine = Machine::new();
    let keeper = machine.start();
    let mut client = keeper.client();
    let identity = client.identity().unwrap();
    let at_rest = machine.put(&mut client);
    client.root_confirm([1; 32]).unwrap();
    let running = machine.run(&["key", "rotate"]);
    assert!(!running.status.success() && text(&running.stderr).contains("stop it first"), "{}", text(&running.stderr));
    let second = machine.refused_start();
    assert!(second.contains("a keeper is running"), "{second}");
    drop(keeper);
    let output = machine.run(&["key", "rotate"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let keeper = machine.start();
    let mut client = keeper.client();
    assert_eq!(without_settled(client.identity().unwrap()), without_settled(identity));
    client.root_confirm([1; 32]).unwrap();
    machine.assert_opens(&mut client, &at_rest);
    let account = machine.account().id.to_bytes();
    let rewrapped = client.rewrap(Rewrap { account, version: 1, at_rest: at_rest.clone() }).unwrap();
    assert_eq!(reeve_seal::at_rest::term_of(&at_rest), Ok(1));
    assert_eq!(reeve_seal::at_rest::term_of(&rewrapped), Ok(2));
    machine.assert_opens(&mut client, &rewrapped);
}

#[test]
fn a_user_that_is_not_allowed_gets_no_answer() {
    let machine = Machine::new();
    let stranger = (nix::unistd::geteuid().as_raw() + 1).to_string();
    let keeper = machine.start_with(&["--allow-uid", &stranger]);
    assert!(matches!(keeper.client().identity(), Err(KeeperError::Broken { .. })));
    assert!(machine.log().contains("not allowed"), "{}", machine.log());
}

#[test]
fn malformed_messages_close_their_connection_and_no_other() {
    let machine = Machine::new();
    let keeper = machine.start();
    let mut good = keeper.client();
    good.identity().unwrap();
    for bad in [
        &b"\xff\xff\xff\xff"[..],    // Longer than the limit.
        b"\x00\x00\x00\x02\xff\xff", // Not a message.
        b"\x00\x00\x00\x00",         // A message without a verb.
        b"\x00\x00\x00\x02\xfa\x7f", // A verb of the future, cut.
    ] {
        let mut stream = UnixStream::connect(&keeper.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(bad).unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an end.
        stream.read_to_end(&mut answer).ok();
        assert!(answer.is_empty(), "{bad:?}");
    }
    // A message cut short, and one that is never read.
    UnixStream::connect(&keeper.socket).unwrap().write_all(b"\x00\x00\x00\x09abc").unwrap();
    good.identity().unwrap();
}

#[test]
fn more_connections_than_the_limit_are_closed_and_their_places_come_back() {
    let machine = Machine::new();
    let keeper = machine.start();
    let deadline = Instant::now() + START_TIMEOUT;
    let mut clients = Vec::new();
    // The connection that waited for the start may still have its place.
    while clients.len() < 16 {
        let mut client = keeper.client();
        if client.identity().is_ok() {
            clients.push(client);
        }
        assert!(Instant::now() < deadline, "only {} of 16 connections", clients.len());
    }
    assert!(matches!(keeper.client().identity(), Err(KeeperError::Broken { .. })));
    clients.truncate(1);
    while keeper.client().identity().is_err() {
        assert!(Instant::now() < deadline, "places do not come back");
    }
    clients[0].identity().unwrap();
}

#[test]
fn the_quota_of_the_flag_holds() {
    let machine = Machine::new();
    let keeper = machine.start_with(&["--seals-per-minute", "2"]);
    let mut client = keeper.client();
    let at_rest = machine.put(&mut client);
    client.root_confirm([1; 32]).unwrap();
    machine.assert_opens(&mut client, &at_rest);
    machine.assert_opens(&mut client, &at_rest);
    assert_eq!(machine.seal(&mut client, &at_rest).unwrap_err().code(), Some("quota"));
    assert!(machine.log().contains("ERROR"), "{}", machine.log());
    client.identity().unwrap();
}

#[test]
fn certificates_and_manifests_come_over_the_socket_and_epochs_survive_a_crash() {
    let machine = Machine::new();
    let keeper = machine.start();
    let mut client = keeper.client();
    let identity = client.identity().unwrap();
    client.root_confirm([1; 32]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
    let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
    let service = HealthService { tls_key_digest: digest::sha256(&spki).to_bytes(), ..machine.health_service() };
    let row = |client: &mut KeeperClient| {
        granted(client, "health_service", service.id.to_string(), serde_json::to_vec(&service).unwrap())
    };
    let health_service = row(&mut client);
    let request =
        IssueCertificate { csr, health_service: Some(health_service.clone()), server_names: vec![], life_s: 60 };
    let chain = client.issue_certificate(request).unwrap();
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[1], identity.ca_certificate);

    let now_us = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
    let manifest = |epoch| Manifest {
        management_group: identity.management_group.clone(),
        health_service: service.id.to_bytes(),
        epoch,
        issued_at_us: now_us,
        not_after_us: now_us + 3_600_000_000,
        default_action_account: "reeve-action".to_owned(),
        runs: vec![],
        accounts: vec![],
    };
    let signed = client.sign_manifest(manifest(7).encode_to_vec(), health_service.clone()).unwrap();
    sign::verify(&identity.signing_key, context::MANIFEST, &signed).unwrap();
    assert_eq!(client.verify_rows(vec![health_service]).unwrap(), Vec::<u32>::new());
    drop(keeper);
    let keeper = machine.start();
    let mut client = keeper.client();
    client.root_confirm([1; 32]).unwrap();
    let health_service = row(&mut client);
    let refused = client.sign_manifest(manifest(7).encode_to_vec(), health_service.clone()).unwrap_err();
    assert_eq!(refused.code(), Some("rollback"));
    assert!(refused.to_string().contains("not above 7"), "{refused}");
    client.sign_manifest(manifest(8).encode_to_vec(), health_service).unwrap();
}

fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()))
        .collect();
    found.sort();
    found
}
