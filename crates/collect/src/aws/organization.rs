//! Organizations and STS.

use std::{collections::BTreeSet, time::Duration};

use aws_config::{SdkConfig, identity::IdentityCache};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_organizations::types as orgs;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use kms_insights_model::{Account, AccountId, AccountState, ApiAction, Arn, Fact, OrganizationId, Partition};

use super::{
    AwsSession, MemberRole,
    answer::{answer, invalid},
    credentials::RoleCredentials,
};
use crate::cloud::{Answer, Caller, Cloud, OrganizationFacts, Page, Unit};

/// How long before its end a session is renewed: as far as a clock may be wrong before AWS refuses what it signs, so that a slow one does not use sessions that are over.
const RENEWED_BEFORE: Duration = Duration::from_mins(5);
/// How long a renewal may take, all its attempts together.
const RENEWAL_TIMEOUT: Duration = Duration::from_mins(2);

/// AWS as the caller's credentials show it.
#[derive(Debug)]
pub struct AwsCloud {
    config: SdkConfig,
    organizations: aws_sdk_organizations::Client,
    sts: aws_sdk_sts::Client,
    role: MemberRole,
    session_policy: String,
}

impl AwsCloud {
    /// `config` needs a Region, for STS and Organizations; `actions` are those that member sessions are narrowed to.
    pub fn new(config: SdkConfig, role: MemberRole, actions: &BTreeSet<ApiAction>) -> Self {
        let organizations = aws_sdk_organizations::Client::new(&config);
        let sts = aws_sdk_sts::Client::new(&config);
        Self { config, organizations, sts, role, session_policy: super::narrowed(actions) }
    }

    /// The partition, from the configured Region; AWS's own word for it comes with the caller's ARN.
    fn partition(&self) -> Partition {
        let region = self.config.region().and_then(|region| region.as_ref().parse::<kms_insights_model::Region>().ok());
        region.map_or(Partition::Aws, |region| region.partition())
    }
}

impl Cloud for AwsCloud {
    type Session = AwsSession;

    async fn caller(&self) -> Answer<Caller> {
        let output = answer(self.sts.get_caller_identity().send().await)?;
        let arn = output.arn.ok_or_else(|| invalid("sts:GetCallerIdentity returned no ARN"))?;
        let account = output.account.unwrap_or_default().parse().map_err(|error| invalid(format!("sts:GetCallerIdentity: {error}")))?;
        let partition = Arn::parse(&arn).and_then(|arn| arn.partition.parse().ok()).unwrap_or_else(|| self.partition());
        Ok(Caller { account, partition, arn })
    }

    async fn organization(&self) -> Answer<Option<OrganizationFacts>> {
        let result = self.organizations.describe_organization().send().await;
        if result.as_ref().is_err_and(|error| error.code() == Some("AWSOrganizationsNotInUseException")) {
            return Ok(None);
        }
        let organization = answer(result)?.organization.ok_or_else(|| invalid("organizations:DescribeOrganization returned nothing"))?;
        let id = organization.id.ok_or_else(|| invalid("the organization has no id"))?;
        let management = organization.master_account_id.unwrap_or_default().parse().map_err(|error| invalid(format!("management account: {error}")))?;
        Ok(Some(OrganizationFacts { id: OrganizationId(id), management_account: management }))
    }

    async fn accounts(&self, token: Option<String>) -> Answer<Page<Account>> {
        let output = answer(self.organizations.list_accounts().set_next_token(token).send().await)?;
        let items = output.accounts.unwrap_or_default().iter().map(account).collect::<Answer<_>>()?;
        Ok(Page { items, next: output.next_token, truncated: false })
    }

    async fn roots(&self, token: Option<String>) -> Answer<Page<Unit>> {
        let output = answer(self.organizations.list_roots().set_next_token(token).send().await)?;
        let items = output.roots.unwrap_or_default().into_iter().map(|root| unit(root.id, root.name)).collect::<Answer<_>>()?;
        Ok(Page { items, next: output.next_token, truncated: false })
    }

    async fn units_below(&self, parent: &str, token: Option<String>) -> Answer<Page<Unit>> {
        let request = self.organizations.list_organizational_units_for_parent().parent_id(parent).set_next_token(token);
        let output = answer(request.send().await)?;
        let items = output.organizational_units.unwrap_or_default().into_iter().map(|ou| unit(ou.id, ou.name)).collect::<Answer<_>>()?;
        Ok(Page { items, next: output.next_token, truncated: false })
    }

    async fn accounts_below(&self, parent: &str, token: Option<String>) -> Answer<Page<AccountId>> {
        let output = answer(self.organizations.list_accounts_for_parent().parent_id(parent).set_next_token(token).send().await)?;
        let items = output.accounts.unwrap_or_default().iter().map(account_id).collect::<Answer<_>>()?;
        Ok(Page { items, next: output.next_token, truncated: false })
    }

    fn own_session(&self) -> AwsSession {
        AwsSession::new(&self.config)
    }

    async fn assume_role(&self, account: AccountId) -> Answer<AwsSession> {
        let credentials = RoleCredentials::new(self.sts.clone(), self.partition(), account, self.role.clone(), self.session_policy.clone());
        credentials.open().await?;
        let config = self
            .config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            // A cache of its own: the sessions of all Regions of the account share one set of credentials, and no other account's.
            .identity_cache(IdentityCache::lazy().buffer_time(RENEWED_BEFORE).load_timeout(RENEWAL_TIMEOUT).build())
            .build();
        Ok(AwsSession::new(&config))
    }
}

fn account_id(account: &orgs::Account) -> Answer<AccountId> {
    account.id.as_deref().unwrap_or_default().parse().map_err(|error| invalid(format!("an account of the organization: {error}")))
}

fn account(account: &orgs::Account) -> Answer<Account> {
    Ok(Account { id: account_id(account)?, name: account.name.clone(), state: state(account), ou_path: Fact::NotApplicable, is_management: false })
}

/// `State`; where an endpoint still knows only `Status`, its value, which is a state's.
fn state(account: &orgs::Account) -> Option<AccountState> {
    let state = account.state.as_ref().map(orgs::AccountState::as_str);
    state.or_else(|| account.status.as_ref().map(orgs::AccountStatus::as_str)).map(AccountState::from)
}

fn unit(id: Option<String>, name: Option<String>) -> Answer<Unit> {
    let id = id.ok_or_else(|| invalid("an organizational unit has no id"))?;
    Ok(Unit { name: name.unwrap_or_else(|| id.clone()), id })
}
