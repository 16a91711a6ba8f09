//! The table `policy_statements`: who a key policy names.

use kms_insights_findings::KeyAnalysis;
use kms_insights_model::{KeyArn, RunId};
use kms_insights_policy::{StatementPrincipal, join_labels};

use crate::table::table;

table! {
    /// One row per key policy, statement and principal. Keys whose policy lacks or names nobody have no row here: `keys.policy_status` and `keys.policy_error` tell them apart.
    PolicyStatementRow in "policy_statements" {
        /// The run.
        run_id: String, from [];
        /// The key's ARN.
        key_arn: String, from [KmsListKeys];
        /// The key's id within its account and Region.
        key_id: String, from [KmsListKeys];
        /// The account that owns the key.
        account_id: String, from [KmsListKeys];
        /// The key's Region.
        region: String, from [KmsListKeys];
        /// The key policy that holds the statement: `default` or `AWS_RAM`.
        policy_name: String, from [KmsGetKeyPolicy];
        /// The statement's place in the policy, from 0.
        statement_index: i32, from [KmsGetKeyPolicy];
        /// The statement's `Sid`.
        sid: Option<String>, from [KmsGetKeyPolicy];
        /// `Allow` or `Deny`.
        effect: String, from [KmsGetKeyPolicy];
        /// The kind of principal, such as `AWS` or `Service`.
        principal_type: String, from [KmsGetKeyPolicy];
        /// The principal, as the policy writes it.
        principal: String, from [KmsGetKeyPolicy];
        /// Whether the statement names it with `NotPrincipal`: everybody else is meant.
        negated_principal: bool, from [KmsGetKeyPolicy];
        /// The statement's actions.
        actions: Vec<String>, from [KmsGetKeyPolicy];
        /// Whether the statement names them with `NotAction`: every other action is meant.
        negated_actions: bool, from [KmsGetKeyPolicy];
        /// The actions joined by `,`.
        action: String, from [KmsGetKeyPolicy];
        /// The statement's `Condition` as JSON text; null where there is none.
        condition: Option<String>, from [KmsGetKeyPolicy];
        /// The concerns that this statement raises with this principal, joined by semicolons; empty where there are none. They are the statement's own, not the key's, and no Deny takes any back. `keys.concern` has those of the whole key.
        concern: String, from [KmsGetKeyPolicy];
        /// The statement as the policy writes it.
        statement: String, from [KmsGetKeyPolicy];
    }
}

/// The name of the key policy that every key has.
pub const DEFAULT_POLICY: &str = "default";
/// The name of the key policy of keys shared through AWS RAM.
pub const RAM_POLICY: &str = "AWS_RAM";

/// The rows of a key, one per policy, statement and principal.
pub fn rows<'a>(run: &'a RunId, arn: &'a KeyArn, analysis: &'a KeyAnalysis) -> impl Iterator<Item = PolicyStatementRow> + 'a {
    let default = analysis.statements.iter().map(|statement| (DEFAULT_POLICY, statement));
    let ram = analysis.ram_statements.iter().map(|statement| (RAM_POLICY, statement));
    default.chain(ram).map(move |(policy_name, statement)| row(run, arn, policy_name, statement))
}

fn row(run: &RunId, arn: &KeyArn, policy_name: &str, statement: &StatementPrincipal) -> PolicyStatementRow {
    PolicyStatementRow {
        run_id: run.to_string(),
        key_arn: arn.to_string(),
        key_id: arn.key_id().to_string(),
        account_id: arn.account().to_string(),
        region: arn.region().to_string(),
        policy_name: policy_name.to_owned(),
        // A policy of 32 KB has no two thousand million statements.
        statement_index: i32::try_from(statement.statement_index).unwrap_or(i32::MAX),
        sid: statement.sid.as_ref().map(ToString::to_string),
        effect: statement.effect.to_string(),
        principal_type: statement.principal_type.to_string(),
        principal: statement.principal.to_string(),
        negated_principal: statement.negated_principal,
        actions: statement.actions.to_vec(),
        negated_actions: statement.negated_actions,
        action: statement.actions.join(","),
        condition: statement.condition_json.as_ref().map(ToString::to_string),
        concern: join_labels(&statement.concerns),
        statement: statement.statement_json.to_string(),
    }
}
