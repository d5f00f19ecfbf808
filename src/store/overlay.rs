//! A store in which one holder writes Delta logs that nobody else sees.
//!
//! What is written under a frozen table's `_delta_log/` goes to a private upper store; reads fall through to the base,
//! frozen at the table's pin. Data files go straight to the base: without a commit that names them nobody sees them.
//!
//! Invariant: the base's logs are never written and never deleted from here.
//! Invariant: of a frozen log only versions up to the pin are seen, and never `_last_checkpoint` (it may be newer).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::RwLock;

const LOG_DIR: &str = "_delta_log";

/// Log writes go to a private upper store, everything else to the base. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OverlayStore {
    base: Arc<dyn ObjectStore>,
    state: Arc<RwLock<State>>,
}

#[derive(Debug, Default)]
struct State {
    upper: Arc<InMemory>,
    /// Table root → pinned version; `None` = the table does not exist below.
    pins: BTreeMap<Path, Option<u64>>,
    /// Data files written through this overlay.
    written: Vec<Path>,
}

/// The logs of an [`OverlayStore`] as they were at a moment.
#[derive(Debug)]
pub struct OverlayMark {
    upper: InMemory,
    pins: BTreeMap<Path, Option<u64>>,
}

impl OverlayStore {
    pub fn new(base: Arc<dyn ObjectStore>) -> Self {
        Self { base, state: Arc::default() }
    }

    /// The logs as they are now, to come back to.
    pub fn mark(&self) -> OverlayMark {
        let state = self.state.read();
        OverlayMark { upper: state.upper.fork(), pins: state.pins.clone() }
    }

    /// Forgets what was written to the logs since the mark. Data files stay: no commit names them any more.
    pub fn return_to(&self, mark: &OverlayMark) {
        let mut state = self.state.write();
        state.upper = Arc::new(mark.upper.fork());
        state.pins.clone_from(&mark.pins);
    }

    fn upper(&self) -> Arc<InMemory> {
        self.state.read().upper.clone()
    }

    /// Both lists as one, sorted as an object store would list: the log readers count on it.
    fn listed(
        &self,
        base: BoxStream<'static, Result<ObjectMeta>>,
        upper: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = self.clone();
        stream::once(async move {
            let upper: Vec<_> = upper.try_collect().await?;
            let mut all: Vec<_> = base
                .try_filter(|meta| {
                    let shown = !matches!(this.place(&meta.location), Place::Log { visible: false });
                    std::future::ready(shown)
                })
                .try_collect()
                .await?;
            all.extend(upper);
            all.sort_by(|a, b| a.location.cmp(&b.location));
            Ok::<_, Error>(stream::iter(all.into_iter().map(Ok)))
        })
        .try_flatten()
        .boxed()
    }

    /// Freezes the log of the table at `root` at version `pin`; a log must be frozen before it is read or written here.
    /// Freezing twice keeps the first pin; answers the one that holds.
    pub fn freeze(&self, root: Path, pin: Option<u64>) -> Option<u64> {
        *self.state.write().pins.entry(root).or_insert(pin)
    }

    /// The commits made here on top of the pin, oldest first.
    pub async fn commits(&self, root: &Path) -> Result<Vec<(u64, Bytes)>> {
        let log = root.clone().join(LOG_DIR);
        let mut found: Vec<_> = self.upper().list(Some(&log)).try_collect().await?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        let mut commits = Vec::new();
        for meta in found {
            let name = meta.location.filename().unwrap_or_default();
            if let (Some(version), true) = (leading_version(name), name.len() == 25 && name.ends_with(".json")) {
                commits.push((version, self.upper().get(&meta.location).await?.bytes().await?));
            }
        }
        Ok(commits)
    }

    /// Data files written through this overlay, whether a commit names them or not.
    pub fn written(&self) -> Vec<Path> {
        self.state.read().written.clone()
    }

    fn place(&self, location: &Path) -> Place {
        let Some((root, file)) = split_log_path(location) else { return Place::Data };
        match self.state.read().pins.get(&root) {
            Some(pin) => Place::Log { visible: visible_at(&file, *pin) },
            None => Place::Unfrozen,
        }
    }
}

