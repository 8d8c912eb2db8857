//! The typed tree of a management pack: what the decoder found, names not resolved yet.

use crate::source::{Source, Span};
use crate::xml::Element;

/// Text with its place.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A whole pack.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    pub(crate) source: Source,
    pub(crate) id: Text,
    pub(crate) version: Text,
    pub(crate) name: String,
    pub(crate) references: Vec<Reference>,
    pub(crate) classes: Vec<ClassType>,
    pub(crate) relationships: Vec<RelationshipType>,
    pub(crate) profiles: Vec<SecureReference>,
    pub(crate) module_types: Vec<ModuleType>,
    pub(crate) monitor_types: Vec<MonitorType>,
    pub(crate) discoveries: Vec<Discovery>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) monitors: Vec<UnitMonitor>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) overrides: Vec<Override>,
    pub(crate) display_strings: Vec<DisplayString>,
    /// Elements that are only names here: data and schema types, enumerations, aggregate monitors, string
    /// resources, views, folders and the like.
    pub(crate) named: Vec<Named>,
}

#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) alias: Text,
    pub(crate) id: Text,
    pub(crate) version: Text,
    pub(crate) key_token: Option<Text>,
}

/// Kinds of element, for messages and kind checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ElementKind {
    Class,
    Relationship,
    Enumeration,
    DataType,
    SchemaType,
    Profile,
    DataSource,
    ProbeAction,
    ConditionDetection,
    WriteAction,
    MonitorType,
    Discovery,
    Rule,
    Monitor,
    Task,
    StringResource,
    Override,
    Other,
}

impl ElementKind {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Class => "a class",
            Self::Relationship => "a relationship type",
            Self::Enumeration => "an enumeration value",
            Self::DataType => "a data type",
            Self::SchemaType => "a schema type",
            Self::Profile => "a Run As profile",
            Self::DataSource => "a data source module type",
            Self::ProbeAction => "a probe action module type",
            Self::ConditionDetection => "a condition detection module type",
            Self::WriteAction => "a write action module type",
            Self::MonitorType => "a unit monitor type",
            Self::Discovery => "a discovery",
            Self::Rule => "a rule",
            Self::Monitor => "a monitor",
            Self::Task => "a task",
            Self::StringResource => "a string resource",
            Self::Override => "an override",
            Self::Other => "another element",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) id: Text,
    pub(crate) kind: ElementKind,
    pub(crate) is_public: bool,
    /// Names of the element that must resolve: (attribute text, wanted kind).
    pub(crate) uses: Vec<(Text, ElementKind)>,
}

#[derive(Clone, Debug)]
pub(crate) struct ClassType {
    pub(crate) id: Text,
    pub(crate) is_public: bool,
    pub(crate) is_abstract: bool,
    pub(crate) base: Option<Text>,
    pub(crate) is_hosted: bool,
    pub(crate) is_singleton: bool,
    pub(crate) properties: Vec<Property>,
}

#[derive(Clone, Debug)]
pub(crate) struct Property {
    pub(crate) id: Text,
    pub(crate) value_type: Text,
    pub(crate) is_key: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct RelationshipType {
    pub(crate) id: Text,
    pub(crate) is_public: bool,
    pub(crate) is_abstract: bool,
    pub(crate) base: Option<Text>,
    pub(crate) source: Text,
    pub(crate) target: Text,
}

#[derive(Clone, Debug)]
pub(crate) struct SecureReference {
    pub(crate) id: Text,
    pub(crate) is_public: bool,
    pub(crate) context: Option<Text>,
}

/// A module type of any kind.
#[derive(Clone, Debug)]
pub(crate) struct ModuleType {
    pub(crate) id: Text,
    pub(crate) kind: ElementKind,
    pub(crate) is_public: bool,
    pub(crate) run_as: Option<Text>,
    pub(crate) configuration: Configuration,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) implementation: Implementation,
    /// Output type, input type: names to resolve.
    pub(crate) data_types: Vec<Text>,
}

