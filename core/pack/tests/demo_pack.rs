//! The demo pack is an ordinary pack: it validates without a finding and compiles to what the demo shows.

use reeve_pack::{check_files, shipped};
use reeve_workflow::compiled::{Implementation, WorkflowBody};

fn demo() -> Vec<(String, Vec<u8>)> {
    vec![("Reeve.Demo.xml".to_owned(), include_bytes!("../../../xtask/demo/Reeve.Demo.xml").to_vec())]
}

#[test]
fn the_demo_pack_has_no_findings() {
    let report = check_files(&demo());
    assert_eq!(report.to_text(), "1 pack, 0 errors, 0 warnings\n");
}

#[test]
fn three_workflows_and_a_discovery_share_the_profile_and_one_rule_names_none() {
    let import = shipped().import(&demo());
    let pack = &import.imported[0];
    let mut seen = Vec::new();
    for workflow in &pack.workflows {
        assert_eq!(workflow.not_runnable, None, "{}", workflow.id);
        for node in &workflow.nodes {
            if matches!(node.implementation, Some(Implementation::UnixInvoke | Implementation::CommandExecuter)) {
                let profile = node.run_as.as_ref().map_or("none", |p| p.0.element());
                seen.push(format!("{} {} {profile}", workflow.id.0.element(), node.path));
            }
        }
    }
    seen.sort();
    assert_eq!(
        seen,
        [
            "Reeve.Demo.Discovery DataSource/Script/Script Reeve.Demo.Profile",
            "Reeve.Demo.Monitor Source/Script Reeve.Demo.Profile",
            "Reeve.Demo.Plain DataSource/Command none",
            "Reeve.Demo.Rule DataSource/Source/Script Reeve.Demo.Profile",
            "Reeve.Demo.Task Script Reeve.Demo.Profile",
        ]
    );
}

#[test]
fn the_monitor_shares_its_source_between_its_states() {
    let import = shipped().import(&demo());
    let pack = &import.imported[0];
    let monitor = pack.workflows.iter().find(|w| w.id.0.element() == "Reeve.Demo.Monitor").unwrap();
    let paths: Vec<&str> = monitor.nodes.iter().map(|n| n.path.as_str()).collect();
    assert_eq!(paths, ["Source/Schedule", "Source/Script", "IsGood", "IsBad"]);
    let WorkflowBody::Monitor(body) = &monitor.body else { panic!("not a monitor") };
    assert_eq!(body.regular.len(), 2);
    assert_eq!(monitor.strings[0].name, "The demo service is broken");
}
