//! Who can do what with a key, from where, under which fence.

mod arn_pattern;
mod attempt;
mod caller;
mod candidate;
mod example;
mod fence;
mod grant;
mod literal;
mod member;
mod narrow;
mod range;
mod row;
mod term;
mod trust;
mod values;
mod verdict;
mod way;
mod ways;
mod who;
mod work;

pub use caller::{Caller, Request};
pub use fence::{Clause, Fence};
pub use grant::{grantee, retiring, served};
pub use literal::{Literal, Unheeded};
pub use row::AccessRow;
pub use term::Term;
pub use trust::Trust;
pub use verdict::{Exposure, Verdict, locks_out_own_account};
pub use way::{Cause, Certainty, Kind, OnBehalf, PolicyName, WayIn};
pub use ways::{KeyAccess, KeyPolicies, key_access};
pub use who::{CallerAccount, Who};
