//! The list of known differences, each with its reason, and the document made of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::Case;
use super::answer::{Difference, Weight};

/// What a difference is listed under until somebody has written why it is there.
const UNEXPLAINED: &str = "unexplained";

/// How a statement fared.
pub struct Finding {
    pub case: Case,
    /// None: answered as by PostgreSQL.
    pub differences: Vec<Difference>,
}

impl Finding {
    fn weight(&self) -> Option<Weight> {
        self.differences.iter().map(|difference| difference.weight).max()
    }
}

/// Reasons in the order of the file, each with the keys of its statements.
pub struct Ledger {
    reasons: Vec<(String, Vec<String>)>,
}

impl Ledger {
    /// Lines that begin with `#` are reasons, the others the statements they explain.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.strip_prefix('#') {
                Some(reason) => reasons.push((reason.trim().to_owned(), Vec::new())),
                None => reasons.last_mut().expect("a reason before the first statement").1.push(line.to_owned()),
            }
        }
        Self { reasons }
    }

    pub fn write(&self, path: &Path) {
        let mut text = String::new();
        for (reason, keys) in &self.reasons {
            let _ = write!(text, "# {reason}\n{}\n\n", keys.join("\n"));
        }
        fs::write(path, text.trim_end().to_owned() + "\n").expect("the list can be written");
    }

    /// Where the list and the servers disagree; empty where all is as it says.
    pub fn contradictions(&self, findings: &[Finding]) -> Vec<String> {
        let listed: HashMap<&str, &str> = self
            .reasons
            .iter()
            .flat_map(|(reason, keys)| keys.iter().map(|key| (key.as_str(), reason.as_str())))
            .collect();
        let mut wrong = Vec::new();
        for finding in findings {
            let key = finding.case.key();
            match (listed.get(key.as_str()), finding.differences.first()) {
                (None, Some(difference)) => wrong.push(format!("differs: {key}\n    {difference}")),
                (Some(_), None) => wrong.push(format!("has become equal: {key}")),
                (Some(&UNEXPLAINED), Some(_)) => wrong.push(format!("has no reason yet: {key}")),
                _ => {}
            }
        }
        let known: HashSet<String> = findings.iter().map(|finding| finding.case.key()).collect();
        wrong.extend(listed.keys().filter(|key| !known.contains(**key)).map(|key| format!("is no statement: {key}")));
        wrong
    }

    /// The list for these findings: known reasons are kept, new differences come last.
    pub fn updated(&self, findings: &[Finding]) -> Self {
        let differing: Vec<String> =
            findings.iter().filter(|f| !f.differences.is_empty()).map(|f| f.case.key()).collect();
        let is_listed =
            |key: &String| self.reasons.iter().any(|(reason, keys)| reason != UNEXPLAINED && keys.contains(key));
        let mut reasons: Vec<(String, Vec<String>)> = self
            .reasons
            .iter()
            .filter(|(reason, _)| reason != UNEXPLAINED)
            .map(|(reason, keys)| {
                let mut kept: Vec<String> = differing.iter().filter(|key| keys.contains(key)).cloned().collect();
                kept.dedup();
                (reason.clone(), kept)
            })
            .filter(|(_, keys)| !keys.is_empty())
            .collect();
        let new: Vec<String> = differing.iter().filter(|key| !is_listed(key)).cloned().collect();
        if !new.is_empty() {
            reasons.push((UNEXPLAINED.to_owned(), new));
        }
        Self { reasons }
    }

    /// `docs/COMPATIBILITY.md`.
    pub fn document(&self, findings: &[Finding]) -> String {
        let mut text = String::from(INTRODUCTION);
        let mut topics: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
        let mut all = [0; 4];
        for finding in findings {
            let column = match finding.weight() {
                None => 0,
                Some(Weight::Wording) => 1,
                Some(Weight::Types) => 2,
                Some(Weight::Answer) => 3,
            };
            topics.entry(&finding.case.topic).or_default()[column] += 1;
            all[column] += 1;
        }
        text.push_str("| topic | statements | equal | only wording | names or types | another answer |\n|---|--:|--:|--:|--:|--:|\n");
        let line = |name: &str, counts: &[usize; 4]| {
            let [equal, wording, types, answer] = counts;
            format!("| {name} | {} | {equal} | {wording} | {types} | {answer} |\n", counts.iter().sum::<usize>())
        };
        topics.iter().for_each(|(topic, counts)| text.push_str(&line(topic, counts)));
        text.push_str(&line("**all**", &all));
        text.push_str("\n## What differs\n");
        let by_key: HashMap<String, &Finding> = findings.iter().map(|finding| (finding.case.key(), finding)).collect();
        for (reason, keys) in &self.reasons {
            let _ = write!(text, "\n### {reason}\n\n");
            for key in keys {
                let Some(finding) = by_key.get(key) else { continue };
                let mut aspects: Vec<&str> = finding.differences.iter().map(|difference| difference.what).collect();
                aspects.sort_unstable();
                aspects.dedup();
                let statement = key.split_once(": ").map_or(key.as_str(), |(_, statement)| statement);
                let _ = writeln!(text, "- {}: `` {statement} ``", aspects.join(", "));
            }
        }
        text
    }
}

const INTRODUCTION: &str = "\
# Compared with PostgreSQL 15

Made by the tests (`tests/it/compat.rs`) from what the two servers answer; not written by hand. Both get the statements of
`tests/compat/*.sql` over the same tables, in the simple protocol with text results and in the extended protocol with binary ones.
Compared are rows, column names, types, type modifiers, which column of which relation a column is, parameter types, command tags,
notices with their details, and of errors SQLSTATE, message, position, detail, context, what they are about, and the hint where
PostgreSQL gives one. A statement counts once, under the gravest of its differences. To bring this file up to date:
`LAKEWIRE_COMPAT=write cargo test --locked --test it compat::`.

";

/// Every difference in full, for whoever mends them.
pub fn details(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings.iter().filter(|finding| !finding.differences.is_empty()) {
        let _ = writeln!(text, "{}", finding.case.key());
        for difference in &finding.differences {
            let _ = writeln!(text, "    {difference}");
        }
    }
    text
}
