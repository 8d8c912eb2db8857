//! Flattening: composites opened down to leaf modules, `$Config` and `$MPElement` put in, one Run As
//! profile for each leaf.

use crate::expression::{Expression, Piece, is_secret_field, parse};
use crate::names::{Full, Named, World, pack_of, resolve_kindly};
use crate::syntax::{Composite, CompositionNode, ElementKind, Implementation as TypeImplementation, Module};
use crate::xml::{Content, Element};
use reeve_model::{ClassId, Guid, ModuleTypeId, RunAsProfileId};
use reeve_workflow::compiled::{
    ConfigContent, ConfigElement, Implementation, ModuleKind, Node, NodeId, Segment, TemplateText, ValueRef,
};
use std::collections::BTreeMap;

/// Deepest nesting of composites.
const COMPOSITE_DEPTH_MAX: usize = 32;
/// Most leaf modules of a workflow.
const NODES_MAX: usize = 512;

/// A piece of text with names resolved in the pack where it stands.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Part {
    Literal(String),
    Value(ValueRef),
    Config(Vec<String>),
    ThisElement,
}

/// A configuration element with names resolved.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Config {
    pub(crate) name: String,
    attributes: Vec<(String, Vec<Part>)>,
    content: Vec<ConfigPart>,
}

#[derive(Clone, PartialEq, Debug)]
enum ConfigPart {
    Text(Vec<Part>),
    Element(Config),
}

impl Config {
    fn child(&self, name: &str) -> Option<&Config> {
        let elements = || {
            self.content.iter().filter_map(|c| match c {
                ConfigPart::Element(e) => Some(e),
                ConfigPart::Text(_) => None,
            })
        };
        elements().find(|e| e.name == name).or_else(|| elements().find(|e| e.name.eq_ignore_ascii_case(name)))
    }

    fn at(&self, path: &[String]) -> Option<&Config> {
        path.iter().try_fold(self, |element, step| element.child(step))
    }

    /// Puts a value in at a path, as an override does.
    pub(crate) fn set(&mut self, path: &[String], value: &str) {
        let Some((first, rest)) = path.split_first() else {
            self.content = vec![ConfigPart::Text(vec![Part::Literal(value.to_owned())])];
            return;
        };
        let known = self.content.iter_mut().find_map(|c| match c {
            ConfigPart::Element(e) if e.name == *first => Some(e),
            ConfigPart::Element(_) | ConfigPart::Text(_) => None,
        });
        match known {
            Some(element) => element.set(rest, value),
            None => {
                let mut element = Config { name: first.clone(), ..Config::default() };
                element.set(rest, value);
                self.content.push(ConfigPart::Element(element));
            }
        }
    }
}

/// Reads a configuration element as pack `from` means it.
pub(crate) fn qualify(world: &World, from: &Named, element: &Element) -> Config {
    let skip = ["ID", "TypeID", "RunAs", "Target", "Comment"];
    Config {
        name: element.name.clone(),
        attributes: element
            .attributes
            .iter()
            .filter(|a| !skip.contains(&a.name.as_str()) || !is_module(&element.name))
            .map(|a| (a.name.clone(), qualify_text(world, from, &a.value)))
            .collect(),
        content: element
            .content
            .iter()
            .filter_map(|c| match c {
                Content::Element(e) => Some(ConfigPart::Element(qualify(world, from, e))),
                // White space between elements is layout; white space alone in a leaf is a value.
                Content::Text(text, _) if text.trim().is_empty() && element.children().next().is_some() => None,
                Content::Text(text, _) => Some(ConfigPart::Text(qualify_text(world, from, text))),
            })
            .collect(),
    }
}

fn is_module(name: &str) -> bool {
    matches!(name, "DataSource" | "ProbeAction" | "ConditionDetection" | "WriteAction")
}

/// Reads text as pack `from` means it. Names that lead nowhere were findings before; here they stay text.
pub(crate) fn qualify_text(world: &World, from: &Named, text: &str) -> Vec<Part> {
    parse(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Literal(text) => Part::Literal(text),
            Piece::Expression(expression) => qualify_expression(world, from, expression),
        })
        .collect()
}