/// Where a path belongs.
enum Place {
    Data,
    /// In a frozen table's log; `visible` says whether the base's file of that name may be seen.
    Log {
        visible: bool,
    },
    /// In a log nobody froze: readable as the base has it, not writable.
    Unfrozen,
}

/// `(table root, path within _delta_log)` of a log file.
fn split_log_path(location: &Path) -> Option<(Path, String)> {
    let (root, file) = match location.as_ref().split_once("/_delta_log/") {
        Some(parts) => parts,
        None => (location.as_ref().strip_suffix("/_delta_log")?, ""),
    };
    Some((Path::from(root), file.to_owned()))
}

fn leading_version(name: &str) -> Option<u64> {
    name.get(..20).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

/// Whether a file of the base's log belongs to the versions up to `pin`.
fn visible_at(file: &str, pin: Option<u64>) -> bool {
    let Some(pin) = pin else { return false };
    if file.is_empty() || file.starts_with("_sidecars/") {
        return true;
    }
    let Some(version) = leading_version(file) else { return false };
    // a compacted log `<start>.<end>.compacted.json` belongs to its end
    let end = file.strip_suffix(".compacted.json").and_then(|rest| leading_version(rest.get(21..)?)).unwrap_or(version);
    end <= pin
}

fn refused(location: &Path, what: &str) -> Error {
    Error::NotSupported { source: format!("{what} of {location} in an overlay").into() }
}

fn not_found(location: &Path) -> Error {
    Error::NotFound { path: location.to_string(), source: "hidden by the overlay".into() }
}

impl fmt::Display for OverlayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Overlay({})", self.base)
    }
}

