//! What saving an association would do.

use crate::index::AssociationIndex;
use crate::resolve::{Needs, Question, Refusal, RunAs, type_fits, verdict_with};
use reeve_model::{Association, AssociationId, Estate, HealthServiceId, ObjectId, Target};
use serde::{Deserialize, Serialize};

/// Findings about an association that is not saved yet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AssociationCheck {
    /// The profile does not exist.
    pub unknown_profile: bool,
    /// The account does not exist.
    pub unknown_account: bool,
    /// The class, group or object does not exist.
    pub unknown_target: bool,
    /// The target cannot hold objects of the profile's context class.
    pub outside_context: bool,
    /// The account's type can never serve this profile.
    pub wrong_account_type: bool,
    /// The same profile, target and account are associated already.
    pub already_exists: Option<AssociationId>,
    /// Objects that would be ambiguous with it and are not now.
    pub makes_ambiguous: Vec<ObjectId>,
}

impl AssociationCheck {
    /// Whether it can be saved without an explicit wish.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// Says what saving `association` would do. Does not change anything.
#[must_use]
pub fn check_association(estate: &Estate, association: &Association) -> AssociationCheck {
    let mut check = AssociationCheck {
        unknown_profile: !estate.profiles.contains_key(&association.profile),
        unknown_account: !estate.accounts.contains_key(&association.account),
        unknown_target: match &association.target {
            Target::All => false,
            Target::Class(class) => !estate.classes.contains_key(class),
            Target::Group(group) => !estate.groups.contains_key(group),
            Target::Object(object) => !estate.objects.contains_key(object),
        },
        already_exists: estate
            .associations
            .values()
            .find(|known| {
                known.id != association.id
                    && known.profile == association.profile
                    && known.target == association.target
                    && known.account == association.account
            })
            .map(|known| known.id),
        ..AssociationCheck::default()
    };
    if let Some(account) = estate.accounts.get(&association.account) {
        // A credential to present may serve some module; an identity must fit the profile itself.
        let becomes = type_fits(account, &association.profile, &Needs::Become);
        let presents = matches!(account.kind, reeve_model::AccountKind::Present(_))
            && association.profile.0.as_str() != crate::DEFAULT_ACTION_ACCOUNT_PROFILE;
        check.wrong_account_type = !becomes && !presents;
    }
    if let (Some(profile), Target::Class(class)) = (estate.profiles.get(&association.profile), &association.target) {
        check.outside_context = estate.classes.contains_key(class)
            && estate.classes.contains_key(&profile.context)
            && !estate.derives_from(class, &profile.context)
            && !estate.derives_from(&profile.context, class)
            && !hosted_below(estate, class, &profile.context);
    }
    if !(check.unknown_profile || check.unknown_account || check.unknown_target) {
        check.makes_ambiguous = makes_ambiguous(estate, association);
    }
    check
}

/// Whether objects of `class` live, directly or not, on objects of `context`: a target below the context is valid,
/// since an association of the host covers them as well.
fn hosted_below(estate: &Estate, class: &reeve_model::ClassId, context: &reeve_model::ClassId) -> bool {
    let mut next = Some(class.clone());
    let mut steps = 0;
    while let Some(current) = next {
        let host = estate.lineage(&current).into_iter().find_map(|c| estate.classes.get(c)?.host.clone());
        match host {
            Some(host) if estate.derives_from(&host, context) => return true,
            Some(host) if steps < 16 => next = Some(host),
            Some(_) | None => return false,
        }
        steps += 1;
    }
    false
}

fn makes_ambiguous(estate: &Estate, association: &Association) -> Vec<ObjectId> {
    let mut after = estate.clone();
    after.associations.insert(association.id, association.clone());
    let (before_index, after_index) = (AssociationIndex::build(estate), AssociationIndex::build(&after));
    // Ambiguity does not depend on the health service; any will do. Without one nothing runs for any object yet.
    let Some(health_service) = estate.health_services.keys().next().copied() else { return Vec::new() };
    let is_ambiguous = |index: &AssociationIndex, estate: &Estate, object: ObjectId, hs: HealthServiceId| {
        let question =
            Question { profile: Some(association.profile.clone()), object, health_service: hs, needs: Needs::Become };
        matches!(verdict_with(index, estate, &question), RunAs::Refused(Refusal::Ambiguous(_)))
    };
    estate
        .objects
        .keys()
        .copied()
        .filter(|object| {
            is_ambiguous(&after_index, &after, *object, health_service)
                && !is_ambiguous(&before_index, estate, *object, health_service)
        })
        .collect()
}
