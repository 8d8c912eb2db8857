//! Client of the keeper's socket. Blocking: the server calls it on a thread of its own.

use crate::framing;
use prost::Message;
use reeve_wire::keeper::{
    BadRows, Certificate, FromKeeper, Identity, IdentityRequest, IssueCertificate, Macs, Put, Reply, Rewrap, Root, Row,
    Rows, SealFor, ToKeeper, ToSign, Verb,
};
use reeve_wire::limits::KEEPER_MESSAGE_BYTES_MAX;
use reeve_wire::signed::{Envelope, Signed};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for a reply. Every verb is milliseconds of work.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the keeper gave no answer, or no as an answer.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// It refused; a decision, not a fault. The next call is answered as usual.
    #[error("the keeper refuses ({code}): {message}")]
    Refused {
        /// Stable word, see [`reeve_wire::keeper::Refused::code`].
        code: String,
        /// For people.
        message: String,
    },
    /// It is not there.
    #[error("cannot reach the keeper at {}; is reeve-keeper running?", .path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection broke; whether the verb was carried out is not known. The next call reconnects.
    #[error("the connection to the keeper broke")]
    Broken {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The request is larger than the keeper takes.
    #[error(
        "the request of {bytes} bytes is larger than the keeper takes ({KEEPER_MESSAGE_BYTES_MAX}); send fewer rows at a time"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The answer is not one to this verb: the two programs are of different versions.
    #[error("the keeper gave an answer that does not fit the request; are both programs of the same version?")]
    UnexpectedReply,
}

impl KeeperError {
    /// The refusal's word, when it is a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unreachable { .. } | Self::Broken { .. } | Self::TooLarge { .. } | Self::UnexpectedReply => None,
        }
    }
}

/// A connection to the keeper that mends itself: after an error of transport the next call connects
/// again. Calls are answered in order, one at a time.
#[derive(Debug)]
pub struct KeeperClient {
    path: PathBuf,
    stream: Option<UnixStream>,
}

impl KeeperClient {
    /// Connects.
    ///
    /// # Errors
    /// [`KeeperError::Unreachable`].
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, KeeperError> {
        let mut client = Self { path: path.as_ref().to_owned(), stream: None };
        client.stream = Some(client.open()?);
        Ok(client)
    }

    /// Public keys and the group's identity.
    ///
    /// # Errors
    /// [`KeeperError`], as every verb.
    pub fn identity(&mut self) -> Result<Identity, KeeperError> {
        let Reply::Identity(identity) = self.call(Verb::Identity(IdentityRequest {}))? else {
            return self.out_of_step();
        };
        Ok(identity)
    }

    /// Takes a typed secret and returns it encrypted at rest.
    ///
    /// # Errors
    /// [`KeeperError`]; code `unfit-secret` when the secret breaks its rule.
    pub fn put(&mut self, put: Put) -> Result<Vec<u8>, KeeperError> {
        let Reply::AtRest(bytes) = self.call(Verb::Put(put))? else { return self.out_of_step() };
        Ok(bytes)
    }

    /// Seals an account's secret to a health service.
    ///
    /// # Errors
    /// [`KeeperError`]; codes `bad-mac`, `not-distributed`, `not-approved`, `wrong-account`, `quota`,
    /// `rollback`.
    pub fn seal_for(&mut self, account: Row, health_service: Row, at_rest: Vec<u8>) -> Result<Envelope, KeeperError> {
        let verb = SealFor { account: Some(account), health_service: Some(health_service), at_rest };
        let Reply::Envelope(envelope) = self.call(Verb::SealFor(verb))? else { return self.out_of_step() };
        Ok(envelope)
    }

