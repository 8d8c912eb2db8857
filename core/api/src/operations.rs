//! Every operation of the API, once: method, path, permission, audit class, limits.

/// HTTP methods in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Read.
    Get,
    /// Create or act.
    Post,
    /// Replace.
    Put,
    /// Remove.
    Delete,
}

/// What a session must be allowed to do. Roles arrive with later work; a local administrator has all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Permission {
    /// Nobody in particular: sign-in and the public keys a client needs before it.
    Anyone,
    /// Any signed-in user.
    Read,
    /// Start tasks, close alerts.
    Operate,
    /// Change accounts, profiles, associations, groups.
    Administer,
    /// Set secrets.
    EditSecrets,
    /// Change who receives credentials.
    EditDistribution,
    /// Import and remove packs.
    ImportPacks,
    /// Make enrolment tokens, ban agents.
    ApproveAgents,
    /// Read the audit.
    ReadAudit,
}

/// How an operation is audited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuditClass {
    /// Not recorded.
    Read,
    /// Recorded with before and after; refused when the record cannot be written.
    Change,
    /// Sign-in and sign-out.
    SignIn,
}

macro_rules! operations {
    ($($(#[doc = $doc:literal])* $name:ident: $method:ident $path:literal, $permission:ident, $audit:ident, $bytes:expr;)*) => {
        /// An operation of the API.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Operation {
            $($(#[doc = $doc])* $name,)*
        }

        impl Operation {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Operation] = &[$(Operation::$name,)*];

            /// HTTP method.
            #[must_use]
            pub fn method(self) -> Method {
                match self { $(Operation::$name => Method::$method,)* }
            }

            /// Path with `{parameters}`.
            #[must_use]
            pub fn path(self) -> &'static str {
                match self { $(Operation::$name => $path,)* }
            }

            /// Right that is needed.
            #[must_use]
            pub fn permission(self) -> Permission {
                match self { $(Operation::$name => Permission::$permission,)* }
            }

            /// How it is audited.
            #[must_use]
            pub fn audit(self) -> AuditClass {
                match self { $(Operation::$name => AuditClass::$audit,)* }
            }

            /// Largest request body, bytes.
            #[must_use]
            pub fn body_bytes_max(self) -> usize {
                match self { $(Operation::$name => $bytes,)* }
            }

            /// `operationId` of the OpenAPI document.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Operation::$name => stringify!($name),)* }
            }

            /// One line for the OpenAPI document and the reference.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $(Operation::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

const NONE: usize = 0;
const SMALL: usize = 64 << 10;
const SECRET: usize = 256 << 10;
const PACKS: usize = 48 << 20;

operations! {
    /// Public facts a client needs before it signs in: group name, keeper's public key, server version.
    PublicFacts: Get "/api/v1/public", Anyone, Read, NONE;
    /// The OpenAPI document.
    OpenApi: Get "/api/v1/openapi.json", Anyone, Read, NONE;
    /// Sign in as a local user.
    SignIn: Post "/api/v1/session", Anyone, SignIn, SMALL;
    /// Sign out.
    SignOut: Delete "/api/v1/session", Read, SignIn, NONE;
    /// Counts and health of the management group.
    Status: Get "/api/v1/status", Read, Read, NONE;
    /// Who runs as what: workflow, profile, account, computer, uid seen, last run.
    RunsAs: Get "/api/v1/runs-as", Read, Read, NONE;
    /// Installed management packs.
    ListPacks: Get "/api/v1/packs", Read, Read, NONE;
    /// Import a set of management packs.
    ImportPacks: Post "/api/v1/packs", ImportPacks, Change, PACKS;
    /// One management pack with its text.
    ShowPack: Get "/api/v1/packs/{pack}", Read, Read, NONE;
    /// Remove a management pack with its associations and overrides.
    DeletePack: Delete "/api/v1/packs/{pack}", ImportPacks, Change, NONE;
    /// Run As accounts.
    ListAccounts: Get "/api/v1/accounts", Read, Read, NONE;
    /// Create a Run As account.
    CreateAccount: Post "/api/v1/accounts", EditSecrets, Change, SECRET;
    /// One Run As account.
    ShowAccount: Get "/api/v1/accounts/{account}", Read, Read, NONE;
    /// Set the secret of a Run As account: a new version.
    SetAccountSecret: Put "/api/v1/accounts/{account}/secret", EditSecrets, Change, SECRET;
    /// Change who receives an account.
    Distribute: Post "/api/v1/accounts/{account}/distribution", EditDistribution, Change, SMALL;
    /// Per-recipient state of an account.
    ShowDistribution: Get "/api/v1/accounts/{account}/distribution", Read, Read, NONE;
    /// Check that an account can log on, on the computers that hold it.
    CheckAccount: Post "/api/v1/accounts/{account}/check", Operate, Change, SMALL;
    /// Stop or resume every use of an account.
    SetAccountEnabled: Put "/api/v1/accounts/{account}/enabled", Administer, Change, SMALL;
    /// Delete an account; refused while it is associated.
    DeleteAccount: Delete "/api/v1/accounts/{account}", Administer, Change, NONE;
    /// Run As profiles.
    ListProfiles: Get "/api/v1/profiles", Read, Read, NONE;
    /// Create a Run As profile by hand.
    CreateProfile: Post "/api/v1/profiles", Administer, Change, SMALL;
    /// One Run As profile with its associations and the workflows that use it.
    ShowProfile: Get "/api/v1/profiles/{profile}", Read, Read, NONE;
    /// Delete a profile that was made by hand.
    DeleteProfile: Delete "/api/v1/profiles/{profile}", Administer, Change, NONE;
    /// Associate an account with a profile.
    Associate: Post "/api/v1/profiles/{profile}/associations", Administer, Change, SMALL;
    /// Remove an association.
    Dissociate: Delete "/api/v1/associations/{association}", Administer, Change, NONE;
    /// Agents.
    ListAgents: Get "/api/v1/agents", Read, Read, NONE;
    /// One agent.
    ShowAgent: Get "/api/v1/agents/{agent}", Read, Read, NONE;
    /// Make a one-time enrolment token and its join line.
    CreateToken: Post "/api/v1/tokens", ApproveAgents, Change, SMALL;
    /// Enrolment tokens that are still good.
    ListTokens: Get "/api/v1/tokens", ApproveAgents, Read, NONE;
    /// Revoke an enrolment token.
    RevokeToken: Delete "/api/v1/tokens/{token}", ApproveAgents, Change, NONE;
    /// Shut an agent out.
    BanAgent: Post "/api/v1/agents/{agent}/ban", ApproveAgents, Change, SMALL;
    /// Classes.
    ListClasses: Get "/api/v1/classes", Read, Read, NONE;
    /// One class.
    ShowClass: Get "/api/v1/classes/{class}", Read, Read, NONE;
    /// Objects; filter by `class`, `name`, `computer`.
    ListObjects: Get "/api/v1/objects", Read, Read, NONE;
    /// One object with its properties and health.
    ShowObject: Get "/api/v1/objects/{object}", Read, Read, NONE;
    /// Groups.
    ListGroups: Get "/api/v1/groups", Read, Read, NONE;
    /// Create a group as an explicit list of objects.
    CreateGroup: Post "/api/v1/groups", Administer, Change, SMALL;
    /// One group with its members.
    ShowGroup: Get "/api/v1/groups/{group}", Read, Read, NONE;
    /// Add and remove members.
    ChangeGroup: Post "/api/v1/groups/{group}/members", Administer, Change, SMALL;
    /// Delete a group; refused while an association targets it.
    DeleteGroup: Delete "/api/v1/groups/{group}", Administer, Change, NONE;
    /// Workflows; filter by `kind`, `pack`.
    ListWorkflows: Get "/api/v1/workflows", Read, Read, NONE;
    /// One workflow with where it runs and as whom.
    ShowWorkflow: Get "/api/v1/workflows/{workflow}", Read, Read, NONE;
    /// Run a task on objects.
    RunTask: Post "/api/v1/tasks/{workflow}/runs", Operate, Change, SMALL;
    /// Task runs; filter by `batch`, `task`, `object`.
    ListRuns: Get "/api/v1/runs", Read, Read, NONE;
    /// One task run with its output.
    ShowRun: Get "/api/v1/runs/{run}", Read, Read, NONE;
    /// Output and state of a batch as they come: server-sent events.
    FollowBatch: Get "/api/v1/batches/{batch}/events", Read, Read, NONE;
    /// Cancel a task run.
    CancelRun: Post "/api/v1/runs/{run}/cancel", Operate, Change, SMALL;
    /// Alerts; filter by `state`, `object`.
    ListAlerts: Get "/api/v1/alerts", Read, Read, NONE;
    /// One alert.
    ShowAlert: Get "/api/v1/alerts/{alert}", Read, Read, NONE;
    /// Close an alert.
    CloseAlert: Post "/api/v1/alerts/{alert}/close", Operate, Change, SMALL;
    /// As whom a workflow runs on an object, and why: `workflow`, `on`.
    Why: Get "/api/v1/why", Read, Read, NONE;
    /// Which computers hold an account, or which accounts a computer holds: `account` or `computer`.
    WhoHas: Get "/api/v1/who-has", Read, Read, NONE;
    /// Collected events, newest first: `rule`, `computer`, `limit`.
    ListEvents: Get "/api/v1/events", Read, Read, NONE;
    /// Audit records: `after`, `limit`.
    ListAudit: Get "/api/v1/audit", ReadAudit, Read, NONE;
    /// Check the audit's hash chain.
    VerifyAudit: Get "/api/v1/audit/verify", ReadAudit, Read, NONE;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_operations_share_method_and_path() {
        let all: BTreeSet<_> = Operation::ALL.iter().map(|o| (format!("{:?}", o.method()), o.path())).collect();
        assert_eq!(all.len(), Operation::ALL.len());
    }

    #[test]
    fn only_sign_in_and_public_facts_need_no_session() {
        let open: Vec<_> =
            Operation::ALL.iter().filter(|o| o.permission() == Permission::Anyone).map(|o| o.id()).collect();
        assert_eq!(open, ["PublicFacts", "OpenApi", "SignIn"]);
    }

    #[test]
    fn every_change_is_audited_and_no_read_is_a_change() {
        for operation in Operation::ALL {
            match operation.method() {
                Method::Get => assert_eq!(operation.audit(), AuditClass::Read, "{}", operation.id()),
                Method::Post | Method::Put | Method::Delete => {
                    assert_ne!(operation.audit(), AuditClass::Read, "{}", operation.id());
                }
            }
        }
    }
}
