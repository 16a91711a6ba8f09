//! What the organization's trail tells, in its bucket and through its API.

mod api;
mod bucket;
mod files;
mod history;
mod reading;
