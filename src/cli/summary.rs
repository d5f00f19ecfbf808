//! The table at the end of a run.

use super::output;
use crate::names::TableName;
use crate::run::{RunReport, StepReport, TestStatus};

/// Prints what the run did on stderr: talk, not data.
pub(super) fn print(report: &RunReport) {
    output::tell(render(report));
}

fn render(report: &RunReport) -> String {
    let steps: Vec<&StepReport> = report.sources.iter().chain(&report.steps).collect();
    let mut text = String::new();
    if report.nothing_changed() && report.tests.is_empty() {
        return format!("nothing changed ({:.2} s)\n", report.seconds);
    }
    if !steps.is_empty() {
        let rows = steps.iter().map(|step| {
            vec![
                step.model.to_string(),
                step.status.as_str().to_owned(),
                step.rows.map(output::grouped).unwrap_or_default(),
                format!("{:.2}", step.seconds),
                tests_of(report, &step.model),
            ]
        });
        let names = ["model", "status", "rows", "seconds", "tests passed"];
        text.push('\n');
        text.push_str(&output::table(&names, &[2, 3, 4], rows.collect()));
    }
    let passed = report.tests_with(TestStatus::Pass);
    let mut facts = vec![format!("{} in {:.2} s", report.status(), report.seconds)];
    if !report.tests.is_empty() {
        facts.push(format!("{passed} of {} tests passed", report.tests.len()));
    }
    let warned = report.tests_with(TestStatus::Warn);
    if warned > 0 {
        facts.push(format!("{warned} warned"));
    }
    if let Some(release) = report.release {
        facts.push(format!("release {release}"));
    }
    text.push_str(&facts.join(", "));
    text.push('\n');
    text
}

/// `3/3`; empty where nothing guards the relation.
fn tests_of(report: &RunReport, name: &TableName) -> String {
    let tests = report.tests.iter().filter(|test| test.target == *name);
    let (passed, all) =
        tests.fold((0, 0), |(passed, all), test| (passed + u32::from(test.status == TestStatus::Pass), all + 1));
    if all == 0 { String::new() } else { format!("{passed}/{all}") }
}
