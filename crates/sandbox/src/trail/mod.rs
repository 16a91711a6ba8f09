//! What an organization's trail records.
//!
//! A key's [history](changes) and [uses] follow from its seed, day by day: nothing of them is kept. [`days`] puts together what an account is told of a Region on a
//! day, [`delivery`] makes files of it, and [`daily`] says what a scan of these must find, from the history and not from its records.

mod actors;
mod changes;
mod corpus;
mod cryptographic;
mod daily;
pub(crate) mod days;
pub(crate) mod delivery;
pub(crate) mod event;
mod files;
mod identity;
mod life;
mod other;
mod purpose;
mod runs;
pub(crate) mod setting;
#[cfg(test)]
mod shapes;
pub(crate) mod uses;
mod work;

pub use corpus::{Corpus, CorpusFile, CorpusShape, Tally, UseCount, UseOf};
pub use daily::DailyUse;
pub(crate) use daily::usage;
pub use setting::{Recorded, TrailSetting};