fn qualify_expression(world: &World, from: &Named, expression: Expression) -> Part {
    let class = |text: &str| resolve_kindly(world, from, text, &[ElementKind::Class]).map(|f| ClassId(f.name()));
    match expression {
        Expression::Config(path) => Part::Config(path),
        Expression::TargetProperty { hosts, class: name, property } => match class(&name) {
            Some(class) => Part::Value(ValueRef::TargetProperty { hosts, class, property }),
            None => Part::Literal(String::new()),
        },
        Expression::TargetId { hosts } => Part::Value(ValueRef::TargetId { hosts }),
        Expression::ManagementGroupName => Part::Value(ValueRef::ManagementGroupName),
        Expression::ManagementGroupId => Part::Value(ValueRef::ManagementGroupId),
        Expression::ThisElement => Part::ThisElement,
        Expression::Element { name, sub } => match resolve_kindly(world, from, &name, &[]) {
            Some(full) => Part::Literal(element_guid(world, from, &full, sub.as_deref()).to_string()),
            None => Part::Literal(String::new()),
        },
        Expression::Data { default, xpath } => Part::Value(ValueRef::Data { default, xpath }),
        Expression::RunAs { profile, field } => {
            match resolve_kindly(world, from, &profile, &[ElementKind::Profile]) {
                Some(full) => Part::Value(ValueRef::RunAs { profile: RunAsProfileId(full.name()), field }),
                None => Part::Literal(String::new()),
            }
        }
        Expression::Unreadable(text) => Part::Literal(text),
    }
}

/// The GUID of an element or of its property; a property counts for the class that defines it.
pub(crate) fn element_guid(world: &World, from: &Named, full: &Full, sub: Option<&str>) -> Guid {
    let token_of = |f: &Full| pack_of(world, from, f).and_then(|p| p.key_token.clone());
    let Some(sub) = sub else {
        return Guid::of_element(&full.pack, token_of(full).as_deref(), &full.element);
    };
    let defining = defining_class(world, from, full, sub).unwrap_or_else(|| full.clone());
    Guid::of_sub_element(&defining.pack, token_of(&defining).as_deref(), &defining.element, sub)
}

/// The class in the line of bases that defines a property.
pub(crate) fn defining_class(world: &World, from: &Named, class: &Full, property: &str) -> Option<Full> {
    let mut current = class.clone();
    for _ in 0..64 {
        let pack = pack_of(world, from, &current)?;
        let syntax = pack.pack.classes.iter().find(|c| c.id.text == current.element)?;
        if syntax.properties.iter().any(|p| p.id.text == property) {
            return Some(current);
        }
        let base = syntax.base.as_ref()?;
        current = resolve_kindly(world, pack, &base.text, &[ElementKind::Class])?;
    }
    None
}

/// Puts the values of the enclosing configuration in.
fn substitute(config: &Config, scope: &Config) -> Config {
    Config {
        name: config.name.clone(),
        attributes: config.attributes.iter().map(|(n, t)| (n.clone(), substitute_text(t, scope))).collect(),
        content: config.content.iter().flat_map(|part| substitute_part(part, scope)).collect(),
    }
}

fn substitute_part(part: &ConfigPart, scope: &Config) -> Vec<ConfigPart> {
    match part {
        ConfigPart::Element(element) => vec![ConfigPart::Element(substitute(element, scope))],
        // A `$Config/X$` that stands alone carries a whole subtree.
        ConfigPart::Text(text) => match lone_config(text).and_then(|path| scope.at(path)) {
            Some(found) => found.content.clone(),
            None => vec![ConfigPart::Text(substitute_text(text, scope))],
        },
    }
}

fn lone_config(text: &[Part]) -> Option<&[String]> {
    let mut found = None;
    for part in text {
        match part {
            Part::Config(path) if found.is_none() => found = Some(path.as_slice()),
            Part::Literal(space) if space.trim().is_empty() => {}
            Part::Config(_) | Part::Literal(_) | Part::Value(_) | Part::ThisElement => return None,
        }
    }
    found
}

