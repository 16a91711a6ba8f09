//! The lake as it is shown: an assistant's conversation may be longer than a snapshot is the latest one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kms_insights_lake::Lake;
use kms_insights_query::Engine;
use tokio::sync::Mutex;

use crate::{exit::Trouble, query};

/// For so long an engine shows the runs that were published when it was opened. Opening one lists the runs.
const FRESH: Duration = Duration::from_mins(1);

/// A lake, and the engine that was opened over it last.
#[derive(Debug)]
pub(super) struct Shown {
    lake: Lake,
    memory: usize,
    engine: Mutex<(Instant, Arc<Engine>)>,
}

impl Shown {
    /// A lake that can be read. A query may take `memory` MiB.
    pub(super) async fn open(lake: Lake, memory: usize) -> Result<Self, Trouble> {
        let engine = Arc::new(query::open(&lake, memory).await?);
        Ok(Self { lake, memory, engine: Mutex::new((Instant::now(), engine)) })
    }

    /// The lake's name.
    pub(super) fn place(&self) -> String {
        self.lake.location().to_string()
    }

    /// An engine over what is published, or was a moment ago.
    pub(super) async fn engine(&self) -> Result<Arc<Engine>, Trouble> {
        let mut engine = self.engine.lock().await;
        if engine.0.elapsed() > FRESH {
            *engine = (Instant::now(), Arc::new(query::open(&self.lake, self.memory).await?));
        }
        Ok(Arc::clone(&engine.1))
    }
}
