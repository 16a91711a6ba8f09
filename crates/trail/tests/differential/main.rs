//! Random log files, whole and damaged, read by the reader and by a full parse: what both say is the same.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod compared;
mod damaged;
mod full_parse;
mod generated;
mod written;
