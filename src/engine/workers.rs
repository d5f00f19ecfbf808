//! Where rows are computed: threads apart from those that serve clients.
//!
//! Invariant: no operator, however long it keeps its thread, delays an accept, a cancel, a deadline or a signal; and
//! nothing that is still being computed delays the end of the process.

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::error::{Error, Result};

/// Planning nests as deep as the statement does.
const THREAD_STACK_BYTES: usize = 16 << 20;

/// The threads of all queries and runs.
#[derive(Debug)]
pub struct Workers {
    /// Always there until dropped.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Workers {
    /// One thread per degree of parallelism.
    pub fn new(config: &Config) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(config.target_partitions())
            .enable_all()
            .thread_name("query")
            .thread_stack_size(THREAD_STACK_BYTES)
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(work)
    }
}

impl Workers {
    /// Runs work that may keep its thread for long, planning above all, on a thread of its own: whoever waits for it can
    /// stop waiting.
    pub fn apart<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        // what waits holds none of it: a connection's task is as large as the largest future in it
        let (handle, work) = (self.handle.clone(), Box::pin(work));
        let done = self.handle.spawn_blocking(move || handle.block_on(work));
        async { done.await.unwrap_or_else(|error| Err(Error::internal(format!("a statement panicked: {error}")))) }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
