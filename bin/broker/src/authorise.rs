//! Whether a run may happen, by the signed manifest or a signed order. Pure: no file, no clock.

use reeve_wire::Message;
use reeve_wire::broker::Run;
use reeve_wire::signed::{Manifest, ManifestAccount, Signed, TaskOrder, context};

/// A refusal in the field's numbering.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    /// Event id.
    pub(crate) event: u32,
    /// For people.
    pub(crate) message: String,
}

pub(crate) fn refuse(event: u32, message: impl Into<String>) -> Refusal {
    Refusal { event, message: message.into() }
}

/// What a permitted run uses.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Permit {
    /// The account; none = the default action account.
    pub(crate) account: Option<ManifestAccount>,
    /// Nonce of the order that permits it, with its end, to be remembered before the run.
    pub(crate) nonce: Option<(Vec<u8>, i64)>,
}

/// Facts a decision needs.
pub(crate) struct Facts<'a> {
    pub(crate) manifest: Option<&'a Manifest>,
    pub(crate) keeper_key: &'a [u8],
    pub(crate) management_group: &'a [u8],
    pub(crate) health_service: &'a [u8],
    pub(crate) now_us: i64,
    /// Whether a nonce was used before.
    pub(crate) is_used: &'a dyn Fn(&[u8]) -> bool,
}

/// Decides.
pub(crate) fn permit(facts: &Facts<'_>, run: &Run) -> Result<Permit, Refusal> {
    let manifest = facts.manifest.ok_or_else(|| refuse(1102, "this computer has no configuration from its management group yet"))?;
    if manifest.not_after_us <= facts.now_us {
        return Err(refuse(1102, "the configuration's lease is over: the management group was not reached for too long"));
    }
    let listed = manifest.runs.iter().any(|r| {
        r.template == run.template && r.account == run.account && (r.objects.is_empty() || r.objects.contains(&run.object))
    });
    let nonce = match (&run.order, listed) {
        (Some(order), _) => Some(check_order(facts, run, order)?),
        (None, true) => None,
        (None, false) => {
            return Err(refuse(1102, "the management group did not sign for this code under this account and object"));
        }
    };
    let account = match run.account.is_empty() {
        true => None,
        false => {
            let found = manifest.accounts.iter().find(|a| a.account == run.account);
            Some(found.cloned().ok_or_else(|| refuse(1108, "the account is not distributed to this computer"))?)
        }
    };
    Ok(Permit { account, nonce })
}

fn check_order(facts: &Facts<'_>, run: &Run, order: &Signed) -> Result<(Vec<u8>, i64), Refusal> {
    let bad = |why: &str| refuse(1102, format!("the task order is refused: {why}"));
    reeve_seal::sign::verify(facts.keeper_key, context::TASK_ORDER, order).map_err(|_| bad("its signature is not the keeper's"))?;
    let order = TaskOrder::decode(order.bytes.as_slice()).map_err(|_| bad("it cannot be read"))?;
    if order.management_group != facts.management_group || order.health_service != facts.health_service {
        return Err(bad("it is for another computer"));
    }
    if order.template != run.template || order.account != run.account || order.object != run.object {
        return Err(bad("it is for another run"));
    }
    if order.not_after_us <= facts.now_us {
        return Err(bad("it is too old"));
    }
    if order.nonce.len() != 16 || (facts.is_used)(&order.nonce) {
        return Err(bad("it was used before"));
    }
    Ok((order.nonce, order.not_after_us))
}

