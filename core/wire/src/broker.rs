//! The broker socket: `/run/reeve/broker.sock`, `SOCK_SEQPACKET`, one message a packet, peer uid checked.
//!
//! Agent → broker: [`ToBroker`]. Broker → agent: [`FromBroker`], with one descriptor attached to
//! [`HostUp`]. Host → agent over that descriptor (`SOCK_SEQPACKET` too): [`FromHost`].
//! Broker → host over the host's control socket: [`ToHost`].

use crate::signed::Signed;

/// What the agent asks.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ToBroker {
    /// One request.
    #[prost(oneof = "AgentRequest", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub request: Option<AgentRequest>,
}

/// Requests of the agent.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
pub enum AgentRequest {
    /// A new manifest. Answered by [`Applied`]; evictions follow as receipts.
    #[prost(message, tag = "1")]
    Manifest(Signed),
    /// An encoded [`crate::signed::Envelope`] that the manifest lists. Answered by a hold receipt.
    #[prost(bytes, tag = "2")]
    Envelope(Vec<u8>),
    /// An encoded [`crate::action::ActionTemplate`] that the manifest lists. Answered by [`Applied`].
    #[prost(bytes, tag = "3")]
    Template(Vec<u8>),
    /// Run a template.
    #[prost(message, tag = "4")]
    Run(Run),
    /// End a run.
    #[prost(message, tag = "5")]
    Cancel(Cancel),
    /// Check that an account can log on.
    #[prost(message, tag = "6")]
    Check(CheckAccount),
    /// What the broker holds; answered by [`State`].
    #[prost(message, tag = "7")]
    State(StateRequest),
}

/// Run a template once.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Run {
    /// Chosen by the agent, unique while the connection lives.
    #[prost(uint64, tag = "1")]
    pub run: u64,
    /// SHA-256 of the action template.
    #[prost(bytes = "vec", tag = "2")]
    pub template: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub object: Vec<u8>,
    /// 16 bytes; empty = default action account.
    #[prost(bytes = "vec", tag = "4")]
    pub account: Vec<u8>,
    /// Values for the template's places.
    #[prost(message, repeated, tag = "5")]
    pub values: Vec<NamedValue>,
    /// Signed order, for a task whose template is not in the manifest's runs for this account.
    #[prost(message, optional, tag = "6")]
    pub order: Option<Signed>,
    /// Send output as it comes, for live tasks.
    #[prost(bool, tag = "7")]
    pub stream_output: bool,
    /// Seconds; 0 = the template's. Never longer than the template's.
    #[prost(uint32, tag = "8")]
    pub timeout_s: u32,
}

/// One value.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct NamedValue {
    /// As in [`crate::action::PieceKind::Value`].
    #[prost(string, tag = "1")]
    pub name: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// End a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Cancel {
    /// The run.
    #[prost(uint64, tag = "1")]
    pub run: u64,
}

/// Check that an account can log on, once, now.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct CheckAccount {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// Returned in the answer.
    #[prost(uint64, tag = "2")]
    pub token: u64,
}

/// Asks for [`State`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct StateRequest {}

/// What the broker says.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct FromBroker {
    /// One event.
    #[prost(oneof = "BrokerEvent", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub event: Option<BrokerEvent>,
}

/// Events of the broker.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
pub enum BrokerEvent {
    /// A manifest, envelope or template was taken, or why not.
    #[prost(message, tag = "1")]
    Applied(Applied),
    /// A signed receipt.
    #[prost(message, tag = "2")]
    Receipt(Signed),
    /// A host is ready; its output descriptor is attached.
    #[prost(message, tag = "3")]
    HostUp(HostUp),
    /// A host is gone; its runs are lost.
    #[prost(message, tag = "4")]
    HostDown(HostDown),
    /// A run was handed to a host.
    #[prost(message, tag = "5")]
    RunStarted(RunStarted),
    /// A run was refused; nothing ran.
    #[prost(message, tag = "6")]
    RunRefused(RunRefused),
    /// Answer to a check.
    #[prost(message, tag = "7")]
    Checked(Checked),
    /// Answer to a state request.
    #[prost(message, tag = "8")]
    State(State),
}

/// A manifest, envelope or template was taken, or why not.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Applied {
    /// SHA-256 of what was sent.
    #[prost(bytes = "vec", tag = "1")]
    pub digest: Vec<u8>,
    /// Empty when taken.
    #[prost(string, tag = "2")]
    pub refusal: String,
    /// Epoch in force.
    #[prost(uint64, tag = "3")]
    pub epoch: u64,
    /// Digests of envelopes in the manifest that the broker lacks.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub envelopes_wanted: Vec<Vec<u8>>,
}

/// A host is ready.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct HostUp {
    /// Chosen by the broker.
    #[prost(uint64, tag = "1")]
    pub host: u64,
    /// 16 bytes; empty = default action account.
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    /// Credential version it logged on with.
    #[prost(uint64, tag = "3")]
    pub version: u64,
    /// uid it runs as.
    #[prost(uint32, tag = "4")]
    pub uid: u32,
    /// User name.
    #[prost(string, tag = "5")]
    pub user: String,
}

/// A host is gone.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct HostDown {
    /// The host.
    #[prost(uint64, tag = "1")]
    pub host: u64,
    /// Why, for people.
    #[prost(string, tag = "2")]
    pub reason: String,
}

/// A run was handed to a host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct RunStarted {
    /// The run.
    #[prost(uint64, tag = "1")]
    pub run: u64,
    /// The host.
    #[prost(uint64, tag = "2")]
    pub host: u64,
}

