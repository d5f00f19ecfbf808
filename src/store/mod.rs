//! Where a lake lies: an object store, and the place in it.
//!
//! Invariant: every path below is relative to the store's root; only [`LakeStore`] knows where the lake begins.

pub mod fault;
mod local;
mod overlay;

use std::collections::BTreeMap;
use std::path::Path as FsPath;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreScheme};
use url::Url;

use crate::error::{Error, ErrorKind, Result};
pub use overlay::{OverlayMark, OverlayStore};

/// How to reach a lake.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Local disks: fsync data files, commits and intents before they count.
    pub fsync: bool,
    /// Make a local folder that is missing; otherwise it is an error.
    pub create: bool,
    /// Options of the cloud store, by object_store's names (`aws_endpoint`, `aws_allow_http` …).
    pub options: BTreeMap<String, String>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { fsync: true, create: true, options: BTreeMap::new() }
    }
}

/// A lake's object store and the lake's place in it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LakeStore {
    root: Arc<dyn ObjectStore>,
    url: Url,
    prefix: Path,
}

impl LakeStore {
    pub fn new(root: Arc<dyn ObjectStore>, url: Url, prefix: Path) -> Self {
        Self { root, url, prefix }
    }

    /// Opens a folder or `file://`, `s3://`, `memory://`.
    ///
    /// Errors: `Config` for an address that cannot be a lake or a folder that is missing, `Io`/`InsufficientPrivilege` for a
    /// folder that cannot be made.
    pub fn open(address: &str, options: &StoreOptions) -> Result<Self> {
        let url = lake_url(address, options.create)?;
        let unusable = |error: object_store::Error| {
            Error::new(ErrorKind::Config, format!("lake \"{address}\" cannot be opened: {error}")).with_source(error)
        };
        let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|error| unusable(error.into()))?;
        let root: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::Local if options.fsync => Arc::new(local::DurableFileSystem::new()),
            ObjectStoreScheme::Local => Arc::new(LocalFileSystem::new()),
            ObjectStoreScheme::Memory => Arc::new(InMemory::new()),
            ObjectStoreScheme::AmazonS3 => {
                let settings = options.options.iter().map(|(key, value)| (key.as_str(), value.as_str()));
                let defaults = [("aws_conditional_put", "etag")];
                object_store::parse_url_opts(&url, defaults.into_iter().chain(settings)).map_err(unusable)?.0.into()
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!("lake \"{address}\" is on a store that is not supported"),
                )
                .with_hint("use a folder or s3://bucket/path"));
            }
        };
        Ok(Self::new(root, url, prefix))
    }

    /// The root of the object store (a disk's `/`, a bucket), as delta-rs and DataFusion address it.
    pub fn root(&self) -> &Arc<dyn ObjectStore> {
        &self.root
    }
    /// URL of the lake, with a slash at the end.
    pub fn url(&self) -> &Url {
        &self.url
    }
    /// Path in the root store of something given relative to the lake.
    pub fn path(&self, relative: &str) -> Path {
        relative.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), |path, part| path.join(part))
    }
    /// Path relative to the lake of something in the root store; `None` when it lies outside.
    pub fn relative(&self, path: &Path) -> Option<String> {
        let parts: Vec<_> = path.prefix_match(&self.prefix)?.collect();
        Some(parts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("/"))
    }
    /// The same lake seen through another root store (an overlay, a fault).
    pub fn through(&self, root: Arc<dyn ObjectStore>) -> Self {
        Self { root, url: self.url.clone(), prefix: self.prefix.clone() }
    }
}

/// The address as a URL with a slash at the end.
fn lake_url(address: &str, create: bool) -> Result<Url> {
    let mut url = match Url::parse(address) {
        Ok(url) if url.scheme() == "file" => match url.to_file_path() {
            Ok(folder) => folder_url(address, &folder, create)?,
            Err(()) => return Err(not_a_folder(address)),
        },
        Ok(url) if url.scheme().len() > 1 => url,
        _ => folder_url(address, FsPath::new(address), create)?,
    };
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn folder_url(address: &str, folder: &FsPath, create: bool) -> Result<Url> {
    let failed = |error: std::io::Error| {
        let kind = Error::from(std::io::Error::from(error.kind())).kind();
        Error::new(kind, format!("lake \"{address}\" cannot be opened: {error}"))
            .with_hint("give a folder that exists or can be made with --lake")
    };
    if create {
        std::fs::create_dir_all(folder).map_err(failed)?;
    } else if !folder.try_exists().map_err(failed)? {
        return Err(Error::new(ErrorKind::Config, format!("lake \"{address}\" does not exist")).with_hint(
            "name another with --lake; \"lakewire demo\" and \"lakewire ingest\" make one, and an empty folder is an empty lake",
        ));
    }
    let folder = std::fs::canonicalize(folder).map_err(failed)?;
    if !folder.is_dir() {
        return Err(not_a_folder(address));
    }
    Url::from_directory_path(&folder).map_err(|()| not_a_folder(address))
}

fn not_a_folder(address: &str) -> Error {
    Error::new(ErrorKind::Config, format!("lake \"{address}\" is not a folder"))
}
