//! The explanation as text for people.

use crate::explain::Explanation;

/// Renders an explanation: verdict first, then the numbered chain, then what to type.
#[must_use]
pub fn render(explanation: &Explanation) -> String {
    let e = explanation;
    let mut out = match (e.runs, &e.account) {
        (true, Some(account)) => {
            format!("✓ {} runs on {} for {} as {account}\n", e.workflow.name, e.computer, e.target)
        }
        (true, None) => format!("✓ {} runs on {} for {}\n", e.workflow.name, e.computer, e.target),
        (false, _) => {
            format!("✗ {} would NOT run on {} for {}: {}\n", e.workflow.name, e.computer, e.target, e.verdict)
        }
    };
    for (number, step) in (1..).zip(&e.steps) {
        let mark = match step.good {
            Some(true) => "  ✓",
            Some(false) => "  ✗",
            None => "",
        };
        let last = step.lines.len().saturating_sub(1);
        for (position, line) in step.lines.iter().enumerate() {
            let mark = if position == last { mark } else { "" };
            let head = if position == 0 { format!("{number} {}", step.label) } else { String::new() };
            out.push_str(&format!("  {head:<15}{line}{mark}\n"));
        }
    }
    if let Some(fix) = &e.fix {
        out.push_str(&format!("  fix   {fix}\n"));
    }
    if !e.runs {
        out.push_str(&format!("  docs  {}\n", e.docs));
    }
    out
}
