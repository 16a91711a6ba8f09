//! Key policies: what they say, word for word, and what that means for the key that carries them.
//!
//! The crate keeps the second promise of the product: *judgements are sound*. [`parse`] reads every policy that KMS stores and refuses, with the statement and
//! element, what is not one; nothing is dropped on the way ([`Statement::unknown`], [`Statement::text`]). [`statement_principals`] then answers, for every
//! principal of every statement, whom of all accounts the statement reaches once its conditions are weighed ([`Reach`]) and which of the workshop's four
//! [`Concern`]s follow. Where a condition cannot be decided, the wider reach and thus the concern stands.
//!
//! Sources: AWS KMS Developer Guide, "Key policies in AWS KMS" and "Condition keys for AWS KMS"; IAM User Guide, "IAM JSON policy elements reference" and
//! "AWS global condition context keys"; Service Authorization Reference, "Actions, resources, and condition keys for AWS Key Management Service".

#![forbid(unsafe_code)]

mod action;
mod concern;
mod condition;
mod deny;
mod document;
mod error;
mod fence;
mod parse;
mod principal;
mod reach;
mod wildcard;

pub use action::{ACTIONS, Capability, KmsAction};
pub use concern::{Concern, StatementPrincipal, join_labels, statement_principals};
pub use condition::{Condition, Conditions, Operator, SetQualifier, Test};
pub use document::{Actions, Effect, PolicyDocument, Principals, Resources, Statement, UnknownElement};
pub use error::{Place, PolicyError};
pub use fence::{Fence, NamedOrganization, Narrowing, always_holds, narrowing};
pub use parse::{MAX_TEXT_BYTES, parse};
pub use principal::{Principal, PrincipalForm, PrincipalType, Standing};
pub use reach::Reach;
