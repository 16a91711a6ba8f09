//! What a lake has published, as the SQL engine sees it: its files, the rows of its runs, and the tables over both.

mod files;
mod runs;
mod store;
mod table;

pub(crate) use files::published_files;
pub(crate) use runs::{Runs, RunsTable};
pub(crate) use store::PublishedFiles;
pub(crate) use table::{STORE, SnapshotTable, table_of_scans};
