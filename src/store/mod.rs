//! Where a lake lies: an object store, and the place in it.
//!
//! Invariant: every path below is relative to the store's root; only [`LakeStore`] knows where the lake begins.

mod local;
mod overlay;

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

pub use overlay::OverlayStore;

/// A lake's object store and the lake's place in it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LakeStore {
    root: Arc<dyn ObjectStore>,
    url: Url,
    prefix: Path,
}

impl LakeStore {
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
    /// The same lake seen through another root store (an overlay, a fault).
    pub fn through(&self, root: Arc<dyn ObjectStore>) -> Self {
        Self { root, url: self.url.clone(), prefix: self.prefix.clone() }
    }
}