fn substitute_text(text: &[Part], scope: &Config) -> Vec<Part> {
    let mut out = Vec::new();
    for part in text {
        match part {
            Part::Config(path) => {
                for content in scope.at(path).into_iter().flat_map(|e| &e.content) {
                    match content {
                        ConfigPart::Text(parts) => out.extend(parts.iter().cloned()),
                        ConfigPart::Element(_) => {}
                    }
                }
            }
            Part::Literal(_) | Part::Value(_) | Part::ThisElement => out.push(part.clone()),
        }
    }
    out
}

/// A workflow on its way to leaf modules.
pub(crate) struct Flattener<'w> {
    world: &'w World,
    from: &'w Named,
    this: Guid,
    pub(crate) nodes: Vec<Node>,
    pub(crate) not_runnable: Option<String>,
    /// (module path, profile, field) of secrets that are read.
    pub(crate) secret_reads: Vec<(String, RunAsProfileId, String)>,
    made: BTreeMap<(String, Vec<NodeId>), NodeId>,
}

/// Profiles named on the way down, outermost first: for each level the reference's, else the type's.
type Levels = Vec<Option<RunAsProfileId>>;

impl<'w> Flattener<'w> {
    pub(crate) fn new(world: &'w World, from: &'w Named, this: Guid) -> Self {
        Self { world, from, this, nodes: Vec::new(), not_runnable: None, secret_reads: Vec::new(), made: BTreeMap::new() }
    }

    /// A profile name as a pack means it.
    pub(crate) fn profile(&self, from: &Named, text: Option<&str>) -> Option<RunAsProfileId> {
        resolve_kindly(self.world, from, text?, &[ElementKind::Profile]).map(|f| RunAsProfileId(f.name()))
    }

    /// Opens a module of the workflow itself.
    pub(crate) fn outermost(&mut self, module: &Module, config: Config, inputs: &[NodeId]) -> Option<NodeId> {
        self.module(self.from, module, config, inputs, &Vec::new(), "")
    }

    /// The text of a config element of the workflow's own pack.
    pub(crate) fn template(&self, text: &str) -> TemplateText {
        self.finish_text(&qualify_text(self.world, self.from, text))
    }

    /// Opens one composition tree of a monitor type.
    pub(crate) fn detection(
        &mut self,
        pack: &Named,
        members: &[Module],
        root: &CompositionNode,
        scope: &Config,
        levels: &Levels,
    ) -> Option<NodeId> {
        self.composition(pack, members, root, scope, &[], levels, "")
    }

