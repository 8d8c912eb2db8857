//! Every limit of the protocols, with its unit.

/// Largest frame on the agent link, bytes.
pub const LINK_FRAME_BYTES_MAX: usize = 4 << 20;
/// Largest message on the broker socket, bytes.
pub const BROKER_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Largest message on the keeper socket, bytes.
pub const KEEPER_MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Largest action template, bytes.
pub const ACTION_TEMPLATE_BYTES_MAX: usize = 512 << 10;
/// Output kept of one run when the template does not say otherwise, bytes for each of stdout and stderr.
pub const RUN_OUTPUT_BYTES_DEFAULT: u32 = 60 << 10;
/// Most output a template may ask for, bytes.
pub const RUN_OUTPUT_BYTES_MAX: u32 = 1 << 20;
/// Longest time a run may take, seconds.
pub const RUN_TIMEOUT_S_MAX: u32 = 86_400;
/// Time-out of a run whose template names none, seconds. Field: 300.
pub const RUN_TIMEOUT_S_DEFAULT: u32 = 300;
/// Time survivors of a run that ended by itself get before they are killed, milliseconds.
pub const RUN_SURVIVOR_GRACE_MS: u64 = 2_000;
/// Runs in flight in one host.
pub const HOST_RUNS_MAX: usize = 64;
/// Hosts on one computer.
pub const HOSTS_MAX: usize = 64;
/// A host that has run nothing for this long is stopped, seconds.
pub const HOST_IDLE_S: u64 = 900;
/// Time a PAM logon may take, seconds.
pub const LOGON_TIMEOUT_S: u64 = 30;
/// An identity is resolved again at most this long before a run, seconds.
pub const IDENTITY_MAX_AGE_S: u64 = 60;
/// Heartbeat interval, seconds.
pub const HEARTBEAT_S: u32 = 60;
/// Missed heartbeats that raise an alert.
pub const HEARTBEATS_MISSED_MAX: u32 = 4;
/// Items in one batch.
pub const ITEM_BATCH_MAX: usize = 200;
/// Items sent and not yet acknowledged.
pub const ITEMS_IN_FLIGHT_MAX: usize = 1_000;
/// Bytes an agent's outbox may hold.
pub const OUTBOX_BYTES_MAX: u64 = 100 << 20;
/// Life of an enrolment token, seconds.
pub const ENROL_TOKEN_LIFE_S: u64 = 600;
/// Life of an agent's certificate, seconds: 14 days.
pub const AGENT_CERTIFICATE_LIFE_S: u64 = 14 * 86_400;
/// A credential that was distributed has this long to arrive before an alert, seconds.
pub const DELIVERY_GRACE_S: u64 = 300;
