//! The agent link: mutual TLS 1.3, ALPN `reeve/1`, length-delimited frames (u32 big endian).

use crate::items::Item;
use crate::signed::Signed;

/// ALPN protocol id.
pub const ALPN: &[u8] = b"reeve/1";
/// Version of this protocol.
pub const VERSION: u32 = 1;

/// Agent → server.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ToServer {
    /// One message.
    #[prost(oneof = "AgentMessage", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub message: Option<AgentMessage>,
}

/// Messages of the agent.
#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum AgentMessage {
    /// First message.
    #[prost(message, tag = "1")]
    Hello(Hello),
    /// Every `heartbeat_s`.
    #[prost(message, tag = "2")]
    Heartbeat(Heartbeat),
    /// Content of an offer that is missing here.
    #[prost(message, tag = "3")]
    Want(Want),
    /// A configuration is in force, or why not.
    #[prost(message, tag = "4")]
    Applied(ConfigurationApplied),
    /// Results, at least once; acknowledged after they are durable.
    #[prost(message, tag = "5")]
    Items(Items),
    /// Live output of a task; not durable.
    #[prost(message, tag = "6")]
    TaskOutput(TaskOutput),
    /// A new certificate for the same key lineage.
    #[prost(message, tag = "7")]
    Renew(Renew),
    /// A renewed certificate arrived and is stored.
    #[prost(message, tag = "8")]
    TaskAccepted(TaskAccepted),
}

/// First message of the agent.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Hello {
    /// [`VERSION`].
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// Program version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Generation in force here.
    #[prost(uint64, tag = "3")]
    pub generation: u64,
    /// SHA-256 of the encoded [`ConfigurationRoot`] in force here; empty = none.
    #[prost(bytes = "vec", tag = "4")]
    pub root: Vec<u8>,
    /// Host name, a claim.
    #[prost(string, tag = "5")]
    pub host_name: String,
    /// Random per outbox: stays over restarts, changes when the outbox was lost. 16 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub stream: Vec<u8>,
}

/// Every `heartbeat_s`.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Heartbeat {
    /// Items waiting in the outbox.
    #[prost(uint64, tag = "1")]
    pub queued: u64,
    /// Items dropped for lack of space since start.
    #[prost(uint64, tag = "2")]
    pub dropped: u64,
    /// Microseconds since 1970 UTC, the computer's clock.
    #[prost(int64, tag = "3")]
    pub time_us: i64,
    /// Standing problems of this health service, for people: policy file, missing layers, full disk.
    #[prost(string, repeated, tag = "4")]
    pub problems: Vec<String>,
    /// Logon names the computer's own policy refuses.
    #[prost(string, repeated, tag = "5")]
    pub locked_down: Vec<String>,
}

/// Content wanted by digest.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Want {
    /// SHA-256 digests.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub digests: Vec<Vec<u8>>,
}

/// A configuration is in force, or why not.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ConfigurationApplied {
    /// Generation.
    #[prost(uint64, tag = "1")]
    pub generation: u64,
    /// SHA-256 of the root.
    #[prost(bytes = "vec", tag = "2")]
    pub root: Vec<u8>,
    /// Empty = in force.
    #[prost(string, tag = "3")]
    pub refusal: String,
}

/// A batch of items of one outbox, sequence numbers rising.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Items {
    /// Which outbox, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub stream: Vec<u8>,
    /// The items.
    #[prost(message, repeated, tag = "2")]
    pub items: Vec<Item>,
}

/// Live output of a task.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct TaskOutput {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub run: Vec<u8>,
    /// True for stderr.
    #[prost(bool, tag = "2")]
    pub is_stderr: bool,
    /// The bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub bytes: Vec<u8>,
}

/// A new certificate, please.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Renew {
    /// PKCS#10, DER, of the same key.
    #[prost(bytes = "vec", tag = "1")]
    pub tls_csr: Vec<u8>,
}

/// The agent has durably taken a task order.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct TaskAccepted {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub run: Vec<u8>,
}

/// Server → agent.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ToAgent {
    /// One message.
    #[prost(oneof = "ServerMessage", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub message: Option<ServerMessage>,
}

/// Messages of the server.
#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum ServerMessage {
    /// First message.
    #[prost(message, tag = "1")]
    Welcome(Welcome),
    /// A configuration that should be in force.
    #[prost(message, tag = "2")]
    Offer(Offer),
    /// Wanted content.
    #[prost(message, tag = "3")]
    Content(Content),
    /// Everything of the stream up to this sequence number is stored.
    #[prost(message, tag = "4")]
    Stored(Stored),
    /// Run a task.
    #[prost(message, tag = "5")]
    Task(TaskRequest),
    /// End a task.
    #[prost(message, tag = "6")]
    CancelTask(CancelTask),
    /// Check accounts now.
    #[prost(message, tag = "7")]
    Check(CheckAccounts),
    /// A renewed certificate.
    #[prost(message, tag = "8")]
    Renewed(Renewed),
}

/// First message of the server.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Welcome {
    /// [`VERSION`].
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// Program version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Seconds between heartbeats.
    #[prost(uint32, tag = "3")]
    pub heartbeat_s: u32,
    /// Last sequence number of the agent's stream that is stored here.
    #[prost(uint64, tag = "4")]
    pub stored: u64,
    /// Empty = welcome; else why the session ends.
    #[prost(string, tag = "5")]
    pub refusal: String,
}

