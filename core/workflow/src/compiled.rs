//! The form a workflow has after its management pack is compiled: flat, `$Config` and `$MPElement`
//! substituted, one Run As profile per leaf module.

use reeve_model::{ClassId, ContentDigest, Guid, ModuleTypeId, PackId, RunAsProfileId, WorkflowId};
use serde::{Deserialize, Serialize};

/// A rule, unit monitor, discovery or task, ready to be targeted.
///
/// Holds nothing about one object: thousands of computers share one value and differ in the target
/// values that fill [`Segment`]s. Its digest is SHA-256 over its JSON form.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CompiledWorkflow {
    /// Full name.
    pub id: WorkflowId,
    /// GUID by the element recipe: what `$MPElement$` means inside this workflow.
    pub guid: Guid,
    /// What people read.
    pub display_name: String,
    /// The pack that defines it.
    pub pack: PackId,
    /// The pack's version.
    pub pack_version: String,
    /// Class whose objects it runs for.
    pub target: ClassId,
    /// Whether it runs where no override says otherwise. A task that is not enabled cannot be started.
    pub enabled: bool,
    /// The pack language's category word.
    pub category: String,
    /// Leaf modules in an order where inputs come before their consumers.
    pub nodes: Vec<Node>,
    /// What the graph is for.
    pub body: WorkflowBody,
    /// Why it cannot run on this platform, when it cannot.
    pub not_runnable: Option<String>,
    /// Names that alert text may need: `(StringResource GUID, name, description)` of the default language.
    pub strings: Vec<StringResource>,
}

/// A display string that a workflow refers to at run time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StringResource {
    /// GUID of the `StringResource` element.
    pub guid: Guid,
    /// Alert name.
    pub name: String,
    /// Alert description, with `{0}`…`{9}` for the parameters.
    pub description: String,
}

/// Position of a node in [`CompiledWorkflow::nodes`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

/// One leaf module instance.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Module ids from the workflow down to the leaf, joined by `/`; names the module in messages.
    pub path: String,
    /// The leaf module type.
    pub module: ModuleTypeId,
    /// Which of our implementations runs it; none when this platform has none.
    pub implementation: Option<Implementation>,
    /// Kind of the leaf.
    pub kind: ModuleKind,
    /// Where its items come from. Empty for data sources, and for the first module of a task.
    pub inputs: Vec<NodeId>,
    /// The Run As profile it runs under by decision 1; none = default action account.
    pub run_as: Option<RunAsProfileId>,
    /// Configuration element, named `Configuration`.
    pub config: ConfigElement,
    /// Digest of its action template, for acting modules. Filled in after overrides are applied.
    pub action: Option<ContentDigest>,
}

/// The four module kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleKind {
    /// 0 inputs, 1 output.
    DataSource,
    /// 1 input or trigger, 1 output, must not change the system.
    ProbeAction,
    /// n inputs, 1 output.
    ConditionDetection,
    /// 1 input, 0 or 1 output.
    WriteAction,
}

/// Implementations of leaf modules. The word is what stands in the shipped library packs as
/// `<Managed><Assembly>Reeve</Assembly><Type>word</Type></Managed>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Implementation {
    /// `System.SimpleScheduler`: `IntervalSeconds`, `SyncTime`.
    SimpleScheduler,
    /// `System.Discovery.Scheduler` and `System.Scheduler`: `Scheduler`; the discovery form fires at start too.
    Scheduler,
    /// `System.Discovery.Scheduler`.
    DiscoveryScheduler,
    /// `System.PassThroughProbe`.
    PassThrough,
    /// `System.ExpressionFilter`: `Expression`.
    ExpressionFilter,
    /// `System.Discovery.ClassSnapshotDataMapper`: `ClassId`, `InstanceSettings`.
    ClassSnapshotMapper,
    /// `System.Discovery.FilteredClassSnapshotDataMapper`: `Expression`, `ClassId`, `InstanceSettings`.
    FilteredClassSnapshotMapper,
    /// `System.Health.GenerateAlert`.
    GenerateAlert,
    /// `System.CommandExecuter` and `…Probe`: `ApplicationName`, `WorkingDirectory`, `CommandLine`, `TimeoutSeconds`.
    CommandExecuter,
    /// `Microsoft.Unix.WSMan.Invoke.*`: `ExecuteCommand`, `ExecuteShellCommand`, `ExecuteScript` on `SCX_OperatingSystem`.
    UnixInvoke,
    /// SCX class enumeration answered on the computer itself: `Uri`, `Filter`, `SplitItems`.
    UnixEnumerate,
    /// A property bag printed as XML on standard output by a script becomes `System.PropertyBagData` items.
    PropertyBagReader,
    /// `System.Performance.DataGenericMapper`.
    PerformanceMapper,
    /// `System.Event.GenericDataMapper`.
    EventMapper,
    /// `Microsoft.SystemCenter.CollectPerformanceData`.
    CollectPerformance,
    /// `Microsoft.SystemCenter.CollectEvent`.
    CollectEvent,
    /// Discovers the computer, its operating system and file systems from what the kernel says.
    ComputerDiscovery,
}

