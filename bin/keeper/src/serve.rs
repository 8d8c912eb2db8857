//! The socket: one thread for each connection, one verb at a time.

use crate::cli::{Places, Serve};
use crate::epochs::Epochs;
use crate::group_keys::GroupKeys;
use crate::keeper::{Keeper, Now};
use crate::quota::Quota;
use crate::rollback::Roots;
use crate::state_directory::StateDirectory;
use anyhow::{Context, bail};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::User;
use prost::Message;
use reeve_model::Wall;
use reeve_seal::framing;
use reeve_wire::keeper::ToKeeper;
use reeve_wire::limits::KEEPER_MESSAGE_BYTES_MAX;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Connections at a time. The server uses one or two.
const CONNECTIONS_MAX: usize = 16;
/// Longest time a reply may take to be read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Wait after a failed accept, so that a lack of descriptors does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(200);

/// Opens the state, binds the socket and answers for ever.
pub(crate) fn serve(places: &Places, flags: &Serve) -> anyhow::Result<()> {
    let allowed = user_id(&flags.allow_uid)?;
    let state = StateDirectory::open_or_create(&places.state)?;
    let _lock = state.lock()?;
    let keys = GroupKeys::open_or_create(&state, places, wall())?;
    let group = keys.group;
    let keeper = Keeper {
        keys,
        roots: Roots::open(&state)?,
        epochs: Epochs::open(&state)?,
        quota: Quota::new(flags.seals_per_minute),
    };
    let listener = bind(&flags.socket)?;
    tracing::info!(%group, socket = %flags.socket.display(), allowed_uid = allowed, "ready");
    let shared =
        Arc::new(Shared { keeper: Mutex::new(keeper), start: Instant::now(), connections: AtomicUsize::new(0) });
    loop {
        match listener.accept() {
            Ok((stream, _)) => admit(stream, allowed, &shared),
            Err(error) => {
                tracing::error!("cannot accept a connection: {error}");
                std::thread::sleep(ACCEPT_RETRY);
            }
        }
    }
}

struct Shared {
    keeper: Mutex<Keeper>,
    start: Instant,
    connections: AtomicUsize,
}

/// Gives the place of a connection back when its thread ends, however it ends.
struct Admitted(Arc<Shared>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

fn admit(stream: UnixStream, allowed: u32, shared: &Arc<Shared>) {
    match getsockopt(&stream, PeerCredentials) {
        Ok(peer) if peer.uid() == allowed => {}
        Ok(peer) => {
            tracing::error!(uid = peer.uid(), pid = peer.pid(), "a user that is not allowed knocked; closed");
            return;
        }
        Err(error) => {
            tracing::error!("cannot tell who knocked ({error}); closed");
            return;
        }
    }
    if shared.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
        shared.connections.fetch_sub(1, Ordering::Relaxed);
        tracing::error!("more than {CONNECTIONS_MAX} connections; closed");
        return;
    }
    let admitted = Admitted(Arc::clone(shared));
    let spawned = std::thread::Builder::new().name("connection".to_owned()).spawn(move || {
        if let Err(error) = converse(stream, &admitted.0) {
            tracing::error!("connection closed: {error}");
        }
    });
    if let Err(error) = spawned {
        tracing::error!("cannot start a thread for a connection: {error}");
    }
}

fn converse(mut stream: UnixStream, shared: &Shared) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    while let Some(message) = framing::read_message(&mut stream, KEEPER_MESSAGE_BYTES_MAX)? {
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "a message is malformed or of another version");
        let request = ToKeeper::decode(&*message).map_err(|_| malformed())?;
        let now = Now { wall: wall(), since_start: shared.start.elapsed() };
        let reply = {
            let mut keeper = shared.keeper.lock().unwrap_or_else(PoisonError::into_inner);
            keeper.handle(request, now).ok_or_else(malformed)?
        };
        framing::write_message(&mut stream, &reply.encode_to_vec(), KEEPER_MESSAGE_BYTES_MAX)?;
    }
    Ok(())
}

fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    if let Ok(meta) = std::fs::symlink_metadata(path) {
        if !meta.file_type().is_socket() {
            bail!("{} exists and is not a socket; move it away", path.display());
        }
        if UnixStream::connect(path).is_ok() {
            bail!("another program answers on {}; stop it first", path.display());
        }
        std::fs::remove_file(path).with_context(|| format!("cannot remove the old socket {}", path.display()))?;
    }
    let listener = UnixListener::bind(path).with_context(|| {
        format!("cannot listen on {}; does its directory exist and belong to this user?", path.display())
    })?;
    // Anyone may knock; who is let in is decided by the peer's uid.
    std::fs::set_permissions(path, Permissions::from_mode(0o666))
        .with_context(|| format!("cannot set the mode of {}", path.display()))?;
    Ok(listener)
}

fn user_id(text: &str) -> anyhow::Result<u32> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    let found = User::from_name(text).with_context(|| format!("cannot look up user {text:?}"))?;
    let user = found.with_context(|| format!("there is no user {text:?}; name the server's user with --allow-uid"))?;
    Ok(user.uid.as_raw())
}

fn wall() -> Wall {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
