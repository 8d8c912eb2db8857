//! The keeper socket: `/run/reeve/keeper.sock`, stream, u32 big-endian length before each message, peer uid checked.
//! One request, one reply, in order. No reply holds plaintext or a key.

use crate::signed::{Envelope, Signed};

/// A request to the keeper.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ToKeeper {
    /// One verb.
    #[prost(oneof = "Verb", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub verb: Option<Verb>,
}

/// The keeper's verbs. None returns plaintext or a key.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
pub enum Verb {
    /// Public keys and the group's identity.
    #[prost(message, tag = "1")]
    Identity(IdentityRequest),
    /// Take a typed secret and return it encrypted at rest.
    #[prost(message, tag = "2")]
    Put(Put),
    /// Seal an account's secret to a health service.
    #[prost(message, tag = "3")]
    SealFor(SealFor),
    /// Encrypt at rest under the newest key term.
    #[prost(message, tag = "4")]
    Rewrap(Rewrap),
    /// MAC rows that grant or are executed.
    #[prost(message, tag = "5")]
    Grant(Rows),
    /// Check row MACs.
    #[prost(message, tag = "6")]
    VerifyRows(Rows),
    /// Issue a certificate.
    #[prost(message, tag = "7")]
    IssueCertificate(IssueCertificate),
    /// Sign a manifest.
    #[prost(message, tag = "8")]
    SignManifest(ToSign),
    /// Sign a task order.
    #[prost(message, tag = "9")]
    SignTask(ToSign),
    /// Rollback root: the database is about to commit this root.
    #[prost(message, tag = "10")]
    RootPending(Root),
    /// Rollback root: the database holds this root now, at start or after a commit.
    #[prost(message, tag = "11")]
    RootConfirm(Root),
}

/// Asks for [`Identity`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct IdentityRequest {}

/// Take a secret that was sealed to the keeper by the one who typed it.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Put {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// Version it becomes.
    #[prost(uint64, tag = "2")]
    pub version: u64,
    /// HPKE (encapsulated key, then ciphertext) to the keeper's public key, info
    /// [`crate::signed::context::TYPED_SECRET`], AAD = the account's name in UTF-8.
    #[prost(bytes = "vec", tag = "3")]
    pub sealed: Vec<u8>,
    /// The account's name, the AAD.
    #[prost(string, tag = "4")]
    pub name: String,
    /// `logon`: 1–511 bytes of UTF-8 without NUL, CR, LF; `present`: 1–4,096 bytes without NUL; `binary`: up to 64 KiB.
    #[prost(string, tag = "5")]
    pub rule: String,
}

/// A grant row as the server read it: what the MAC covers.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Row {
    /// Table name.
    #[prost(string, tag = "1")]
    pub table: String,
    /// Row id.
    #[prost(string, tag = "2")]
    pub id: String,
    /// Canonical bytes of the row.
    #[prost(bytes = "vec", tag = "3")]
    pub bytes: Vec<u8>,
    /// The MAC; empty when asking for one.
    #[prost(bytes = "vec", tag = "4")]
    pub mac: Vec<u8>,
}

/// Rows to MAC or to check.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Rows {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub rows: Vec<Row>,
}

/// Seal an account's secret to a health service. The keeper checks all rows' MACs and that they agree:
/// the health service is approved with this key, the account is distributed to it.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct SealFor {
    /// Row of table `account`: canonical bytes = JSON of `reeve_model::Account`.
    #[prost(message, optional, tag = "1")]
    pub account: Option<Row>,
    /// Row of table `health_service`: canonical bytes = JSON of `reeve_model::HealthService`.
    #[prost(message, optional, tag = "2")]
    pub health_service: Option<Row>,
    /// Secret at rest, of the account's current version.
    #[prost(bytes = "vec", tag = "3")]
    pub at_rest: Vec<u8>,
}

