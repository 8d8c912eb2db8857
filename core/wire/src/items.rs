//! Items: what an agent reports, durably, once.

use crate::signed::Signed;

/// One report.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Item {
    /// Rises by one for each item of a stream, from 1.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// Microseconds since 1970 UTC, the computer's clock.
    #[prost(int64, tag = "2")]
    pub time_us: i64,
    /// The report.
    #[prost(oneof = "Report", tags = "3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub report: Option<Report>,
}

/// Kinds of report.
#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum Report {
    /// A monitor changed state.
    #[prost(message, tag = "3")]
    State(StateChange),
    /// A rule raised an alert.
    #[prost(message, tag = "4")]
    Alert(AlertRaised),
    /// A discovery's snapshot.
    #[prost(message, tag = "5")]
    Discovery(DiscoverySnapshot),
    /// A collected event.
    #[prost(message, tag = "6")]
    Event(CollectedEvent),
    /// A collected performance value.
    #[prost(message, tag = "7")]
    Performance(PerformanceValue),
    /// A task run's state.
    #[prost(message, tag = "8")]
    Task(TaskProgress),
    /// A broker's signed receipt.
    #[prost(message, tag = "9")]
    Receipt(Signed),
    /// Health of a workflow on this health service: loaded, unloaded, failing.
    #[prost(message, tag = "10")]
    Workflow(WorkflowHealth),
    /// Outcome of a credential check, or the first failure of a logon.
    #[prost(message, tag = "11")]
    Credential(CredentialHealth),
}

/// A monitor changed state, or said its first state.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct StateChange {
    /// Full workflow name.
    #[prost(string, tag = "1")]
    pub monitor: String,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub object: Vec<u8>,
    /// Operational state id.
    #[prost(string, tag = "3")]
    pub state: String,
    /// `uninitialized`, `success`, `warning`, `error`.
    #[prost(string, tag = "4")]
    pub health: String,
    /// Alert name, filled in, when the state raises one.
    #[prost(string, tag = "5")]
    pub alert_name: String,
    /// Alert description, filled in.
    #[prost(string, tag = "6")]
    pub alert_description: String,
    /// 0 information, 1 warning, 2 critical.
    #[prost(uint32, tag = "7")]
    pub alert_severity: u32,
    /// 0 low, 1 normal, 2 high.
    #[prost(uint32, tag = "8")]
    pub alert_priority: u32,
    /// Whether this state raises or keeps an alert.
    #[prost(bool, tag = "9")]
    pub raises: bool,
    /// Whether a healthy state closes the alert.
    #[prost(bool, tag = "10")]
    pub auto_resolve: bool,
    /// What the run said, for the context of the state: uid, user, exit code.
    #[prost(message, optional, tag = "11")]
    pub ran: Option<Ran>,
}

/// A rule raised an alert.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct AlertRaised {
    /// Full workflow name.
    #[prost(string, tag = "1")]
    pub rule: String,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub object: Vec<u8>,
    /// Filled in.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Filled in.
    #[prost(string, tag = "4")]
    pub description: String,
    /// 0 information, 1 warning, 2 critical.
    #[prost(uint32, tag = "5")]
    pub severity: u32,
    /// 0 low, 1 normal, 2 high.
    #[prost(uint32, tag = "6")]
    pub priority: u32,
    /// Suppression values; with `suppress` set, equal values count up instead of opening another alert.
    #[prost(string, repeated, tag = "7")]
    pub suppression: Vec<String>,
    /// Whether the rule has a `Suppression` element.
    #[prost(bool, tag = "8")]
    pub suppress: bool,
}

/// A discovery's snapshot: replaces all earlier output of the same discovery for the same target.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct DiscoverySnapshot {
    /// Full workflow name.
    #[prost(string, tag = "1")]
    pub discovery: String,
    /// The discovery's target, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub target: Vec<u8>,
    /// Discovered objects.
    #[prost(message, repeated, tag = "3")]
    pub objects: Vec<DiscoveredObject>,
    /// Discovered relationships other than hosting.
    #[prost(message, repeated, tag = "4")]
    pub relationships: Vec<DiscoveredRelationship>,
}

/// A discovered object.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct DiscoveredObject {
    /// GUID of the class, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub class: Vec<u8>,
    /// Values by property GUID; key properties of the object and of all hosts included.
    #[prost(message, repeated, tag = "2")]
    pub settings: Vec<Setting>,
}

