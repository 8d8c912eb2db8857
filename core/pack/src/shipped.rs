//! The library packs that are shipped with the product: ordinary files, read like any other.

use crate::installed::Installed;
use std::sync::OnceLock;

const FILES: &[(&str, &str)] = &[
    ("System.Library.xml", include_str!("../library/System.Library.xml")),
    ("System.Health.Library.xml", include_str!("../library/System.Health.Library.xml")),
    ("System.Performance.Library.xml", include_str!("../library/System.Performance.Library.xml")),
    ("Microsoft.SystemCenter.Library.xml", include_str!("../library/Microsoft.SystemCenter.Library.xml")),
    ("Microsoft.SystemCenter.InstanceGroup.Library.xml", include_str!("../library/Microsoft.SystemCenter.InstanceGroup.Library.xml")),
    ("Microsoft.Windows.Library.xml", include_str!("../library/Microsoft.Windows.Library.xml")),
    ("Microsoft.Unix.Library.xml", include_str!("../library/Microsoft.Unix.Library.xml")),
    ("Microsoft.Unix.ShellCommand.Library.xml", include_str!("../library/Microsoft.Unix.ShellCommand.Library.xml")),
];

/// The shipped packs, compiled once per process.
#[must_use]
pub fn shipped() -> &'static Installed {
    static SHIPPED: OnceLock<Installed> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let files: Vec<(String, Vec<u8>)> = FILES.iter().map(|(n, t)| ((*n).to_owned(), t.as_bytes().to_vec())).collect();
        Installed::default().import_as(&files, true).installed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_pack_is_free_of_errors_and_warnings() {
        let files: Vec<(String, Vec<u8>)> = FILES.iter().map(|(n, t)| ((*n).to_owned(), t.as_bytes().to_vec())).collect();
        let import = Installed::default().import_as(&files, true);
        let bad: Vec<String> = import.findings.iter().filter(|f| f.severity != crate::Severity::Info).map(crate::Finding::render).collect();
        assert!(bad.is_empty(), "{}", bad.join("\n"));
        assert_eq!(import.imported.len(), FILES.len());
    }
}
