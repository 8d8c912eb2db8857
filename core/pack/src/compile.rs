//! Compilation of a valid pack.

use crate::flatten::{Flattener, element_guid, qualify};
use crate::names::{Full, Named, World, pack_of, resolve_kindly};
use crate::syntax::{self, ElementKind};
use reeve_model::{Class, ClassId, Guid, PackId, Profile, Property, RelationshipId, RunAsProfileId, WorkflowId};
use reeve_workflow::compiled::{
    AlertSettings, CompiledWorkflow, Health, MonitorBody, MonitorState, NodeId, Severity, StringResource, WorkflowBody,
};
use std::collections::BTreeMap;

/// A compiled pack: everything the management group takes from it.
#[derive(Clone, PartialEq, Debug)]
pub struct CompiledPack {
    /// Id.
    pub id: PackId,
    /// Version.
    pub version: String,
    /// Public key token of a sealed pack.
    pub key_token: Option<String>,
    /// What people read.
    pub display_name: String,
    /// Shipped with the product.
    pub is_library: bool,
    /// Packs it refers to.
    pub references: Vec<PackId>,
    /// The text as it was read.
    pub source: String,
    /// Classes.
    pub classes: Vec<Class>,
    /// Relationship types.
    pub relationships: Vec<RelationshipType>,
    /// Run As profiles.
    pub profiles: Vec<Profile>,
    /// Rules, unit monitors, discoveries and tasks.
    pub workflows: Vec<CompiledWorkflow>,
    /// Overrides.
    pub overrides: Vec<Override>,
    /// Display names of the default language, by element id.
    pub display_names: BTreeMap<String, String>,
    /// Secrets that its workflows read.
    pub secret_reads: Vec<SecretRead>,
}

/// A relationship type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelationshipType {
    /// Full name.
    pub id: RelationshipId,
    /// GUID.
    pub guid: Guid,
    /// Base.
    pub base: Option<RelationshipId>,
    /// Class of the source.
    pub source: ClassId,
    /// Class of the target.
    pub target: ClassId,
}

/// A change of one workflow for some objects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    /// Id.
    pub id: String,
    /// Pack it stands in.
    pub pack: PackId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// Class of the objects.
    pub context: ClassId,
    /// One object, or a group.
    pub instance: Option<Guid>,
    /// Beats others of the same level.
    pub enforced: bool,
    /// What changes.
    pub change: OverrideChange,
}

/// What an override changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OverrideChange {
    /// A property such as `Enabled`.
    Property {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
    /// An overrideable parameter.
    Parameter {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
}

/// A secret that a workflow reads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SecretRead {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Module path.
    pub module: String,
    /// The profile.
    pub profile: RunAsProfileId,
    /// The field.
    pub field: String,
}

/// Parameter values put in at the outermost configuration.
pub(crate) type Values = BTreeMap<String, String>;

/// Compiles a pack that has no errors. `world` holds it too.
pub(crate) fn compile(world: &World, from: &Named, is_library: bool) -> CompiledPack {
    let pack = &from.pack;
    let names = display_names(from);
    let mut secret_reads = Vec::new();
    let mut workflows = Vec::new();
    for id in workflow_ids(from) {
        if let Some((workflow, reads)) = workflow(world, from, &id, &Values::new()) {
            secret_reads.extend(reads);
            workflows.push(workflow);
        }
    }
    CompiledPack {
        id: PackId(pack.id.text.clone()),
        version: pack.version.text.clone(),
        key_token: from.key_token.clone(),
        display_name: names.get(&pack.id.text).cloned().unwrap_or_else(|| match pack.name.is_empty() {
            true => pack.id.text.clone(),
            false => pack.name.clone(),
        }),
        is_library,
        references: pack.references.iter().map(|r| PackId(r.id.text.clone())).collect(),
        source: pack.source.text.to_string(),
        classes: pack.classes.iter().map(|c| class(world, from, c, &names)).collect(),
        relationships: pack.relationships.iter().filter_map(|r| relationship(world, from, r)).collect(),
        profiles: pack.profiles.iter().map(|p| profile(world, from, p, &names)).collect(),
        workflows,
        overrides: pack.overrides.iter().filter_map(|o| compile_override(world, from, o)).collect(),
        display_names: names,
        secret_reads,
    }
}

