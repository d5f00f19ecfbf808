//! Delta commits as bytes: what an overlay did to a table, squashed into one commit, and the commit that undoes it.
//!
//! Invariant: the same input gives the same bytes, whoever computes them; a helper's put of them is a no-op.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;

/// What every commit of a publish says about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub release: ReleaseId,
    pub timestamp_ms: i64,
}

/// One squashed commit as text (a JSON action a line).
pub(super) fn squash(commits: &[(u64, Bytes)], stamp: Stamp) -> Result<String> {
    let mut net = Net::default();
    for (version, bytes) in commits {
        for action in actions(bytes).map_err(|error| error.context(format!("staged commit {version}")))? {
            net.apply(action);
        }
    }
    Ok(net.into_text(stamp))
}

/// What a table was before a commit, as far as taking the commit back needs it.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// The body of its `metaData` action; `None` where there was no table, or the commit leaves it as it is.
    pub metadata: Option<Value>,
    /// Rows of the files that the commit removes, by path: a `remove` does not tell.
    pub rows: HashMap<String, u64>,
}

/// The commit that takes back what `commit` did to a table.
/// Carries no `txn`: the cursor of what was undone stays behind nothing that is visible.
pub(super) fn undo(commit: &str, before: &Before, stamp: Stamp) -> Result<String> {
    let mut net = Net::default();
    net.info.insert("operation".into(), json!("RESTORE"));
    let timestamp = stamp.timestamp_ms;
    for action in actions(commit.as_bytes())? {
        if let Some(add) = action.get("add") {
            let mut remove = json!({"path": add["path"], "deletionTimestamp": timestamp, "dataChange": true,
                "extendedFileMetadata": true, "partitionValues": add["partitionValues"], "size": add["size"]});
            copy_field(add, &mut remove, "deletionVector");
            net.apply(json!({ "remove": remove }));
        } else if let Some(remove) = action.get("remove") {
            let mut add = json!({"path": remove["path"], "partitionValues": object_or_empty(&remove["partitionValues"]),
                "size": remove["size"], "modificationTime": timestamp, "dataChange": true});
            copy_field(remove, &mut add, "deletionVector");
            if let Some(rows) = remove["path"].as_str().and_then(|path| before.rows.get(path)) {
                add["stats"] = json!(json!({ "numRecords": rows }).to_string());
            }
            net.apply(json!({ "add": add }));
        } else if let (Some(_), Some(metadata)) = (action.get("metaData"), &before.metadata) {
            net.apply(json!({ "metaData": metadata }));
        }
    }
    Ok(net.into_text(stamp))
}

/// What commits take from a table, and what of it they define anew: by that they meet the commits of others.
#[derive(Debug, Default)]
pub(super) struct Footprint {
    /// Files removed, but for those that the commits themselves have added.
    removes: BTreeSet<String>,
    adds: BTreeSet<String>,
    txns: BTreeSet<String>,
    pub metadata: bool,
    protocol: bool,
}

impl Footprint {
    pub fn of<'a>(commits: impl IntoIterator<Item = &'a [u8]>) -> Result<Self> {
        let mut found = Self::default();
        for bytes in commits {
            for action in actions(bytes)? {
                let Value::Object(action) = action else { continue };
                for (kind, body) in &action {
                    match kind.as_str() {
                        "add" => drop(found.adds.insert(file_key(body))),
                        "remove" => {
                            let key = file_key(body);
                            if !found.adds.remove(&key) {
                                found.removes.insert(key);
                            }
                        }
                        "txn" => drop(found.txns.insert(body["appId"].as_str().unwrap_or_default().to_owned())),
                        "metaData" => found.metadata = true,
                        "protocol" | "domainMetadata" => found.protocol = true,
                        _ => {}
                    }
                }
            }
        }
        Ok(found)
    }

    /// Paths of the files removed.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.removes.iter().map(|key| key.split_once('\n').map_or(key.as_str(), |(path, _)| path))
    }

    /// Whether these commits and those cannot both be, in either order.
    pub fn collides_with(&self, other: &Self) -> bool {
        [self, other].iter().any(|side| side.metadata || side.protocol)
            || !self.removes.is_disjoint(&other.removes)
            || !self.txns.is_disjoint(&other.txns)
    }
}

fn copy_field(from: &Value, to: &mut Value, field: &str) {
    if let Some(value) = from.get(field).filter(|value| !value.is_null()) {
        to[field] = value.clone();
    }
}

fn object_or_empty(value: &Value) -> Value {
    if value.is_object() { value.clone() } else { json!({}) }
}

fn actions(bytes: &[u8]) -> Result<Vec<Value>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    lines
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::new(ErrorKind::DataCorrupted, "a commit is not lines of JSON").with_source(error))
}

/// The net effect of a sequence of actions.
#[derive(Default)]
struct Net {
    info: Map<String, Value>,
    protocol: Option<Value>,
    metadata: Option<Value>,
    /// By application id.
    txns: BTreeMap<String, Value>,
    /// By domain.
    domains: BTreeMap<String, Value>,
    /// By path and deletion vector; insertion order kept for files.
    adds: Vec<(String, Value)>,
    removes: Vec<(String, Value)>,
    changes: Vec<Value>,
}

