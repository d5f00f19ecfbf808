//! Local disks: object_store's own local store, made durable.
//!
//! Invariant: when a put or a finished upload returns, its bytes and its directory entry have been fsynced; and a
//! name never shows half a file, not even after power loss (staged, synced, then linked).

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// The file system from `/`, with fsync.
#[derive(Debug)]
pub struct DurableFileSystem {
    inner: Arc<LocalFileSystem>,
    staged: AtomicU64,
}

impl DurableFileSystem {
    pub fn new() -> Self {
        Self { inner: Arc::new(LocalFileSystem::new()), staged: AtomicU64::new(0) }
    }

    /// A name that `LocalFileSystem` leaves out of listings, unique over processes.
    fn staging_path(&self, target: &FsPath) -> PathBuf {
        let serial = self.staged.fetch_add(1, Ordering::Relaxed);
        let mut name = target.as_os_str().to_owned();
        name.push(format!("#{}{serial:06}", std::process::id()));
        name.into()
    }
}

impl fmt::Display for DurableFileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Durable({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for DurableFileSystem {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if matches!(options.mode, PutMode::Update(_)) {
            return self.inner.put_opts(location, payload, options).await;
        }
        let target = self.inner.path_to_filesystem(location)?;
        let staging = self.staging_path(&target);
        let create = matches!(options.mode, PutMode::Create);
        let location = location.clone();
        blocking(move || {
            let result = put_durably(&staging, &target, &payload, create);
            if result.is_err() {
                let _ = fs::remove_file(&staging);
            }
            result.map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    Error::AlreadyExists { path: location.to_string(), source: Box::new(error) }
                }
                _ => generic(error),
            })
        })
        .await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let target = self.inner.path_to_filesystem(location)?;
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(DurableUpload { inner, target }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        let target = self.inner.path_to_filesystem(to)?;
        blocking(move || sync_file(&target).map_err(generic)).await
    }
}

/// An upload whose file is synced before it counts as complete.
#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    target: PathBuf,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let target = self.target.clone();
        blocking(move || sync_file(&target).map_err(generic)).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

fn put_durably(staging: &FsPath, target: &FsPath, payload: &PutPayload, create: bool) -> std::io::Result<()> {
    if create && target.exists() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    if let Some(directory) = target.parent() {
        create_directories(directory)?;
    }
    let mut file = File::create_new(staging)?;
    for chunk in payload.iter() {
        file.write_all(chunk)?;
    }
    file.sync_all()?;
    drop(file);
    if create {
        fs::hard_link(staging, target)?;
        fs::remove_file(staging)?;
    } else {
        fs::rename(staging, target)?;
    }
    sync_directory(target)
}

/// Makes the directories that are missing, each entry synced in its parent.
fn create_directories(directory: &FsPath) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        create_directories(parent)?;
    }
    match fs::create_dir(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_directory(directory),
    }
}

fn sync_file(path: &FsPath) -> std::io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_directory(path)
}

/// Syncs the directory that holds `path`.
fn sync_directory(path: &FsPath) -> std::io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn generic(error: std::io::Error) -> Error {
    Error::Generic { store: "DurableFileSystem", source: Box::new(error) }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::JoinError { source: error }),
    }
}
