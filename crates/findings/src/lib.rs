//! The rules: what of a key's facts a person should look at, how bad it is, and how sure that is.
//!
//! [`analyze`] takes the facts of one key and returns, beside the [`Finding`]s, the rows of its policies and the concerns of the key. It neither reads nor
//! writes anything. Each rule is a file under `rules/` and an entry of [`RULES`], from which `docs/findings.md` is generated.
//!
//! Two scales, never mixed: [`Severity`] says how bad it is if it is so, [`Confidence`] how sure it is that it is so.

#![forbid(unsafe_code)]

mod analysis;
mod border;
mod canonical_policy;
mod changed_policy;
mod culprit;
mod documentation;
mod fences;
mod finding;
mod id;
mod losses;
mod printable;
mod proposals;
mod roles;
mod rules;
mod settings;
mod subject;
mod towards;

pub use analysis::{KeyAnalysis, KeyContext, ReplicaPolicy, analyze};
pub use canonical_policy::canonical_policy;
pub use documentation::markdown;
pub use finding::{Confidence, ElementPath, Finding, Place, Severity};
pub use printable::printable;
pub use rules::{RULES, RestsOn, RuleInfo};
pub use settings::{FindingSettings, InvalidWaiver, Waiver};
