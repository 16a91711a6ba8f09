//! The table `key_access`: who can do what with a key, by what, and under which conditions.

use std::{borrow::Cow, sync::Arc};

use kms_insights_model::{KeyArn, RunId};
use kms_insights_policy::access::AccessRow;

use crate::table::table;

table! {
    /// One row per key, way in and capability. A way in is a class of callers that a statement or a grant lets in and that no Deny keeps out. What could not be read lets nobody in here: where `keys.policy_status`, `keys.ram_policy_status` or `keys.grants_status` is `denied` or `failed`, or `keys.policy_error` is not null, there may be more.
    KeyAccessRow in "key_access" {
        /// The run.
        run_id: Arc<str>, from [];
        /// The key's ARN.
        key_arn: Arc<str>, from [KmsListKeys];
        /// The key's id within its account and Region.
        key_id: Arc<str>, from [KmsListKeys];
        /// The account that owns the key.
        account_id: Arc<str>, from [KmsListKeys];
        /// The key's Region.
        region: Arc<str>, from [KmsListKeys];
        /// Who comes in: an ARN, an AWS service, or a class such as `every principal of account 111122223333`.
        who: String, from [KmsGetKeyPolicy, KmsListGrants];
        /// What kind of callers that is: `everyone` (AWS services too), `every_principal` (of every account), `every_service`, `organization`, `account` (its IAM decides which of its principals), `account_principals` (every principal of it), `principals_like` (those whose ARN matches), `role`, `user`, `role_session`, `federated_user`, `service`, `identity_provider`, `canonical_user`, `deleted` or `unknown`.
        who_kind: Cow<'static, str>, from [KmsGetKeyPolicy, KmsListGrants];
        /// The account of those who come in; null where they have none, or several.
        who_account: Option<String>, from [KmsGetKeyPolicy, KmsListGrants];
        /// How they stand towards the key's owner: `own_account`, `organization`, `trusted` (an account that the configuration calls trusted), `aws_service`, `deleted` (nobody any more), `unknown` (nobody can tell who), `outside` (of an account not known to be of the organization) or `public` (of every account).
        trust: Cow<'static, str>, from [KmsGetKeyPolicy, KmsListGrants, OrganizationsListAccounts, OrganizationsDescribeOrganization];
        /// What coming in amounts to: `access`; `delegation`, where the account's IAM policies decide who of it can do it; `intent`, where nobody can do it, because the principal is deleted or KMS does not offer it to other accounts.
        kind: Cow<'static, str>, from [KmsGetKeyPolicy, KmsListGrants];
        /// What they can do: `encrypt`, `decrypt`, `sign`, `mac`, `derive`, `grant`, `administer`, `read` or `unrecognized` (an action that this version does not know).
        capability: Cow<'static, str>, from [KmsGetKeyPolicy, KmsListGrants, KmsDescribeKey];
        /// The actions that amount to it, as far as they have an effect on a key of this usage.
        actions: Vec<String>, from [KmsGetKeyPolicy, KmsListGrants, KmsDescribeKey];
        /// What must hold of a request, in sentences joined by `; `, all of which must: what remains of conditions, constraints and Denies. Null where nothing must.
        fence: Option<String>, from [KmsGetKeyPolicy, KmsListGrants];
        /// The accounts or organizations for which an AWS service must act; `unknown` where that is a resource whose ARN does not tell its account; empty where it may act for whomever, and for those who are no services.
        on_behalf_of: Vec<String>, from [KmsGetKeyPolicy, KmsListGrants];
        /// The resource that a grant to an AWS service serves, such as `aws:ebs:id=vol-0a1b2c3d`.
        resource: Option<String>, from [KmsListGrants];
        /// `certain` or `unknown`.
        certainty: Cow<'static, str>, from [KmsGetKeyPolicy, KmsListGrants];
        /// Why it is not certain that anybody comes in; null where it is.
        reason: Option<String>, from [KmsGetKeyPolicy, KmsListGrants];
        /// What lets them in: `statement` or `grant`.
        cause: Cow<'static, str>, from [KmsGetKeyPolicy, KmsListGrants];
        /// The key policy that holds the statement: `default` or `AWS_RAM`.
        policy_name: Option<Cow<'static, str>>, from [KmsGetKeyPolicy];
        /// The statement's place in the policy, from 0.
        statement_index: Option<i32>, from [KmsGetKeyPolicy];
        /// The grant's id.
        grant_id: Option<String>, from [KmsListGrants];
    }
}

/// The rows of a key. An organization has ten of them for each key: what they have in common is written once for all.
pub fn rows(run: &RunId, arn: &KeyArn, access: Vec<AccessRow>) -> impl Iterator<Item = KeyAccessRow> {
    let run_id: Arc<str> = run.as_str().into();
    let key_arn: Arc<str> = arn.to_string().into();
    let key_id: Arc<str> = arn.key_id().to_string().into();
    let account_id: Arc<str> = arn.account().to_string().into();
    let region: Arc<str> = arn.region().as_str().into();
    access.into_iter().map(move |row| KeyAccessRow {
        run_id: Arc::clone(&run_id),
        key_arn: Arc::clone(&key_arn),
        key_id: Arc::clone(&key_id),
        account_id: Arc::clone(&account_id),
        region: Arc::clone(&region),
        who: row.who,
        who_kind: row.who_kind.into(),
        who_account: row.who_account,
        trust: row.trust.into(),
        kind: row.kind.into(),
        capability: row.capability.into(),
        actions: row.actions,
        fence: (!row.fence.is_empty()).then(|| row.fence.join("; ")),
        on_behalf_of: each_once(row.on_behalf_of),
        resource: row.resource,
        certainty: row.certainty.into(),
        reason: row.reason,
        cause: row.cause.into(),
        policy_name: row.policy_name.map(Cow::Borrowed),
        // A policy of 32 KB has no two thousand million statements.
        statement_index: row.statement_index.map(|index| i32::try_from(index).unwrap_or(i32::MAX)),
        grant_id: row.grant_id,
    })
}

/// Two resources of one account are one account.
fn each_once(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts.dedup();
    texts
}
