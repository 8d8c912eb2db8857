//! The trust file: the only thing the broker believes about the management group.

use reeve_sys::trusted_file;
use serde::Deserialize;
use std::path::Path;

/// Written by `reeve-agent join`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trust {
    pub(crate) management_group: Vec<u8>,
    pub(crate) health_service: Vec<u8>,
    pub(crate) keeper_key: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    management_group: String,
    health_service: String,
    #[serde(rename = "group_name")]
    _group_name: String,
    #[serde(rename = "ca_sha256")]
    _ca_sha256: String,
    keeper_key: String,
    #[serde(rename = "enrol")]
    _enrol: String,
    #[serde(rename = "agents")]
    _agents: String,
}

impl Trust {
    /// Reads the file; none when this computer has not joined.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, String> {
        let text = match trusted_file::read(path, 64 << 10) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(error) => return Err(format!("{} is not believed: {error}", path.display())),
        };
        let file: File = toml::from_str(&text).map_err(|e| format!("{} is not understood: {}", path.display(), e.message()))?;
        let guid = |text: &str| text.parse::<reeve_model::Guid>().map(|g| g.0.to_vec()).map_err(|e| e.to_string());
        Ok(Some(Self {
            management_group: guid(&file.management_group)?,
            health_service: guid(&file.health_service)?,
            keeper_key: hex::decode(&file.keeper_key).map_err(|e| format!("keeper_key: {e}"))?,
        }))
    }
}
