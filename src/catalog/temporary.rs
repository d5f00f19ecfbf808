//! Relations of one session: an overlay of its own that is never published, in a folder that goes with it.
//!
//! Every transaction of the session has it beside its own overlay, and passes it what is about its schema; so temporary
//! tables are tables like any other, to whoever plans and writes.
//!
//! Invariant: nobody but the session sees them, and nothing of them is left behind when it ends.

use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use datafusion::arrow::array::RecordBatch;
use futures::StreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use uuid::Uuid;

use super::{Catalog, Overlay};
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::store::LakeStore;
use crate::table::{WriteMode, WriteSpec};

/// OIDs of temporary relations, far above those of the lake; with those of their constraints, which are made of them, they
/// have to fit 32 bits. After so many they are used again.
const OIDS: std::ops::Range<u32> = 1 << 21..1 << 22;
static NEXT: AtomicU32 = AtomicU32::new(0);
/// Numbers of temporary schemas.
static SCHEMAS: AtomicU32 = AtomicU32::new(1);

/// What makes an overlay a session's own.
#[derive(Debug)]
pub(super) struct Temporary {
    pub schema: String,
    folder: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // one that was never made, or that somebody else has tidied away, is as good as gone
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn next_oid() -> u32 {
    OIDS.start + NEXT.fetch_add(1, Ordering::Relaxed) % (OIDS.end - OIDS.start)
}

impl Catalog {
    /// A place for the temporary relations of one session, below the folder. Nothing is made before it is used.
    ///
    /// # Errors
    /// `F0000` for a folder that cannot be addressed.
    pub fn temporary(&self, below: &FsPath) -> Result<Arc<Overlay>> {
        let below = std::path::absolute(below)?;
        let folder = below.join(format!("lakewire-temporary-{}", Uuid::now_v7().simple()));
        let unusable = || Error::new(ErrorKind::Config, format!("folder \"{}\" cannot be used", below.display()));
        let url = url::Url::from_directory_path(&folder).map_err(|()| unusable())?;
        let prefix = Path::from_url_path(url.path()).map_err(|_| unusable())?;
        let lake = LakeStore::new(Arc::new(LocalFileSystem::new()), url, prefix);
        let schema = format!("pg_temp_{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
        let temporary = Temporary { schema, folder };
        Ok(Arc::new(Overlay::own(self.current(), &lake, self.tables().clone(), temporary)))
    }
}

impl Overlay {
    /// The overlay that the name belongs to, where it is the session's own and not this one.
    pub(super) fn temporary_of(&self, name: &TableName) -> Option<&Arc<Self>> {
        self.beside().filter(|temporary| temporary.schema() == Some(name.schema.as_str()))
    }

    /// What becomes of a temporary table when the transaction ends: it goes, or its rows do.
    pub fn at_commit(&self, name: &TableName, drop: bool) {
        let holder = self.temporary_of(name).map_or(self, |temporary| temporary.as_ref());
        holder.ends.lock().insert(name.clone(), drop);
    }

    /// The transaction ends: does what was said of the temporary tables beside it.
    pub async fn end_own(&self) -> Result<()> {
        match self.beside() {
            Some(own) => own.end_transaction().await,
            None => Ok(()),
        }
    }

    async fn end_transaction(&self) -> Result<()> {
        let ends: Vec<(TableName, bool)> = self.ends.lock().iter().map(|(name, drop)| (name.clone(), *drop)).collect();
        for (name, drop) in ends {
            let Some(object) = self.object(&name) else {
                self.ends.lock().remove(&name);
                continue;
            };
            if drop {
                self.drop_object(&name)?;
                self.ends.lock().remove(&name);
            } else {
                self.forget_buffered(&name);
                let rows = futures::stream::empty::<Result<RecordBatch>>().boxed();
                let spec = WriteSpec { checked: true, ..WriteSpec::new(WriteMode::Replace) };
                self.write_batches(&name, &spec, None, object.arrow_schema(), rows).await?;
            }
        }
        Ok(())
    }

    /// Drops all there is.
    pub fn clear(&self) -> Result<()> {
        for object in self.staged_objects() {
            self.drop_object(&object.name)?;
        }
        self.ends.lock().clear();
        Ok(())
    }
}
