//! Memory, disk, caches and threads: one of each per process, under every query.
//!
//! Invariant: an overlay's store is registered in a registry of the overlay's own; the shared one knows the lake's only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use super::errors;
use super::memory::QueryPool;
use super::workers::Workers;
use crate::catalog::Scope;
use crate::config::Config;
use crate::error::Result;
use crate::store::LakeStore;

/// The process's resources.
#[derive(Debug)]
pub struct Resources {
    shared: Arc<RuntimeEnv>,
    /// Bytes one query may use.
    query_memory_max: usize,
    workers: Workers,
    spill_dir: PathBuf,
}

impl Resources {
    pub fn new(config: &Config, lake: &LakeStore) -> Result<Self> {
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![config.spill_dir()]))
            .with_max_temp_directory_size(config.memory.spill_limit.as_u64());
        let shared = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(config.memory.total.as_usize())))
            .with_disk_manager_builder(disk)
            .with_metadata_cache_limit(config.memory.metadata_cache.as_usize())
            .with_object_store_registry(registry(lake))
            .build_arc()
            .map_err(errors::from_datafusion)?;
        Ok(Self {
            shared,
            query_memory_max: config.memory.per_query.as_usize(),
            workers: Workers::new(config)?,
            spill_dir: config.spill_dir(),
        })
    }

    /// Where what need not last is put.
    pub fn spill_dir(&self) -> &Path {
        &self.spill_dir
    }

    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    pub fn shared(&self) -> &Arc<RuntimeEnv> {
        &self.shared
    }

    /// What plans over the scope run in.
    pub fn of_scope(&self, scope: &Scope) -> Arc<RuntimeEnv> {
        match &scope.overlay {
            None => self.shared.clone(),
            Some(overlay) => {
                let mut own = self.shared.as_ref().clone();
                own.object_store_registry = registry(overlay.lake());
                Arc::new(own)
            }
        }
    }

    /// The same with memory counted for one query.
    pub fn of_query(&self, runtime: &RuntimeEnv) -> Arc<RuntimeEnv> {
        let mut own = runtime.clone();
        own.memory_pool = Arc::new(QueryPool::new(self.shared.memory_pool.clone(), self.query_memory_max));
        Arc::new(own)
    }
}

fn registry(lake: &LakeStore) -> Arc<dyn ObjectStoreRegistry> {
    let registry = DefaultObjectStoreRegistry::new();
    registry.register_store(lake.url(), lake.root().clone());
    Arc::new(registry)
}
