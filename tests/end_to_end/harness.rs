//! The real binary as a process, with the sandbox as its AWS and nothing of the surrounding environment.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use kms_insights_lake::{Lake, LakeLocation, S3Access, s3::S3Options};
use kms_insights_model::{AccountId, Region, RunId};
use kms_insights_sandbox::{Behaviour, KeyCount, Organization, OrganizationShape, RunningSandbox, Sandbox};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// No run of these tests takes so long; one that does hangs.
const PATIENCE: Duration = Duration::from_secs(100);
/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(2);

/// The name of the role where `--role-name` is not given.
pub(crate) const ROLE: &str = "kms-insights-reader";

/// A sandbox, and a folder for the lake and for everything that the program looks for at home.
pub(crate) struct World {
    pub(crate) sandbox: RunningSandbox,
    home: TempDir,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A collection that published a run.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) ended: Ended,
    pub(crate) run: RunId,
    /// The closing summary, as `--format json` gives it.
    pub(crate) summary: Value,
}

/// The name of a Region.
pub(crate) fn region(name: &str) -> Region {
    name.parse().unwrap()
}

/// An organization of so many accounts with so many keys in each of two Regions. From four accounts on the last two are suspended and closed.
pub(crate) fn organization(seed: u64, accounts: usize, keys: u32) -> OrganizationShape {
    OrganizationShape {
        seed,
        accounts,
        regions: vec![region("us-east-1"), region("eu-central-1")],
        keys: KeyCount::Fixed(keys),
        ..OrganizationShape::default()
    }
}

/// The sandbox as it is, with the role that the program assumes where it is told no other.
pub(crate) fn behaviour() -> Behaviour {
    Behaviour { role_name: ROLE.to_owned(), ..Behaviour::default() }
}

impl World {
    pub(crate) async fn start(shape: OrganizationShape, behaviour: Behaviour) -> Self {
        let sandbox = Sandbox::start(Organization::generate(shape), behaviour, "127.0.0.1:0").await.unwrap();
        Self { sandbox, home: tempfile::tempdir().unwrap() }
    }

    /// The folder that the lake is in, unless a test puts it elsewhere.
    pub(crate) fn lake_folder(&self) -> PathBuf {
        self.home.path().join("lake")
    }