/// Whether a manifest may be put in force. `epoch` is the highest ever accepted.
pub(crate) fn accept(
    signed: &Signed,
    keeper_key: &[u8],
    management_group: &[u8],
    health_service: &[u8],
    epoch: u64,
    in_force: Option<&Signed>,
    now_us: i64,
) -> Result<Manifest, String> {
    reeve_seal::sign::verify(keeper_key, context::MANIFEST, signed).map_err(|_| "its signature is not the keeper's".to_owned())?;
    let manifest = Manifest::decode(signed.bytes.as_slice()).map_err(|_| "it cannot be read".to_owned())?;
    if manifest.management_group != management_group || manifest.health_service != health_service {
        return Err("it is for another computer".to_owned());
    }
    let is_same = in_force.is_some_and(|known| known.bytes == signed.bytes);
    if manifest.epoch <= epoch && !is_same {
        return Err(format!("its epoch {} is not above {epoch}: it is an older one", manifest.epoch));
    }
    if manifest.not_after_us <= now_us {
        return Err("its lease is over already; is this computer's clock right?".to_owned());
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reeve_seal::sign::SigningKey;
    use reeve_wire::signed::ManifestRun;

    const GROUP: [u8; 16] = [1; 16];
    const COMPUTER: [u8; 16] = [2; 16];
    const ACCOUNT: [u8; 16] = [3; 16];
    const OBJECT: [u8; 16] = [4; 16];
    const TEMPLATE: [u8; 32] = [5; 32];

    fn manifest() -> Manifest {
        Manifest {
            management_group: GROUP.to_vec(),
            health_service: COMPUTER.to_vec(),
            epoch: 5,
            not_after_us: 1_000,
            runs: vec![
                ManifestRun { template: TEMPLATE.to_vec(), account: ACCOUNT.to_vec(), objects: vec![OBJECT.to_vec()] },
                ManifestRun { template: vec![6; 32], account: vec![], objects: vec![] },
            ],
            accounts: vec![ManifestAccount { account: ACCOUNT.to_vec(), name: "account-1".into(), ..ManifestAccount::default() }],
            ..Manifest::default()
        }
    }

    fn run(template: &[u8], account: &[u8], object: &[u8]) -> Run {
        Run { template: template.to_vec(), account: account.to_vec(), object: object.to_vec(), ..Run::default() }
    }

    fn decide(manifest: Option<&Manifest>, key: &[u8], now_us: i64, used: bool, run: &Run) -> Result<Permit, u32> {
        let is_used = |_: &[u8]| used;
        let facts =
            Facts { manifest, keeper_key: key, management_group: &GROUP, health_service: &COMPUTER, now_us, is_used: &is_used };
        permit(&facts, run).map_err(|r| r.event)
    }

    #[test]
    fn only_what_the_manifest_lists_runs() {
        let m = manifest();
        let cases: &[(&str, &Run, Result<(), u32>)] = &[
            ("listed", &run(&TEMPLATE, &ACCOUNT, &OBJECT), Ok(())),
            ("listed for every object", &run(&[6; 32], &[], &[9; 16]), Ok(())),
            ("other object", &run(&TEMPLATE, &ACCOUNT, &[9; 16]), Err(1102)),
            ("other account", &run(&TEMPLATE, &[9; 16], &OBJECT), Err(1102)),
            ("default account instead", &run(&TEMPLATE, &[], &OBJECT), Err(1102)),
            ("account instead of default", &run(&[6; 32], &ACCOUNT, &OBJECT), Err(1102)),
            ("other code", &run(&[9; 32], &ACCOUNT, &OBJECT), Err(1102)),
            ("no code", &run(&[], &ACCOUNT, &OBJECT), Err(1102)),
        ];
        for (name, run, expected) in cases {
            assert_eq!(decide(Some(&m), &[], 0, false, run).map(|_| ()), *expected, "{name}");
        }
        assert_eq!(decide(None, &[], 0, false, &run(&TEMPLATE, &ACCOUNT, &OBJECT)), Err(1102));
        assert_eq!(decide(Some(&m), &[], 1_000, false, &run(&TEMPLATE, &ACCOUNT, &OBJECT)), Err(1102));
        let mut undistributed = m.clone();
        undistributed.accounts.clear();
        assert_eq!(decide(Some(&undistributed), &[], 0, false, &run(&TEMPLATE, &ACCOUNT, &OBJECT)), Err(1108));
    }

    #[test]
    fn an_order_permits_exactly_its_run_once() {
        let (key, other) = (SigningKey::generate(), SigningKey::generate());
        let m = manifest();
        let order = TaskOrder {
            management_group: GROUP.to_vec(),
            health_service: COMPUTER.to_vec(),
            template: vec![7; 32],
            account: ACCOUNT.to_vec(),
            object: OBJECT.to_vec(),
            nonce: vec![8; 16],
            not_after_us: 500,
            ..TaskOrder::default()
        };
        let signed = |order: &TaskOrder, key: &SigningKey| key.sign(context::TASK_ORDER, order.encode_to_vec());
        let with = |order: Signed| Run { order: Some(order), ..run(&[7; 32], &ACCOUNT, &OBJECT) };
        let public = key.public();
        assert!(decide(Some(&m), &public, 0, false, &with(signed(&order, &key))).is_ok());
        let mut elsewhere = order.clone();
        elsewhere.health_service = vec![9; 16];
        let mut another = order.clone();
        another.template = vec![9; 32];
        let mut short = order.clone();
        short.nonce = vec![8; 8];
        for (name, run, now, used) in [
            ("replayed", with(signed(&order, &key)), 0, true),
            ("too old", with(signed(&order, &key)), 500, false),
            ("other signer", with(signed(&order, &other)), 0, false),
            ("other computer", with(signed(&elsewhere, &key)), 0, false),
            ("other run", with(signed(&another, &key)), 0, false),
            ("short nonce", with(signed(&short, &key)), 0, false),
            ("a manifest's signature", with(key.sign(context::MANIFEST, order.encode_to_vec())), 0, false),
        ] {
            assert_eq!(decide(Some(&m), &public, now, used, &run).map(|_| ()), Err(1102), "{name}");
        }
    }

    #[test]
    fn manifests_only_go_forward() {
        let key = SigningKey::generate();
        let public = key.public();
        let signed = key.sign(context::MANIFEST, manifest().encode_to_vec());
        let take = |signed: &Signed, epoch, in_force: Option<&Signed>, now| {
            accept(signed, &public, &GROUP, &COMPUTER, epoch, in_force, now).is_ok()
        };
        assert!(take(&signed, 4, None, 0));
        assert!(!take(&signed, 5, None, 0), "same epoch, other bytes");
        assert!(take(&signed, 5, Some(&signed), 0), "the very same again");
        assert!(!take(&signed, 6, Some(&signed.clone()), 1_000), "lease over");
        let mut flipped = signed.clone();
        flipped.bytes[3] ^= 1;
        assert!(!take(&flipped, 4, None, 0));
        assert!(accept(&signed, &public, &GROUP, &[9; 16], 4, None, 0).is_err(), "another computer's");
        assert!(accept(&signed, &SigningKey::generate().public(), &GROUP, &COMPUTER, 4, None, 0).is_err());
    }
}
