//! The one explanation behind `reeve why`, alerts and the API.

use crate::resolve::{Candidate, Decision, DefaultReason, Kind, LossReason, Outcome, Refusal, RunAs};
use reeve_model::{Distribution, Estate, ObjectId, RunAsAccountId, Target};
use serde::{Deserialize, Serialize};

/// What the explanation says about the workflow; the resolver itself does not need it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WorkflowFacts {
    /// Element name people type.
    pub name: String,
    /// rule, monitor, discovery, task.
    pub kind: String,
    /// Pack and version.
    pub pack: String,
}

/// A line of the explanation. `good` is none where nothing was decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// workflow, target, associations, distribution, policy, fallback.
    pub label: String,
    /// One or more lines.
    pub lines: Vec<String>,
    /// Whether the step lets the workflow run.
    pub good: Option<bool>,
}

/// The explanation of a decision, in names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// Whether it runs.
    pub runs: bool,
    /// `account`, `default`, `pending`, or the refusal's word.
    pub verdict: String,
    /// Event id of a refusal.
    pub event: u32,
    /// Workflow.
    pub workflow: WorkflowFacts,
    /// Profile, if any.
    pub profile: Option<String>,
    /// Target's name.
    pub target: String,
    /// Computer that runs it.
    pub computer: String,
    /// Account it runs as, or would.
    pub account: Option<String>,
    /// The chain of reasons.
    pub steps: Vec<Step>,
    /// What to type to mend it.
    pub fix: Option<String>,
    /// Anchor of the manual.
    pub docs: String,
    /// The decision itself, with ids.
    pub decision: Decision,
}

/// Explains a decision.
#[must_use]
pub fn explain(estate: &Estate, workflow: &WorkflowFacts, decision: &Decision) -> Explanation {
    let question = &decision.question;
    let computer = estate
        .health_services
        .get(&question.health_service)
        .map_or_else(|| question.health_service.to_string(), |hs| hs.computer_name.clone());
    let profile = question.profile.as_ref().map(|p| p.0.element().to_owned());
    let account_id = match &decision.verdict {
        RunAs::Account { account, .. } | RunAs::Pending { account, .. } => Some(*account),
        RunAs::Refused(refusal) => refusal.account(),
        RunAs::DefaultActionAccount(_) => None,
    };
    let account = match &decision.verdict {
        RunAs::DefaultActionAccount(_) => estate
            .health_services
            .get(&question.health_service)
            .map(|hs| format!("default action account ({})", hs.default_action_account)),
        RunAs::Account { .. } | RunAs::Pending { .. } | RunAs::Refused(_) => {
            account_id.map(|id| account_name(estate, id))
        }
    };
    let (runs, word, event) = match &decision.verdict {
        RunAs::DefaultActionAccount(_) => (true, "default", 0),
        RunAs::Account { .. } => (true, "account", 0),
        RunAs::Pending { .. } => (false, "pending", 1108),
        RunAs::Refused(refusal) => (false, refusal.word(), refusal.event_id()),
    };
    let mut steps = vec![
        Step {
            label: "workflow".to_owned(),
            lines: vec![match &profile {
                Some(profile) => {
                    format!("{} ({}, {}) uses profile {profile}", workflow.name, workflow.kind, workflow.pack)
                }
                None => format!("{} ({}, {}) names no profile", workflow.name, workflow.kind, workflow.pack),
            }],
            good: None,
        },
        Step { label: "target".to_owned(), lines: vec![target_line(estate, question.object)], good: None },
    ];
    if question.profile.is_some() {
        steps.push(associations_step(estate, decision));
    }
    if let Some(id) = account_id {
        steps.extend(account_steps(estate, decision, id, &computer));
    }
    if let Some(fallback) = fallback_step(estate, decision, &computer) {
        steps.push(fallback);
    }
    Explanation {
        runs,
        verdict: word.to_owned(),
        event,
        workflow: workflow.clone(),
        profile,
        target: object_name(estate, question.object),
        fix: fix(estate, decision, &computer),
        computer,
        account,
        steps,
        docs: format!("docs/reference/why.md#{word}"),
        decision: decision.clone(),
    }
}

