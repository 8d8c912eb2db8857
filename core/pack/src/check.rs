//! Validation of one pack among all that it can reach. Every finding of the pack in one go.

use crate::compile::{host_of, is_hosting, selector_path};
use crate::expression::{Expression, Piece, is_secret_field, parse};
use crate::finding::{Code, Finding, codes};
use crate::flatten::defining_class;
use crate::names::{Full, Named, Unresolved, World, pack_of, resolve, resolve_kindly, version};
use crate::source::Span;
use crate::syntax::*;
use crate::xml::{Content, Element};
use std::collections::{BTreeMap, BTreeSet};

const MODULES: &[ElementKind] =
    &[ElementKind::DataSource, ElementKind::ProbeAction, ElementKind::ConditionDetection, ElementKind::WriteAction];
/// Shortest and longest interval, seconds: one second, ten years.
const INTERVAL_S: std::ops::RangeInclusive<f64> = 1.0..=315_360_000.0;

/// Checks a pack. `world` holds every pack it refers to, and itself.
pub(crate) fn check(world: &World, pack: &Named) -> Vec<Finding> {
    let mut checker = Checker { world, from: pack, findings: Vec::new() };
    checker.ids();
    checker.classes();
    checker.relationships();
    checker.profiles();
    checker.named();
    checker.module_types();
    checker.monitor_types();
    checker.workflows();
    checker.overrides();
    checker.display_strings();
    checker.findings
}

/// Checks the references of a pack against what is there. An empty result means that `check` can follow.
pub(crate) fn check_references(world: &World, refused: &BTreeSet<String>, pack: &Pack) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut aliases = BTreeSet::new();
    let mut say = |code, message: String, span: &Span, help: &str| out.push(pack.source.finding(code, message, span.clone(), help));
    for reference in &pack.references {
        if !aliases.insert(reference.alias.text.as_str()) {
            say(codes::DUPLICATE_ALIAS, format!("the alias `{}` is used twice", reference.alias.text), &reference.alias.span, "each alias stands for one pack");
        }
        let id = &reference.id;
        if refused.contains(&id.text) {
            say(codes::REFERENCE_REFUSED, format!("the pack `{}` is refused itself", id.text), &id.span, "mend that pack first");
            continue;
        }
        let Some(installed) = world.get(&id.text) else {
            let near = crate::names::did_you_mean(&id.text, world.keys().map(String::as_str));
            let help = near.map_or_else(|| "import it first, or together with this one".to_owned(), |n| format!("did you mean `{n}`?"));
            say(codes::MISSING_REFERENCE, format!("the pack `{}` is not installed", id.text), &id.span, &help);
            continue;
        };
        if let (Some(wanted), Some(have)) = (version(&reference.version.text), version(&installed.pack.version.text))
            && have < wanted
        {
            let message = format!("`{}` is installed in version {}", id.text, installed.pack.version.text);
            say(codes::REFERENCE_VERSION, message, &reference.version.span, "import a newer version of it first");
        }
        match (&reference.key_token, &installed.key_token) {
            (Some(wanted), Some(have)) if !wanted.text.eq_ignore_ascii_case(have) => {
                say(codes::REFERENCE_TOKEN, format!("`{}` is sealed with the key {have}", id.text), &wanted.span, "it is another publisher's pack");
            }
            (Some(_) | None, _) => {}
        }
    }
    out
}

struct Checker<'a> {
    world: &'a World,
    from: &'a Named,
    findings: Vec<Finding>,
}

impl<'a> Checker<'a> {
    fn say(&mut self, code: Code, message: impl Into<String>, span: &Span, help: &str) {
        self.findings.push(self.from.pack.source.finding(code, message.into(), span.clone(), help));
    }

    /// Resolves a name; a name that leads nowhere is a finding.
    fn name(&mut self, text: &Text, wanted: &[ElementKind]) -> Option<Full> {
        self.name_at(&text.text, &text.span, wanted)
    }

