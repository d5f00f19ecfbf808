//! What `CALL` can do.

use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::Runner;
use crate::engine::{BatchStream, Call, CancelHandle, NoticeSink, Procedures, Signature};
use crate::error::Result;

/// The runner's procedures. Holds the runner weakly: the engine, which the runner owns, holds this.
pub struct RunProcedures {
    _runner: Weak<Runner>,
}

impl RunProcedures {
    pub fn new(runner: &Arc<Runner>) -> Arc<Self> {
        Arc::new(Self { _runner: Arc::downgrade(runner) })
    }
}

#[async_trait]
impl Procedures for RunProcedures {
    async fn call(&self, _call: Call, _notices: NoticeSink, _cancel: CancelHandle) -> Result<BatchStream> {
        unimplemented!()
    }
    fn signatures(&self) -> Vec<Signature> {
        unimplemented!()
    }
}
