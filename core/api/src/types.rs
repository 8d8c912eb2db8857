//! JSON types of the API. Times are microseconds since 1970 UTC; ids are GUID text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

macro_rules! json_types {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

json_types! {
    /// `problem+json`: what failed, why, what to do.
    Problem {
        /// Stable code, e.g. `E2104`.
        code: String,
        /// HTTP status.
        status: u16,
        /// What failed.
        title: String,
        /// Why.
        #[serde(default)] detail: String,
        /// What to do, as a command where there is one.
        #[serde(default)] fix: String,
        /// Names the request in the server's log.
        #[serde(default)] request: String,
        /// Further findings, one a line.
        #[serde(default)] findings: Vec<String>,
    }
    /// Facts before sign-in.
    PublicFacts {
        /// Name of the management group.
        group_name: String,
        /// Its id.
        management_group: String,
        /// Server version.
        version: String,
        /// X25519 public key of the keeper, hex: secrets are sealed to it.
        keeper_sealing_key: String,
        /// SHA-256 of the CA certificate, hex.
        ca_fingerprint: String,
    }
    /// Sign-in.
    SignInRequest {
        /// User name.
        user: String,
        /// Password.
        password: String,
    }
    /// A session.
    Session {
        /// Bearer token; shown once.
        token: String,
        /// User name.
        user: String,
        /// End of the session.
        expires_at_us: i64,
    }
    /// Counts and health.
    Status {
        /// Name of the management group.
        group_name: String,
        /// Server version.
        version: String,
        /// Generation of the Estate.
        generation: u64,
        /// Enrolled agents.
        agents: u64,
        /// Agents connected now.
        agents_connected: u64,
        /// Objects.
        objects: u64,
        /// Packs.
        packs: u64,
        /// Accounts.
        accounts: u64,
        /// Open alerts.
        alerts_open: u64,
        /// Standing problems of the server, for people.
        problems: Vec<String>,
    }
    /// One line of the picture: who runs as what.
    RunsAs {
        /// Full workflow name.
        workflow: String,
        /// rule, monitor, discovery, task.
        kind: String,
        /// Profile; none = default action account.
        profile: Option<String>,
        /// Account name, or `default action account`.
        account: Option<String>,
        /// Object.
        object: String,
        /// Object id.
        object_id: String,
        /// Computer.
        computer: String,
        /// Resolver's word: `account`, `default`, `pending`, or the refusal.
        decision: String,
        /// What the agent reports: `loaded`, `not-loaded`, `failing`, `ran`, or empty.
        state: String,
        /// uid of the process that ran it last.
        uid: Option<u32>,
        /// User name it ran as last.
        user: Option<String>,
        /// Account it ran as last, as the agent said.
        ran_as: Option<String>,
        /// Last run.
        last_run_us: Option<i64>,
        /// Why not, when it does not run.
        message: String,
    }
    /// A pack to import.
    PackFile {
        /// File name, for messages.
        name: String,
        /// Content, base64.
        content: String,
    }
    /// Import a set.
    ImportRequest {
        /// The files.
        packs: Vec<PackFile>,
        /// Only say what would happen.
        #[serde(default)] what_if: bool,
    }
    /// What an import did.
    ImportReport {
        /// Packs that are installed now, in dependency order.
        imported: Vec<PackSummary>,
        /// Findings of all files.
        findings: Vec<PackFinding>,
        /// True when nothing was changed.
        what_if: bool,
    }
    /// A finding.
    PackFinding {
        /// File.
        file: String,
        /// Stable code.
        code: String,
        /// error, warning, info.
        severity: String,
        /// Message.
        message: String,
        /// Line, from 1.
        line: u32,
        /// Column, from 1.
        column: u32,
        /// What to do.
        #[serde(default)] help: String,
    }
    /// A pack.
    PackSummary {
        /// Id.
        id: String,
        /// Version.
        version: String,
        /// Display name.
        display_name: String,
        /// Shipped with the product.
        is_library: bool,
        /// Counts by kind: classes, rules, monitors, discoveries, tasks, profiles.
        counts: BTreeMap<String, u64>,
    }
    /// A pack with its text.
    PackDetail {
        /// Summary.
        summary: PackSummary,
        /// The text as it was imported.
        source: String,
        /// Ids of packs it refers to.
        references: Vec<String>,
    }
    /// Create an account.
    CreateAccount {
        /// Unique name.
        name: String,
        /// windows, unix-monitoring, local-identity.
        kind: String,
        /// OS user.
        #[serde(default)] user: Option<String>,
        /// Domain.
        #[serde(default)] domain: Option<String>,
        /// Free text.
        #[serde(default)] description: Option<String>,
        /// The secret, sealed to the keeper: base64 of the HPKE bytes, AAD = the name.
        #[serde(default)] sealed_secret: Option<String>,
    }
    /// A new secret.
    SetSecret {
        /// base64 of the HPKE bytes, AAD = the account's name.
        sealed_secret: String,
    }
    /// An account. Never a secret, its hash or its length.
    Account {
        /// Id.
        id: String,
        /// Name.
        name: String,
        /// Type word.
        kind: String,
        /// OS user, for accounts to become.
        user: Option<String>,
        /// Domain.
        domain: Option<String>,
        /// Description.
        description: String,
        /// Whether workflows may use it.
        enabled: bool,
        /// Built in.
        is_system: bool,
        /// Credential version; 0 = none.
        version: u64,
        /// more-secure or less-secure.
        security: String,
        /// Number of recipients.
        recipients: u64,
        /// Last change.
        modified_at_us: i64,
        /// Profiles it is associated with.
        profiles: Vec<String>,
        /// What to know: not associated, not distributed.
        warnings: Vec<String>,
    }
    /// Change who receives an account. `add` and `remove` take computer names or agent ids.
    DistributionChange {
        /// Recipients to add.
        #[serde(default)] add: Vec<String>,
        /// Recipients to remove.
        #[serde(default)] remove: Vec<String>,
        /// Turn less secure on or off.
        #[serde(default)] less_secure: Option<bool>,
        /// The account's name, typed, for turning less secure on.
        #[serde(default)] confirm: Option<String>,
    }
    /// One recipient.
    Recipient {
        /// Computer name.
        computer: String,
        /// Health service id.
        agent: String,
        /// Credential version there.
        version: u64,
        /// approved, sealed, delivered, stored, verified, failed, evicting, evicted.
        state: String,
        /// Since when.
        since_us: i64,
        /// Reason of a failure.
        reason: String,
        /// Signed receipt, base64, when there is one.
        receipt: Option<String>,
    }
    /// Distribution of an account.
    Distribution {
        /// Account name.
        account: String,
        /// more-secure or less-secure.
        security: String,
        /// Recipients, former ones with their eviction included.
        recipients: Vec<Recipient>,
        /// Computers where a workflow needs it and it is not distributed.
        targeted_not_approved: Vec<String>,
        /// Computers that hold it and no workflow needs it.
        approved_not_targeted: Vec<String>,
    }
    /// Check an account.
    CheckRequest {
        /// Computers; empty = all that hold it.
        #[serde(default)] computers: Vec<String>,
        /// Seconds to wait for answers, at most 60.
        #[serde(default)] wait_s: Option<u32>,
    }
    /// Result of a check on one computer.
    CheckResult {
        /// Computer.
        computer: String,
        /// verified, failed, inconclusive, no-answer.
        state: String,
        /// Event id when failed.
        event: u32,
        /// Message.
        message: String,
    }
    /// Enable or disable.
    SetEnabled {
        /// New state.
        enabled: bool,
    }
    /// Create a profile by hand.
    CreateProfile {
        /// Element id.
        name: String,
        /// Display name.
        #[serde(default)] display_name: Option<String>,
        /// Context class; default `System.Entity`.
        #[serde(default)] context: Option<String>,
    }
    /// An association.
    Association {
        /// Id.
        id: String,
        /// Full profile name.
        profile: String,
        /// all, class, group, object.
        target_kind: String,
        /// Name of the target; empty for all.
        target: String,
        /// Account name.
        account: String,
        /// Enforced.
        enforced: bool,
    }
    /// A profile.
    Profile {
        /// Full name.
        id: String,
        /// Display name.
        display_name: String,
        /// Context class.
        context: String,
        /// Pack; none when made by hand.
        pack: Option<String>,
        /// Associations.
        associations: Vec<Association>,
        /// Workflows that use it.
        workflows: Vec<String>,
    }
    /// Associate. Exactly one of `class`, `group`, `object`, or none for all targeted objects.
    Associate {
        /// Account name.
        account: String,
        /// Class.
        #[serde(default)] class: Option<String>,
        /// Group.
        #[serde(default)] group: Option<String>,
        /// Object: name or id.
        #[serde(default)] object: Option<String>,
        /// Enforced.
        #[serde(default)] enforced: bool,
        /// Save although it makes objects ambiguous.
        #[serde(default)] save_ambiguous: bool,
    }
    /// An agent.
    Agent {
        /// Health service id.
        id: String,
        /// Computer name.
        computer: String,
        /// verified, unverified, pending, banned.
        trust: String,
        /// connected, disconnected, never.
        connection: String,
        /// Last heard.
        last_seen_us: Option<i64>,
        /// Program version.
        version: String,
        /// Default action account.
        default_action_account: String,
        /// Generation in force there.
        generation: u64,
        /// Problems it reports.
        problems: Vec<String>,
        /// Fingerprint over its three keys.
        fingerprint: String,
        /// End of its certificate.
        certificate_expires_us: i64,
    }
    /// Make an enrolment token.
    CreateToken {
        /// Name of the computer it is for.
        computer: String,
        /// Life in seconds; default 600, at most 86,400.
        #[serde(default)] life_s: Option<u64>,
    }
    /// A token. The join line is shown once.
    Token {
        /// Id.
        id: String,
        /// Computer.
        computer: String,
        /// End.
        expires_at_us: i64,
        /// The whole line to give to `reeve-agent join`; only in the answer to its creation.
        #[serde(default)] join_line: Option<String>,
    }
    /// A class.
    Class {
        /// Full name.
        id: String,
        /// Display name.
        display_name: String,
        /// Base.
        base: Option<String>,
        /// Host.
        host: Option<String>,
        /// Abstract.
        is_abstract: bool,
        /// Singleton.
        is_singleton: bool,
        /// Property names, keys marked with `*`.
        properties: Vec<String>,
        /// Number of objects, derived classes included.
        objects: u64,
    }
    /// An object.
    Object {
        /// Id.
        id: String,
        /// Display name.
        name: String,
        /// Full class name.
        class: String,
        /// Host's name.
        host: Option<String>,
        /// Computer whose health service runs its workflows.
        computer: Option<String>,
        /// uninitialized, success, warning, error.
        health: String,
        /// Properties by `Class/Property`.
        properties: BTreeMap<String, String>,
        /// Monitors with their state.
        monitors: BTreeMap<String, String>,
    }
    /// Create a group.
    CreateGroup {
        /// Unique name.
        name: String,
        /// Members: names or ids of objects, computers or groups.
        #[serde(default)] members: Vec<String>,
    }
    /// Change members.
    ChangeGroup {
        /// To add.
        #[serde(default)] add: Vec<String>,
        /// To remove.
        #[serde(default)] remove: Vec<String>,
    }
    /// A group.
    Group {
        /// Id.
        id: String,
        /// Name.
        name: String,
        /// Direct members by name.
        members: Vec<String>,
    }
    /// A workflow.
    Workflow {
        /// Full name.
        id: String,
        /// Display name.
        display_name: String,
        /// rule, monitor, discovery, task.
        kind: String,
        /// Target class.
        target: String,
        /// Enabled.
        enabled: bool,
        /// Profiles of its acting modules.
        profiles: Vec<String>,
        /// Why it cannot run on this platform.
        not_runnable: Option<String>,
        /// Number of objects it runs for.
        instances: u64,
    }
    /// A workflow with where it runs.
    WorkflowDetail {
        /// The workflow.
        workflow: Workflow,
        /// Where and as whom.
        runs_as: Vec<RunsAs>,
    }
    /// Run a task.
    RunTaskRequest {
        /// Objects, computers or groups: names or ids.
        on: Vec<String>,
        /// Stream output to followers of the batch.
        #[serde(default)] follow: bool,
    }
    /// A batch of runs.
    Batch {
        /// Id.
        id: String,
        /// Its runs.
        runs: Vec<Run>,
    }
    /// A task run.
    Run {
        /// Id.
        id: String,
        /// Batch.
        batch: String,
        /// Full task name.
        task: String,
        /// Object.
        object: String,
        /// Computer.
        computer: String,
        /// scheduled, started, succeeded, failed, cancelled, refused.
        state: String,
        /// Who asked.
        submitted_by: String,
        /// Account it runs as.
        running_as: String,
        /// uid seen.
        uid: Option<u32>,
        /// User seen.
        user: Option<String>,
        /// Exit code.
        exit_code: Option<i32>,
        /// Output, lossy UTF-8.
        stdout: String,
        /// Error output.
        stderr: String,
        /// Why it failed or was refused.
        message: String,
        /// Times.
        scheduled_at_us: i64,
        /// Start.
        started_at_us: Option<i64>,
        /// End.
        ended_at_us: Option<i64>,
    }
    /// An event of a batch stream.
    BatchEvent {
        /// Run.
        run: String,
        /// Computer.
        computer: String,
        /// Output as it comes.
        #[serde(default)] stdout: String,
        /// Error output as it comes.
        #[serde(default)] stderr: String,
        /// The run, when its state changed.
        #[serde(default)] changed: Option<Run>,
        /// True on the last event: every run has ended.
        #[serde(default)] end: bool,
    }
    /// An alert.
    Alert {
        /// Id.
        id: String,
        /// Name.
        name: String,
        /// Description with the mend.
        description: String,
        /// information, warning, critical.
        severity: String,
        /// low, normal, high.
        priority: String,
        /// open, closed.
        state: String,
        /// Workflow or server check that raised it.
        source: String,
        /// Object or account it is about.
        about: String,
        /// Computers it concerns.
        computers: Vec<String>,
        /// Event id in the field's numbering; 0 = none.
        event: u32,
        /// Times it was repeated.
        repeat_count: u64,
        /// Opened.
        opened_at_us: i64,
        /// Last repeated or changed.
        changed_at_us: i64,
        /// Closed.
        closed_at_us: Option<i64>,
        /// Who or what closed it.
        closed_by: Option<String>,
    }
    /// Close an alert.
    CloseAlert {
        /// Comment.
        #[serde(default)] comment: String,
    }
    /// Answer to `why`: the structure of the resolver and its text form.
    Why {
        /// Whether it would run.
        runs: bool,
        /// The explanation: see the reference of `why`.
        explanation: serde_json::Value,
        /// The same as text for people.
        text: String,
    }
    /// One credential on one computer.
    Held {
        /// Account name.
        account: String,
        /// Computer.
        computer: String,
        /// Version.
        version: u64,
        /// State.
        state: String,
        /// Since.
        since_us: i64,
        /// Signature of the receipt was checked.
        receipt_verified: bool,
    }
    /// A collected event.
    Event {
        /// Full rule name.
        rule: String,
        /// Object.
        object: String,
        /// Computer.
        computer: String,
        /// Number.
        number: u32,
        /// Level word.
        level: String,
        /// Text.
        description: String,
        /// Parameters.
        parameters: Vec<String>,
        /// uid of the run it came from.
        uid: Option<u32>,
        /// When, by the computer's clock.
        time_us: i64,
    }
    /// An audit record.
    AuditRecord {
        /// Sequence number.
        sequence: u64,
        /// When.
        time_us: i64,
        /// Who.
        who: String,
        /// Operation id.
        operation: String,
        /// What it was about.
        about: String,
        /// intent, done, refused.
        outcome: String,
        /// State before; never a secret.
        before: Option<serde_json::Value>,
        /// State after.
        after: Option<serde_json::Value>,
        /// Hash of the record, hex.
        hash: String,
    }
    /// Result of an audit check.
    AuditVerification {
        /// Records checked.
        records: u64,
        /// First sequence number that does not fit; none = the chain is whole.
        broken_at: Option<u64>,
        /// What is wrong there.
        problem: String,
    }
}
