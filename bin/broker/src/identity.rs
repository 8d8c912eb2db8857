//! The broker's keys, and the command that prints their public halves.

use crate::arguments::Arguments;
use reeve_seal::hpke::SealingKey;
use reeve_seal::sign::SigningKey;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Both keys.
pub(crate) struct Keys {
    pub(crate) sealing: SealingKey,
    pub(crate) receipts: SigningKey,
}

impl Keys {
    /// Reads the keys, making them at first use.
    pub(crate) fn read_or_create(state: &Path) -> Result<Self, String> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state);
        made.map_err(|e| format!("cannot make {}: {e}", state.display()))?;
        Ok(Self {
            sealing: SealingKey::read_or_create(&state.join("sealing.key")).map_err(|e| e.to_string())?,
            receipts: SigningKey::read_or_create(&state.join("receipt.key")).map_err(|e| e.to_string())?,
        })
    }
}

/// `reeve-broker identity`.
pub(crate) fn print(arguments: &Arguments, json: bool) -> Result<(), String> {
    let keys = Keys::read_or_create(&arguments.state)?;
    let (sealing, receipt) = (hex::encode(keys.sealing.public()), hex::encode(keys.receipts.public()));
    if json {
        println!("{}", serde_json::json!({ "sealing_key": sealing, "receipt_key": receipt }));
    } else {
        println!("sealing key  {sealing}\nreceipt key  {receipt}");
    }
    Ok(())
}