/// The configuration a type declares: top-level elements in order, whether required.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    pub(crate) elements: Vec<ConfigDeclaration>,
    /// It also takes what a schema cannot say here, e.g. `xsd:any`.
    pub(crate) is_open: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ConfigDeclaration {
    pub(crate) name: String,
    pub(crate) is_required: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) id: Text,
    pub(crate) selector: Text,
    pub(crate) value_type: String,
}

#[derive(Clone, Debug)]
pub(crate) enum Implementation {
    /// One of ours, by its word.
    Ours(Text),
    /// Code of another platform.
    Foreign(String),
    Composite(Composite),
}

#[derive(Clone, Debug)]
pub(crate) struct Composite {
    pub(crate) members: Vec<Module>,
    pub(crate) root: Option<CompositionNode>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) struct CompositionNode {
    pub(crate) id: Text,
    pub(crate) inner: Vec<CompositionNode>,
}

/// A module instance.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    pub(crate) id: Text,
    pub(crate) kind: ElementKind,
    pub(crate) type_id: Text,
    pub(crate) run_as: Option<Text>,
    /// The module element; its children are the configuration.
    pub(crate) element: Element,
}

#[derive(Clone, Debug)]
pub(crate) struct MonitorType {
    pub(crate) id: Text,
    pub(crate) is_public: bool,
    pub(crate) run_as: Option<Text>,
    pub(crate) states: Vec<MonitorTypeState>,
    pub(crate) configuration: Configuration,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) members: Vec<Module>,
    pub(crate) regular: Vec<Detection>,
    pub(crate) on_demand: Vec<Detection>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) struct MonitorTypeState {
    pub(crate) id: Text,
    pub(crate) without_detection: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Detection {
    pub(crate) state: Text,
    pub(crate) root: Option<CompositionNode>,
}

/// What every workflow has.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) id: Text,
    pub(crate) target: Text,
    pub(crate) enabled: bool,
    pub(crate) is_public: bool,
    pub(crate) category: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Discovery {
    pub(crate) head: Head,
    pub(crate) classes: Vec<Text>,
    pub(crate) relationships: Vec<Text>,
    pub(crate) source: Option<Module>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) head: Head,
    pub(crate) sources: Vec<Module>,
    pub(crate) condition: Option<Module>,
    pub(crate) actions: Vec<Module>,
}

#[derive(Clone, Debug)]
pub(crate) struct UnitMonitor {
    pub(crate) head: Head,
    pub(crate) parent: Text,
    pub(crate) type_id: Text,
    pub(crate) run_as: Option<Text>,
    pub(crate) states: Vec<OperationalState>,
    /// The `Configuration` element.
    pub(crate) configuration: Element,
    pub(crate) alert: Option<Alert>,
}

#[derive(Clone, Debug)]
pub(crate) struct OperationalState {
    pub(crate) id: Text,
    pub(crate) type_state: Text,
    pub(crate) health: Text,
}

#[derive(Clone, Debug)]
pub(crate) struct Alert {
    pub(crate) message: Text,
    pub(crate) on_state: String,
    pub(crate) auto_resolve: bool,
    pub(crate) priority: String,
    pub(crate) severity: String,
    pub(crate) parameters: Vec<Text>,
}

#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) head: Head,
    pub(crate) timeout_s: Option<u32>,
    pub(crate) module: Option<Module>,
}

#[derive(Clone, Debug)]
pub(crate) struct Override {
    pub(crate) id: Text,
    pub(crate) workflow: Text,
    pub(crate) kind: ElementKind,
    pub(crate) context: Text,
    pub(crate) instance: Option<Text>,
    pub(crate) enforced: bool,
    /// Property or parameter name.
    pub(crate) name: Text,
    pub(crate) is_parameter: bool,
    pub(crate) value: Text,
}

#[derive(Clone, Debug)]
pub(crate) struct DisplayString {
    pub(crate) element: Text,
    pub(crate) sub_element: Option<String>,
    pub(crate) name: String,
    pub(crate) description: String,
    /// Of the default language.
    pub(crate) is_default: bool,
}