/// A configuration by digests. The agent asks for what it lacks and then applies it whole.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Offer {
    /// Generation of the Estate it was made from.
    #[prost(uint64, tag = "1")]
    pub generation: u64,
    /// Encoded [`ConfigurationRoot`].
    #[prost(bytes = "vec", tag = "2")]
    pub root: Vec<u8>,
    /// The manifest that goes with it.
    #[prost(message, optional, tag = "3")]
    pub manifest: Option<Signed>,
}

/// Everything a health service runs, by digest. Equal bytes = equal configuration.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ConfigurationRoot {
    /// Digests of compiled workflows (JSON).
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub workflows: Vec<Vec<u8>>,
    /// Digests of action templates.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub templates: Vec<Vec<u8>>,
    /// Digests of encoded [`Instances`], one per target object.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub instances: Vec<Vec<u8>>,
    /// Digests of envelopes.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub envelopes: Vec<Vec<u8>>,
    /// Name of the management group, for `$Target/ManagementGroup/Name$`.
    #[prost(string, tag = "5")]
    pub group_name: String,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub management_group: Vec<u8>,
    /// Seconds between routine credential checks.
    #[prost(uint32, tag = "7")]
    pub verify_interval_s: u32,
}

/// The workflows of one target object.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Instances {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub object: Vec<u8>,
    /// Display name.
    #[prost(string, tag = "2")]
    pub object_name: String,
    /// Properties of the object (hosts = 0) and its hosts (1, 2, …).
    #[prost(message, repeated, tag = "3")]
    pub properties: Vec<TargetProperty>,
    /// GUIDs of the object and its hosts, nearest first, 16 bytes each.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub host_chain: Vec<Vec<u8>>,
    /// Workflows that run for it.
    #[prost(message, repeated, tag = "5")]
    pub workflows: Vec<Instance>,
}

/// A property value that `$Target/…$` may name.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct TargetProperty {
    /// Number of `Host/` steps.
    #[prost(uint32, tag = "1")]
    pub hosts: u32,
    /// Full name of the defining class.
    #[prost(string, tag = "2")]
    pub class: String,
    /// Property name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Value.
    #[prost(string, tag = "4")]
    pub value: String,
}

/// One workflow for one object.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Instance {
    /// SHA-256 of the compiled workflow.
    #[prost(bytes = "vec", tag = "1")]
    pub workflow: Vec<u8>,
    /// Resolved identities of the acting nodes. A node that is missing here uses the default action account.
    #[prost(message, repeated, tag = "2")]
    pub run_as: Vec<NodeRunAs>,
    /// Values of `$RunAs[…]/UserName$` and `…/Domain$`, by the expression without dollars.
    #[prost(message, repeated, tag = "3")]
    pub run_as_values: Vec<crate::broker::NamedValue>,
}

/// The resolver's answer for one acting node.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct NodeRunAs {
    /// Index into the compiled workflow's nodes.
    #[prost(uint32, tag = "1")]
    pub node: u32,
    /// 16 bytes; empty = default action account, unless refused.
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    /// Non-zero: the workflow is not loaded. Event id 1102–1108, 7017.
    #[prost(uint32, tag = "3")]
    pub refused_event: u32,
    /// For people; empty unless refused.
    #[prost(string, tag = "4")]
    pub refusal: String,
}

/// Wanted content.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Content {
    /// Each piece's digest is SHA-256 over it.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub pieces: Vec<Vec<u8>>,
}

/// Everything of the stream up to here is stored.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Stored {
    /// Which outbox.
    #[prost(bytes = "vec", tag = "1")]
    pub stream: Vec<u8>,
    /// Sequence number.
    #[prost(uint64, tag = "2")]
    pub sequence: u64,
}

/// Run a task on one object.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct TaskRequest {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub run: Vec<u8>,
    /// SHA-256 of the compiled workflow of the task.
    #[prost(bytes = "vec", tag = "2")]
    pub workflow: Vec<u8>,
    /// The compiled workflow (JSON) and its action templates, so that a task needs no earlier configuration.
    #[prost(bytes = "vec", tag = "3")]
    pub workflow_json: Vec<u8>,
    /// Encoded action templates.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub templates: Vec<Vec<u8>>,
    /// The object and the resolved identities: one workflow in `workflows`.
    #[prost(message, optional, tag = "5")]
    pub instance: Option<Instances>,
    /// One signed order for each acting node.
    #[prost(message, repeated, tag = "6")]
    pub orders: Vec<Signed>,
    /// Send output as it comes.
    #[prost(bool, tag = "7")]
    pub follow: bool,
}

/// End a task.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct CancelTask {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub run: Vec<u8>,
}

/// Check accounts now.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct CheckAccounts {
    /// 16 bytes each.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub accounts: Vec<Vec<u8>>,
}

/// A renewed certificate.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Renewed {
    /// DER, leaf first; empty when refused.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub certificate_chain: Vec<Vec<u8>>,
    /// Why not.
    #[prost(string, tag = "2")]
    pub refusal: String,
}