fn account_name(estate: &Estate, id: RunAsAccountId) -> String {
    estate.accounts.get(&id).map_or_else(|| id.to_string(), |a| a.name.clone())
}

fn object_name(estate: &Estate, id: ObjectId) -> String {
    let object = estate.objects.get(&id).map(|o| o.display_name.clone());
    object.or_else(|| estate.groups.get(&id).map(|g| g.name.clone())).unwrap_or_else(|| id.to_string())
}

fn target_line(estate: &Estate, id: ObjectId) -> String {
    let Some(object) = estate.objects.get(&id) else { return format!("{id} does not exist") };
    let hosts: Vec<String> = estate.host_chain(id).into_iter().skip(1).map(|h| object_name(estate, h)).collect();
    let class = object.class.0.element();
    match hosts.is_empty() {
        true => format!("{class} \"{}\"", object.display_name),
        false => format!("{class} \"{}\" hosted by {}", object.display_name, hosts.join(", hosted by ")),
    }
}

fn target_name(estate: &Estate, target: &Target) -> String {
    match target {
        Target::All => "all targeted objects".to_owned(),
        Target::Class(class) => class.0.element().to_owned(),
        Target::Group(group) | Target::Object(group) => format!("\"{}\"", object_name(estate, *group)),
    }
}

fn associations_step(estate: &Estate, decision: &Decision) -> Step {
    let mut lines = Vec::new();
    let covering: Vec<&Candidate> =
        decision.candidates.iter().filter(|c| c.outcome != Outcome::DoesNotCover).collect();
    let width = covering.iter().map(|c| target_name(estate, &c.target).chars().count()).max().unwrap_or(0);
    for candidate in &covering {
        let kind = match candidate.kind {
            Kind::Object => "object",
            Kind::Group => "group",
            Kind::Class => "class",
            Kind::All => "all",
        };
        let name = target_name(estate, &candidate.target);
        let pad = " ".repeat(width.saturating_sub(name.chars().count()));
        let outcome = match candidate.outcome {
            Outcome::Won => "← wins",
            Outcome::Lost(LossReason::LessSpecificKind) => "shadowed by a more specific kind",
            Outcome::Lost(LossReason::FurtherAway) => "shadowed by a nearer one",
            Outcome::Lost(LossReason::NotEnforced) => "shadowed by an enforced one",
            Outcome::Lost(LossReason::SameAccount) => "names the same account",
            Outcome::Lost(LossReason::Tied) => "✗ tied",
            Outcome::DoesNotCover => "does not cover the target",
        };
        let enforced = if candidate.enforced { " (enforced)" } else { "" };
        lines.push(format!("{kind:<6} {name}{pad} → {}{enforced}  {outcome}", account_name(estate, candidate.account)));
    }
    let elsewhere = decision.candidates.len() - covering.len();
    match (covering.is_empty(), elsewhere) {
        (true, 0) => lines.push("none".to_owned()),
        (true, n) => lines.push(format!("none covers the target ({n} for other targets)")),
        (false, 0) => {}
        (false, n) => lines.push(format!("({n} more for other targets)")),
    }
    let good = match decision.verdict {
        RunAs::Refused(Refusal::Ambiguous(_) | Refusal::UnknownProfile) => Some(false),
        RunAs::Refused(_) | RunAs::Account { .. } | RunAs::Pending { .. } | RunAs::DefaultActionAccount(_) => None,
    };
    Step { label: "associations".to_owned(), lines, good }
}

