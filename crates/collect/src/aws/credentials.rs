//! Temporary credentials of the role in a member account, renewed before they expire.

use std::{sync::Mutex, time::Duration};

use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use kms_insights_model::{AccountId, ErrorCode, Partition};

use super::{MemberRole, answer};
use crate::cloud::{Answer, ApiError};

/// Assumes one role, as often as its sessions expire.
#[derive(Debug)]
pub(crate) struct RoleCredentials {
    sts: aws_sdk_sts::Client,
    role_arn: String,
    role: MemberRole,
    session_policy: String,
    /// The credentials of the first session, until the SDK takes them.
    first: Mutex<Option<Credentials>>,
}

impl RoleCredentials {
    pub(crate) fn new(sts: aws_sdk_sts::Client, partition: Partition, account: AccountId, role: MemberRole, session_policy: String) -> Self {
        let role_arn = format!("arn:{partition}:iam::{account}:role/{}", role.name.trim_start_matches('/'));
        Self { sts, role_arn, role, session_policy, first: Mutex::new(None) }
    }

    /// Opens the first session now, so that a role that cannot be assumed is told as that and not as a failure of the first KMS call.
    pub(crate) async fn open(&self) -> Answer<()> {
        let result = self.assume().await.map_err(|error| match error {
            Assume::Sdk(error) => {
                let error = answer::answer::<(), _>(Err(*error)).err();
                error.map_or_else(|| answer::invalid("no answer"), |error| role_error(error, &self.role_arn))
            }
            Assume::NoCredentials => answer::invalid("sts:AssumeRole returned no credentials"),
        });
        let credentials = result?;
        *self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(credentials);
        Ok(())
    }

    async fn renew(&self) -> provider::Result {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.assume().await {
                Ok(credentials) => return Ok(credentials),
                Err(Assume::NoCredentials) => return Err(CredentialsError::unhandled("sts:AssumeRole returned no credentials")),
                Err(Assume::Sdk(error)) => {
                    let retryable = answer::api_error(&error).code.is_retryable();
                    if !retryable || attempt == RENEWAL_ATTEMPTS {
                        return Err(CredentialsError::provider_error(*error));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        }
    }

    async fn assume(&self) -> Result<Credentials, Assume> {
        let output = self
            .sts
            .assume_role()
            .role_arn(&self.role_arn)
            .role_session_name(&self.role.session_name)
            .set_external_id(self.role.external_id.clone())
            .policy(&self.session_policy)
            .duration_seconds(self.role.session_seconds)
            .send()
            .await
            .map_err(|error| Assume::Sdk(Box::new(error)))?;
        let credentials = output.credentials.ok_or(Assume::NoCredentials)?;
        let expires = std::time::SystemTime::try_from(credentials.expiration).ok();
        Ok(Credentials::new(credentials.access_key_id, credentials.secret_access_key, Some(credentials.session_token), expires, "kms-insights member role"))
    }
}

/// How often a renewal is tried: a session's end must not cost the facts of all its Regions because STS hiccups once.
const RENEWAL_ATTEMPTS: u32 = 6;

/// AWS says "access denied" both when the role is missing and when its trust policy does not admit the caller.
fn role_error(error: ApiError, role_arn: &str) -> ApiError {
    match error.code {
        ErrorCode::AccessDenied | ErrorCode::NotFound => {
            ApiError { code: ErrorCode::AssumeRoleDenied, message: format!("{role_arn}: {}", error.message), ..error }
        }
        _ if error.aws_code.as_deref() == Some("NoSuchEntity") => {
            ApiError { code: ErrorCode::AssumeRoleDenied, message: format!("{role_arn}: {}", error.message), ..error }
        }
        _ => error,
    }
}

enum Assume {
    Sdk(Box<SdkError<AssumeRoleError, HttpResponse>>),
    NoCredentials,
}

impl ProvideCredentials for RoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            if let Some(credentials) = self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
                return Ok(credentials);
            }
            self.renew().await
        })
    }
}