    /// Encrypts at rest under the newest key term.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn rewrap(&mut self, rewrap: Rewrap) -> Result<Vec<u8>, KeeperError> {
        let Reply::AtRest(bytes) = self.call(Verb::Rewrap(rewrap))? else { return self.out_of_step() };
        Ok(bytes)
    }

    /// MACs rows; the MACs come back in the order of the rows.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn grant(&mut self, rows: Vec<Row>) -> Result<Vec<Vec<u8>>, KeeperError> {
        let count = rows.len();
        let Reply::Macs(Macs { macs }) = self.call(Verb::Grant(Rows { rows }))? else { return self.out_of_step() };
        if macs.len() == count { Ok(macs) } else { self.out_of_step() }
    }

    /// Checks row MACs and returns the indices of the rows whose MAC is wrong.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn verify_rows(&mut self, rows: Vec<Row>) -> Result<Vec<u32>, KeeperError> {
        let Reply::BadRows(BadRows { indices }) = self.call(Verb::VerifyRows(Rows { rows }))? else {
            return self.out_of_step();
        };
        Ok(indices)
    }

    /// Issues a certificate; DER, leaf first.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn issue_certificate(&mut self, request: IssueCertificate) -> Result<Vec<Vec<u8>>, KeeperError> {
        let Reply::Certificate(Certificate { chain }) = self.call(Verb::IssueCertificate(request))? else {
            return self.out_of_step();
        };
        if !chain.is_empty() { Ok(chain) } else { self.out_of_step() }
    }

    /// Signs an encoded manifest for the health service of the row.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn sign_manifest(&mut self, bytes: Vec<u8>, health_service: Row) -> Result<Signed, KeeperError> {
        self.signed(Verb::SignManifest(ToSign { bytes, health_service: Some(health_service) }))
    }

    /// Signs an encoded task order for the health service of the row.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn sign_task(&mut self, bytes: Vec<u8>, health_service: Row) -> Result<Signed, KeeperError> {
        self.signed(Verb::SignTask(ToSign { bytes, health_service: Some(health_service) }))
    }

    /// Says that the database is about to commit this root. Commit only after `Ok`.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn root_pending(&mut self, root: [u8; 32]) -> Result<(), KeeperError> {
        self.root(Verb::RootPending(Root { root: root.to_vec() }))
    }

    /// Says that the database holds this root: at start, and after a commit.
    ///
    /// # Errors
    /// [`KeeperError`]; code `rollback` when the database went back in time.
    pub fn root_confirm(&mut self, root: [u8; 32]) -> Result<(), KeeperError> {
        self.root(Verb::RootConfirm(Root { root: root.to_vec() }))
    }

    fn root(&mut self, verb: Verb) -> Result<(), KeeperError> {
        // Answered with the identity, whose `root_settled` says where things stand.
        let Reply::Identity(_) = self.call(verb)? else { return self.out_of_step() };
        Ok(())
    }

    fn signed(&mut self, verb: Verb) -> Result<Signed, KeeperError> {
        let Reply::Signed(signed) = self.call(verb)? else { return self.out_of_step() };
        Ok(signed)
    }

    fn call(&mut self, verb: Verb) -> Result<Reply, KeeperError> {
        let request = ToKeeper { verb: Some(verb) }.encode_to_vec();
        if request.len() > KEEPER_MESSAGE_BYTES_MAX {
            return Err(KeeperError::TooLarge { bytes: request.len() });
        }
        // Taken out, and put back only when the connection is known to be in step.
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open()?,
        };
        let reply = framing::write_message(&mut stream, &request, KEEPER_MESSAGE_BYTES_MAX)
            .and_then(|()| framing::read_message(&mut stream, KEEPER_MESSAGE_BYTES_MAX))
            .and_then(|reply| reply.ok_or_else(|| io::ErrorKind::UnexpectedEof.into()))
            .map_err(|source| KeeperError::Broken { source })?;
        let reply = FromKeeper::decode(&*reply).map_err(|_| KeeperError::UnexpectedReply)?;
        let reply = reply.reply.ok_or(KeeperError::UnexpectedReply)?;
        self.stream = Some(stream);
        if let Reply::Refused(refused) = reply {
            return Err(KeeperError::Refused { code: refused.code, message: refused.message });
        }
        Ok(reply)
    }

    fn open(&self) -> Result<UnixStream, KeeperError> {
        UnixStream::connect(&self.path)
            .and_then(|stream| {
                stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
                stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
                Ok(stream)
            })
            .map_err(|source| KeeperError::Unreachable { path: self.path.clone(), source })
    }

    /// The answer is not one to the question: this connection is of no more use.
    fn out_of_step<T>(&mut self) -> Result<T, KeeperError> {
        self.stream = None;
        Err(KeeperError::UnexpectedReply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reeve_wire::keeper::Refused;
    use std::io::Write;
    use std::os::unix::net::UnixListener;
    use tempfile::TempDir;

    /// A peer that answers each request on a connection with the next bytes, then closes, for every list.
    fn peer(connections: Vec<Vec<Vec<u8>>>) -> (TempDir, KeeperClient) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keeper.sock");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            for replies in connections {
                let (mut stream, _) = listener.accept().unwrap();
                for reply in replies {
                    framing::read_message(&mut stream, KEEPER_MESSAGE_BYTES_MAX).unwrap().unwrap();
                    stream.write_all(&reply).unwrap();
                }
            }
        });
        let client = KeeperClient::connect(&path).unwrap();
        (directory, client)
    }

    fn framed(reply: Reply) -> Vec<u8> {
        let mut out = Vec::new();
        let body = FromKeeper { reply: Some(reply) }.encode_to_vec();
        framing::write_message(&mut out, &body, KEEPER_MESSAGE_BYTES_MAX).unwrap();
        out
    }

    #[test]
    fn a_refusal_keeps_the_connection_and_a_wrong_answer_does_not() {
        let refused = || framed(Reply::Refused(Refused { code: "quota".to_owned(), message: "m".to_owned() }));
        let identity = || framed(Reply::Identity(Identity::default()));
        let (_directory, mut client) = peer(vec![
            vec![refused(), identity(), framed(Reply::AtRest(vec![1]))],
            vec![framed(Reply::Macs(Macs { macs: vec![] }))],
            vec![b"\0\0\0\x02\xff\xff".to_vec()],
            vec![b"\xff\xff\xff\xff".to_vec()],
            vec![b"\0\0\0\x05ab".to_vec()],
            vec![identity()],
        ]);
        assert_eq!(client.identity().unwrap_err().code(), Some("quota"));
        client.identity().unwrap();
        assert!(matches!(client.identity(), Err(KeeperError::UnexpectedReply)), "another verb's answer");
        let one = vec![Row::default()];
        assert!(matches!(client.grant(one), Err(KeeperError::UnexpectedReply)), "fewer MACs than rows");
        assert!(matches!(client.identity(), Err(KeeperError::UnexpectedReply)), "no message");
        assert!(matches!(client.identity(), Err(KeeperError::Broken { .. })), "an answer over the limit");
        assert!(matches!(client.identity(), Err(KeeperError::Broken { .. })), "an answer cut short");
        client.identity().unwrap();
    }

    #[test]
    fn a_request_over_the_limit_is_not_sent() {
        let (_directory, mut client) = peer(vec![vec![framed(Reply::Identity(Identity::default()))]]);
        let row = Row { bytes: vec![0; KEEPER_MESSAGE_BYTES_MAX], ..Row::default() };
        assert!(matches!(client.grant(vec![row]), Err(KeeperError::TooLarge { .. })));
        client.identity().unwrap();
    }
}
