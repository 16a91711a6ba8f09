//! The lake that a command works on.

use clap::Args;
use kms_insights_lake::{Lake, LakeError, LakeLocation, S3Access, s3::S3Options};
use kms_insights_model::AccountId;

use crate::{exit::Trouble, settings::Settings};

/// Where the lake is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct LakeArguments {
    /// The lake: a folder, or a bucket and prefix on S3
    #[arg(long, env = "KMS_INSIGHTS_LAKE", value_name = "S3-URL|DIR")]
    pub(crate) lake: Option<String>,
    /// The KMS key that encrypts what is written to S3: a key ARN; the bucket's own default where not given
    #[arg(long, env = "KMS_INSIGHTS_S3_KMS_KEY", value_name = "ARN")]
    s3_kms_key: Option<String>,
    /// The account that must own the bucket: requests to anybody else's bucket of that name fail
    #[arg(long, env = "KMS_INSIGHTS_S3_BUCKET_OWNER", value_name = "ACCOUNT")]
    s3_bucket_owner: Option<String>,
    /// The bucket's Region, where it is not that of the AWS settings
    #[arg(long, env = "KMS_INSIGHTS_S3_REGION", value_name = "REGION")]
    s3_region: Option<String>,
}

impl LakeArguments {
    /// The lake's place, from the flags or the settings.
    pub(crate) fn location(&self, settings: &Settings) -> Result<LakeLocation, Trouble> {
        let text = self.lake.as_ref().or(settings.lake.as_ref()).ok_or_else(|| {
            Trouble::usage("no lake is named")
                .next("name one with --lake, KMS_INSIGHTS_LAKE or `lake` in kms-insights.toml; `kms-insights demo --lake DIR` makes one to try")
        })?;
        text.parse().map_err(Trouble::usage)
    }

    /// What S3 needs, where the lake is there.
    pub(crate) async fn s3_access(&self, location: &LakeLocation, settings: &Settings) -> Result<Option<S3Access>, Trouble> {
        if !matches!(location, LakeLocation::S3 { .. }) {
            return Ok(None);
        }
        let owner = self.s3_bucket_owner.as_ref().or(settings.s3_bucket_owner.as_ref());
        let owner = owner.map(|owner| owner.parse::<AccountId>()).transpose().map_err(|error| Trouble::usage(format_args!("--s3-bucket-owner: {error}")))?;
        let options = S3Options {
            kms_key: self.s3_kms_key.clone().or_else(|| settings.s3_kms_key.clone()),
            expected_bucket_owner: owner.map(|owner| owner.to_string()),
            region: self.s3_region.clone().or_else(|| settings.s3_region.clone()),
            path_style: None,
        };
        Ok(Some(S3Access { config: kms_insights_collect::aws::load_storage_config().await, options }))
    }

    /// A lake to read.
    pub(crate) async fn open(&self, settings: &Settings) -> Result<Lake, Trouble> {
        let location = self.location(settings)?;
        let access = self.s3_access(&location, settings).await?;
        Lake::open(&location, access.as_ref()).map_err(|error| trouble(&error))
    }

    /// A lake to write.
    pub(crate) async fn open_or_create(&self, settings: &Settings) -> Result<Lake, Trouble> {
        let location = self.location(settings)?;
        let access = self.s3_access(&location, settings).await?;
        Lake::open_or_create(&location, access.as_ref()).map_err(|error| trouble(&error))
    }
}

/// A failure of the lake; its own words carry the next step.
pub(crate) fn trouble(error: &LakeError) -> Trouble {
    Trouble::failed(error)
}
