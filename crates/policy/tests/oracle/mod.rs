//! A second opinion on key policies and grants: does one request pass?
//!
//! Written from AWS's documentation alone, over the policy's JSON, and sharing no code with the crate it tests: neither the parser nor the reasoning. It
//! answers one request at a time, where the crate reasons over all of them, so each can find the other's mistakes. Where the documentation is silent or
//! contradicts itself, the function that had to choose says what it chose.
//!
//! Out of scope, because a key policy cannot tell: identity policies, permissions boundaries, session policies, SCPs, RCPs and VPC endpoint policies. All are
//! taken as generous.

// Each test binary that has this module uses a part of it.
#![allow(dead_code, unreachable_pub)]

pub mod conditions;
pub mod evaluate;
pub mod generator;
pub mod grants;
pub mod operators;
pub mod policies;
pub mod pool;
pub mod readings;
pub mod request;
pub mod simplify;
