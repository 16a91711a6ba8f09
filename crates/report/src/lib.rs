//! What people read of a lake: the report, what changed between two runs, what keys cost, and findings in the formats of other tools.

#![forbid(unsafe_code)]

mod asked;
pub mod costs;
pub mod diff;
pub mod export;
pub mod report;
mod sheet;

pub use sheet::Sheet;
