//! Between the broker and its logon process: one order, one answer.

/// What a logon process is for. The host's control socket and, where there is one, the host's cgroup are attached.
#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct LogonOrder {
    /// User name as PAM gets it.
    #[prost(string, tag = "1")]
    pub(crate) user: String,
    /// The password, for identities that have one. Wiped as soon as it is handed on.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) password: Vec<u8>,
    /// Whether to authenticate.
    #[prost(bool, tag = "3")]
    pub(crate) authenticate: bool,
    /// PAM service.
    #[prost(string, tag = "4")]
    pub(crate) service: String,
    /// Program of the host; empty = only check.
    #[prost(string, tag = "5")]
    pub(crate) host_program: String,
    /// Whether uid 0 is allowed.
    #[prost(bool, tag = "6")]
    pub(crate) allow_root: bool,
}

/// What came of it.
#[derive(Clone, PartialEq, ::prost::Message)]
pub(crate) struct LogonAnswer {
    /// Event id; 0 = logged on.
    #[prost(uint32, tag = "1")]
    pub(crate) event: u32,
    /// For people.
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    /// It says nothing about the credential.
    #[prost(bool, tag = "3")]
    pub(crate) inconclusive: bool,
    /// Name of the user.
    #[prost(string, tag = "4")]
    pub(crate) user: String,
    /// uid.
    #[prost(uint32, tag = "5")]
    pub(crate) uid: u32,
    /// Primary group.
    #[prost(uint32, tag = "6")]
    pub(crate) gid: u32,
    /// Groups.
    #[prost(uint32, repeated, tag = "7")]
    pub(crate) groups: Vec<u32>,
    /// Home directory.
    #[prost(string, tag = "8")]
    pub(crate) home: String,
}
