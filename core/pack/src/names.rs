//! Names: versions, aliases, and what a person may have meant.

use crate::syntax::{ElementKind, Pack};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The key token of the shipped library packs; references of real packs ask for it.
pub(crate) const LIBRARY_TOKEN: &str = "31bf3856ad364e35";

/// Four numbers.
pub(crate) fn version(text: &str) -> Option<[u32; 4]> {
    let parts: Vec<u32> = text.split('.').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// The nearest of the known names, if one is near enough to be a slip.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.len() / 3).clamp(1, 4);
    known.map(|k| (distance(name, k, limit), k)).filter(|(d, _)| *d <= limit).min_by_key(|(d, _)| *d).map(|(_, k)| k)
}

/// Edit distance, case ignored; more than `limit` is not counted out.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (j, cb) in b.iter().enumerate() {
            let up = row.get(j + 1).copied().unwrap_or(usize::MAX);
            let cost = (diagonal + usize::from(ca != cb)).min(up + 1).min(left + 1);
            diagonal = up;
            left = cost;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or(limit + 1)
}

/// What an element is, for name resolution.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    pub(crate) kind: ElementKind,
    pub(crate) is_public: bool,
    /// Position in the pack's list of its kind.
    pub(crate) at: usize,
}

/// A pack with an index of its elements.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) pack: Pack,
    pub(crate) elements: BTreeMap<String, Known>,
    pub(crate) aliases: BTreeMap<String, String>,
    pub(crate) key_token: Option<String>,
}

impl Named {
    /// Indexes a pack.
    pub(crate) fn new(pack: Pack, key_token: Option<String>) -> Self {
        let mut elements = BTreeMap::new();
        let mut add = |id: &str, kind, is_public, at| {
            elements.entry(id.to_owned()).or_insert(Known { kind, is_public, at });
        };
        pack.classes.iter().enumerate().for_each(|(i, e)| add(&e.id.text, ElementKind::Class, e.is_public, i));
        pack.relationships.iter().enumerate().for_each(|(i, e)| add(&e.id.text, ElementKind::Relationship, e.is_public, i));
        pack.profiles.iter().enumerate().for_each(|(i, e)| add(&e.id.text, ElementKind::Profile, e.is_public, i));
        pack.module_types.iter().enumerate().for_each(|(i, e)| add(&e.id.text, e.kind, e.is_public, i));
        pack.monitor_types.iter().enumerate().for_each(|(i, e)| add(&e.id.text, ElementKind::MonitorType, e.is_public, i));
        pack.discoveries.iter().enumerate().for_each(|(i, e)| add(&e.head.id.text, ElementKind::Discovery, true, i));
        pack.rules.iter().enumerate().for_each(|(i, e)| add(&e.head.id.text, ElementKind::Rule, true, i));
        pack.monitors.iter().enumerate().for_each(|(i, e)| add(&e.head.id.text, ElementKind::Monitor, e.head.is_public, i));
        pack.tasks.iter().enumerate().for_each(|(i, e)| add(&e.head.id.text, ElementKind::Task, e.head.is_public, i));
        pack.named.iter().enumerate().for_each(|(i, e)| add(&e.id.text, e.kind, e.is_public || e.kind == ElementKind::StringResource, i));
        pack.overrides.iter().enumerate().for_each(|(i, e)| add(&e.id.text, ElementKind::Override, false, i));
        let aliases = pack.references.iter().map(|r| (r.alias.text.clone(), r.id.text.clone())).collect();
        Self { pack, elements, aliases, key_token }
    }

    pub(crate) fn id(&self) -> &str {
        &self.pack.id.text
    }
}

/// All packs that names may reach.
pub(crate) type World = BTreeMap<String, Arc<Named>>;

/// Where a name leads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Full {
    pub(crate) pack: String,
    pub(crate) element: String,
}

impl Full {
    pub(crate) fn name(&self) -> reeve_model::ElementName {
        reeve_model::ElementName::new(&self.pack, &self.element)
    }
}

/// Why a name leads nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unresolved {
    /// The alias is not declared.
    Alias(String),
    /// The pack behind the alias is not there; reported once, at the reference.
    Pack,
    /// The element is not in the pack.
    Element { near: Option<String> },
    /// Only the case differs.
    Case(Full),
    /// It is internal to another pack.
    Internal,
    /// It is another kind of element.
    Kind(ElementKind),
}

/// Resolves `Alias!Element` or `Element` as pack `from` means it.
pub(crate) fn resolve(world: &World, from: &Named, text: &str, wanted: &[ElementKind]) -> Result<Full, Unresolved> {
    let (pack_id, element) = match text.split_once('!') {
        Some((alias, element)) => match from.aliases.get(alias) {
            Some(id) => (id.as_str(), element),
            None => return Err(Unresolved::Alias(alias.to_owned())),
        },
        None => (from.id(), text),
    };
    let pack: &Named = if pack_id == from.id() { from } else { world.get(pack_id).map(Arc::as_ref).ok_or(Unresolved::Pack)? };
    let full = |element: &str| Full { pack: pack_id.to_owned(), element: element.to_owned() };
    match pack.elements.get(element) {
        Some(known) if !wanted.is_empty() && !wanted.contains(&known.kind) => Err(Unresolved::Kind(known.kind)),
        Some(known) if !known.is_public && pack_id != from.id() => Err(Unresolved::Internal),
        Some(_) => Ok(full(element)),
        None => {
            let fits = |known: &Known| wanted.is_empty() || wanted.contains(&known.kind);
            let same = pack.elements.iter().find(|(id, known)| id.eq_ignore_ascii_case(element) && fits(known));
            match same {
                Some((id, _)) => Err(Unresolved::Case(full(id))),
                None => {
                    let names = pack.elements.iter().filter(|(_, known)| fits(known)).map(|(id, _)| id.as_str());
                    Err(Unresolved::Element { near: did_you_mean(element, names).map(str::to_owned) })
                }
            }
        }
    }
}

/// As [`resolve`], with a difference in case forgiven.
pub(crate) fn resolve_kindly(world: &World, from: &Named, text: &str, wanted: &[ElementKind]) -> Option<Full> {
    match resolve(world, from, text, wanted) {
        Ok(full) | Err(Unresolved::Case(full)) => Some(full),
        Err(_) => None,
    }
}

/// The pack of a full name.
pub(crate) fn pack_of<'a>(world: &'a World, from: &'a Named, full: &Full) -> Option<&'a Named> {
    if full.pack == from.id() { Some(from) } else { world.get(&full.pack).map(Arc::as_ref) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_four_numbers() {
        assert_eq!(version("1.2.3.4"), Some([1, 2, 3, 4]));
        for bad in ["1.2.3", "1.2.3.4.5", "1.2.3.x", "", "1.2.3.-4", "99999999999.0.0.0"] {
            assert_eq!(version(bad), None, "{bad}");
        }
    }

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(did_you_mean("Monitorng", ["Monitoring", "Manifest"].into_iter()), Some("Monitoring"));
        assert_eq!(did_you_mean("sql.probing", ["Sql.Probing"].into_iter()), Some("Sql.Probing"));
        assert_eq!(did_you_mean("Banana", ["Monitoring", "Manifest"].into_iter()), None);
    }
}