fn account_steps(estate: &Estate, decision: &Decision, id: RunAsAccountId, computer: &str) -> Vec<Step> {
    let Some(account) = estate.accounts.get(&id) else { return Vec::new() };
    let name = &account.name;
    let step = |label: &str, line: String, good: bool| Step {
        label: label.to_owned(),
        lines: vec![line],
        good: Some(good),
    };
    let security = match &account.distribution {
        Distribution::MoreSecure(listed) => format!("{name} is more secure and goes to {} computers", listed.len()),
        Distribution::LessSecure => format!("{name} is less secure and goes to every verified agent"),
    };
    match &decision.verdict {
        RunAs::Refused(Refusal::WrongAccountType(_)) => {
            vec![step("account", format!("{name} is of type {}, which cannot serve here", account.kind.word()), false)]
        }
        RunAs::Refused(Refusal::Disabled(_)) => vec![step("account", format!("{name} is disabled"), false)],
        RunAs::Refused(Refusal::NoCredential(_)) => {
            vec![step("account", format!("{name} has no secret yet"), false)]
        }
        RunAs::Refused(Refusal::NotDistributed(_)) => {
            vec![step("distribution", format!("{security}; {computer} is not one of them"), false)]
        }
        RunAs::Refused(Refusal::LockedDown(_)) => vec![
            step("distribution", format!("{security}, {computer} among them"), true),
            step("policy", format!("{computer} itself refuses to become this identity"), false),
        ],
        RunAs::Pending { .. } => vec![step(
            "distribution",
            format!("{security}; version {} is on its way to {computer}", account.version.0),
            false,
        )],
        RunAs::Account { version, .. } => {
            let holds = match version.0 {
                0 => format!("{security}, {computer} among them; it needs no secret"),
                v => format!("{security}; {computer} holds version {v}"),
            };
            vec![step("distribution", holds, true)]
        }
        RunAs::Refused(_) | RunAs::DefaultActionAccount(_) => Vec::new(),
    }
}

fn fallback_step(estate: &Estate, decision: &Decision, computer: &str) -> Option<Step> {
    let default_user = estate
        .health_services
        .get(&decision.question.health_service)
        .map_or("", |hs| hs.default_action_account.as_str());
    let (line, good) = match &decision.verdict {
        RunAs::DefaultActionAccount(DefaultReason::NoProfile) => {
            (format!("no profile, so the default action account of {computer}: {default_user}"), true)
        }
        RunAs::DefaultActionAccount(DefaultReason::NoAssociation) => {
            (format!("no association, so the default action account of {computer}: {default_user}"), true)
        }
        RunAs::Refused(Refusal::NoAccount) => ("none: the module needs a credential to present".to_owned(), false),
        RunAs::Refused(_) | RunAs::Pending { .. } => {
            ("none: a refusal never turns into the default action account".to_owned(), false)
        }
        RunAs::Account { .. } => return None,
    };
    Some(Step { label: "fallback".to_owned(), lines: vec![line], good: Some(good) })
}

fn fix(estate: &Estate, decision: &Decision, computer: &str) -> Option<String> {
    let profile = decision.question.profile.as_ref().map_or("PROFILE", |p| p.0.element());
    match &decision.verdict {
        RunAs::Account { .. } | RunAs::DefaultActionAccount(_) => None,
        RunAs::Pending { account, .. } => Some(format!("reeve account distribution {}", account_name(estate, *account))),
        RunAs::Refused(refusal) => Some(match refusal {
            Refusal::NotDistributed(id) => {
                format!("reeve account distribute {} --add {computer}", account_name(estate, *id))
            }
            Refusal::Disabled(id) => format!("reeve account enable {}", account_name(estate, *id)),
            Refusal::NoCredential(id) => format!("reeve account set-secret {}", account_name(estate, *id)),
            Refusal::NoAccount => format!("reeve profile associate {profile} --account ACCOUNT"),
            Refusal::WrongAccountType(_) | Refusal::UnknownAccount(_) | Refusal::Ambiguous(_) => {
                format!("reeve profile show {profile}")
            }
            Refusal::LockedDown(_) => format!("on {computer}: edit /etc/reeve/policy.toml"),
            Refusal::UnknownProfile => "reeve pack import the pack that defines the profile".to_owned(),
            Refusal::UnknownObject => "reeve object list".to_owned(),
            Refusal::UnknownHealthService => "reeve agent list".to_owned(),
        }),
    }
}