    /// Writes the configuration that the program finds where it is started.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(self.home.path().join("kms-insights.toml"), text).unwrap();
    }

    /// The lake, read with the lake's own code.
    pub(crate) fn lake(&self) -> Lake {
        Lake::open_or_create(&LakeLocation::Local(self.lake_folder()), None).unwrap()
    }

    /// A lake on the sandbox's S3.
    pub(crate) fn lake_on_s3(&self, place: &str) -> Lake {
        let credentials = aws_credential_types::Credentials::new("test", "test", None, None, "test");
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .http_client(kms_insights_collect::aws::http_client(const { std::num::NonZeroUsize::new(64).unwrap() }))
            .endpoint_url(self.sandbox.endpoint())
            .region(aws_config::Region::new("us-east-1"))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
            .build();
        let access = S3Access { config, options: S3Options::default() };
        Lake::open(&place.parse().unwrap(), Some(&access)).unwrap()
    }

    pub(crate) fn management(&self) -> AccountId {
        self.sandbox.organization().management().id
    }

    /// The accounts that can be read, the management account apart.
    pub(crate) fn members(&self) -> Vec<AccountId> {
        self.sandbox.organization().accounts().iter().skip(1).filter(|account| account.is_active()).map(|account| account.id).collect()
    }

    /// The program with these arguments. It dies with the test.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kms-insights"));
        command
            .args(arguments)
            .env_clear()
            .env("AWS_ENDPOINT_URL", self.sandbox.endpoint())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            // What one partition's credentials are is known in its own Regions only.
            .env("AWS_REGION", self.sandbox.organization().shape().regions[0].as_str())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        finish(self.command(arguments).spawn().unwrap()).await
    }

    /// The arguments of `collect` into the lake, faster than AWS's quotas allow where they do not say otherwise.
    fn collecting<'a>(lake: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let share: &[&str] = if more.contains(&"--quota-share") { &[] } else { &["--quota-share", "1000"] };
        [&["collect", "--lake", lake, "--format", "json"], share, more].concat()
    }

    /// `collect` into the lake, however it ends.
    pub(crate) async fn try_collect(&self, more: &[&str]) -> Ended {
        let lake = self.lake_folder();
        self.run(&Self::collecting(lake.to_str().unwrap(), more)).await
    }

    /// `collect` into the lake, which must publish a run.
    pub(crate) async fn collect(&self, more: &[&str]) -> Collected {
        Collected::from(self.try_collect(more).await)
    }

    /// `collect` into another lake, which must publish a run.
    pub(crate) async fn collect_into(&self, lake: &str, more: &[&str]) -> Collected {
        Collected::from(self.run(&Self::collecting(lake, more)).await)
    }

    /// `collect` into the lake, not yet begun.
    pub(crate) fn collect_command(&self, more: &[&str]) -> Command {
        let lake = self.lake_folder();
        self.command(&Self::collecting(lake.to_str().unwrap(), more))
    }

    /// A `collect` that is under way.
    pub(crate) fn begin_collect(&self, more: &[&str]) -> Child {
        self.collect_command(more).spawn().unwrap()
    }

    /// A `collect` into another lake that is under way.
    pub(crate) fn begin_collect_into(&self, lake: &str, more: &[&str]) -> Child {
        self.command(&Self::collecting(lake, more)).spawn().unwrap()
    }

    /// Waits until the sandbox was asked so often, or the process has ended. `true` when it is still at work.
    pub(crate) async fn was_asked(&self, requests: u64, process: &mut Child) -> bool {
        self.came_to(process, |sandbox| sandbox.requests().total >= requests).await
    }

    /// Waits until this is true of the sandbox, or the process has ended. `true` when it is still at work.
    pub(crate) async fn came_to(&self, process: &mut Child, reached: impl Fn(&RunningSandbox) -> bool) -> bool {
        let watched = async {
            loop {
                if process.try_wait().unwrap().is_some() {
                    return false;
                }
                if reached(&self.sandbox) {
                    return true;
                }
                tokio::time::sleep(GLANCE).await;
            }
        };
        tokio::time::timeout(PATIENCE, watched).await.expect("the process neither asks nor ends")
    }

    /// What a query answers, as JSON.
    pub(crate) async fn query(&self, sql: &str) -> Value {
        self.query_in(self.lake_folder().to_str().unwrap(), sql).await
    }

    /// What a query of another lake answers.
    pub(crate) async fn query_in(&self, lake: &str, sql: &str) -> Value {
        let ended = self.run(&["query", "--lake", lake, "--format", "json", sql]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        serde_json::from_str(&ended.stdout).unwrap()
    }
}

impl From<Ended> for Collected {
    fn from(ended: Ended) -> Self {
        assert!(matches!(ended.code, Some(0 | 3)), "no run was published: {ended:?}");
        let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
        Self { run: summary["run_id"].as_str().unwrap().parse().unwrap(), summary, ended }
    }
}

/// Waits for the end of a process.
pub(crate) async fn finish(process: Child) -> Ended {
    let output = tokio::time::timeout(PATIENCE, process.wait_with_output()).await.expect("the process hangs").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Waits until a process tells this event of its progress, or has ended. `true` when it told it.
pub(crate) async fn told(process: &mut Child, event: &str) -> bool {
    let mut lines = BufReader::new(process.stderr.as_mut().unwrap()).lines();
    let listened = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if serde_json::from_str::<Value>(&line).is_ok_and(|told| told["event"] == event) {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(PATIENCE, listened).await.expect("the process neither tells anything nor ends")
}

/// Ends a process as the kernel does when memory runs out: without a word.
pub(crate) async fn kill(mut process: Child) -> ExitStatus {
    process.start_kill().unwrap();
    tokio::time::timeout(PATIENCE, process.wait()).await.expect("a killed process ends").unwrap()
}

/// What a terminal sends on Ctrl-C.
pub(crate) async fn interrupt(process: &Child) {
    let id = process.id().expect("the process is at work").to_string();
    let status = Command::new("sh").args(["-c", "kill -INT \"$0\"", &id]).status().await.unwrap();
    assert!(status.success());
}
