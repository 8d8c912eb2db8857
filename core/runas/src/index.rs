//! Associations by profile and target, so that a question looks only at what can cover it.

use crate::resolve::Kind;
use reeve_model::{AssociationId, ClassId, Estate, ObjectId, RunAsAccountId, RunAsProfileId, Target};
use std::collections::{BTreeMap, BTreeSet};

/// One association, as the resolver ranks it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) association: AssociationId,
    pub(crate) account: RunAsAccountId,
    pub(crate) enforced: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ProfileEntries {
    pub(crate) all: Vec<Entry>,
    pub(crate) by_class: BTreeMap<ClassId, Vec<Entry>>,
    pub(crate) by_group: BTreeMap<ObjectId, Vec<Entry>>,
    pub(crate) by_object: BTreeMap<ObjectId, Vec<Entry>>,
}

/// The associations of an Estate, indexed. Valid for the Estate it was built from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AssociationIndex {
    profiles: BTreeMap<RunAsProfileId, ProfileEntries>,
    /// Groups an object belongs to, directly or through contained groups.
    groups_of: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
}

impl AssociationIndex {
    /// Builds the index of an Estate.
    #[must_use]
    pub fn build(estate: &Estate) -> Self {
        let mut profiles: BTreeMap<RunAsProfileId, ProfileEntries> = BTreeMap::new();
        for association in estate.associations.values() {
            let entries = profiles.entry(association.profile.clone()).or_default();
            let entry =
                Entry { association: association.id, account: association.account, enforced: association.enforced };
            match &association.target {
                Target::All => entries.all.push(entry),
                Target::Class(class) => entries.by_class.entry(class.clone()).or_default().push(entry),
                Target::Group(group) => entries.by_group.entry(*group).or_default().push(entry),
                Target::Object(object) => entries.by_object.entry(*object).or_default().push(entry),
            }
        }
        let mut groups_of: BTreeMap<ObjectId, BTreeSet<ObjectId>> = BTreeMap::new();
        for group in estate.groups.keys() {
            let mut seen = BTreeSet::from([*group]);
            let mut open = vec![*group];
            while let Some(next) = open.pop() {
                for member in estate.groups.get(&next).into_iter().flat_map(|g| &g.members) {
                    if seen.insert(*member) {
                        groups_of.entry(*member).or_default().insert(*group);
                        if estate.groups.contains_key(member) {
                            open.push(*member);
                        }
                    }
                }
            }
        }
        Self { profiles, groups_of }
    }

    /// Calls `each` with every association of the profile that covers the object, with its kind and distance.
    /// An association that covers through several hosts is given with its smallest distance.
    pub(crate) fn covering(
        &self,
        estate: &Estate,
        profile: &RunAsProfileId,
        object: ObjectId,
        mut each: impl FnMut(Kind, u32, &Entry),
    ) {
        let Some(entries) = self.profiles.get(profile) else { return };
        if !entries.by_object.is_empty() || !entries.by_group.is_empty() {
            let mut groups_seen: Vec<ObjectId> = Vec::new();
            for (distance, host) in (0u32..).zip(estate.host_chain(object)) {
                for entry in entries.by_object.get(&host).into_iter().flatten() {
                    each(Kind::Object, distance, entry);
                }
                if entries.by_group.is_empty() {
                    continue;
                }
                for group in self.groups_of.get(&host).into_iter().flatten() {
                    let Some(found) = entries.by_group.get(group) else { continue };
                    if groups_seen.contains(group) {
                        continue;
                    }
                    groups_seen.push(*group);
                    found.iter().for_each(|entry| each(Kind::Group, distance, entry));
                }
            }
        }
        if !entries.by_class.is_empty()
            && let Some(found) = estate.objects.get(&object)
        {
            for (distance, class) in (0u32..).zip(estate.lineage(&found.class)) {
                for entry in entries.by_class.get(class).into_iter().flatten() {
                    each(Kind::Class, distance, entry);
                }
            }
        }
        entries.all.iter().for_each(|entry| each(Kind::All, 0, entry));
    }
}
