//! A session in one account, and KMS in each of its Regions.

use aws_config::SdkConfig;
use aws_sdk_account::types::RegionOptStatus;
use kms_insights_model::Region;

use super::{
    AwsTrail,
    answer::{answer, invalid},
};
use crate::cloud::{Answer, Page, Session};

/// A session in one account.
#[derive(Debug)]
pub struct AwsSession {
    account: aws_sdk_account::Client,
    kms: aws_sdk_kms::Client,
    /// Made where it is needed, which is in accounts that have keys.
    cloudtrail: LazyClient,
}

type LazyClient = std::sync::LazyLock<aws_sdk_cloudtrail::Client, Box<dyn FnOnce() -> aws_sdk_cloudtrail::Client + Send>>;

/// KMS in one account and Region.
#[derive(Clone, Debug)]
pub struct AwsKms {
    pub(crate) client: aws_sdk_kms::Client,
    /// Where each request is sent by itself; `None` where the client goes there anyway. All Regions of an account share one client as long as little is asked: each has
    /// 17 KiB, and an account 17 Regions or more.
    pub(crate) region: Option<aws_sdk_kms::config::Region>,
}

impl AwsSession {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        let (account, kms, config) = (aws_sdk_account::Client::new(config), aws_sdk_kms::Client::new(config), config.clone());
        Self { account, kms, cloudtrail: LazyClient::new(Box::new(move || aws_sdk_cloudtrail::Client::new(&config))) }
    }
}

impl Session for AwsSession {
    type Kms = AwsKms;
    type Trail = AwsTrail;

    async fn regions(&self, token: Option<String>) -> Answer<Page<Region>> {
        // Without the account's id the account of the session is meant, which needs no delegated administration.
        let request = self
            .account
            .list_regions()
            .region_opt_status_contains(RegionOptStatus::Enabled)
            .region_opt_status_contains(RegionOptStatus::EnabledByDefault)
            .max_results(50)
            .set_next_token(token);
        let output = answer(request.send().await)?;
        let regions = output.regions.unwrap_or_default();
        let items = regions
            .iter()
            .map(|region| region.region_name().unwrap_or_default().parse().map_err(|error| invalid(format!("account:ListRegions: {error}"))))
            .collect::<Answer<_>>()?;
        Ok(Page { items, next: output.next_token, truncated: false })
    }

    fn trail(&self, region: &Region) -> AwsTrail {
        AwsTrail { client: self.cloudtrail.clone(), region: aws_sdk_cloudtrail::config::Region::new(region.as_str().to_owned()) }
    }

    fn kms(&self, region: &Region) -> AwsKms {
        AwsKms { client: self.kms.clone(), region: Some(aws_sdk_kms::config::Region::new(region.as_str().to_owned())) }
    }
}
