//! `reeve pack validate`: findings of files, offline.

use crate::finding::{Finding, Severity};
use crate::installed::Import;
use crate::shipped::shipped;
use serde_json::{Value, json};

/// Findings of a set of files.
#[derive(Clone, Debug)]
pub struct Report {
    files: Vec<(String, String, String)>,
    findings: Vec<Finding>,
}

/// Checks files as one set against the shipped packs, without changing anything.
#[must_use]
pub fn check_files(files: &[(String, Vec<u8>)]) -> Report {
    let Import { files, findings, .. } = shipped().import(files);
    Report { files, findings }
}

impl Report {
    /// Whether any pack would be refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|f| f.severity == Severity::Error)
    }

    /// `{"packs":[{"file","id","version","findings":[…]}]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let packs: Vec<Value> = self
            .files
            .iter()
            .map(|(file, id, version)| {
                let findings: Vec<Value> = self
                    .findings
                    .iter()
                    .filter(|f| f.file == *file)
                    .map(|f| {
                        json!({"code": f.code, "severity": f.severity, "message": f.message, "line": f.line, "column": f.column, "help": f.help})
                    })
                    .collect();
                json!({"file": file, "id": id, "version": version, "findings": findings})
            })
            .collect();
        json!({ "packs": packs })
    }

    /// For people: each finding with its line, then a count.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            out.push_str(&finding.render());
        }
        let count = |severity| self.findings.iter().filter(|f| f.severity == severity).count();
        out.push_str(&format!(
            "{} {}, {} errors, {} warnings\n",
            self.files.len(),
            if self.files.len() == 1 { "pack" } else { "packs" },
            count(Severity::Error),
            count(Severity::Warning),
        ));
        out
    }
}
