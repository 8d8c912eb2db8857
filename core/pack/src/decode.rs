//! XML to syntax. All findings are collected; what can be read is read.

use crate::finding::{Code, Finding, codes};
use crate::source::{Source, Span};
use crate::syntax::*;
use crate::xml::{Attribute, Element};

/// Children of the root, in the language's order.
const PARTS: &[&str] = &[
    "Manifest", "TypeDefinitions", "Categories", "Monitoring", "ConfigurationGroups", "Templates",
    "PresentationTypes", "Presentation", "Warehouse", "Reporting", "LanguagePacks", "Resources", "Extensions",
];
/// Parts that are kept as they are and not used yet.
const KEPT: &[&str] =
    &["Categories", "ConfigurationGroups", "Templates", "PresentationTypes", "Warehouse", "Reporting", "Resources", "Extensions"];

/// Decodes a document.
pub(crate) fn decode(source: &Source, root: &Element) -> (Pack, Vec<Finding>) {
    let mut decoder = Decoder { source, findings: Vec::new() };
    let pack = decoder.pack(root);
    (pack, decoder.findings)
}

struct Decoder<'a> {
    source: &'a Source,
    findings: Vec<Finding>,
}

impl Decoder<'_> {
    fn say(&mut self, code: Code, message: impl Into<String>, span: Span, help: &str) {
        self.findings.push(self.source.finding(code, message.into(), span, help));
    }

    fn pack(&mut self, root: &Element) -> Pack {
        if root.name != "ManagementPack" {
            self.say(codes::NOT_A_PACK, format!("the root element is `{}`", root.name), root.span.clone(), "it has to be <ManagementPack>");
        }
        if let Some(schema) = root.attribute("SchemaVersion")
            && !matches!(schema.value.as_str(), "1.0" | "1.1" | "2.0")
        {
            let message = format!("schema version `{}` is not known", schema.value);
            self.say(codes::NOT_A_PACK, message, schema.span.clone(), "1.0, 1.1 and 2.0 are read");
        }
        let mut pack = Pack {
            source: self.source.clone(),
            id: Text::default(),
            version: Text::default(),
            name: String::new(),
            references: Vec::new(),
            classes: Vec::new(),
            relationships: Vec::new(),
            profiles: Vec::new(),
            module_types: Vec::new(),
            monitor_types: Vec::new(),
            discoveries: Vec::new(),
            rules: Vec::new(),
            monitors: Vec::new(),
            tasks: Vec::new(),
            overrides: Vec::new(),
            display_strings: Vec::new(),
            named: Vec::new(),
        };
        match root.child("Manifest") {
            Some(manifest) => self.manifest(manifest, &mut pack),
            None => self.say(codes::MISSING_PART, "there is no Manifest", root.span.clone(), "a pack begins with <Manifest>"),
        }
        for part in root.children() {
            match part.name.as_str() {
                "Manifest" => {}
                "TypeDefinitions" => self.type_definitions(part, &mut pack),
                "Monitoring" => self.monitoring(part, &mut pack),
                "Presentation" => self.presentation(part, &mut pack),
                "LanguagePacks" => self.language_packs(part, &mut pack),
                name if KEPT.contains(&name) => self.kept(part),
                _ => self.unknown(part, PARTS),
            }
        }
        pack
    }

    fn kept(&mut self, element: &Element) {
        let message = format!("{} is kept and exported unchanged; this version does not use it", element.name);
        self.say(codes::NOT_USED_YET, message, element.span.clone(), "");
    }

    fn unknown(&mut self, element: &Element, known: &[&str]) {
        let help = crate::names::did_you_mean(&element.name, known.iter().copied())
            .map_or_else(|| format!("known here: {}", known.join(", ")), |near| format!("did you mean <{near}>?"));
        self.say(codes::UNKNOWN_ELEMENT, format!("<{}> does not belong here", element.name), element.span.clone(), &help);
    }

    /// Goes through the children; those whose name is not in `known` are findings.
    fn each<'e>(&mut self, parent: &'e Element, known: &[&str]) -> Vec<&'e Element> {
        let mut out = Vec::new();
        for child in parent.children() {
            if known.contains(&child.name.as_str()) {
                out.push(child);
            } else {
                self.unknown(child, known);
            }
        }
        out
    }

    fn attributes(&mut self, element: &Element, known: &[&str]) {
        for attribute in &element.attributes {
            if !known.contains(&attribute.name.as_str()) {
                let help = crate::names::did_you_mean(&attribute.name, known.iter().copied())
                    .map_or_else(|| format!("known: {}", known.join(", ")), |near| format!("did you mean {near}?"));
                let message = format!("<{}> has no attribute `{}`", element.name, attribute.name);
                self.say(codes::UNKNOWN_ATTRIBUTE, message, attribute.span.clone(), &help);
            }
        }
    }

    fn required(&mut self, element: &Element, name: &str) -> Text {
        match element.attribute(name) {
            Some(attribute) => text(attribute),
            None => {
                let message = format!("<{}> has no `{name}`", element.name);
                self.say(codes::MISSING_PART, message, element.span.clone(), "the attribute is required");
                Text { text: String::new(), span: element.span.clone() }
            }
        }
    }

    fn child_text(&mut self, element: &Element, name: &str) -> Text {
        match element.child(name) {
            Some(child) => Text { text: child.text(), span: child.text_span() },
            None => {
                let message = format!("<{}> has no <{name}>", element.name);
                self.say(codes::MISSING_PART, message, element.span.clone(), "the element is required");
                Text { text: String::new(), span: element.span.clone() }
            }
        }
    }

    fn flag(&mut self, element: &Element, name: &str, default: bool) -> bool {
        let Some(attribute) = element.attribute(name) else { return default };
        match attribute.value.as_str() {
            "true" | "True" | "1" => true,
            "false" | "False" | "0" => false,
            other => {
                let message = format!("`{other}` is neither true nor false");
                self.say(codes::BAD_VALUE, message, attribute.span.clone(), "write true or false");
                default
            }
        }
    }

    fn id(&mut self, element: &Element) -> Text {
        let id = self.required(element, "ID");
        let good = id.text.len() < 256
            && id.text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
        if !good && !id.text.is_empty() {
            let message = format!("`{}` is not an id", id.text);
            self.say(codes::BAD_ID, message, id.span.clone(), "letters, digits, `.` and `_`, under 256, beginning with a letter or digit");
        }
        id
    }

    fn is_public(&mut self, element: &Element) -> bool {
        match element.attribute("Accessibility") {
            None => false,
            Some(attribute) if attribute.value == "Public" => true,
            Some(attribute) if attribute.value == "Internal" => false,
            Some(attribute) => {
                let message = format!("`{}` is neither Public nor Internal", attribute.value);
                self.say(codes::BAD_VALUE, message, attribute.span.clone(), "write Public or Internal");
                false
            }
        }
    }

    fn manifest(&mut self, manifest: &Element, pack: &mut Pack) {
        for child in self.each(manifest, &["Identity", "Name", "References"]) {
            match child.name.as_str() {
                "Identity" => {
                    pack.id = self.child_text(child, "ID");
                    pack.version = self.child_text(child, "Version");
                    let id_good = !pack.id.text.is_empty()
                        && pack.id.text.len() < 256
                        && pack.id.text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
                    if !id_good {
                        let message = format!("`{}` is not a pack id", pack.id.text);
                        self.say(codes::BAD_ID, message, pack.id.span.clone(), "letters, digits, `.` and `_`, under 256");
                    }
                    if crate::names::version(&pack.version.text).is_none() {
                        let message = format!("`{}` is not a version", pack.version.text);
                        self.say(codes::BAD_ID, message, pack.version.span.clone(), "four numbers: 1.0.0.0");
                    }
                }
                "Name" => pack.name = child.text(),
                _ => {
                    for reference in self.each(child, &["Reference"]) {
                        let alias = self.required(reference, "Alias");
                        let decoded = Reference {
                            alias,
                            id: self.child_text(reference, "ID"),
                            version: self.child_text(reference, "Version"),
                            key_token: reference
                                .child("PublicKeyToken")
                                .map(|e| Text { text: e.text(), span: e.text_span() }),
                        };
                        pack.references.push(decoded);
                    }
                }
            }
        }
        if manifest.child("Identity").is_none() {
            self.say(codes::MISSING_PART, "the manifest has no Identity", manifest.span.clone(), "<Identity><ID>…</ID><Version>…</Version></Identity>");
        }
    }

    fn type_definitions(&mut self, part: &Element, pack: &mut Pack) {
        let known = ["EntityTypes", "DataTypes", "SchemaTypes", "SecureReferences", "ModuleTypes", "MonitorTypes"];
        for group in self.each(part, &known) {
            match group.name.as_str() {
                "EntityTypes" => {
                    for kind in self.each(group, &["ClassTypes", "RelationshipTypes", "EnumerationTypes", "TypeProjections"]) {
                        match kind.name.as_str() {
                            "ClassTypes" => {
                                for class in self.each(kind, &["ClassType"]) {
                                    let decoded = self.class(class);
                                    pack.classes.push(decoded);
                                }
                            }
                            "RelationshipTypes" => {
                                for relationship in self.each(kind, &["RelationshipType"]) {
                                    let decoded = self.relationship(relationship);
                                    pack.relationships.push(decoded);
                                }
                            }
                            "EnumerationTypes" => {
                                for value in self.each(kind, &["EnumerationValue"]) {
                                    let mut named = self.named(value, ElementKind::Enumeration);
                                    if let Some(parent) = value.attribute("Parent") {
                                        named.uses.push((text(parent), ElementKind::Enumeration));
                                    }
                                    pack.named.push(named);
                                }
                            }
                            _ => self.kept(kind),
                        }
                    }
                }
                "DataTypes" => self.named_children(group, "DataType", ElementKind::DataType, pack),
                "SchemaTypes" => self.named_children(group, "SchemaType", ElementKind::SchemaType, pack),
                "SecureReferences" => {
                    for profile in self.each(group, &["SecureReference"]) {
                        self.attributes(profile, &["ID", "Accessibility", "Context", "Comment"]);
                        let decoded = SecureReference {
                            id: self.id(profile),
                            is_public: self.is_public(profile),
                            context: profile.attribute("Context").map(text),
                        };
                        pack.profiles.push(decoded);
                    }
                }
                "ModuleTypes" => {
                    let kinds = [
                        ("DataSourceModuleType", ElementKind::DataSource),
                        ("ProbeActionModuleType", ElementKind::ProbeAction),
                        ("ConditionDetectionModuleType", ElementKind::ConditionDetection),
                        ("WriteActionModuleType", ElementKind::WriteAction),
                    ];
                    for module_type in self.each(group, &kinds.map(|(name, _)| name)) {
                        let kind = kinds.iter().find(|(name, _)| *name == module_type.name).map(|(_, kind)| *kind);
                        if let Some(kind) = kind {
                            let decoded = self.module_type(module_type, kind);
                            pack.module_types.push(decoded);
                        }
                    }
                }
                _ => {
                    for monitor_type in self.each(group, &["UnitMonitorType"]) {
                        let decoded = self.monitor_type(monitor_type);
                        pack.monitor_types.push(decoded);
                    }
                }
            }
        }
    }

    fn named(&mut self, element: &Element, kind: ElementKind) -> Named {
        Named { id: self.id(element), kind, is_public: self.is_public(element), uses: Vec::new() }
    }

    fn named_children(&mut self, group: &Element, name: &str, kind: ElementKind, pack: &mut Pack) {
        for child in self.each(group, &[name]) {
            let named = self.named(child, kind);
            pack.named.push(named);
        }
    }

    fn class(&mut self, class: &Element) -> ClassType {
        self.attributes(class, &["ID", "Accessibility", "Abstract", "Base", "Hosted", "Singleton", "Extension", "Comment"]);
        let mut properties = Vec::new();
        for property in self.each(class, &["Property"]) {
            let known = [
                "ID", "Type", "Key", "CaseSensitive", "MaxLength", "MinLength", "Length", "Required", "Scale",
                "AutoIncrement", "MinValue", "MaxValue", "RegEx", "EnumType", "DefaultValue", "Comment",
            ];
            self.attributes(property, &known);
            let value_type = self.required(property, "Type");
            let types =
                ["int", "decimal", "double", "string", "datetime", "guid", "bool", "enum", "richtext", "binary"];
            if !value_type.text.is_empty() && !types.contains(&value_type.text.as_str()) {
                let message = format!("`{}` is not a property type", value_type.text);
                self.say(codes::BAD_VALUE, message, value_type.span.clone(), &format!("known: {}", types.join(", ")));
            }
            let decoded = Property { id: self.id(property), value_type, is_key: self.flag(property, "Key", false) };
            properties.push(decoded);
        }
        ClassType {
            id: self.id(class),
            is_public: self.is_public(class),
            is_abstract: self.flag(class, "Abstract", false),
            base: class.attribute("Base").map(text),
            is_hosted: self.flag(class, "Hosted", false),
            is_singleton: self.flag(class, "Singleton", false),
            properties,
        }
    }

    fn relationship(&mut self, relationship: &Element) -> RelationshipType {
        self.attributes(relationship, &["ID", "Accessibility", "Abstract", "Base", "Comment"]);
        let mut end = |name: &str| match relationship.child(name) {
            // Schema 2.0 has Type, schema 1.0 the class as text.
            Some(end) => match end.attribute("Type") {
                Some(attribute) => text(attribute),
                None => Text { text: end.text(), span: end.text_span() },
            },
            None => self.child_text(relationship, name),
        };
        let (source, target) = (end("Source"), end("Target"));
        RelationshipType {
            id: self.id(relationship),
            is_public: self.is_public(relationship),
            is_abstract: self.flag(relationship, "Abstract", false),
            base: relationship.attribute("Base").map(text),
            source,
            target,
        }
    }

    fn configuration(&mut self, parent: &Element) -> Configuration {
        let mut out = Configuration::default();
        for child in parent.child("Configuration").into_iter().flat_map(Element::children) {
            match (child.is_xsd, child.name.as_str()) {
                (true, "element") => out.elements.push(ConfigDeclaration {
                    name: child.value("name").unwrap_or_default().to_owned(),
                    is_required: child.value("minOccurs") != Some("0"),
                }),
                (true, "any" | "choice" | "sequence" | "all") => out.is_open = true,
                (_, "IncludeSchemaTypes") => {}
                (_, _) => self.unknown(child, &["IncludeSchemaTypes", "xsd:element"]),
            }
        }
        out
    }

    fn parameters(&mut self, parent: &Element) -> Vec<Parameter> {
        let mut out = Vec::new();
        for group in parent.children().filter(|c| c.name == "OverrideableParameters") {
            for parameter in self.each(group, &["OverrideableParameter"]) {
                let decoded = Parameter {
                    id: self.id(parameter),
                    selector: self.required(parameter, "Selector"),
                    value_type: parameter.value("ParameterType").unwrap_or("string").to_owned(),
                };
                out.push(decoded);
            }
        }
        out
    }

    fn module_type(&mut self, element: &Element, kind: ElementKind) -> ModuleType {
        self.attributes(element, &["ID", "Accessibility", "RunAs", "Batching", "PassThrough", "Stateful", "Comment"]);
        let known = [
            "Configuration", "OverrideableParameters", "ModuleImplementation", "OutputType", "InputType", "InputTypes",
            "TriggerOnly",
        ];
        let mut data_types = Vec::new();
        for child in self.each(element, &known) {
            match child.name.as_str() {
                "OutputType" | "InputType" => data_types.push(Text { text: child.text(), span: child.text_span() }),
                "InputTypes" => {
                    for input in self.each(child, &["InputType"]) {
                        data_types.push(Text { text: input.text(), span: input.text_span() });
                    }
                }
                _ => {}
            }
        }
        let implementation = match element.child("ModuleImplementation") {
            Some(implementation) => self.implementation(implementation),
            None => {
                self.say(codes::MISSING_PART, "the module type has no implementation", element.span.clone(), "<ModuleImplementation>");
                Implementation::Foreign("it has no implementation".to_owned())
            }
        };
        ModuleType {
            id: self.id(element),
            kind,
            is_public: self.is_public(element),
            run_as: element.attribute("RunAs").map(text),
            configuration: self.configuration(element),
            parameters: self.parameters(element),
            implementation,
            data_types,
        }
    }

    fn implementation(&mut self, element: &Element) -> Implementation {
        let Some(inner) = self.each(element, &["Composite", "Managed", "Native"]).into_iter().next() else {
            self.say(codes::MISSING_PART, "the implementation is empty", element.span.clone(), "<Composite>, <Managed> or <Native>");
            return Implementation::Foreign("its implementation is empty".to_owned());
        };
        match inner.name.as_str() {
            "Composite" => Implementation::Composite(Composite {
                members: self.members(inner.child("MemberModules")),
                root: self.composition(inner.child("Composition")),
                span: inner.span.clone(),
            }),
            "Managed" => {
                let assembly = inner.child("Assembly").map(Element::text).unwrap_or_default();
                let class = self.child_text(inner, "Type");
                if assembly == "Reeve" {
                    Implementation::Ours(class)
                } else {
                    Implementation::Foreign(format!("it needs the .NET assembly {assembly}"))
                }
            }
            _ => Implementation::Foreign("it needs native code of another platform".to_owned()),
        }
    }

    fn members(&mut self, group: Option<&Element>) -> Vec<Module> {
        let kinds = [
            ("DataSource", ElementKind::DataSource),
            ("ProbeAction", ElementKind::ProbeAction),
            ("ConditionDetection", ElementKind::ConditionDetection),
            ("WriteAction", ElementKind::WriteAction),
        ];
        let mut out = Vec::new();
        let Some(group) = group else { return out };
        for member in self.each(group, &kinds.map(|(name, _)| name)) {
            if let Some((_, kind)) = kinds.iter().find(|(name, _)| *name == member.name) {
                let module = self.module(member, *kind);
                out.push(module);
            }
        }
        out
    }

    fn module(&mut self, element: &Element, kind: ElementKind) -> Module {
        self.attributes(element, &["ID", "TypeID", "RunAs", "Target", "Comment"]);
        Module {
            id: self.id(element),
            kind,
            type_id: self.required(element, "TypeID"),
            run_as: element.attribute("RunAs").map(text),
            element: element.clone(),
        }
    }

    fn composition(&mut self, group: Option<&Element>) -> Option<CompositionNode> {
        let group = group?;
        let nodes = self.each(group, &["Node"]);
        match nodes.as_slice() {
            [root] => Some(self.composition_node(root)),
            _ => {
                let message = format!("the composition has {} roots", nodes.len());
                self.say(codes::COMPOSITION, message, group.span.clone(), "exactly one outermost <Node>");
                None
            }
        }
    }

    fn composition_node(&mut self, node: &Element) -> CompositionNode {
        let id = self.required(node, "ID");
        let inner = self.each(node, &["Node"]).into_iter().map(|n| self.composition_node(n)).collect();
        CompositionNode { id, inner }
    }

    fn monitor_type(&mut self, element: &Element) -> MonitorType {
        self.attributes(element, &["ID", "Accessibility", "RunAs", "Comment"]);
        let known = ["MonitorTypeStates", "Configuration", "OverrideableParameters", "MonitorImplementation"];
        let mut states = Vec::new();
        let (mut members, mut regular, mut on_demand) = (Vec::new(), Vec::new(), Vec::new());
        for child in self.each(element, &known) {
            match child.name.as_str() {
                "MonitorTypeStates" => {
                    for state in self.each(child, &["MonitorTypeState"]) {
                        let decoded = MonitorTypeState {
                            id: self.id(state),
                            without_detection: self.flag(state, "NoDetection", false),
                        };
                        states.push(decoded);
                    }
                }
                "MonitorImplementation" => {
                    for part in self.each(child, &["MemberModules", "RegularDetections", "OnDemandDetections"]) {
                        match part.name.as_str() {
                            "MemberModules" => members = self.members(Some(part)),
                            "RegularDetections" => regular = self.detections(part, "RegularDetection"),
                            _ => on_demand = self.detections(part, "OnDemandDetection"),
                        }
                    }
                }
                _ => {}
            }
        }
        MonitorType {
            id: self.id(element),
            is_public: self.is_public(element),
            run_as: element.attribute("RunAs").map(text),
            states,
            configuration: self.configuration(element),
            parameters: self.parameters(element),
            members,
            regular,
            on_demand,
            span: element.span.clone(),
        }
    }

    fn detections(&mut self, group: &Element, name: &str) -> Vec<Detection> {
        let mut out = Vec::new();
        for detection in self.each(group, &[name]) {
            let state = self.required(detection, "MonitorTypeStateID");
            // The nodes stand in the detection itself.
            let root = self.composition(Some(detection));
            out.push(Detection { state, root });
        }
        out
    }

    fn head(&mut self, element: &Element) -> Head {
        let enabled = match element.attribute("Enabled") {
            None => true,
            Some(attribute) => match attribute.value.as_str() {
                "true" => true,
                // Monitoring levels are off unless a category override turns them on.
                "false" | "onEssentialMonitoring" | "onStandardMonitoring" | "onAdvancedMonitoring" => false,
                other => {
                    let message = format!("`{other}` is not a value of Enabled");
                    let help = "true, false, onEssentialMonitoring, onStandardMonitoring or onAdvancedMonitoring";
                    self.say(codes::BAD_VALUE, message, attribute.span.clone(), help);
                    false
                }
            },
        };
        Head {
            id: self.id(element),
            target: self.required(element, "Target"),
            enabled,
            is_public: self.is_public(element),
            category: element.child("Category").map(Element::text).unwrap_or_default(),
        }
    }

    fn monitoring(&mut self, part: &Element, pack: &mut Pack) {
        let known = ["Discoveries", "Rules", "Tasks", "Monitors", "Diagnostics", "Recoveries", "Overrides", "ServiceLevelObjectives"];
        for group in self.each(part, &known) {
            match group.name.as_str() {
                "Discoveries" => {
                    for discovery in self.each(group, &["Discovery"]) {
                        let decoded = self.discovery(discovery);
                        pack.discoveries.push(decoded);
                    }
                }
                "Rules" => {
                    for rule in self.each(group, &["Rule"]) {
                        let decoded = self.rule(rule);
                        pack.rules.push(decoded);
                    }
                }
                "Tasks" => {
                    for task in self.each(group, &["Task"]) {
                        let decoded = self.task(task);
                        pack.tasks.push(decoded);
                    }
                }
                "Monitors" => {
                    for monitor in self.each(group, &["UnitMonitor", "AggregateMonitor", "DependencyMonitor"]) {
                        if monitor.name == "UnitMonitor" {
                            let decoded = self.unit_monitor(monitor);
                            pack.monitors.push(decoded);
                            continue;
                        }
                        let mut named = self.named(monitor, ElementKind::Monitor);
                        named.uses.extend(monitor.attribute("Target").map(|a| (text(a), ElementKind::Class)));
                        pack.named.push(named);
                        if pack.id.text != "System.Health.Library" {
                            self.kept(monitor);
                        }
                    }
                }
                "Overrides" => self.overrides(group, pack),
                _ => self.kept(group),
            }
        }
    }

    fn discovery(&mut self, element: &Element) -> Discovery {
        self.attributes(element, &["ID", "Enabled", "Target", "ConfirmDelivery", "Remotable", "Priority", "Accessibility", "Comment"]);
        let (mut classes, mut relationships, mut source) = (Vec::new(), Vec::new(), None);
        for child in self.each(element, &["Category", "DiscoveryTypes", "DataSource"]) {
            match child.name.as_str() {
                "DiscoveryTypes" => {
                    for kind in self.each(child, &["DiscoveryClass", "DiscoveryRelationship"]) {
                        let name = self.required(kind, "TypeID");
                        if kind.name == "DiscoveryClass" { classes.push(name) } else { relationships.push(name) }
                    }
                }
                "DataSource" => source = Some(self.module(child, ElementKind::DataSource)),
                _ => {}
            }
        }
        if source.is_none() {
            self.say(codes::MISSING_PART, "the discovery has no DataSource", element.span.clone(), "<DataSource>");
        }
        Discovery { head: self.head(element), classes, relationships, source }
    }

    fn rule(&mut self, element: &Element) -> Rule {
        self.attributes(element, &["ID", "Enabled", "Target", "ConfirmDelivery", "Remotable", "Priority", "DiscardLevel", "Accessibility", "Comment"]);
        let mut rule = Rule { head: self.head(element), sources: Vec::new(), condition: None, actions: Vec::new() };
        for child in self.each(element, &["Category", "DataSources", "ConditionDetection", "WriteActions"]) {
            match child.name.as_str() {
                "DataSources" => {
                    for source in self.each(child, &["DataSource"]) {
                        rule.sources.push(self.module(source, ElementKind::DataSource));
                    }
                }
                "ConditionDetection" => rule.condition = Some(self.module(child, ElementKind::ConditionDetection)),
                "WriteActions" => {
                    for action in self.each(child, &["WriteAction"]) {
                        rule.actions.push(self.module(action, ElementKind::WriteAction));
                    }
                }
                _ => {}
            }
        }
        if rule.sources.is_empty() || rule.actions.is_empty() {
            self.say(codes::MISSING_PART, "a rule needs a data source and a write action", element.span.clone(), "<DataSources> and <WriteActions>");
        }
        rule
    }

    fn task(&mut self, element: &Element) -> Task {
        self.attributes(element, &["ID", "Accessibility", "Enabled", "Target", "Timeout", "Remotable", "RunLocation", "Comment"]);
        let mut module = None;
        for child in self.each(element, &["Category", "ProbeAction", "WriteAction"]) {
            let kind = match child.name.as_str() {
                "ProbeAction" => ElementKind::ProbeAction,
                "WriteAction" => ElementKind::WriteAction,
                _ => continue,
            };
            module = Some(self.module(child, kind));
        }
        if module.is_none() {
            self.say(codes::MISSING_PART, "the task has no action", element.span.clone(), "<ProbeAction> or <WriteAction>");
        }
        let timeout_s = element.attribute("Timeout").and_then(|attribute| {
            let parsed = attribute.value.parse::<u32>().ok().filter(|t| (1..=86_400).contains(t));
            if parsed.is_none() {
                let message = format!("`{}` is not a time-out", attribute.value);
                self.say(codes::INTERVAL, message, attribute.span.clone(), "1 to 86400 seconds");
            }
            parsed
        });
        Task { head: self.head(element), timeout_s, module }
    }

    fn unit_monitor(&mut self, element: &Element) -> UnitMonitor {
        self.attributes(element, &["ID", "Accessibility", "Enabled", "Target", "ParentMonitorID", "TypeID", "RunAs", "Remotable", "Priority", "ConfirmDelivery", "Comment"]);
        let mut monitor = UnitMonitor {
            head: self.head(element),
            parent: self.required(element, "ParentMonitorID"),
            type_id: self.required(element, "TypeID"),
            run_as: element.attribute("RunAs").map(text),
            states: Vec::new(),
            configuration: Element { name: "Configuration".to_owned(), span: element.span.clone(), ..Element::default() },
            alert: None,
        };
        for child in self.each(element, &["Category", "AlertSettings", "OperationalStates", "Configuration"]) {
            match child.name.as_str() {
                "OperationalStates" => {
                    for state in self.each(child, &["OperationalState"]) {
                        let decoded = OperationalState {
                            id: self.id(state),
                            type_state: self.required(state, "MonitorTypeStateID"),
                            health: self.required(state, "HealthState"),
                        };
                        monitor.states.push(decoded);
                    }
                }
                "Configuration" => monitor.configuration = child.clone(),
                "AlertSettings" => {
                    let parameters = child.child("AlertParameters").into_iter().flat_map(Element::children);
                    monitor.alert = Some(Alert {
                        message: self.required(child, "AlertMessage"),
                        on_state: child.child("AlertOnState").map(Element::text).unwrap_or_else(|| "Error".to_owned()),
                        auto_resolve: child.child("AutoResolve").is_none_or(|e| e.text() != "false"),
                        priority: child.child("AlertPriority").map(Element::text).unwrap_or_default(),
                        severity: child.child("AlertSeverity").map(Element::text).unwrap_or_default(),
                        parameters: parameters.map(|e| Text { text: e.text(), span: e.text_span() }).collect(),
                    });
                }
                _ => {}
            }
        }
        monitor
    }

    fn overrides(&mut self, group: &Element, pack: &mut Pack) {
        for element in group.children() {
            let (kind, attribute) = match element.name.as_str() {
                "RulePropertyOverride" | "RuleConfigurationOverride" => (ElementKind::Rule, "Rule"),
                "MonitorPropertyOverride" | "MonitorConfigurationOverride" => (ElementKind::Monitor, "Monitor"),
                "DiscoveryPropertyOverride" | "DiscoveryConfigurationOverride" => (ElementKind::Discovery, "Discovery"),
                "SecureReferenceOverride" | "CategoryOverride" | "MonitoringOverride" | "DiagnosticPropertyOverride"
                | "DiagnosticConfigurationOverride" | "RecoveryPropertyOverride" | "RecoveryConfigurationOverride" => {
                    self.kept(element);
                    continue;
                }
                _ => {
                    self.unknown(element, &["RulePropertyOverride", "RuleConfigurationOverride", "MonitorPropertyOverride", "MonitorConfigurationOverride", "DiscoveryPropertyOverride", "DiscoveryConfigurationOverride"]);
                    continue;
                }
            };
            let is_parameter = element.name.ends_with("ConfigurationOverride");
            let decoded = Override {
                id: self.id(element),
                workflow: self.required(element, attribute),
                kind,
                context: self.required(element, "Context"),
                instance: element.attribute("ContextInstance").map(text),
                enforced: self.flag(element, "Enforced", false),
                name: self.required(element, if is_parameter { "Parameter" } else { "Property" }),
                is_parameter,
                value: self.child_text(element, "Value"),
            };
            pack.overrides.push(decoded);
        }
    }

    fn presentation(&mut self, part: &Element, pack: &mut Pack) {
        for group in part.children() {
            match group.name.as_str() {
                "StringResources" => self.named_children(group, "StringResource", ElementKind::StringResource, pack),
                _ => {
                    self.kept(group);
                    // Their ids count: display strings and folder items name them.
                    for child in group.children().filter(|c| c.attribute("ID").is_some()) {
                        let named = self.named(child, ElementKind::Other);
                        pack.named.push(named);
                    }
                }
            }
        }
    }

    fn language_packs(&mut self, part: &Element, pack: &mut Pack) {
        for language in self.each(part, &["LanguagePack"]) {
            let is_default = self.flag(language, "IsDefault", false);
            for group in self.each(language, &["DisplayStrings", "KnowledgeArticles"]) {
                if group.name == "KnowledgeArticles" {
                    self.kept(group);
                    continue;
                }
                for string in self.each(group, &["DisplayString"]) {
                    let decoded = DisplayString {
                        element: self.required(string, "ElementID"),
                        sub_element: string.value("SubElementID").map(str::to_owned),
                        name: string.child("Name").map(Element::text).unwrap_or_default(),
                        description: string.child("Description").map(Element::text).unwrap_or_default(),
                        is_default,
                    };
                    pack.display_strings.push(decoded);
                }
            }
        }
    }
}

fn text(attribute: &Attribute) -> Text {
    Text { text: attribute.value.clone(), span: attribute.span.clone() }
}
