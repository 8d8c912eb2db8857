//! Enrolment: a separate TLS listener with two methods, one frame each way.

/// What a computer asks on the enrolment listener.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct EnrolRequest {
    /// First 16 characters of the token, which name it; the rest never leaves the computer.
    #[prost(string, tag = "1")]
    pub token_id: String,
    /// PKCS#10, DER. Only its public key and its proof of possession are used.
    #[prost(bytes = "vec", tag = "2")]
    pub tls_csr: Vec<u8>,
    /// X25519, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub sealing_key: Vec<u8>,
    /// Ed25519, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub receipt_key: Vec<u8>,
    /// The computer's name for itself; a claim, shown beside the token's own name.
    #[prost(string, tag = "5")]
    pub host_name: String,
    /// OS user of the default action account.
    #[prost(string, tag = "6")]
    pub action_account: String,
    /// HMAC-SHA256 under the token over [`EnrolRequest::bound_bytes`].
    #[prost(bytes = "vec", tag = "7")]
    pub proof: Vec<u8>,
}

impl EnrolRequest {
    /// What the proof covers: every field but the proof, each with its length, so that none can be substituted.
    #[must_use]
    pub fn bound_bytes(&self) -> Vec<u8> {
        let mut out = b"reeve/1 enrol".to_vec();
        for part in [
            self.token_id.as_bytes(),
            &self.tls_csr,
            &self.sealing_key,
            &self.receipt_key,
            self.host_name.as_bytes(),
            self.action_account.as_bytes(),
        ] {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        }
        out
    }
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct EnrolReply {
    /// Empty = accepted.
    #[prost(string, tag = "1")]
    pub refusal: String,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub health_service: Vec<u8>,
    /// DER, leaf first.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub certificate_chain: Vec<Vec<u8>>,
    /// Name of the management group.
    #[prost(string, tag = "4")]
    pub group_name: String,
    /// `host:port` of the agent listener.
    #[prost(string, tag = "5")]
    pub agent_address: String,
}