/// A run was refused.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct RunRefused {
    /// The run.
    #[prost(uint64, tag = "1")]
    pub run: u64,
    /// Event id in the field's numbering: 1108 not held, 7000 logon failed, 7002 right missing, 7017 lockdown, 1102 other.
    #[prost(uint32, tag = "2")]
    pub event: u32,
    /// For people.
    #[prost(string, tag = "3")]
    pub message: String,
}

/// Answer to a check.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Checked {
    /// From the request.
    #[prost(uint64, tag = "1")]
    pub token: u64,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    /// Version that was checked.
    #[prost(uint64, tag = "3")]
    pub version: u64,
    /// 0 = it can log on, else the event id.
    #[prost(uint32, tag = "4")]
    pub event: u32,
    /// For people; empty when it can log on.
    #[prost(string, tag = "5")]
    pub message: String,
    /// True when the answer says nothing about the credential, e.g. the directory was unreachable.
    #[prost(bool, tag = "6")]
    pub inconclusive: bool,
}

/// What the broker holds and believes.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct State {
    /// Epoch in force; 0 = none.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// SHA-256 of the manifest in force.
    #[prost(bytes = "vec", tag = "2")]
    pub manifest: Vec<u8>,
    /// Digests of the envelopes it holds.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub envelopes: Vec<Vec<u8>>,
    /// Digests of envelopes in the manifest that it lacks.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub envelopes_wanted: Vec<Vec<u8>>,
    /// Logon names of the manifest's accounts that the computer's own policy refuses.
    #[prost(string, repeated, tag = "5")]
    pub locked_down: Vec<String>,
    /// Health of the box on this computer, for people; empty = all layers are there.
    #[prost(string, repeated, tag = "6")]
    pub missing_layers: Vec<String>,
    /// Why the policy file is not believed, if so. Then nothing but the default action account runs.
    #[prost(string, tag = "7")]
    pub policy_problem: String,
    /// Digests of the templates it has.
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub templates: Vec<Vec<u8>>,
}

/// What the broker tells a host.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ToHost {
    /// One order.
    #[prost(oneof = "HostOrder", tags = "1, 2, 3, 4")]
    pub order: Option<HostOrder>,
}

/// Orders to a host.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
pub enum HostOrder {
    /// First message: how to work. The output socket and the cgroup descriptors are attached.
    #[prost(message, tag = "1")]
    Start(HostStart),
    /// An encoded action template, checked by the broker.
    #[prost(bytes, tag = "2")]
    Template(Vec<u8>),
    /// Run it. `order` and `account` are left out.
    #[prost(message, tag = "3")]
    Run(Run),
    /// End a run.
    #[prost(message, tag = "4")]
    Cancel(Cancel),
}

/// How a host works.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct HostStart {
    /// Neither no_new_privs nor Landlock for the runs.
    #[prost(bool, tag = "1")]
    pub open_box: bool,
    /// User name, for `USER` and `LOGNAME`.
    #[prost(string, tag = "2")]
    pub user: String,
    /// Home directory, for `HOME`.
    #[prost(string, tag = "3")]
    pub home: String,
    /// Path of this host's own cgroup directory; empty = no writable cgroup2, one subreaper a run.
    #[prost(string, tag = "4")]
    pub cgroup: String,
    /// Characters that the computer's policy allows in shell text beside the safe ones.
    #[prost(string, tag = "5")]
    pub shell_characters: String,
}

/// What a host says to the agent.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct FromHost {
    /// One event.
    #[prost(oneof = "HostEvent", tags = "1, 2")]
    pub event: Option<HostEvent>,
}

/// Events of a host.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Oneof)]
pub enum HostEvent {
    /// Output as it comes, only when asked for.
    #[prost(message, tag = "1")]
    Output(Output),
    /// A run is over.
    #[prost(message, tag = "2")]
    Ended(Ended),
}

/// Output as it comes.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Output {
    /// The run.
    #[prost(uint64, tag = "1")]
    pub run: u64,
    /// True for stderr.
    #[prost(bool, tag = "2")]
    pub is_stderr: bool,
    /// The bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub bytes: Vec<u8>,
}

/// A run is over.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Ended {
    /// The run.
    #[prost(uint64, tag = "1")]
    pub run: u64,
    /// How.
    #[prost(enumeration = "RunEnd", tag = "2")]
    pub end: i32,
    /// Exit code, or signal number for [`RunEnd::Signalled`].
    #[prost(int32, tag = "3")]
    pub code: i32,
    /// At most the template's limit.
    #[prost(bytes = "vec", tag = "4")]
    pub stdout: Vec<u8>,
    /// At most the template's limit.
    #[prost(bytes = "vec", tag = "5")]
    pub stderr: Vec<u8>,
    /// Bytes of output that were dropped.
    #[prost(uint64, tag = "6")]
    pub dropped_bytes: u64,
    /// Why it could not start, for [`RunEnd::NotStarted`]; survivors that were killed, else.
    #[prost(string, tag = "7")]
    pub message: String,
    /// uid the host runs as.
    #[prost(uint32, tag = "8")]
    pub uid: u32,
    /// Wall time, microseconds.
    #[prost(uint64, tag = "9")]
    pub wall_us: u64,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum RunEnd {
    /// Not an end.
    Unspecified = 0,
    /// By itself.
    Exited = 1,
    /// By a signal it did not get from the host.
    Signalled = 2,
    /// The host ended it after its time.
    TimedOut = 3,
    /// The host ended it because it was asked to.
    Cancelled = 4,
    /// It never ran.
    NotStarted = 5,
}