    fn name_at(&mut self, text: &str, span: &Span, wanted: &[ElementKind]) -> Option<Full> {
        if text.is_empty() {
            return None;
        }
        let what = wanted.first().map_or("an element", |k| k.words());
        match resolve(self.world, self.from, text, wanted) {
            Ok(full) => Some(full),
            Err(Unresolved::Case(full)) => {
                let message = format!("`{text}` is written `{}` where it is defined", full.element);
                self.say(codes::CASE_DIFFERS, message, span, "names are case-sensitive; use the defined spelling");
                Some(full)
            }
            Err(Unresolved::Alias(alias)) => {
                let near = crate::names::did_you_mean(&alias, self.from.aliases.keys().map(String::as_str)).map(str::to_owned);
                let help = near.map_or_else(|| "declare it in the manifest's References".to_owned(), |n| format!("did you mean `{n}`?"));
                self.say(codes::UNKNOWN_NAME, format!("the alias `{alias}` is not declared"), span, &help);
                None
            }
            // Said at the reference already.
            Err(Unresolved::Pack) => None,
            Err(Unresolved::Internal) => {
                self.say(codes::NOT_ACCESSIBLE, format!("`{text}` is internal to its pack"), span, "only its own pack may use it");
                None
            }
            Err(Unresolved::Kind(kind)) => {
                self.say(codes::WRONG_KIND, format!("`{text}` is {}, not {what}", kind.words()), span, "");
                None
            }
            Err(Unresolved::Element { near }) => {
                let code = if wanted == [ElementKind::Profile] { codes::UNKNOWN_PROFILE } else { codes::UNKNOWN_NAME };
                let help = near.map_or_else(String::new, |n| format!("did you mean `{n}`?"));
                self.say(code, format!("there is no `{text}` that is {what}"), span, &help);
                None
            }
        }
    }

    fn ids(&mut self) {
        let pack = &self.from.pack;
        let mut seen: BTreeMap<String, ()> = BTreeMap::new();
        let mut ids: Vec<&Text> = Vec::new();
        ids.extend(pack.classes.iter().map(|e| &e.id));
        ids.extend(pack.relationships.iter().map(|e| &e.id));
        ids.extend(pack.profiles.iter().map(|e| &e.id));
        ids.extend(pack.module_types.iter().map(|e| &e.id));
        ids.extend(pack.monitor_types.iter().map(|e| &e.id));
        ids.extend(pack.discoveries.iter().map(|e| &e.head.id));
        ids.extend(pack.rules.iter().map(|e| &e.head.id));
        ids.extend(pack.monitors.iter().map(|e| &e.head.id));
        ids.extend(pack.tasks.iter().map(|e| &e.head.id));
        ids.extend(pack.overrides.iter().map(|e| &e.id));
        ids.extend(pack.named.iter().map(|e| &e.id));
        let mut twice = Vec::new();
        for id in ids {
            if !id.text.is_empty() && seen.insert(id.text.clone(), ()).is_some() {
                twice.push(id.clone());
            }
        }
        for id in twice {
            self.say(codes::DUPLICATE_ID, format!("the id `{}` is used twice", id.text), &id.span, "ids are unique over all kinds of element");
        }
        for class in &pack.classes {
            let mut names = BTreeSet::new();
            for property in &class.properties {
                if !names.insert(property.id.text.as_str()) {
                    self.findings.push(pack.source.finding(codes::DUPLICATE_ID, format!("the property `{}` is defined twice", property.id.text), property.id.span.clone(), "properties are unique in their class"));
                }
            }
        }
    }

    fn class_syntax(&self, full: &Full) -> Option<(&'a Named, &'a ClassType)> {
        let pack = pack_of(self.world, self.from, full)?;
        Some((pack, pack.pack.classes.iter().find(|c| c.id.text == full.element)?))
    }

    fn base_of(&self, full: &Full) -> Option<Full> {
        let (pack, syntax) = self.class_syntax(full)?;
        resolve_kindly(self.world, pack, &syntax.base.as_ref()?.text, &[ElementKind::Class])
    }

    /// The class and its bases, nearest first; none when the line is a circle.
    fn lineage(&self, class: &Full) -> Option<Vec<Full>> {
        let mut out = vec![class.clone()];
        let mut current = class.clone();
        while let Some(base) = self.base_of(&current) {
            if out.contains(&base) {
                return None;
            }
            out.push(base.clone());
            current = base;
        }
        Some(out)
    }

    fn classes(&mut self) {
        for class in &self.from.pack.classes {
            let full = Full { pack: self.from.id().to_owned(), element: class.id.text.clone() };
            let is_root = self.from.id() == "System.Library" && class.id.text == "System.Entity";
            match &class.base {
                Some(base) => {
                    self.name(base, &[ElementKind::Class]);
                }
                None if is_root => {}
                None => self.say(codes::MISSING_PART, format!("the class `{}` has no Base", class.id.text), &class.id.span, "every class derives from System!System.Entity in the end"),
            }
            let Some(line) = self.lineage(&full) else {
                self.say(codes::CLASS_CYCLE, format!("`{}` derives from itself", class.id.text), &class.id.span, "break the circle of bases");
                continue;
            };
            let has_key = line.iter().any(|c| self.class_syntax(c).is_some_and(|(_, s)| s.properties.iter().any(|p| p.is_key)));
            if class.is_singleton && class.properties.iter().any(|p| p.is_key) {
                self.say(codes::SINGLETON_KEY, format!("the singleton `{}` has a key", class.id.text), &class.id.span, "a singleton has one object; it needs no key");
            }
            if class.is_hosted {
                let own = host_of(self.world, self.from, &full);
                if own.is_none() && !class.is_abstract {
                    self.say(codes::HOST_MISSING, format!("no hosting relationship has `{}` as its target", class.id.text), &class.id.span, "add a RelationshipType with Base=\"System!System.Hosting\"");
                }
                self.hosting_loop(class, &full);
            } else if !class.is_abstract && !class.is_singleton && !has_key {
                self.say(codes::KEY_MISSING, format!("objects of `{}` could not be told apart", class.id.text), &class.id.span, "give it a property with Key=\"true\", make it a singleton, or host it");
            }
        }
    }