fn display_names(from: &Named) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for string in from.pack.display_strings.iter().filter(|s| s.is_default && s.sub_element.is_none()) {
        if !string.name.is_empty() {
            out.insert(string.element.text.clone(), string.name.clone());
        }
    }
    out
}

fn named(names: &BTreeMap<String, String>, id: &str) -> String {
    names.get(id).cloned().unwrap_or_else(|| id.to_owned())
}

fn full_of(from: &Named, id: &str) -> Full {
    Full { pack: from.id().to_owned(), element: id.to_owned() }
}

fn class(world: &World, from: &Named, class: &syntax::ClassType, names: &BTreeMap<String, String>) -> Class {
    let full = full_of(from, &class.id.text);
    Class {
        id: ClassId(full.name()),
        guid: element_guid(world, from, &full, None),
        display_name: named(names, &class.id.text),
        base: class.base.as_ref().and_then(|b| class_id(world, from, &b.text)),
        is_abstract: class.is_abstract,
        is_hosted: class.is_hosted,
        is_singleton: class.is_singleton,
        host: if class.is_hosted { host_of(world, from, &full) } else { None },
        properties: class
            .properties
            .iter()
            .map(|p| Property {
                name: p.id.text.clone(),
                guid: Guid::of_sub_element(from.id(), from.key_token.as_deref(), &class.id.text, &p.id.text),
                is_key: p.is_key,
                value_type: p.value_type.text.clone(),
            })
            .collect(),
    }
}

fn class_id(world: &World, from: &Named, text: &str) -> Option<ClassId> {
    resolve_kindly(world, from, text, &[ElementKind::Class]).map(|f| ClassId(f.name()))
}

/// The class that hosts `class`: from a concrete hosting relationship whose target is it or, else, a base of it.
pub(crate) fn host_of(world: &World, from: &Named, class: &Full) -> Option<ClassId> {
    let mut current = class.clone();
    for _ in 0..64 {
        for pack in world.values().map(AsRef::as_ref).chain(std::iter::once(from)) {
            for relationship in pack.pack.relationships.iter().filter(|r| !r.is_abstract) {
                let target = resolve_kindly(world, pack, &relationship.target.text, &[ElementKind::Class]);
                if target.as_ref() == Some(&current) && is_hosting(world, pack, relationship) {
                    return class_id(world, pack, &relationship.source.text);
                }
            }
        }
        let pack = pack_of(world, from, &current)?;
        let syntax = pack.pack.classes.iter().find(|c| c.id.text == current.element)?;
        current = resolve_kindly(world, pack, &syntax.base.as_ref()?.text, &[ElementKind::Class])?;
    }
    None
}

/// Whether a relationship type derives from `System.Hosting`.
pub(crate) fn is_hosting(world: &World, from: &Named, relationship: &syntax::RelationshipType) -> bool {
    let (mut pack, mut current) = (from, relationship);
    for _ in 0..32 {
        if pack.id() == "System.Library" && current.id.text == "System.Hosting" {
            return true;
        }
        let Some(base) = &current.base else { return false };
        let Some(full) = resolve_kindly(world, pack, &base.text, &[ElementKind::Relationship]) else { return false };
        let Some(next) = pack_of(world, pack, &full) else { return false };
        let Some(found) = next.pack.relationships.iter().find(|r| r.id.text == full.element) else { return false };
        (pack, current) = (next, found);
    }
    false
}