#[async_trait]
impl ObjectStore for OverlayStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match self.place(location) {
            Place::Data => {
                let result = self.base.put_opts(location, payload, options).await?;
                self.state.write().written.push(location.clone());
                Ok(result)
            }
            Place::Log { visible } => {
                // what the base shows counts as existing
                let create = matches!(options.mode, object_store::PutMode::Create);
                if create && visible && self.base.head(location).await.is_ok() {
                    return Err(Error::AlreadyExists { path: location.to_string(), source: "in the base".into() });
                }
                self.upper().put_opts(location, payload, options).await
            }
            Place::Unfrozen => Err(refused(location, "write")),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match self.place(location) {
            Place::Data => {
                self.state.write().written.push(location.clone());
                self.base.put_multipart_opts(location, options).await
            }
            Place::Log { .. } => self.upper().put_multipart_opts(location, options).await,
            Place::Unfrozen => Err(refused(location, "write")),
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.place(location) {
            Place::Data | Place::Unfrozen => self.base.get_opts(location, options).await,
            Place::Log { visible } => match self.upper().get_opts(location, options.clone()).await {
                Err(Error::NotFound { .. }) if visible => self.base.get_opts(location, options).await,
                Err(Error::NotFound { .. }) => Err(not_found(location)),
                found => found,
            },
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.place(location) {
            Place::Data => self.base.get_ranges(location, ranges).await,
            _ => {
                let mut parts = Vec::with_capacity(ranges.len());
                for range in ranges {
                    parts.push(self.get_range(location, range.clone()).await?);
                }
                Ok(parts)
            }
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        locations
            .then(move |location| {
                let this = this.clone();
                async move {
                    let location = location?;
                    match this.place(&location) {
                        Place::Data => this.base.delete(&location).await?,
                        Place::Log { .. } => match this.upper().delete(&location).await {
                            Ok(()) | Err(Error::NotFound { .. }) => {}
                            Err(error) => return Err(error),
                        },
                        Place::Unfrozen => return Err(refused(&location, "deletion")),
                    }
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.base.list(prefix), self.upper().list(prefix))
    }

    /// The base looks at no file before the offset: a log may be long.
    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.base.list_with_offset(prefix, offset), self.upper().list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut base = self.base.list_with_delimiter(prefix).await?;
        let upper = self.upper().list_with_delimiter(prefix).await?;
        base.objects.retain(|meta| !matches!(self.place(&meta.location), Place::Log { visible: false }));
        base.objects.extend(upper.objects);
        base.objects.sort_by(|a, b| a.location.cmp(&b.location));
        base.common_prefixes.extend(upper.common_prefixes);
        base.common_prefixes.sort();
        base.common_prefixes.dedup();
        Ok(base)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        match (self.place(from), self.place(to)) {
            (Place::Data, Place::Data) => {
                self.base.copy_opts(from, to, options).await?;
                self.state.write().written.push(to.clone());
                Ok(())
            }
            _ => Err(refused(to, "copy")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(version: u64) -> Path {
        Path::from(format!("lake/gold/t/_delta_log/{version:020}.json"))
    }

    async fn base_with(versions: Range<u64>) -> Arc<InMemory> {
        let base = Arc::new(InMemory::new());
        for version in versions {
            base.put(&commit(version), format!("base {version}").into()).await.unwrap();
        }
        base
    }

    async fn read(store: &dyn ObjectStore, path: &Path) -> Option<String> {
        let bytes = store.get_opts(path, GetOptions::default()).await.ok()?.bytes().await.ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn later_versions_and_hints_of_the_base_are_hidden() {
        let base = base_with(0..5).await;
        let log = "lake/gold/t/_delta_log";
        for name in [
            "_last_checkpoint",
            "00000000000000000003.checkpoint.parquet",
            "00000000000000000004.crc",
            "00000000000000000001.00000000000000000004.compacted.json",
        ] {
            base.put(&Path::from(format!("{log}/{name}")), "x".into()).await.unwrap();
        }
        let overlay = OverlayStore::new(base);
        overlay.freeze(Path::from("lake/gold/t"), Some(2));
        let seen: Vec<_> = overlay
            .list(Some(&Path::from(log)))
            .map_ok(|m| m.location.filename().unwrap().to_owned())
            .try_collect()
            .await
            .unwrap();
        assert_eq!(seen, (0..3).map(|v| format!("{v:020}.json")).collect::<Vec<_>>());
        assert_eq!(read(&overlay, &commit(3)).await, None);
        assert_eq!(read(&overlay, &Path::from(format!("{log}/_last_checkpoint"))).await, None);
    }

    #[tokio::test]
    async fn log_writes_and_deletes_stay_private() {
        let base = base_with(0..3).await;
        let overlay = OverlayStore::new(base.clone());
        overlay.freeze(Path::from("lake/gold/t"), Some(1));
        let create = PutOptions::from(object_store::PutMode::Create);
        overlay.put_opts(&commit(2), "ours".into(), create.clone()).await.unwrap();
        assert_eq!(read(&overlay, &commit(2)).await.as_deref(), Some("ours"));
        assert_eq!(read(base.as_ref(), &commit(2)).await.as_deref(), Some("base 2"));
        let taken = overlay.put_opts(&commit(1), "again".into(), create).await;
        assert!(matches!(taken, Err(Error::AlreadyExists { .. })), "{taken:?}");
        overlay.delete(&commit(0)).await.unwrap();
        assert_eq!(read(base.as_ref(), &commit(0)).await.as_deref(), Some("base 0"));
        assert_eq!(overlay.commits(&Path::from("lake/gold/t")).await.unwrap(), vec![(2, Bytes::from("ours"))]);
    }

    #[tokio::test]
    async fn an_unfrozen_log_cannot_be_written() {
        let overlay = OverlayStore::new(base_with(0..1).await);
        assert!(overlay.put(&commit(1), "x".into()).await.is_err());
        assert_eq!(read(&overlay, &commit(0)).await.as_deref(), Some("base 0"));
    }

    #[tokio::test]
    async fn data_files_go_to_the_base_and_are_remembered() {
        let base = base_with(0..1).await;
        let overlay = OverlayStore::new(base.clone());
        overlay.freeze(Path::from("lake/gold/t"), Some(0));
        let file = Path::from("lake/gold/t/part-0.parquet");
        overlay.put(&file, "rows".into()).await.unwrap();
        assert_eq!(read(base.as_ref(), &file).await.as_deref(), Some("rows"));
        assert_eq!(overlay.written(), vec![file]);
    }
}
