//! A lake with many releases behind it starts as fast as a new one.
//!
//! `LAKEWIRE_TEST_RELEASES=100000 cargo test --test it history -- --nocapture` makes as many, and tells times.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use lakewire::catalog::Catalog;
use lakewire::names::ReleaseId;
use lakewire::store::{LakeStore, StoreOptions};
use lakewire::table::Tables;
use object_store::path::Path as StorePath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

use crate::support::{Server, value};

/// Counts requests, and what listings give.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn ObjectStore>,
    requests: AtomicUsize,
    listed: Arc<AtomicUsize>,
}

impl Counting {
    fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

impl std::fmt::Display for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Counting({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(&self, location: &StorePath, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.count();
        self.inner.put_opts(location, payload, options).await
    }
    async fn put_multipart_opts(
        &self,
        location: &StorePath,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.count();
        self.inner.put_multipart_opts(location, options).await
    }
    async fn get_opts(&self, location: &StorePath, options: GetOptions) -> Result<GetResult> {
        self.count();
        self.inner.get_opts(location, options).await
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<StorePath>>) -> BoxStream<'static, Result<StorePath>> {
        self.count();
        self.inner.delete_stream(locations)
    }
    fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count();
        let listed = self.listed.clone();
        self.inner
            .list(prefix)
            .inspect(move |_| {
                listed.fetch_add(1, Ordering::Relaxed);
            })
            .boxed()
    }
    async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> Result<ListResult> {
        self.count();
        let found = self.inner.list_with_delimiter(prefix).await?;
        self.listed.fetch_add(found.objects.len() + found.common_prefixes.len(), Ordering::Relaxed);
        Ok(found)
    }
    async fn copy_opts(&self, from: &StorePath, to: &StorePath, options: CopyOptions) -> Result<()> {
        self.count();
        self.inner.copy_opts(from, to, options).await
    }
}

fn store(lake: &Path) -> LakeStore {
    let options = StoreOptions { fsync: false, ..StoreOptions::default() };
    LakeStore::open(lake.to_str().unwrap(), &options).unwrap()
}

/// Opens the lake and looks around as a start does; answers requests, files listed, and seconds.
async fn start(lake: &Path) -> (usize, usize, f64, Arc<Catalog>) {
    let inner = store(lake);
    let listed = Arc::new(AtomicUsize::new(0));
    let counting =
        Arc::new(Counting { inner: inner.root().clone(), requests: AtomicUsize::new(0), listed: listed.clone() });
    let counted = inner.through(counting.clone());
    let begun = Instant::now();
    let catalog = Catalog::open(counted.clone(), Tables::new(counted)).await.unwrap();
    catalog.discover().await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    (counting.requests.load(Ordering::Relaxed), listed.load(Ordering::Relaxed), seconds, catalog)
}

/// Releases up to `count`, as the newest one is, each with a file of rows of its own; and a checkpoint at the last.
async fn make_history(lake: &Path, count: u64) {
    let (catalog, log) = (lake.join("_lakewire/catalog"), lake.join("_lakewire/catalog/_delta_log"));
    let newest = store(lake);
    let newest = Catalog::open(newest.clone(), Tables::new(newest)).await.unwrap().current().id().0;
    let text = std::fs::read_to_string(log.join(format!("{newest:020}.json"))).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let file = lines[0]["commitInfo"]["lakewire"]["rows"]["path"].as_str().unwrap().to_owned();
    let (mut before, mut named) = (file.clone(), file.clone());
    for release in newest + 1..=count {
        let path = format!("{release:020}-{}.parquet", &file[21..file.len() - 8]);
        // file systems bound how many names a file may have
        match release.is_multiple_of(30_000) {
            true => {
                std::fs::copy(catalog.join(&named), catalog.join(&path)).unwrap();
                named.clone_from(&path);
            }
            false => std::fs::hard_link(catalog.join(&named), catalog.join(&path)).unwrap(),
        }
        let mut lines = lines.clone();
        lines[0]["commitInfo"]["lakewire"]["rows"]["path"] = path.clone().into();
        for line in &mut lines {
            if line.get("remove").is_some() {
                line["remove"]["path"] = before.clone().into();
            } else if line.get("add").is_some() {
                line["add"]["path"] = path.clone().into();
            }
        }
        let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
        std::fs::write(log.join(format!("{release:020}.json")), text.join("\n") + "\n").unwrap();
        before = path;
    }
    Tables::new(store(lake)).checkpoint("_lakewire/catalog").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_costs_the_same_with_many_releases_behind_it() {
    let count = std::env::var("LAKEWIRE_TEST_RELEASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2000);
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path();
    let server = Server::serve(lake, &[]);
    let client = server.connect().await;
    client.batch_execute("create table t (n bigint); insert into t values (1); create schema s").await.unwrap();
    client.batch_execute("insert into t values (2)").await.unwrap();
    drop((client, server));
    let (few_requests, few_listed, few_seconds, _) = start(lake).await;
    make_history(lake, count).await;
    let (requests, listed, seconds, catalog) = start(lake).await;
    assert_eq!(catalog.current().id(), ReleaseId(count));
    println!("first day: {few_requests} requests, {few_listed} files listed, {few_seconds:.4} s");
    println!("after {count} releases: {requests} requests, {listed} files listed, {seconds:.4} s");
    assert!(requests <= few_requests + 10, "{requests} requests, {few_requests} on the first day");
    assert!(listed <= few_listed + 10, "{listed} files listed, {few_listed} on the first day");

    // the first releases may be gone, and the server works on
    let begun = Instant::now();
    let server = Server::serve(lake, &[]);
    let client = server.connect().await;
    println!("server ready and connected: {:?}", begun.elapsed());
    let begun = Instant::now();
    client.batch_execute("insert into t values (3)").await.unwrap();
    println!("first insert: {:?}", begun.elapsed());
    assert_eq!(value(&client, "select count(*) from t").await, "3");
    let begun = Instant::now();
    assert_eq!(value(&client, "select max(release) from lakewire.releases").await, (count + 1).to_string());
    println!("lakewire.releases: {:?}", begun.elapsed());
}