    fn module(
        &mut self,
        from: &Named,
        module: &Module,
        config: Config,
        inputs: &[NodeId],
        levels: &Levels,
        path: &str,
    ) -> Option<NodeId> {
        let path = if path.is_empty() { module.id.text.clone() } else { format!("{path}/{}", module.id.text) };
        if levels.len() > COMPOSITE_DEPTH_MAX || self.nodes.len() >= NODES_MAX {
            self.not_runnable.get_or_insert_with(|| format!("{path}: composites are nested too deep"));
            return None;
        }
        let full = resolve_kindly(self.world, from, &module.type_id.text, &[module.kind])?;
        let world = self.world;
        let pack: &Named = if full.pack == self.from.id() { self.from } else { world.get(&full.pack).map(AsRef::as_ref)? };
        let module_type = pack.pack.module_types.iter().find(|t| t.id.text == full.element)?;
        let mut levels = levels.clone();
        let reference = self.profile(from, module.run_as.as_ref().map(|t| t.text.as_str()));
        levels.push(reference.or_else(|| self.profile(pack, module_type.run_as.as_ref().map(|t| t.text.as_str()))));
        match &module_type.implementation {
            TypeImplementation::Composite(Composite { members, root, .. }) => {
                let root = root.as_ref()?;
                self.composition(pack, members, root, &config, inputs, &levels, &path)
            }
            TypeImplementation::Ours(word) => {
                let quoted = serde_json::Value::String(word.text.clone());
                let implementation: Option<Implementation> = serde_json::from_value(quoted).ok();
                if implementation.is_none() {
                    self.not_runnable.get_or_insert_with(|| format!("{path}: there is no implementation `{}`", word.text));
                }
                Some(self.leaf(path, &full, module.kind, implementation, &config, inputs, &levels))
            }
            TypeImplementation::Foreign(why) => {
                self.not_runnable.get_or_insert_with(|| format!("module {} cannot run here: {why}", full.element));
                Some(self.leaf(path, &full, module.kind, None, &config, inputs, &levels))
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one step of the walk")]
    fn composition(
        &mut self,
        pack: &Named,
        members: &[Module],
        node: &CompositionNode,
        scope: &Config,
        inputs: &[NodeId],
        levels: &Levels,
        path: &str,
    ) -> Option<NodeId> {
        let member = members.iter().find(|m| m.id.text == node.id.text)?;
        let mut own_inputs = Vec::new();
        for inner in &node.inner {
            own_inputs.push(self.composition(pack, members, inner, scope, inputs, levels, path)?);
        }
        if node.inner.is_empty() && member.kind != ElementKind::DataSource {
            own_inputs.extend_from_slice(inputs);
        }
        let config = substitute(&qualify(self.world, pack, &member.element), scope);
        self.module(pack, member, config, &own_inputs, levels, path)
    }

    #[expect(clippy::too_many_arguments, reason = "one node has this many facts")]
    fn leaf(
        &mut self,
        path: String,
        full: &Full,
        kind: ElementKind,
        implementation: Option<Implementation>,
        config: &Config,
        inputs: &[NodeId],
        levels: &Levels,
    ) -> NodeId {
        let key = (path.clone(), inputs.to_vec());
        if let Some(known) = self.made.get(&key) {
            return *known;
        }
        let mut config = self.finish(config);
        config.name = "Configuration".to_owned();
        self.note_secrets(&path, &config);
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node {
            path,
            module: ModuleTypeId(full.name()),
            implementation,
            kind: match kind {
                ElementKind::ProbeAction => ModuleKind::ProbeAction,
                ElementKind::ConditionDetection => ModuleKind::ConditionDetection,
                ElementKind::WriteAction => ModuleKind::WriteAction,
                _ => ModuleKind::DataSource,
            },
            inputs: inputs.to_vec(),
            // The innermost level that names a profile decides.
            run_as: levels.iter().rev().find_map(Clone::clone),
            config,
            action: None,
        });
        self.made.insert(key, id);
        id
    }

    fn note_secrets(&mut self, path: &str, config: &ConfigElement) {
        let mut texts: Vec<&TemplateText> = config.attributes.iter().map(|(_, t)| t).collect();
        for content in &config.content {
            match content {
                ConfigContent::Text(text) => texts.push(text),
                ConfigContent::Element(element) => self.note_secrets(path, element),
            }
        }
        for segment in texts.into_iter().flat_map(|t| &t.0) {
            if let Segment::Value(ValueRef::RunAs { profile, field }) = segment
                && is_secret_field(field)
            {
                self.secret_reads.push((path.to_owned(), profile.clone(), field.clone()));
                let why = format!("it reads the secret of {profile}, which this version does not hand to modules");
                self.not_runnable.get_or_insert(why);
            }
        }
    }

    fn finish(&self, config: &Config) -> ConfigElement {
        ConfigElement {
            name: config.name.clone(),
            attributes: config.attributes.iter().map(|(n, t)| (n.clone(), self.finish_text(t))).collect(),
            content: config
                .content
                .iter()
                .map(|part| match part {
                    ConfigPart::Element(element) => ConfigContent::Element(self.finish(element)),
                    ConfigPart::Text(text) => ConfigContent::Text(self.finish_text(text)),
                })
                .collect(),
        }
    }

    fn finish_text(&self, text: &[Part]) -> TemplateText {
        let mut out: Vec<Segment> = Vec::new();
        for part in text {
            let literal = match part {
                Part::Literal(text) => text.clone(),
                Part::ThisElement => self.this.to_string(),
                // Nothing encloses the workflow: a path that is left over has no value.
                Part::Config(_) => String::new(),
                Part::Value(value) => {
                    out.push(Segment::Value(value.clone()));
                    continue;
                }
            };
            match out.last_mut() {
                Some(Segment::Literal(known)) => known.push_str(&literal),
                Some(Segment::Value(_)) | None if literal.is_empty() => {}
                Some(Segment::Value(_)) | None => out.push(Segment::Literal(literal)),
            }
        }
        TemplateText(out)
    }
}