/// What a workflow's graph is for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WorkflowBody {
    /// Every write action that ends the rule.
    Rule {
        /// Write-action nodes.
        ends: Vec<NodeId>,
    },
    /// A unit monitor.
    Monitor(MonitorBody),
    /// A discovery.
    Discovery {
        /// The node whose items are discovery data.
        end: NodeId,
        /// Classes it may discover.
        classes: Vec<ClassId>,
        /// Relationships it may discover.
        relationships: Vec<reeve_model::RelationshipId>,
    },
    /// A task.
    Task {
        /// The node whose output is the result.
        end: NodeId,
        /// Seconds; the field's default is 300.
        timeout_s: u32,
    },
}

/// A unit monitor's states and detections.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MonitorBody {
    /// The parent in the health model, e.g. `System.Health.Library!System.Health.AvailabilityState`.
    pub parent: WorkflowId,
    /// Operational states.
    pub states: Vec<MonitorState>,
    /// An item at the node puts the monitor into the state (index into `states`).
    pub regular: Vec<(NodeId, u32)>,
    /// The same for on-demand detection.
    pub on_demand: Vec<(NodeId, u32)>,
    /// Alert to raise, if any.
    pub alert: Option<AlertSettings>,
}

/// One operational state of a monitor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MonitorState {
    /// Operational state id.
    pub id: String,
    /// Health it stands for.
    pub health: Health,
}

/// Health states, worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Nothing known yet; ignored by roll-up.
    Uninitialized,
    /// Healthy.
    Success,
    /// Degraded.
    Warning,
    /// Critical.
    Error,
}

/// `AlertSettings` of a monitor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AlertSettings {
    /// `StringResource` with name and description.
    pub message: Guid,
    /// `Warning` means either.
    pub on: Health,
    /// Close the alert when the monitor is healthy again.
    pub auto_resolve: bool,
    /// 0 low, 1 normal, 2 high.
    pub priority: u8,
    /// Severity, or none to match the monitor's health.
    pub severity: Option<Severity>,
    /// `AlertParameter1`…`10`.
    pub parameters: Vec<TemplateText>,
}

/// Alert severities.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// 0.
    Information,
    /// 1.
    Warning,
    /// 2.
    Critical,
}

/// A configuration element: attributes and content may hold expressions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
pub struct ConfigElement {
    /// Element name.
    pub name: String,
    /// Attributes in document order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, TemplateText)>,
    /// Text and child elements in document order; white space between elements is dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<ConfigContent>,
}

/// Content of a configuration element.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigContent {
    /// Text with expressions.
    Text(TemplateText),
    /// Child element.
    Element(ConfigElement),
}

/// Text in which expressions stand for values that are known later.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct TemplateText(pub Vec<Segment>);

/// A piece of [`TemplateText`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    /// Text as it stands.
    Literal(String),
    /// Filled before or at run time.
    Value(ValueRef),
}

/// What a `$…$` expression refers to after `$Config` and `$MPElement` are gone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueRef {
    /// `$Target/[Host/]*Property[Type="…"]/P$`.
    TargetProperty {
        /// Number of `Host/` steps.
        hosts: u8,
        /// Class that defines the property, or one derived from it.
        class: ClassId,
        /// Property name.
        property: String,
    },
    /// `$Target/[Host/]*Id$`.
    TargetId {
        /// Number of `Host/` steps.
        hosts: u8,
    },
    /// `$Target/ManagementGroup/Name$`.
    ManagementGroupName,
    /// `$Target/ManagementGroup/Id$`.
    ManagementGroupId,
    /// `$Data/…$`: XPath relative to the current `DataItem`.
    Data {
        /// `$Data[Default='…']/…$`.
        default: Option<String>,
        /// The XPath.
        xpath: String,
    },
    /// `$RunAs[Name="…"]/Field$` for fields that are not secret.
    RunAs {
        /// The profile.
        profile: RunAsProfileId,
        /// `UserName` or `Domain`.
        field: String,
    },
}

impl TemplateText {
    /// Text without expressions.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        if text.is_empty() { Self(Vec::new()) } else { Self(vec![Segment::Literal(text.to_owned())]) }
    }

    /// The text, when no expression is in it.
    #[must_use]
    pub fn as_literal(&self) -> Option<String> {
        let mut out = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Literal(text) => out.push_str(text),
                Segment::Value(_) => return None,
            }
        }
        Some(out)
    }
}

impl ConfigElement {
    /// The first child element of that name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&ConfigElement> {
        self.children().find(|c| c.name == name)
    }

    /// Child elements.
    pub fn children(&self) -> impl Iterator<Item = &ConfigElement> {
        self.content.iter().filter_map(|c| match c {
            ConfigContent::Element(e) => Some(e),
            ConfigContent::Text(_) => None,
        })
    }

    /// The element's own text, child elements left out.
    #[must_use]
    pub fn text(&self) -> TemplateText {
        let mut out = Vec::new();
        for content in &self.content {
            match content {
                ConfigContent::Text(text) => out.extend(text.0.iter().cloned()),
                ConfigContent::Element(_) => {}
            }
        }
        TemplateText(out)
    }

    /// The text of the first child element of that name, when it is there.
    #[must_use]
    pub fn child_text(&self, name: &str) -> Option<TemplateText> {
        self.child(name).map(Self::text)
    }
}