/// A value of a discovered property.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Setting {
    /// GUID of the property, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub property: Vec<u8>,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A discovered relationship.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct DiscoveredRelationship {
    /// GUID of the relationship type, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub relationship: Vec<u8>,
    /// The source.
    #[prost(message, optional, tag = "2")]
    pub source: Option<DiscoveredObject>,
    /// The target.
    #[prost(message, optional, tag = "3")]
    pub target: Option<DiscoveredObject>,
}

/// A collected event.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct CollectedEvent {
    /// Full workflow name.
    #[prost(string, tag = "1")]
    pub rule: String,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub object: Vec<u8>,
    /// Event number.
    #[prost(uint32, tag = "3")]
    pub number: u32,
    /// Level: 0 success, 1 error, 2 warning, 4 information.
    #[prost(uint32, tag = "4")]
    pub level: u32,
    /// Publisher.
    #[prost(string, tag = "5")]
    pub publisher: String,
    /// Text.
    #[prost(string, tag = "6")]
    pub description: String,
    /// Parameters.
    #[prost(string, repeated, tag = "7")]
    pub parameters: Vec<String>,
    /// The run the event came from, if any.
    #[prost(message, optional, tag = "8")]
    pub ran: Option<Ran>,
}

/// A collected performance value.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct PerformanceValue {
    /// Full workflow name.
    #[prost(string, tag = "1")]
    pub rule: String,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub object: Vec<u8>,
    /// Performance object.
    #[prost(string, tag = "3")]
    pub object_name: String,
    /// Counter.
    #[prost(string, tag = "4")]
    pub counter: String,
    /// Instance.
    #[prost(string, tag = "5")]
    pub instance: String,
    /// Value.
    #[prost(double, tag = "6")]
    pub value: f64,
}

/// As whom something ran, as the host saw it.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Ran {
    /// uid of the host process.
    #[prost(uint32, tag = "1")]
    pub uid: u32,
    /// User name.
    #[prost(string, tag = "2")]
    pub user: String,
    /// 16 bytes; empty = default action account.
    #[prost(bytes = "vec", tag = "3")]
    pub account: Vec<u8>,
    /// Credential version the host logged on with.
    #[prost(uint64, tag = "4")]
    pub version: u64,
    /// Exit code of the last acting module.
    #[prost(int32, tag = "5")]
    pub exit_code: i32,
}

/// A task run's state.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct TaskProgress {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub run: Vec<u8>,
    /// `started`, `succeeded`, `failed`, `cancelled`, `refused`.
    #[prost(string, tag = "2")]
    pub state: String,
    /// Standard output at the end.
    #[prost(bytes = "vec", tag = "3")]
    pub stdout: Vec<u8>,
    /// Standard error at the end.
    #[prost(bytes = "vec", tag = "4")]
    pub stderr: Vec<u8>,
    /// Why it failed or was refused, for people.
    #[prost(string, tag = "5")]
    pub message: String,
    /// Event id when refused.
    #[prost(uint32, tag = "6")]
    pub event: u32,
    /// As whom it ran.
    #[prost(message, optional, tag = "7")]
    pub ran: Option<Ran>,
}

/// Health of one workflow instance.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct WorkflowHealth {
    /// Full workflow name.
    #[prost(string, tag = "1")]
    pub workflow: String,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub object: Vec<u8>,
    /// `loaded`, `not-loaded`, `failing`, `ran`: `ran` is sent on the first run and whenever the identity changes,
    /// and at most once a minute otherwise.
    #[prost(string, tag = "3")]
    pub state: String,
    /// Event id, field's numbering; 0 when healthy.
    #[prost(uint32, tag = "4")]
    pub event: u32,
    /// For people.
    #[prost(string, tag = "5")]
    pub message: String,
    /// As whom it last ran.
    #[prost(message, optional, tag = "6")]
    pub ran: Option<Ran>,
    /// Node path of the acting module.
    #[prost(string, tag = "7")]
    pub node: String,
}

/// Outcome of a credential check or logon.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct CredentialHealth {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// Credential version.
    #[prost(uint64, tag = "2")]
    pub version: u64,
    /// 0 = can log on; else 7000, 7002, 7017, 1108.
    #[prost(uint32, tag = "3")]
    pub event: u32,
    /// For people.
    #[prost(string, tag = "4")]
    pub message: String,
    /// Says nothing about the credential itself.
    #[prost(bool, tag = "5")]
    pub inconclusive: bool,
}