fn relationship(world: &World, from: &Named, r: &syntax::RelationshipType) -> Option<RelationshipType> {
    let full = full_of(from, &r.id.text);
    let base = r.base.as_ref().and_then(|b| resolve_kindly(world, from, &b.text, &[ElementKind::Relationship]));
    Some(RelationshipType {
        guid: element_guid(world, from, &full, None),
        id: RelationshipId(full.name()),
        base: base.map(|f| RelationshipId(f.name())),
        source: class_id(world, from, &r.source.text)?,
        target: class_id(world, from, &r.target.text)?,
    })
}

fn profile(world: &World, from: &Named, p: &syntax::SecureReference, names: &BTreeMap<String, String>) -> Profile {
    let context = p.context.as_ref().and_then(|c| class_id(world, from, &c.text));
    Profile {
        id: RunAsProfileId::new(from.id(), &p.id.text),
        display_name: named(names, &p.id.text),
        // Field: Context is documented as required; where a pack leaves it out, every object is valid.
        context: context.unwrap_or_else(|| ClassId::new("System.Library", "System.Entity")),
        pack: Some(PackId(from.id().to_owned())),
        is_public: p.is_public,
    }
}

fn compile_override(world: &World, from: &Named, o: &syntax::Override) -> Option<Override> {
    let workflow = resolve_kindly(world, from, &o.workflow.text, &[o.kind])?;
    let (name, value) = (o.name.text.clone(), o.value.text.clone());
    Some(Override {
        id: o.id.text.clone(),
        pack: PackId(from.id().to_owned()),
        workflow: WorkflowId(workflow.name()),
        context: class_id(world, from, &o.context.text)?,
        instance: o.instance.as_ref().and_then(|i| i.text.parse().ok()),
        enforced: o.enforced,
        change: match o.is_parameter {
            true => OverrideChange::Parameter { name, value },
            false => OverrideChange::Property { name, value },
        },
    })
}

fn workflow_ids(from: &Named) -> Vec<String> {
    let pack = &from.pack;
    let heads = (pack.discoveries.iter().map(|d| &d.head))
        .chain(pack.rules.iter().map(|r| &r.head))
        .chain(pack.monitors.iter().map(|m| &m.head))
        .chain(pack.tasks.iter().map(|t| &t.head));
    heads.map(|head| head.id.text.clone()).collect()
}

/// Compiles one workflow with parameter values put in.
pub(crate) fn workflow(
    world: &World,
    from: &Named,
    id: &str,
    values: &Values,
) -> Option<(CompiledWorkflow, Vec<SecretRead>)> {
    let pack = &from.pack;
    let full = full_of(from, id);
    let guid = element_guid(world, from, &full, None);
    let mut flattener = Flattener::new(world, from, guid);
    let (head, body, strings) = if let Some(rule) = pack.rules.iter().find(|r| r.head.id.text == id) {
        (&rule.head, rule_body(&mut flattener, world, from, rule, values), Vec::new())
    } else if let Some(discovery) = pack.discoveries.iter().find(|d| d.head.id.text == id) {
        (&discovery.head, discovery_body(&mut flattener, world, from, discovery, values), Vec::new())
    } else if let Some(task) = pack.tasks.iter().find(|t| t.head.id.text == id) {
        (&task.head, task_body(&mut flattener, world, from, task, values), Vec::new())
    } else {
        let monitor = pack.monitors.iter().find(|m| m.head.id.text == id)?;
        let alert = monitor.alert.as_ref().and_then(|a| {
            let found = resolve_kindly(world, from, &a.message.text, &[ElementKind::StringResource])?;
            Some(element_guid(world, from, &found, None))
        });
        (&monitor.head, monitor_body(&mut flattener, world, from, monitor, values), alert.into_iter().collect())
    };
    let body = body?;
    let wanted = strings_used(&flattener, &strings);
    let secrets = std::mem::take(&mut flattener.secret_reads);
    let workflow = CompiledWorkflow {
        id: WorkflowId(full.name()),
        guid,
        display_name: named(&display_names(from), id),
        pack: PackId(from.id().to_owned()),
        pack_version: pack.version.text.clone(),
        target: class_id(world, from, &head.target.text)?,
        enabled: head.enabled,
        category: head.category.clone(),
        nodes: flattener.nodes,
        body,
        not_runnable: flattener.not_runnable,
        strings: string_resources(world, from, &wanted),
    };
    let id = workflow.id.clone();
    let reads = secrets
        .into_iter()
        .map(|(module, profile, field)| SecretRead { workflow: id.clone(), module, profile, field })
        .collect();
    Some((workflow, reads))
}