    fn hosting_loop(&mut self, class: &ClassType, full: &Full) {
        let mut seen = vec![full.clone()];
        let mut current = full.clone();
        while let Some(host) = host_of(self.world, self.from, &current) {
            let host = Full { pack: host.0.pack().to_owned(), element: host.0.element().to_owned() };
            if !self.class_syntax(&host).is_some_and(|(_, s)| s.is_hosted) {
                return;
            }
            if seen.contains(&host) {
                self.say(codes::HOSTING_LOOP, format!("`{}` hosts itself in the end", class.id.text), &class.id.span, "hosting has to end at a class that is not hosted");
                return;
            }
            seen.push(host.clone());
            current = host;
        }
    }

    fn relationships(&mut self) {
        for relationship in &self.from.pack.relationships {
            let source = self.name(&relationship.source, &[ElementKind::Class]);
            let target = self.name(&relationship.target, &[ElementKind::Class]);
            let Some(base) = &relationship.base else { continue };
            let Some(base) = self.name(base, &[ElementKind::Relationship]) else { continue };
            let Some(pack) = pack_of(self.world, self.from, &base) else { continue };
            let Some(syntax) = pack.pack.relationships.iter().find(|r| r.id.text == base.element) else { continue };
            for (end, wanted, text) in [(source, &syntax.source, &relationship.source), (target, &syntax.target, &relationship.target)] {
                let wanted = resolve_kindly(self.world, pack, &wanted.text, &[ElementKind::Class]);
                if let (Some(end), Some(wanted)) = (end, wanted)
                    && self.lineage(&end).is_some_and(|line| !line.contains(&wanted))
                {
                    let message = format!("`{}` is no `{}`, which the base relationship asks for", end.element, wanted.element);
                    self.say(codes::RELATIONSHIP_ENDS, message, &text.span, "derive the class from it, or choose another base");
                }
            }
            // A hosting relationship of a class that says it is not hosted would never be used.
            if is_hosting(self.world, self.from, relationship)
                && !relationship.is_abstract
                && let Some(target) = resolve_kindly(self.world, self.from, &relationship.target.text, &[ElementKind::Class])
                && self.class_syntax(&target).is_some_and(|(_, s)| !s.is_hosted && !s.is_abstract)
            {
                self.say(codes::RELATIONSHIP_ENDS, format!("`{}` is not a hosted class", target.element), &relationship.target.span, "set Hosted=\"true\" on the class");
            }
        }
    }

    fn profiles(&mut self) {
        for profile in &self.from.pack.profiles {
            match &profile.context {
                Some(context) => {
                    self.name(context, &[ElementKind::Class]);
                }
                None => self.say(codes::CONTEXT_MISSING, format!("the profile `{}` has no Context", profile.id.text), &profile.id.span, "System.Entity is assumed: accounts may be associated for any object"),
            }
        }
    }

    fn named(&mut self) {
        for named in &self.from.pack.named {
            for (text, kind) in &named.uses {
                self.name(text, &[*kind]);
            }
        }
    }

    fn module_types(&mut self) {
        for module_type in &self.from.pack.module_types {
            if let Some(run_as) = &module_type.run_as {
                self.name(run_as, &[ElementKind::Profile]);
            }
            for data_type in &module_type.data_types {
                self.name(data_type, &[ElementKind::DataType]);
            }
            self.selectors(&module_type.parameters, &module_type.configuration);
            match &module_type.implementation {
                Implementation::Ours(_) | Implementation::Foreign(_) => {}
                Implementation::Composite(composite) => {
                    self.members(&composite.members, &module_type.configuration, Some(module_type.kind), None);
                    let roots: Vec<&CompositionNode> = composite.root.iter().collect();
                    self.composition(&composite.members, &roots, &composite.span, true);
                    self.type_cycle(module_type);
                }
            }
        }
    }