/// Encrypt at rest under the newest key term.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Rewrap {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// Version.
    #[prost(uint64, tag = "2")]
    pub version: u64,
    /// Secret at rest.
    #[prost(bytes = "vec", tag = "3")]
    pub at_rest: Vec<u8>,
}

/// Issue a certificate.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct IssueCertificate {
    /// PKCS#10, DER. Only its public key and proof of possession count.
    #[prost(bytes = "vec", tag = "1")]
    pub csr: Vec<u8>,
    /// For an agent: its row of table `health_service`. Absent = the server's own certificate.
    #[prost(message, optional, tag = "2")]
    pub health_service: Option<Row>,
    /// Host names and addresses of the server's own certificate.
    #[prost(string, repeated, tag = "3")]
    pub server_names: Vec<String>,
    /// Seconds; capped by the keeper at 14 days for agents, 90 days for the server.
    #[prost(uint64, tag = "4")]
    pub life_s: u64,
}

/// Bytes to sign.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ToSign {
    /// Encoded manifest or order.
    #[prost(bytes = "vec", tag = "1")]
    pub bytes: Vec<u8>,
    /// Row of the health service it is for; the keeper checks its MAC, its trust and that the bytes name it.
    #[prost(message, optional, tag = "2")]
    pub health_service: Option<Row>,
}

/// A rollback root.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Root {
    /// SHA-256 over the sorted (account, version, distribution, bans).
    #[prost(bytes = "vec", tag = "1")]
    pub root: Vec<u8>,
}

/// The keeper's answer.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct FromKeeper {
    /// One reply.
    #[prost(oneof = "Reply", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub reply: Option<Reply>,
}

/// Replies.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
pub enum Reply {
    /// The verb was refused.
    #[prost(message, tag = "1")]
    Refused(Refused),
    /// Public keys and identity; also the answer to `RootPending` and `RootConfirm`.
    #[prost(message, tag = "2")]
    Identity(Identity),
    /// Secret at rest.
    #[prost(bytes, tag = "3")]
    AtRest(Vec<u8>),
    /// A sealed credential.
    #[prost(message, tag = "4")]
    Envelope(Envelope),
    /// MACs, in the order of the rows.
    #[prost(message, tag = "5")]
    Macs(Macs),
    /// Indices of rows whose MAC is wrong.
    #[prost(message, tag = "6")]
    BadRows(BadRows),
    /// A certificate chain.
    #[prost(message, tag = "7")]
    Certificate(Certificate),
    /// A signature.
    #[prost(message, tag = "8")]
    Signed(Signed),
}

/// A refusal.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Refused {
    /// Stable word: `bad-mac`, `not-distributed`, `not-approved`, `wrong-account`, `unfit-secret`, `quota`, `rollback`,
    /// `malformed`, or `unavailable` when the keeper cannot write its own state.
    #[prost(string, tag = "1")]
    pub code: String,
    /// For people.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// Public keys and the group's identity.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Identity {
    /// 16 bytes, made at first start.
    #[prost(bytes = "vec", tag = "1")]
    pub management_group: Vec<u8>,
    /// CA certificate, DER.
    #[prost(bytes = "vec", tag = "2")]
    pub ca_certificate: Vec<u8>,
    /// Ed25519.
    #[prost(bytes = "vec", tag = "3")]
    pub signing_key: Vec<u8>,
    /// X25519, for secrets typed into the CLI.
    #[prost(bytes = "vec", tag = "4")]
    pub sealing_key: Vec<u8>,
    /// Whether the rollback root is settled; until then nothing is sealed.
    #[prost(bool, tag = "5")]
    pub root_settled: bool,
}

/// MACs.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Macs {
    /// 32 bytes each.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub macs: Vec<Vec<u8>>,
}

/// Rows whose MAC is wrong.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct BadRows {
    /// Indices into the request.
    #[prost(uint32, repeated, tag = "1")]
    pub indices: Vec<u32>,
}

/// A certificate chain.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Certificate {
    /// DER, leaf first.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub chain: Vec<Vec<u8>>,
}
