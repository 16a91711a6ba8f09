//! Key policies: what they say, word for word, and what that means for the key that carries them.
//!
//! The crate keeps the second promise of the product: *judgements are sound*. [`parse`] reads every policy that KMS stores and refuses, with the statement and
//! element, what is not one; nothing is dropped on the way ([`Statement::unknown`], [`Statement::text`]). [`access::key_access`] then answers who can do what with the
//! key, as *ways in* ([`access::WayIn`]): for each principal of each statement, and for each grant, which callers come in, what they can do, what must hold of their
//! requests once every Deny is subtracted, and how sure that is. It errs on one side only: whatever the policies and grants allow comes in by some way in, and a way
//! in that is certain has a request that is allowed; what cannot be decided is unknown, with its reason.
//!
//! The four labels of the AWS workshop ([`Concern`]) follow from the ways that a statement opens by itself.
//!
//! Sources: AWS KMS Developer Guide, "Key policies in AWS KMS" and "Condition keys for AWS KMS"; IAM User Guide, "IAM JSON policy elements reference" and
//! "AWS global condition context keys"; Service Authorization Reference, "Actions, resources, and condition keys for AWS Key Management Service".

#![forbid(unsafe_code)]

pub mod access;
mod action;
mod action_set;
mod comparison;
mod concern;
mod condition;
mod context_key;
mod document;
mod error;
mod list_grants;
mod parse;
mod principal;
mod surroundings;
mod teeth;
mod wildcard;

pub use action::{ACTIONS, Capability, KmsAction};
pub use action_set::ActionSet;
pub use concern::{Concern, StatementPrincipal, join_labels};
pub use condition::{Condition, Conditions, Operator, SetQualifier, Test};
pub use document::{Actions, Effect, PolicyDocument, Principals, Resources, Statement, UnknownElement};
pub use error::{Place, PolicyError};
pub use list_grants::{GrantsError, MAX_GRANTS_BYTES, read_grants};
pub use parse::{MAX_TEXT_BYTES, parse};
pub use principal::{Principal, PrincipalForm, PrincipalType};
pub use surroundings::Surroundings;
