//! Events as JSON lines.

use std::{io::Write, sync::Arc};

use kms_insights_collect::Observer;

pub(super) fn observer() -> Observer {
    Arc::new(|event| {
        if let Ok(line) = serde_json::to_string(&event) {
            // A closed stderr must not end a run.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    })
}
