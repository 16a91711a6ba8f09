//! AWS itself, through its SDK. The adapters ask one request each and translate the answer; pace, retries and deadlines are the collector's.

mod answer;
mod credentials;
mod kms;
mod organization;
mod session;
mod trail;

use std::{collections::BTreeSet, num::NonZeroUsize, time::Duration};

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig, stalled_stream_protection::StalledStreamProtectionConfig};
use aws_smithy_http_client::{
    pool::{self, ConnectionPool},
    proxy::ProxyConfig,
    tls,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use kms_insights_model::ApiAction;
pub use organization::AwsCloud;
pub use session::{AwsKms, AwsSession};
pub use trail::AwsTrail;

/// The role that the collector assumes in member accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRole {
    /// The role's name, with its path if it has one: `kms-insights-reader` or `audit/kms-insights-reader`.
    pub name: String,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// How the sessions are called in the members' CloudTrail.
    pub session_name: String,
    /// How long each session lasts, in seconds; it is renewed as long as the run goes on. Roles allow 900 at least.
    pub session_seconds: i32,
}

/// The HTTP client of every SDK client: one pool of at most so many connections to each host, HTTP and HTTPS proxies from the environment as other AWS tools take them.
pub fn http_client(connections: NonZeroUsize) -> SharedHttpClient {
    http_client_through(ProxyConfig::from_env(), connections)
}

/// An HTTP client that knows of no proxy, for an endpoint on this machine.
pub fn direct_http_client(connections: NonZeroUsize) -> SharedHttpClient {
    http_client_through(ProxyConfig::disabled(), connections)
}

/// Each connection holds some 40 KiB, and a pool without a bound opens one whenever none is idle, though one may be a moment later: more than requests are ever under way.
#[expect(clippy::expect_used, reason = "see the comments")]
fn http_client_through(proxy: ProxyConfig, connections: NonZeroUsize) -> SharedHttpClient {
    let pool = ConnectionPool::builder()
        .proxy_config(proxy)
        .max_connections_per_host(connections.get())
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_https()
        // It fails for a bound of none, for partitions, of which this pool has none, and without an asynchronous runtime to sleep with, which is a feature of the crate.
        .expect("a pool with a bound");
    // It fails for a partition that the pool does not have; this pool has the one without a name.
    SharedHttpClient::new(pool::Client::new(&pool).expect("a pool without partitions"))
}

/// The AWS configuration the AWS way: profile, environment, `AWS_ENDPOINT_URL`, SSO, instance and container roles. The SDK's own retries are off: each attempt has
/// to wait for its place in the quota. So is its watch over the pace of an answer's bytes: each attempt has a deadline. See [`crate::Options::max_connections`].
pub async fn load_config(attempt_timeout: Duration, connections: NonZeroUsize) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_secs(5).min(attempt_timeout)).build();
    let whole_answers = StalledStreamProtectionConfig::disabled();
    load(from_environment(connections).retry_config(RetryConfig::disabled()).timeout_config(timeouts).stalled_stream_protection(whole_answers)).await
}

/// Connections to a lake on S3: more than its readers and writers have requests under way.
const STORAGE_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// The same for a lake on S3, where nobody counts requests: the SDK retries by itself.
pub async fn load_storage_config() -> SdkConfig {
    load(from_environment(STORAGE_CONNECTIONS).retry_config(RetryConfig::standard().with_max_attempts(6))).await
}

/// Connections to a service that is asked one thing at a time.
const FEW_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// The same for a service in the Region of the settings; `None` where they name none, for another Region has other databases.
pub async fn load_regional_config() -> Option<SdkConfig> {
    let config = from_environment(FEW_CONNECTIONS).retry_config(RetryConfig::standard().with_max_attempts(8)).load().await;
    config.region().is_some().then_some(config)
}

fn from_environment(connections: NonZeroUsize) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest()).http_client(http_client(connections))
}

/// Organizations and STS need some Region to sign for; where none is configured, it is the commercial partition's first.
async fn load(loader: ConfigLoader) -> SdkConfig {
    let config = loader.load().await;
    if config.region().is_some() { config } else { config.into_builder().region(Region::new("us-east-1")).build() }
}

/// What AWS is asked with.
pub(crate) fn narrowed(actions: &BTreeSet<ApiAction>) -> String {
    crate::session_policy::session_policy(actions)
}
