//! What the keeper and the brokers sign, and what is sealed.

/// Bytes and an Ed25519 signature over `context || 0x00 || bytes`, the context being the message's
/// constant in [`context`].
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Signed {
    /// The encoded message, exactly as signed.
    #[prost(bytes = "vec", tag = "1")]
    pub bytes: Vec<u8>,
    /// 64 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
}

/// Signature contexts: one message can never be taken for another.
pub mod context {
    /// Manifest of a health service, by the keeper.
    pub const MANIFEST: &str = "reeve/1 manifest";
    /// Task order, by the keeper.
    pub const TASK_ORDER: &str = "reeve/1 task order";
    /// Hold or evict receipt, by a broker.
    pub const RECEIPT: &str = "reeve/1 receipt";
    /// HPKE info of an envelope for a broker.
    pub const ENVELOPE: &str = "reeve/1 envelope";
    /// HPKE info of a secret typed into the CLI, for the keeper.
    pub const TYPED_SECRET: &str = "reeve/1 typed secret";
}

/// Everything one health service may hold and run. Signed by the keeper; the broker refuses the rest.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Manifest {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub management_group: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub health_service: Vec<u8>,
    /// Strictly rising; a broker refuses one at or below what it has accepted, unless the bytes are equal.
    #[prost(uint64, tag = "3")]
    pub epoch: u64,
    /// Microseconds since 1970 UTC.
    #[prost(int64, tag = "4")]
    pub issued_at_us: i64,
    /// Microseconds since 1970 UTC; the cached manifest is a lease until then.
    #[prost(int64, tag = "5")]
    pub not_after_us: i64,
    /// OS user of the default action account, as set at join or by a later change.
    #[prost(string, tag = "6")]
    pub default_action_account: String,
    /// What may run, and under which account.
    #[prost(message, repeated, tag = "7")]
    pub runs: Vec<ManifestRun>,
    /// Credentials the health service holds.
    #[prost(message, repeated, tag = "8")]
    pub accounts: Vec<ManifestAccount>,
}

/// A template may run under an account.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ManifestRun {
    /// SHA-256 of the action template.
    #[prost(bytes = "vec", tag = "1")]
    pub template: Vec<u8>,
    /// 16 bytes; empty = default action account.
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    /// Objects it may run for, 16 bytes each; empty = all.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub objects: Vec<Vec<u8>>,
}

/// An account a health service may use.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ManifestAccount {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// Name, for messages and `reeve-broker held`.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Type word, e.g. `windows`, `local-identity`.
    #[prost(string, tag = "3")]
    pub kind: String,
    /// OS user to log on, as PAM gets it.
    #[prost(string, tag = "4")]
    pub logon_name: String,
    /// Credential version; 0 for accounts without a secret.
    #[prost(uint64, tag = "5")]
    pub version: u64,
    /// SHA-256 of the encoded [`Envelope`]; empty for accounts without a secret.
    #[prost(bytes = "vec", tag = "6")]
    pub envelope: Vec<u8>,
}

/// A credential sealed to one broker. HPKE base mode (X25519, HKDF-SHA256, ChaCha20-Poly1305), info =
/// [`context::ENVELOPE`], AAD = `header`. The plaintext is the secret's bytes.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Envelope {
    /// Encoded [`EnvelopeHeader`].
    #[prost(bytes = "vec", tag = "1")]
    pub header: Vec<u8>,
    /// HPKE encapsulated key (32 bytes) followed by the ciphertext.
    #[prost(bytes = "vec", tag = "2")]
    pub sealed: Vec<u8>,
}

/// What an envelope is for. Authenticated as AAD: one flipped field and it does not open.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct EnvelopeHeader {
    /// Cipher suite: 1 = DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
    #[prost(uint32, tag = "1")]
    pub suite: u32,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub management_group: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub health_service: Vec<u8>,
    /// SHA-256 of the recipient's sealing key.
    #[prost(bytes = "vec", tag = "4")]
    pub recipient_key: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub account: Vec<u8>,
    /// Credential version.
    #[prost(uint64, tag = "6")]
    pub version: u64,
    /// Type word.
    #[prost(string, tag = "7")]
    pub kind: String,
    /// OS user the secret logs on; empty for secrets to present.
    #[prost(string, tag = "8")]
    pub logon_name: String,
    /// What it may be used for: `logon`.
    #[prost(string, repeated, tag = "9")]
    pub usages: Vec<String>,
    /// Microseconds since 1970 UTC; 0 = no end of its own.
    #[prost(int64, tag = "10")]
    pub not_after_us: i64,
}

/// A task to run once. Signed by the keeper.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct TaskOrder {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub run: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub health_service: Vec<u8>,
    /// SHA-256 of the action template; the first acting module of the task.
    #[prost(bytes = "vec", tag = "3")]
    pub template: Vec<u8>,
    /// 16 bytes; empty = default action account.
    #[prost(bytes = "vec", tag = "4")]
    pub account: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub object: Vec<u8>,
    /// Who asked, for the agent's own log.
    #[prost(string, tag = "6")]
    pub operator: String,
    /// 16 random bytes, remembered by the broker until `not_after_us`.
    #[prost(bytes = "vec", tag = "7")]
    pub nonce: Vec<u8>,
    /// Microseconds since 1970 UTC.
    #[prost(int64, tag = "8")]
    pub not_after_us: i64,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "9")]
    pub management_group: Vec<u8>,
}

/// A broker's word on what it holds.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Receipt {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub health_service: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    /// Credential version.
    #[prost(uint64, tag = "3")]
    pub version: u64,
    /// What happened.
    #[prost(enumeration = "ReceiptKind", tag = "4")]
    pub kind: i32,
    /// Microseconds since 1970 UTC, the computer's clock.
    #[prost(int64, tag = "5")]
    pub time_us: i64,
    /// SHA-256 of the envelope, for a hold.
    #[prost(bytes = "vec", tag = "6")]
    pub envelope: Vec<u8>,
    /// Manifest epoch that led to it.
    #[prost(uint64, tag = "7")]
    pub epoch: u64,
}

/// Kinds of receipt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum ReceiptKind {
    /// Not a receipt.
    Unspecified = 0,
    /// The broker holds this version now.
    Hold = 1,
    /// The broker erased every version it held of this account.
    Evict = 2,
}
