//! Log files that are damaged, unusual or hostile: what is sound of each counts, and the report says what is not and where.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod documents;
mod gzip;
mod lengths;
mod members;
mod records;
mod sample;
mod source;
mod truncated;
