//! The packs of a management group: importing a set, removing one.

use crate::check::{check, check_references};
use crate::compile::{self, CompiledPack};
use crate::decode::decode;
use crate::finding::{Finding, Severity, codes};
use crate::names::{LIBRARY_TOKEN, Named, World, version};
use crate::source::Source;
use crate::xml;
use reeve_model::{PackId, WorkflowId};
use reeve_workflow::compiled::CompiledWorkflow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Installed packs. Cheap to clone; importing gives a new value.
#[derive(Clone, Debug, Default)]
pub struct Installed {
    world: World,
    compiled: BTreeMap<PackId, Arc<CompiledPack>>,
}

/// What importing a set would do.
#[derive(Clone, Debug)]
pub struct Import {
    /// The packs afterwards.
    pub installed: Installed,
    /// New and replaced packs, in dependency order.
    pub imported: Vec<Arc<CompiledPack>>,
    /// Findings of all files, in the order of the files.
    pub findings: Vec<Finding>,
    /// File, id and version of every file that could be read that far.
    pub files: Vec<(String, String, String)>,
}

impl Import {
    /// Whether any pack was refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|f| f.severity == Severity::Error)
    }
}

impl Installed {
    /// The packs, by id.
    pub fn packs(&self) -> impl Iterator<Item = &Arc<CompiledPack>> {
        self.compiled.values()
    }

    /// One pack.
    #[must_use]
    pub fn pack(&self, id: &PackId) -> Option<&Arc<CompiledPack>> {
        self.compiled.get(id)
    }

    /// Imports files as one set: all-or-nothing for each pack, in dependency order, all findings in one go.
    #[must_use]
    pub fn import(&self, files: &[(String, Vec<u8>)]) -> Import {
        self.import_as(files, false)
    }

    pub(crate) fn import_as(&self, files: &[(String, Vec<u8>)], is_library: bool) -> Import {
        let mut import = Import { installed: self.clone(), imported: Vec::new(), findings: Vec::new(), files: Vec::new() };
        let mut refused: BTreeSet<String> = BTreeSet::new();
        let mut waiting: Vec<(crate::syntax::Pack, bool)> = Vec::new();
        for (file, bytes) in files {
            match Source::read(file, bytes).and_then(|source| Ok((xml::parse(&source)?, source))) {
                Ok((root, source)) => {
                    let (pack, findings) = decode(&source, &root);
                    import.files.push((file.clone(), pack.id.text.clone(), pack.version.text.clone()));
                    let broken = findings.iter().any(|f| f.severity == Severity::Error);
                    import.findings.extend(findings);
                    let twice = waiting.iter().any(|(known, _)| known.id.text == pack.id.text);
                    if twice {
                        let message = format!("the set holds `{}` twice", pack.id.text);
                        import.findings.push(source.finding(codes::DUPLICATE_ID, message, pack.id.span.clone(), "import one of them"));
                    } else if let Some(finding) = self.lower(&pack) {
                        import.findings.push(finding);
                        refused.insert(pack.id.text.clone());
                    } else {
                        waiting.push((pack, broken));
                    }
                }
                Err(finding) => {
                    import.files.push((file.clone(), String::new(), String::new()));
                    import.findings.push(finding);
                }
            }
        }
        self.settle(&mut import, waiting, refused, is_library);
        let order: BTreeMap<&str, usize> = files.iter().enumerate().map(|(i, (f, _))| (f.as_str(), i)).collect();
        import.findings.sort_by_key(|f| (order.get(f.file.as_str()).copied(), f.line, f.column, f.code));
        import.findings.dedup();
        import
    }

    fn lower(&self, pack: &crate::syntax::Pack) -> Option<Finding> {
        let installed = self.world.get(&pack.id.text)?;
        let (have, new) = (version(&installed.pack.version.text)?, version(&pack.version.text)?);
        (new < have).then(|| {
            let message = format!("version {} is installed", installed.pack.version.text);
            pack.source.finding(codes::LOWER_VERSION, message, pack.version.span.clone(), "remove the installed pack first, or raise the version")
        })
    }

    /// Takes packs whose references are all there, until none is left or the rest wait for each other.
    fn settle(&self, import: &mut Import, mut waiting: Vec<(crate::syntax::Pack, bool)>, mut refused: BTreeSet<String>, is_library: bool) {
        loop {
            let in_set: BTreeSet<String> = waiting.iter().map(|(p, _)| p.id.text.clone()).collect();
            let ready = waiting.iter().position(|(pack, _)| {
                pack.references.iter().all(|r| !in_set.contains(&r.id.text) || r.id.text == pack.id.text)
            });
            let Some(at) = ready else { break };
            let (pack, broken) = waiting.remove(at);
            let id = pack.id.text.clone();
            let own = pack.references.iter().find(|r| r.id.text == id).map(|r| {
                pack.source.finding(codes::REFERENCE_CYCLE, format!("`{id}` refers to itself"), r.id.span.clone(), "remove the reference")
            });
            let mut findings = check_references(&import.installed.world, &refused, &pack);
            findings.extend(own);
            let no_references = findings.iter().any(|f| f.severity == Severity::Error);
            let token = is_library.then(|| LIBRARY_TOKEN.to_owned());
            let named = Arc::new(Named::new(pack, token));
            // Names behind a missing pack would only repeat that it is missing; the others are still checked.
            let mut world = import.installed.world.clone();
            world.insert(id.clone(), named.clone());
            findings.extend(check(&world, &named));
            let bad = broken || no_references || findings.iter().any(|f| f.severity == Severity::Error);
            import.findings.extend(findings);
            if bad || id.is_empty() {
                refused.insert(id);
                continue;
            }
            let compiled = Arc::new(compile::compile(&world, &named, is_library));
            for workflow in compiled.workflows.iter() {
                if let Some(why) = &workflow.not_runnable
                    && !is_library
                {
                    let head = named.pack.id.span.clone();
                    let message = format!("{} will not run: {why}", workflow.id.0.element());
                    import.findings.push(named.pack.source.finding(codes::NOT_RUNNABLE, message, head, "it imports, targets and takes overrides all the same"));
                }
            }
            import.installed.world = world;
            import.installed.compiled.insert(compiled.id.clone(), compiled.clone());
            import.imported.push(compiled);
        }
        for (pack, _) in &waiting {
            let in_circle = pack.references.iter().find(|r| waiting.iter().any(|(other, _)| other.id.text == r.id.text));
            if let Some(reference) = in_circle {
                let message = format!("`{}` and `{}` refer to each other", pack.id.text, reference.id.text);
                import.findings.push(pack.source.finding(codes::REFERENCE_CYCLE, message, reference.id.span.clone(), "packs form no circle; move what both need into a third"));
            }
        }
    }

    /// Removes a pack.
    ///
    /// # Errors
    /// The packs that refer to it.
    pub fn remove(&self, id: &PackId) -> Result<Installed, Vec<PackId>> {
        let dependants: Vec<PackId> =
            self.compiled.values().filter(|p| p.references.contains(id)).map(|p| p.id.clone()).collect();
        if !dependants.is_empty() {
            return Err(dependants);
        }
        let mut next = self.clone();
        next.world.remove(&id.0);
        next.compiled.remove(id);
        Ok(next)
    }

    /// A workflow compiled again with override values put in at its outermost configuration.
    #[must_use]
    pub fn with_parameters(&self, workflow: &WorkflowId, values: &BTreeMap<String, String>) -> Option<CompiledWorkflow> {
        let pack = self.world.get(workflow.0.pack())?;
        compile::workflow(&self.world, pack, workflow.0.element(), values).map(|(workflow, _)| workflow)
    }
}