fn module_config(
    world: &World,
    from: &Named,
    module: &syntax::Module,
    values: &Values,
) -> crate::flatten::Config {
    let mut config = qualify(world, from, &module.element);
    let module_type = resolve_kindly(world, from, &module.type_id.text, &[module.kind])
        .and_then(|f| Some((pack_of(world, from, &f)?, f)))
        .and_then(|(pack, f)| pack.pack.module_types.iter().find(|t| t.id.text == f.element));
    for parameter in module_type.into_iter().flat_map(|t| &t.parameters) {
        if let (Some(value), Some(path)) = (values.get(&parameter.id.text), selector_path(&parameter.selector.text)) {
            config.set(&path, value);
        }
    }
    config
}

/// `$Config/A/B$` as a path.
pub(crate) fn selector_path(selector: &str) -> Option<Vec<String>> {
    let inner = selector.trim().strip_prefix('$')?.strip_suffix('$')?;
    let (head, rest) = inner.split_once('/')?;
    head.eq_ignore_ascii_case("Config").then(|| rest.split('/').map(str::to_owned).collect())
}

fn rule_body(
    flattener: &mut Flattener<'_>,
    world: &World,
    from: &Named,
    rule: &syntax::Rule,
    values: &Values,
) -> Option<WorkflowBody> {
    let mut outputs: Vec<NodeId> = Vec::new();
    for source in &rule.sources {
        outputs.push(flattener.outermost(source, module_config(world, from, source, values), &[])?);
    }
    if let Some(condition) = &rule.condition {
        let config = module_config(world, from, condition, values);
        outputs = vec![flattener.outermost(condition, config, &outputs)?];
    }
    let mut ends = Vec::new();
    for action in &rule.actions {
        // Every data source feeds every write action.
        for output in &outputs {
            ends.push(flattener.outermost(action, module_config(world, from, action, values), &[*output])?);
        }
    }
    Some(WorkflowBody::Rule { ends })
}

fn discovery_body(
    flattener: &mut Flattener<'_>,
    world: &World,
    from: &Named,
    discovery: &syntax::Discovery,
    values: &Values,
) -> Option<WorkflowBody> {
    let source = discovery.source.as_ref()?;
    let end = flattener.outermost(source, module_config(world, from, source, values), &[])?;
    Some(WorkflowBody::Discovery {
        end,
        classes: discovery.classes.iter().filter_map(|c| class_id(world, from, &c.text)).collect(),
        relationships: discovery
            .relationships
            .iter()
            .filter_map(|r| resolve_kindly(world, from, &r.text, &[ElementKind::Relationship]))
            .map(|f| RelationshipId(f.name()))
            .collect(),
    })
}

fn task_body(
    flattener: &mut Flattener<'_>,
    world: &World,
    from: &Named,
    task: &syntax::Task,
    values: &Values,
) -> Option<WorkflowBody> {
    let module = task.module.as_ref()?;
    let end = flattener.outermost(module, module_config(world, from, module, values), &[])?;
    // Field: a task that states no time-out gets 300 seconds.
    Some(WorkflowBody::Task { end, timeout_s: task.timeout_s.unwrap_or(300) })
}