    fn type_cycle(&mut self, module_type: &ModuleType) {
        let start = Full { pack: self.from.id().to_owned(), element: module_type.id.text.clone() };
        let mut open = vec![start.clone()];
        let mut seen = BTreeSet::new();
        while let Some(current) = open.pop() {
            let Some(pack) = pack_of(self.world, self.from, &current) else { continue };
            let Some(syntax) = pack.pack.module_types.iter().find(|t| t.id.text == current.element) else { continue };
            let Implementation::Composite(composite) = &syntax.implementation else { continue };
            for member in &composite.members {
                let Some(next) = resolve_kindly(self.world, pack, &member.type_id.text, &[member.kind]) else { continue };
                if next == start {
                    self.say(codes::TYPE_CYCLE, format!("`{}` contains itself", module_type.id.text), &module_type.id.span, "break the circle of member modules");
                    return;
                }
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
    }

    fn selectors(&mut self, parameters: &[Parameter], configuration: &Configuration) {
        for parameter in parameters {
            let hit = selector_path(&parameter.selector.text)
                .and_then(|path| path.first().cloned())
                .is_some_and(|first| configuration.is_open || configuration.elements.iter().any(|e| e.name == first));
            if !hit {
                let message = format!("the selector `{}` hits no configuration element", parameter.selector.text);
                self.say(codes::SELECTOR, message, &parameter.selector.span, "$Config/Element$ of this type");
            }
        }
    }

    /// Checks member modules: kind, type, configuration, expressions.
    fn members(&mut self, members: &[Module], scope: &Configuration, parent: Option<ElementKind>, target: Option<&Full>) {
        for member in members {
            let allowed: &[ElementKind] = match parent {
                Some(ElementKind::DataSource) => &[ElementKind::DataSource, ElementKind::ProbeAction, ElementKind::ConditionDetection],
                Some(ElementKind::ProbeAction) => &[ElementKind::ProbeAction, ElementKind::ConditionDetection],
                Some(ElementKind::ConditionDetection) => &[ElementKind::ConditionDetection],
                Some(ElementKind::WriteAction) => &[ElementKind::ProbeAction, ElementKind::ConditionDetection, ElementKind::WriteAction],
                Some(_) | None => &[ElementKind::DataSource, ElementKind::ProbeAction, ElementKind::ConditionDetection],
            };
            if !allowed.contains(&member.kind) {
                let message = format!("`{}` may not stand here", member.id.text);
                self.say(codes::WRONG_MODULE_KIND, message, &member.id.span, "a data source may not follow anything, a write action ends a workflow");
            }
            self.module(member, Some(scope), target);
        }
    }

    fn composition(&mut self, members: &[Module], roots: &[&CompositionNode], span: &Span, exactly_once: bool) {
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        let mut open: Vec<&CompositionNode> = roots.to_vec();
        while let Some(node) = open.pop() {
            if members.iter().all(|m| m.id.text != node.id.text) {
                let near = crate::names::did_you_mean(&node.id.text, members.iter().map(|m| m.id.text.as_str())).map(str::to_owned);
                let help = near.map_or_else(|| "add it to MemberModules".to_owned(), |n| format!("did you mean `{n}`?"));
                self.say(codes::COMPOSITION, format!("there is no member `{}`", node.id.text), &node.id.span, &help);
            }
            *uses.entry(node.id.text.as_str()).or_default() += 1;
            open.extend(node.inner.iter());
        }
        for member in members {
            let count = uses.get(member.id.text.as_str()).copied().unwrap_or(0);
            if count == 0 || (exactly_once && count > 1) {
                let message = format!("the member `{}` is used {count} times", member.id.text);
                self.say(codes::COMPOSITION, message, &member.id.span, "every member is used exactly once in the composition");
            }
        }
        if roots.is_empty() && exactly_once {
            self.say(codes::COMPOSITION, "there is no composition", span, "<Composition><Node ID=\"…\"/></Composition>");
        }
    }

    /// A module instance: its type, its configuration against the type, its expressions.
    fn module(&mut self, module: &Module, scope: Option<&Configuration>, target: Option<&Full>) {
        if let Some(run_as) = &module.run_as {
            self.name(run_as, &[ElementKind::Profile]);
        }
        let full = match resolve(self.world, self.from, &module.type_id.text, MODULES) {
            Ok(full) => {
                let kind = pack_of(self.world, self.from, &full).and_then(|p| p.elements.get(&full.element)).map(|k| k.kind);
                if kind.is_some_and(|k| k != module.kind) {
                    let message = format!("`{}` is {}", module.type_id.text, kind.map_or("", ElementKind::words));
                    self.say(codes::WRONG_MODULE_KIND, message, &module.type_id.span, "use it where that kind may stand");
                    return;
                }
                Some(full)
            }
            Err(_) => self.name(&module.type_id, &[module.kind]),
        };
        self.expressions(&module.element, scope, target);
        let Some(full) = full else { return };
        let Some(pack) = pack_of(self.world, self.from, &full) else { return };
        let Some(module_type) = pack.pack.module_types.iter().find(|t| t.id.text == full.element) else { return };
        self.configuration(&module.element, &module_type.configuration, &full.element, &module.id.span);
        self.known_modules(module, &full);
    }

    fn configuration(&mut self, element: &Element, declared: &Configuration, type_name: &str, span: &Span) {
        if declared.is_open {
            return;
        }
        let mut last = 0;
        for child in element.children() {
            match declared.elements.iter().position(|d| d.name == child.name) {
                Some(at) if at < last => {
                    let message = format!("<{}> stands after an element that `{type_name}` declares later", child.name);
                    let order: Vec<&str> = declared.elements.iter().map(|d| d.name.as_str()).collect();
                    self.say(codes::CONFIG_ORDER, message, &child.span, &format!("the order is {}", order.join(", ")));
                }
                Some(at) => last = at,
                None => {
                    let near = crate::names::did_you_mean(&child.name, declared.elements.iter().map(|d| d.name.as_str())).map(str::to_owned);
                    let known: Vec<&str> = declared.elements.iter().map(|d| d.name.as_str()).collect();
                    let help = near.map_or_else(|| format!("it takes {}", known.join(", ")), |n| format!("did you mean <{n}>?"));
                    self.say(codes::CONFIG_UNKNOWN, format!("`{type_name}` takes no <{}>", child.name), &child.span, &help);
                }
            }
        }
        let missing: Vec<String> = declared
            .elements
            .iter()
            .filter(|d| d.is_required && element.child(&d.name).is_none())
            .map(|d| d.name.clone())
            .collect();
        for name in missing {
            self.say(codes::CONFIG_MISSING, format!("`{type_name}` needs <{name}>"), span, "add the element");
        }
    }

    /// What is known about some types beyond their declaration.
    fn known_modules(&mut self, module: &Module, full: &Full) {
        let element = &module.element;
        if full.element.starts_with("System.CommandExecuter") || full.element.starts_with("System.Secure.CommandExecuter") {
            for name in ["CommandLine", "ApplicationName", "WorkingDirectory"] {
                if let Some(child) = element.child(name)
                    && parse(&child.text()).iter().any(is_secret)
                {
                    self.say(codes::SECRET_IN_ARGUMENTS, format!("<{name}> would put a secret on a command line"), &child.text_span(), "every user of the computer can read command lines; use SecureInput or a script's standard input");
                }
            }
        }
        for name in ["IntervalSeconds", "Interval", "TimeoutSeconds", "Frequency"] {
            let Some(child) = element.child(name) else { continue };
            let text = child.text();
            if text.contains('$') || text.is_empty() {
                continue;
            }
            if !text.parse::<f64>().is_ok_and(|v| INTERVAL_S.contains(&v)) {
                self.say(codes::INTERVAL, format!("`{text}` is not an interval"), &child.text_span(), "seconds: at least 1, at most ten years");
            }
        }
        self.patterns(element);
    }

    fn patterns(&mut self, element: &Element) {
        for child in element.children() {
            if child.name == "RegExExpression" {
                let operator = child.child("Operator").map(Element::text).unwrap_or_default();
                if let Some(pattern) = child.child("Pattern")
                    && operator.ends_with("MatchesRegularExpression")
                    && !pattern.text().contains("$Config/")
                    && let Err(error) = regex::Regex::new(&pattern.text())
                {
                    let why = error.to_string();
                    let last = why.lines().last().unwrap_or_default().trim().to_owned();
                    self.say(codes::REGEX, format!("the pattern is not taken: {last}"), &pattern.text_span(), "look-around and back-references are not available; the engine runs in linear time");
                }
            }
            self.patterns(child);
        }
    }

    /// Every expression below an element.
    fn expressions(&mut self, element: &Element, scope: Option<&Configuration>, target: Option<&Full>) {
        for attribute in &element.attributes {
            self.text(&attribute.value, &attribute.span, scope, target);
        }
        for content in &element.content {
            match content {
                Content::Text(text, span) => self.text(text, span, scope, target),
                Content::Element(child) => self.expressions(child, scope, target),
            }
        }
    }

    fn text(&mut self, text: &str, span: &Span, scope: Option<&Configuration>, target: Option<&Full>) {
        for piece in parse(text) {
            let Piece::Expression(expression) = piece else { continue };
            match expression {
                Expression::Unreadable(text) => {
                    let shown: String = text.chars().take(60).collect();
                    self.say(codes::EXPRESSION, format!("`{shown}` cannot be read"), span, "an expression is $Head/path$ with its dollar at the end");
                }
                Expression::Config(path) => {
                    let first = path.first().map(String::as_str).unwrap_or_default();
                    let known = scope.is_none_or(|s| s.is_open || s.elements.iter().any(|e| e.name.eq_ignore_ascii_case(first)));
                    if scope.is_none() {
                        self.say(codes::CONFIG_PATH, format!("$Config/{first}$ has no meaning in a workflow"), span, "it belongs into module and monitor types");
                    } else if !known {
                        let names: Vec<&str> = scope.map(|s| s.elements.iter().map(|e| e.name.as_str()).collect()).unwrap_or_default();
                        let near = crate::names::did_you_mean(first, names.iter().copied()).map(str::to_owned);
                        let help = near.map_or_else(|| format!("the type has {}", names.join(", ")), |n| format!("did you mean $Config/{n}$?"));
                        self.say(codes::CONFIG_PATH, format!("the type has no configuration element `{first}`"), span, &help);
                    }
                }
                Expression::TargetProperty { hosts, class, property } => self.target(&class, hosts, &property, span, target),
                Expression::Element { name, sub } => {
                    if let (Some(full), Some(sub)) = (self.name_at(&name, span, &[]), sub)
                        && self.class_syntax(&full).is_some()
                        && defining_class(self.world, self.from, &full, &sub).is_none()
                        && sub != "Name"
                    {
                        self.say(codes::UNKNOWN_NAME, format!("`{}` has no property `{sub}`", full.element), span, "");
                    }
                }
                Expression::RunAs { profile, field } => {
                    self.name_at(&profile, span, &[ElementKind::Profile]);
                    if is_secret_field(&field) {
                        self.say(codes::SECRET_READ, format!("this reads the {field} of `{profile}`"), span, "an administrator has to grant it at import");
                    }
                }
                Expression::TargetId { .. }
                | Expression::ManagementGroupName
                | Expression::ManagementGroupId
                | Expression::ThisElement
                | Expression::Data { .. } => {}
            }
        }
    }

    fn target(&mut self, class: &str, hosts: u8, property: &str, span: &Span, target: Option<&Full>) {
        let Some(full) = self.name_at(class, span, &[ElementKind::Class]) else { return };
        if defining_class(self.world, self.from, &full, property).is_none() {
            // Field: a property also answers to a class derived from its own, but it has to exist somewhere.
            self.say(codes::UNKNOWN_NAME, format!("`{}` has no property `{property}`", full.element), span, "name the class that defines it");
            return;
        }
        let Some(target) = target else { return };
        let mut at = target.clone();
        for _ in 0..hosts {
            match host_of(self.world, self.from, &at) {
                Some(host) => at = Full { pack: host.0.pack().to_owned(), element: host.0.element().to_owned() },
                None => {
                    self.say(codes::TARGET_CLASS, format!("`{}` has no host", at.element), span, "remove a Host/ step");
                    return;
                }
            }
        }
        let fits = |a: &Full, b: &Full| self.lineage(a).is_some_and(|line| line.contains(b));
        if !fits(&at, &full) && !fits(&full, &at) {
            self.say(codes::TARGET_CLASS, format!("the target is `{}`, which is no `{}`", at.element, full.element), span, "name the target's class, a base of it, or go to its host with Host/");
        }
    }

    fn monitor_types(&mut self) {
        for monitor_type in &self.from.pack.monitor_types {
            if let Some(run_as) = &monitor_type.run_as {
                self.name(run_as, &[ElementKind::Profile]);
            }
            self.selectors(&monitor_type.parameters, &monitor_type.configuration);
            self.members(&monitor_type.members, &monitor_type.configuration, None, None);
            let roots: Vec<&CompositionNode> =
                monitor_type.regular.iter().chain(&monitor_type.on_demand).filter_map(|d| d.root.as_ref()).collect();
            self.composition(&monitor_type.members, &roots, &monitor_type.span, false);
            for detection in monitor_type.regular.iter().chain(&monitor_type.on_demand) {
                if monitor_type.states.iter().all(|s| s.id.text != detection.state.text) {
                    self.say(codes::DETECTION, format!("the type has no state `{}`", detection.state.text), &detection.state.span, "declare it in MonitorTypeStates");
                }
            }
            for state in &monitor_type.states {
                if !state.without_detection && monitor_type.regular.iter().all(|d| d.state.text != state.id.text) {
                    self.say(codes::DETECTION, format!("nothing detects the state `{}`", state.id.text), &state.id.span, "add a RegularDetection, or NoDetection=\"true\"");
                }
            }
        }
    }

    fn workflows(&mut self) {
        let pack = &self.from.pack;
        for discovery in &pack.discoveries {
            let target = self.name(&discovery.head.target, &[ElementKind::Class]);
            discovery.classes.iter().for_each(|c| {
                self.name(c, &[ElementKind::Class]);
            });
            discovery.relationships.iter().for_each(|r| {
                self.name(r, &[ElementKind::Relationship]);
            });
            discovery.source.iter().for_each(|m| self.module(m, None, target.as_ref()));
        }
        for rule in &pack.rules {
            let target = self.name(&rule.head.target, &[ElementKind::Class]);
            for module in rule.sources.iter().chain(&rule.condition).chain(&rule.actions) {
                self.module(module, None, target.as_ref());
                self.alert_message(module);
            }
        }
        for task in &pack.tasks {
            let target = self.name(&task.head.target, &[ElementKind::Class]);
            task.module.iter().for_each(|m| self.module(m, None, target.as_ref()));
        }
        for monitor in &pack.monitors {
            self.monitor(monitor);
        }
    }

    fn alert_message(&mut self, module: &Module) {
        let Some(element) = module.element.child("AlertMessageId") else { return };
        let named = parse(&element.text()).into_iter().find_map(|p| match p {
            Piece::Expression(Expression::Element { name, .. }) => Some(name),
            Piece::Expression(_) | Piece::Literal(_) => None,
        });
        let found = named.and_then(|n| resolve_kindly(self.world, self.from, &n, &[ElementKind::StringResource]));
        if found.is_none() && !element.text().is_empty() && element.text().parse::<reeve_model::Guid>().is_err() {
            self.say(codes::ALERT_TEXT, "the alert message is no string resource", &element.text_span(), "$MPElement[Name=\"…\"]$ of a StringResource");
        }
    }

    fn monitor(&mut self, monitor: &UnitMonitor) {
        let target = self.name(&monitor.head.target, &[ElementKind::Class]);
        if let Some(run_as) = &monitor.run_as {
            self.name(run_as, &[ElementKind::Profile]);
        }
        if let Err(Unresolved::Kind(_)) = resolve(self.world, self.from, &monitor.parent.text, &[ElementKind::Monitor]) {
            self.say(codes::MONITOR_PARENT, format!("`{}` is no monitor", monitor.parent.text), &monitor.parent.span, "e.g. Health!System.Health.AvailabilityState");
        } else {
            self.name(&monitor.parent, &[ElementKind::Monitor]);
        }
        self.expressions(&monitor.configuration, None, target.as_ref());
        if let Some(alert) = &monitor.alert {
            self.name(&alert.message, &[ElementKind::StringResource]);
            for parameter in &alert.parameters {
                self.text(&parameter.text, &parameter.span, None, target.as_ref());
            }
            if alert.parameters.len() > 10 {
                self.say(codes::BAD_VALUE, "an alert takes at most ten parameters", &alert.message.span, "");
            }
        }
        let Some(full) = self.name(&monitor.type_id, &[ElementKind::MonitorType]) else { return };
        let Some(pack) = pack_of(self.world, self.from, &full) else { return };
        let Some(monitor_type) = pack.pack.monitor_types.iter().find(|t| t.id.text == full.element) else { return };
        self.configuration(&monitor.configuration, &monitor_type.configuration, &full.element, &monitor.head.id.span);
        for state in &monitor.states {
            if monitor_type.states.iter().all(|s| s.id.text != state.type_state.text) {
                self.say(codes::MONITOR_STATES, format!("`{}` has no state `{}`", full.element, state.type_state.text), &state.type_state.span, "map the states of the monitor type");
            }
            if !matches!(state.health.text.as_str(), "Success" | "Warning" | "Error") {
                self.say(codes::BAD_VALUE, format!("`{}` is no health", state.health.text), &state.health.span, "Success, Warning or Error");
            }
        }
        for state in &monitor_type.states {
            let count = monitor.states.iter().filter(|s| s.type_state.text == state.id.text).count();
            if count != 1 {
                let message = format!("the state `{}` of the monitor type is mapped {count} times", state.id.text);
                self.say(codes::MONITOR_STATES, message, &monitor.head.id.span, "map every state of the type exactly once");
            }
        }
    }

    fn overrides(&mut self) {
        for o in &self.from.pack.overrides {
            self.name(&o.context, &[ElementKind::Class]);
            if let Some(instance) = &o.instance
                && instance.text.parse::<reeve_model::Guid>().is_err()
            {
                self.say(codes::BAD_VALUE, format!("`{}` is not a GUID", instance.text), &instance.span, "the id of an object or group");
            }
            let Some(full) = self.name(&o.workflow, &[o.kind]) else { continue };
            match o.is_parameter {
                false => {
                    let known: &[&str] = match o.kind {
                        ElementKind::Monitor => &["Enabled", "GenerateAlert", "AlertOnState", "AlertPriority", "AlertSeverity", "AutoResolve"],
                        _ => &["Enabled"],
                    };
                    if !known.contains(&o.name.text.as_str()) {
                        self.say(codes::OVERRIDE_PARAMETER, format!("the property `{}` cannot be overridden", o.name.text), &o.name.span, &format!("known: {}", known.join(", ")));
                    } else if matches!(o.name.text.as_str(), "Enabled" | "GenerateAlert" | "AutoResolve") && !matches!(o.value.text.as_str(), "true" | "false") {
                        self.say(codes::OVERRIDE_VALUE, format!("`{}` is neither true nor false", o.value.text), &o.value.span, "write true or false");
                    }
                }
                true => self.parameter(o, &full),
            }
        }
    }

    fn parameter(&mut self, o: &Override, full: &Full) {
        let parameters = self.parameters_of(full, o.kind);
        let Some(parameter) = parameters.iter().find(|p| p.id.text == o.name.text) else {
            let near = crate::names::did_you_mean(&o.name.text, parameters.iter().map(|p| p.id.text.as_str())).map(str::to_owned);
            let help = near.map_or_else(|| "only what the outermost type declares can be overridden".to_owned(), |n| format!("did you mean `{n}`?"));
            self.say(codes::OVERRIDE_PARAMETER, format!("`{}` has no parameter `{}`", full.element, o.name.text), &o.name.span, &help);
            return;
        };
        let value = &o.value.text;
        let parses = match parameter.value_type.as_str() {
            "int" => value.parse::<i64>().is_ok(),
            "double" => value.parse::<f64>().is_ok_and(f64::is_finite),
            "bool" => matches!(value.as_str(), "true" | "false"),
            _ => true,
        };
        if !parses {
            self.say(codes::OVERRIDE_VALUE, format!("`{value}` is not of type {}", parameter.value_type), &o.value.span, "give a value of the parameter's type");
        }
    }

    fn parameters_of(&self, full: &Full, kind: ElementKind) -> Vec<&'a Parameter> {
        let Some(pack) = pack_of(self.world, self.from, full) else { return Vec::new() };
        let of_type = |module: &Module| -> Vec<&'a Parameter> {
            let found = resolve_kindly(self.world, pack, &module.type_id.text, &[module.kind]);
            let found = found.and_then(|f| Some((pack_of(self.world, self.from, &f)?, f)));
            let syntax = found.and_then(|(p, f)| p.pack.module_types.iter().find(|t| t.id.text == f.element));
            syntax.map(|t| t.parameters.iter().collect()).unwrap_or_default()
        };
        match kind {
            ElementKind::Rule => {
                let Some(rule) = pack.pack.rules.iter().find(|r| r.head.id.text == full.element) else { return Vec::new() };
                rule.sources.iter().chain(&rule.condition).chain(&rule.actions).flat_map(of_type).collect()
            }
            ElementKind::Discovery => {
                let Some(found) = pack.pack.discoveries.iter().find(|d| d.head.id.text == full.element) else { return Vec::new() };
                found.source.iter().flat_map(of_type).collect()
            }
            _ => {
                let Some(found) = pack.pack.monitors.iter().find(|m| m.head.id.text == full.element) else { return Vec::new() };
                let Some(type_name) = resolve_kindly(self.world, pack, &found.type_id.text, &[ElementKind::MonitorType]) else { return Vec::new() };
                let Some(owner) = pack_of(self.world, self.from, &type_name) else { return Vec::new() };
                let syntax = owner.pack.monitor_types.iter().find(|t| t.id.text == type_name.element);
                syntax.map(|t| t.parameters.iter().collect()).unwrap_or_default()
            }
        }
    }

    fn display_strings(&mut self) {
        for string in &self.from.pack.display_strings {
            let own = string.element.text == self.from.id();
            if !own && resolve_kindly(self.world, self.from, &string.element.text, &[]).is_none() {
                let message = format!("there is no `{}`", string.element.text);
                self.say(codes::STRING_FOR_NOTHING, message, &string.element.span, "the string is kept and never shown");
            }
        }
    }
}

fn is_secret(piece: &Piece) -> bool {
    matches!(piece, Piece::Expression(Expression::RunAs { field, .. }) if is_secret_field(field))
}
