//! The lake that a command works on.

use clap::Args;
use kms_insights_lake::{Lake, LakeError, LakeLocation, S3Access, s3::S3Options};
use kms_insights_model::{AccountId, Arn, Region};
use serde::{Deserialize, Serialize};

use crate::{exit::Trouble, settings::Settings};

/// How a lake on S3 is written: remembered with a run, so that resuming it needs no flags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Storage {
    /// The KMS key that encrypts it.
    pub(crate) kms_key: Option<String>,
    /// The account that owns the bucket.
    pub(crate) bucket_owner: Option<String>,
    /// The bucket's Region.
    pub(crate) region: Option<String>,
}

impl Storage {
    fn or(self, other: Self) -> Self {
        Self { kms_key: self.kms_key.or(other.kms_key), bucket_owner: self.bucket_owner.or(other.bucket_owner), region: self.region.or(other.region) }
    }

    /// The options, where each is what it should be.
    fn options(&self) -> Result<S3Options, Trouble> {
        let wrong = |flag: &str, text: &str, expected: &str| Trouble::usage(format_args!("{flag} {text:?}: not {expected}"));
        if let Some(key) = &self.kms_key
            && !Arn::parse(key).is_some_and(|arn| arn.service == "kms" && (arn.resource.starts_with("key/") || arn.resource.starts_with("alias/")))
        {
            return Err(wrong("--s3-kms-key", key, "the ARN of a KMS key or alias"));
        }
        if let Some(owner) = &self.bucket_owner {
            owner.parse::<AccountId>().map_err(|error| Trouble::usage(format_args!("--s3-bucket-owner: {error}")))?;
        }
        if let Some(region) = &self.region {
            region.parse::<Region>().map_err(|error| Trouble::usage(format_args!("--s3-region: {error}")))?;
        }
        Ok(S3Options { kms_key: self.kms_key.clone(), expected_bucket_owner: self.bucket_owner.clone(), region: self.region.clone(), path_style: None })
    }
}

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
    /// A lake that is only named: a command that neither reads nor writes it asks for no more.
    pub(crate) fn named(lake: Option<String>) -> Self {
        Self { lake, ..Self::default() }
    }

    /// The lake's place, from the flags or the settings.
    pub(crate) fn location(&self, settings: &Settings) -> Result<LakeLocation, Trouble> {
        let text = self.lake.as_ref().or(settings.lake.as_ref()).ok_or_else(|| {
            Trouble::usage("no lake is named")
                .next("name one with --lake, KMS_INSIGHTS_LAKE or `lake` in kms-insights.toml; `kms-insights demo --lake DIR` makes one to try")
        })?;
        text.parse().map_err(Trouble::usage)
    }

    /// How a lake on S3 is written: as the flags or the settings say, else as `earlier`.
    pub(crate) fn storage(&self, settings: &Settings, earlier: Option<Storage>) -> Storage {
        let flags = Storage { kms_key: self.s3_kms_key.clone(), bucket_owner: self.s3_bucket_owner.clone(), region: self.s3_region.clone() };
        let set = Storage { kms_key: settings.s3_kms_key.clone(), bucket_owner: settings.s3_bucket_owner.clone(), region: settings.s3_region.clone() };
        flags.or(set).or(earlier.unwrap_or_default())
    }

    /// Whether a lake is named at all.
    pub(crate) const fn is_named(&self, settings: &Settings) -> bool {
        self.lake.is_some() || settings.lake.is_some()
    }

    /// What S3 needs, where log files are there: whose bucket they are in is not said by what is said of the lake.
    pub(crate) async fn source_access(&self, source: &LakeLocation, settings: &Settings) -> Result<Option<S3Access>, Trouble> {
        let region = self.storage(settings, None).region;
        self.s3_access(source, &Storage { region, ..Storage::default() }).await
    }

    /// What S3 needs, where the lake is there.
    async fn s3_access(&self, location: &LakeLocation, storage: &Storage) -> Result<Option<S3Access>, Trouble> {
        let options = storage.options()?;
        if !matches!(location, LakeLocation::S3 { .. }) {
            return Ok(None);
        }
        Ok(Some(S3Access { config: kms_insights_collect::aws::load_storage_config().await, options }))
    }

    /// A lake to read.
    pub(crate) async fn open(&self, settings: &Settings) -> Result<Lake, Trouble> {
        let location = self.location(settings)?;
        let access = self.s3_access(&location, &self.storage(settings, None)).await?;
        Lake::open(&location, access.as_ref()).map_err(|error| trouble(&error))
    }

    /// The lake as an earlier run wrote it, where the flags and settings say less than that.
    pub(crate) async fn open_as(&self, settings: &Settings, earlier: &Storage) -> Result<Option<Lake>, Trouble> {
        let storage = self.storage(settings, Some(earlier.clone()));
        if storage == self.storage(settings, None) {
            return Ok(None);
        }
        let location = self.location(settings)?;
        let access = self.s3_access(&location, &storage).await?;
        Lake::open(&location, access.as_ref()).map(Some).map_err(|error| trouble(&error))
    }

    /// A lake to write.
    pub(crate) async fn open_or_create(&self, settings: &Settings) -> Result<Lake, Trouble> {
        let location = self.location(settings)?;
        let access = self.s3_access(&location, &self.storage(settings, None)).await?;
        Lake::open_or_create(&location, access.as_ref()).map_err(|error| trouble(&error))
    }
}

/// A failure of the lake; its own words carry the next step.
pub(crate) fn trouble(error: &LakeError) -> Trouble {
    Trouble::failed(error)
}