fn monitor_body(
    flattener: &mut Flattener<'_>,
    world: &World,
    from: &Named,
    monitor: &syntax::UnitMonitor,
    values: &Values,
) -> Option<WorkflowBody> {
    let full = resolve_kindly(world, from, &monitor.type_id.text, &[ElementKind::MonitorType])?;
    let pack: &Named = if full.pack == from.id() { from } else { world.get(&full.pack).map(AsRef::as_ref)? };
    let monitor_type = pack.pack.monitor_types.iter().find(|t| t.id.text == full.element)?;
    let mut scope = qualify(world, from, &monitor.configuration);
    for parameter in &monitor_type.parameters {
        if let (Some(value), Some(path)) = (values.get(&parameter.id.text), selector_path(&parameter.selector.text)) {
            scope.set(&path, value);
        }
    }
    let reference = flattener.profile(from, monitor.run_as.as_ref().map(|t| t.text.as_str()));
    let own = reference.or_else(|| flattener.profile(pack, monitor_type.run_as.as_ref().map(|t| t.text.as_str())));
    let levels = vec![own];
    let state_of = |type_state: &str| {
        monitor.states.iter().position(|s| s.type_state.text == type_state).and_then(|i| u32::try_from(i).ok())
    };
    let mut detections = |list: &[syntax::Detection]| {
        let mut out = Vec::new();
        for detection in list {
            let (Some(root), Some(state)) = (&detection.root, state_of(&detection.state.text)) else { continue };
            if let Some(node) = flattener.detection(pack, &monitor_type.members, root, &scope, &levels) {
                out.push((node, state));
            }
        }
        out
    };
    let regular = detections(&monitor_type.regular);
    let on_demand = detections(&monitor_type.on_demand);
    let health = |text: &str| match text {
        "Success" => Health::Success,
        "Warning" => Health::Warning,
        "Error" => Health::Error,
        _ => Health::Uninitialized,
    };
    let alert = monitor.alert.as_ref().and_then(|a| {
        let found = resolve_kindly(world, from, &a.message.text, &[ElementKind::StringResource])?;
        Some(AlertSettings {
            message: element_guid(world, from, &found, None),
            on: health(&a.on_state),
            auto_resolve: a.auto_resolve,
            priority: match a.priority.as_str() {
                "Low" => 0,
                "High" => 2,
                _ => 1,
            },
            severity: match a.severity.as_str() {
                "Information" => Some(Severity::Information),
                "Warning" => Some(Severity::Warning),
                "Error" => Some(Severity::Critical),
                _ => None,
            },
            parameters: a.parameters.iter().map(|p| flattener.template(&p.text)).collect(),
        })
    });
    let parent = resolve_kindly(world, from, &monitor.parent.text, &[ElementKind::Monitor])?;
    Some(WorkflowBody::Monitor(MonitorBody {
        parent: WorkflowId(parent.name()),
        states: monitor.states.iter().map(|s| MonitorState { id: s.id.text.clone(), health: health(&s.health.text) }).collect(),
        regular,
        on_demand,
        alert,
    }))
}

/// GUIDs that stand in `AlertMessageId` elements of the nodes, and those given.
fn strings_used(flattener: &Flattener<'_>, given: &[Guid]) -> Vec<Guid> {
    let mut out = given.to_vec();
    for node in &flattener.nodes {
        let message = node.config.child_text("AlertMessageId").and_then(|t| t.as_literal());
        out.extend(message.and_then(|text| text.trim().parse::<Guid>().ok()));
    }
    out
}

fn string_resources(world: &World, from: &Named, wanted: &[Guid]) -> Vec<StringResource> {
    let mut out: Vec<StringResource> = Vec::new();
    for pack in world.values().map(AsRef::as_ref).chain(std::iter::once(from)) {
        for resource in pack.pack.named.iter().filter(|n| n.kind == ElementKind::StringResource) {
            let guid = Guid::of_element(pack.id(), pack.key_token.as_deref(), &resource.id.text);
            if !wanted.contains(&guid) || out.iter().any(|s| s.guid == guid) {
                continue;
            }
            let text = pack.pack.display_strings.iter().find(|s| s.is_default && s.element.text == resource.id.text);
            out.push(StringResource {
                guid,
                name: text.map_or_else(|| resource.id.text.clone(), |t| t.name.clone()),
                description: text.map(|t| t.description.clone()).unwrap_or_default(),
            });
        }
    }
    out
}