impl Net {
    fn apply(&mut self, action: Value) {
        let Value::Object(action) = action else { return };
        for (kind, body) in action {
            match kind.as_str() {
                "commitInfo" => {
                    if let Value::Object(info) = body {
                        self.info.extend(info);
                    }
                }
                "protocol" => self.protocol = Some(body),
                "metaData" => self.metadata = Some(body),
                "txn" => {
                    self.txns.insert(body["appId"].as_str().unwrap_or_default().to_owned(), body);
                }
                "domainMetadata" => {
                    self.domains.insert(body["domain"].as_str().unwrap_or_default().to_owned(), body);
                }
                "add" => self.adds.push((file_key(&body), body)),
                "remove" => {
                    let key = file_key(&body);
                    match self.adds.iter().position(|(added, _)| *added == key) {
                        // added and removed within the overlay: the base never knew the file
                        Some(index) => drop(self.adds.remove(index)),
                        None => self.removes.push((key, body)),
                    }
                }
                _ => self.changes.push(json!({ kind: body })),
            }
        }
    }

    fn into_text(mut self, stamp: Stamp) -> String {
        self.info.insert("timestamp".into(), json!(stamp.timestamp_ms));
        let ours = self.info.entry("lakewire").or_insert_with(|| json!({}));
        if let Value::Object(ours) = ours {
            ours.insert("release".into(), json!(stamp.release));
        }
        let named = |kind: &str, body: Value| json!({ kind: body });
        let mut lines = vec![named("commitInfo", Value::Object(self.info))];
        lines.extend(self.protocol.map(|body| named("protocol", body)));
        lines.extend(self.metadata.map(|body| named("metaData", body)));
        lines.extend(self.txns.into_values().map(|body| named("txn", body)));
        lines.extend(self.domains.into_values().map(|body| named("domainMetadata", body)));
        lines.extend(self.removes.into_iter().map(|(_, body)| named("remove", body)));
        lines.extend(self.adds.into_iter().map(|(_, body)| named("add", body)));
        lines.extend(self.changes);
        lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n"
    }
}

/// A file as Delta identifies it: path, and deletion vector if it has one.
fn file_key(body: &Value) -> String {
    let vector = &body["deletionVector"];
    let vector = if vector.is_null() { String::new() } else { vector.to_string() };
    format!("{}\n{vector}", body["path"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { release: ReleaseId(9), timestamp_ms: 5 };

    fn text(lines: &[Value]) -> Bytes {
        lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n").into()
    }

    #[test]
    fn files_that_come_and_go_within_the_overlay_vanish() {
        let first = text(&[
            json!({"commitInfo": {"operation": "WRITE", "run": 1}}),
            json!({"add": {"path": "a", "size": 1, "partitionValues": {}}}),
            json!({"txn": {"appId": "s", "version": 1}}),
        ]);
        let second = text(&[
            json!({"commitInfo": {"operation": "DELETE"}}),
            json!({"remove": {"path": "a"}}),
            json!({"remove": {"path": "old"}}),
            json!({"add": {"path": "b", "size": 2, "partitionValues": {}}}),
            json!({"txn": {"appId": "s", "version": 2}}),
        ]);
        let squashed = squash(&[(4, first), (5, second)], STAMP).unwrap();
        let lines: Vec<Value> = squashed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines,
            vec![
                json!({"commitInfo": {"operation": "DELETE", "run": 1, "timestamp": 5, "lakewire": {"release": 9}}}),
                json!({"txn": {"appId": "s", "version": 2}}),
                json!({"remove": {"path": "old"}}),
                json!({"add": {"path": "b", "size": 2, "partitionValues": {}}}),
            ]
        );
    }

    #[test]
    fn commits_meet_at_the_files_they_remove_and_at_what_they_define() {
        let of = |lines: &[Value]| Footprint::of([text(lines).as_ref()]).unwrap();
        let append = of(&[json!({"add": {"path": "new"}}), json!({"txn": {"appId": "s", "version": 1}})]);
        let update = of(&[json!({"remove": {"path": "old"}}), json!({"add": {"path": "new2"}})]);
        let other = of(&[json!({"remove": {"path": "old2"}})]);
        let with_vector = of(&[json!({"remove": {"path": "old", "deletionVector": {"storageType": "u"}}})]);
        assert!(!append.collides_with(&update) && !update.collides_with(&other) && !update.collides_with(&with_vector));
        assert!(update.collides_with(&update) && append.collides_with(&append), "the same file, the same cursor");
        assert!(append.collides_with(&of(&[json!({"metaData": {"id": "x"}})])));
    }

    #[test]
    fn undo_removes_what_was_added_and_brings_back_what_was_removed() {
        let commit = squash(
            &[(
                1,
                text(&[
                    json!({"metaData": {"id": "new"}}),
                    json!({"remove": {"path": "old", "size": 5, "partitionValues": {"d": "1"}}}),
                    json!({"add": {"path": "new", "size": 7, "partitionValues": {"d": "1"}}}),
                ]),
            )],
            STAMP,
        )
        .unwrap();
        let before = Before { metadata: Some(json!({"id": "before"})), rows: HashMap::from([("old".to_owned(), 3)]) };
        let undone = undo(&commit, &before, STAMP).unwrap();
        let lines: Vec<Value> = undone.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[1], json!({"metaData": {"id": "before"}}));
        assert_eq!(lines[2]["remove"]["path"], "new");
        assert_eq!(lines[3]["add"]["path"], "old");
        assert_eq!(lines[3]["add"]["partitionValues"], json!({"d": "1"}));
        assert_eq!(lines[3]["add"]["stats"], json!("{\"numRecords\":3}"));
    }
}
