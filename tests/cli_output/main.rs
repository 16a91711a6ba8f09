//! What the program says: its help, its summaries, its lists and its mistakes, word for word.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod policy;
mod trace;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use kms_insights_model::{AccountId, StagedRecord};
use kms_insights_sandbox::{Behaviour, Fault, FaultKind, KeyCount, Organization, OrganizationShape, RunningSandbox, Sandbox};

/// What a process wrote and how it ended, as a person at a terminal without colours sees it.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// The program in a folder, with nothing of the surrounding environment but these variables.
fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kms-insights"));
    command.args(arguments).env_clear().env("HOME", folder).env("AWS_EC2_METADATA_DISABLED", "true").envs(variables.iter().copied());
    let output = command.current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// What the program asked for help says.
fn help(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), arguments, &[]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    said.stdout
}

/// Each command line with how it ended and what it wrote.
fn transcript(folder: &Path, lines: &[&[&str]]) -> String {
    let mut transcript = String::new();
    for arguments in lines {
        let said = run(folder, arguments, &[]);
        // Writing to a String cannot fail.
        let _ = writeln!(transcript, "$ kms-insights {}\n[{}]\n{}{}", arguments.join(" "), said.code.unwrap(), said.stdout, said.stderr);
    }
    // Commands to copy name the program as it was called.
    transcript.replace(env!("CARGO_BIN_EXE_kms-insights"), "kms-insights")
}

#[test]
fn the_program_tells_its_commands() {
    insta::assert_snapshot!(help(&["--help"]));
}

#[test]
fn collect_tells_its_options() {
    insta::assert_snapshot!(help(&["collect", "--help"]));
}

#[test]
fn demo_tells_its_options() {
    insta::assert_snapshot!(help(&["demo", "--help"]));
}

#[test]
fn query_tells_its_options() {
    insta::assert_snapshot!(help(&["query", "--help"]));
}

#[test]
fn athena_setup_tells_its_options() {
    insta::assert_snapshot!(help(&["athena", "setup", "--help"]));
}

#[test]
fn athena_setup_shows_what_it_would_send_without_asking_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let lake = ["athena", "setup", "--lake", "s3://audit/kms", "--database", "audit", "--dry-run"];
    let said = run(folder.path(), &lake, &[]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    // The statements themselves are the files of athena/: what stands around them is looked at here.
    let shown: Vec<&str> = said.stdout.lines().take_while(|line| !line.starts_with("  `")).collect();
    insta::assert_snapshot!(shown.join("\n"));
    assert!(said.stdout.contains("\n-- saved query kms-insights: keys with last use\n-- Every key with its last use"), "{}", said.stdout);

    let said = run(folder.path(), &[&lake[..], &["--format", "json"]].concat(), &[]);
    let document: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (document["lake"].as_str(), document["database"].as_str(), document["workgroup"].as_str()),
        (Some("s3://audit/kms"), Some("audit"), Some("primary"))
    );
    assert_eq!(document["statements"][0]["kind"], "database");
}

#[test]
fn mistakes_about_athena_are_answered_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mistakes: &[&[&str]] = &[
        &["athena"],
        &["athena", "setup"],
        &["athena", "setup", "--lake", "a-folder"],
        &["athena", "setup", "--lake", "s3://audit/kms", "--database", "Audit`"],
        &["athena", "setup", "--lake", "s3://audit/kms", "--workgroup", "a b"],
        &["athena", "setup", "--lake", "s3://audit/kms", "--output-location", "results"],
        &["athena", "setup", "--lake", "s3://audit/kms"],
        &["query", "--engine", "athena", "DROP TABLE keys"],
        &["query", "--engine", "athena", ";"],
        &["query", "--engine", "athena", "SELECT 1"],
        &["query", "--engine", "athena", "SELECT 1", "--max-scan-bytes", "0"],
        &["query", "--engine", "athena", "SELECT 1", "--time-limit", "soon"],
        &["query", "--engine", "duckdb", "SELECT 1"],
    ];
    insta::assert_snapshot!(transcript(folder.path(), mistakes));
}

#[test]
fn report_tells_its_options() {
    insta::assert_snapshot!(help(&["report", "--help"]));
}

#[test]
fn diff_and_costs_tell_their_options() {
    insta::assert_snapshot!("diff_help", help(&["diff", "--help"]));
    insta::assert_snapshot!("costs_help", help(&["costs", "--help"]));
}

#[test]
fn export_and_mcp_tell_their_options() {
    insta::assert_snapshot!("export_help", help(&["export", "--help"]));
    insta::assert_snapshot!("mcp_help", help(&["mcp", "--help"]));
}

#[test]
fn sandbox_tells_its_options() {
    insta::assert_snapshot!(help(&["sandbox", "--help"]));
}

#[test]
fn a_mistake_is_answered_with_the_input_the_reason_and_a_next_step() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("misspelt.toml"), "lake = \"./lake\"\nrole_nam = \"auditor\"\n").unwrap();
    let mistakes: &[&[&str]] = &[
        &[],
        &["colect"],
        &["collect"],
        &["collect", "--lake", "s3:///prefix"],
        &["collect", "--lake", "ftp://example.com/lake"],
        &["collect", "--lake", "empty", "--accounts", "111122223333,42"],
        &["collect", "--lake", "empty", "--regions", "eu-central-1,Frankfurt"],
        &["collect", "--lake", "empty", "--concurrency", "0"],
        &["collect", "--lake", "empty", "--quota-share", "0"],
        &["collect", "--lake", "empty", "--last-usage-budget", "soon"],
        &["collect", "--lake", "empty", "--request-timeout", "1"],
        &["collect", "--lake", "empty", "--resume", "yesterday"],
        &["collect", "--lake", "empty", "--resume", "20261122T060300Z-3f9a1c07"],
        &["collect", "--lake", "empty", "--resume"],
        &["collect", "--lake", "empty", "--resume", "20261122T060300Z-3f9a1c07", "--accounts", "111122223333"],
        &["collect", "--lake", "s3://bucket/lake", "--s3-bucket-owner", "nobody"],
        &["collect", "--config", "absent.toml"],
        &["collect", "--config", "misspelt.toml"],
        &["query", "--lake", "absent"],
        &["query", "--lake", "empty", "SELECT 1", "--view", "unused_keys"],
        &["query", "--lake", "empty", "SELECT 1", "--format", "xml"],
        &["query", "--lake", "empty", "SELECT * FROM keys"],
        &["report"],
        &["report", "--lake", "empty"],
        &["report", "--lake", "empty", "--format", "pdf"],
        &["report", "--lake", "absent", "--output", "report.html"],
        &["diff", "--lake", "empty"],
        &["diff", "--lake", "empty", "2026-11-20", "latest"],
        &["diff", "--lake", "empty", "a", "b", "c"],
        &["costs", "--lake", "empty", "--tag", "owner"],
        &["costs", "--lake", "empty", "--format", "html"],
        &["export", "--lake", "empty"],
        &["export", "--lake", "empty", "--format", "xml"],
        &["export", "--lake", "empty", "--format", "sarif"],
        &["mcp"],
        &["mcp", "--lake", "absent"],
    ];
    insta::assert_snapshot!(transcript(folder.path(), mistakes));
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.json"), r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}}"#).unwrap();
    std::fs::write(folder.path().join("kms-insights.toml"), "lake = \"named-in-the-file\"\nconcurrency = 4\n").unwrap();
    let check = ["policy", "check", "policy.json", "--key-arn", "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"];
    let commands: [&[&str]; 3] = [&check, &["query", "SELECT 1"], &["collect", "--quiet", "--request-timeout", "2s"]];
    for arguments in commands {
        let command: Vec<&str> = arguments.iter().copied().take_while(|argument| !argument.contains(['.', ' ', '-'])).collect();
        let help = help(&[&command[..], &["--help"]].concat());
        let names: BTreeSet<&str> =
            help.split(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric()).filter(|word| word.starts_with("KMS_INSIGHTS_")).collect();
        assert!(names.contains("KMS_INSIGHTS_CONFIG") && names.len() > 3, "{names:?}");
        let nowhere = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        let empty: Vec<(&str, &str)> = names.iter().map(|name| (*name, "")).chain([nowhere]).collect();
        let told = |variables: &[(&str, &str)]| {
            let Said { code, stdout, stderr } = run(folder.path(), arguments, variables);
            (code, stdout, stderr)
        };
        assert_eq!(told(&empty), told(&[nowhere]), "{arguments:?}");
    }
    // What is not empty counts.
    let said = run(folder.path(), &check, &[("KMS_INSIGHTS_ORGANIZATION_ID", " ")]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
}

#[test]
fn without_credentials_or_a_network_the_program_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens on the port of discarded packets.
    let nowhere = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let collect = ["collect", "--lake", "lake", "--quiet", "--request-timeout", "2s"];
    let said = run(folder.path(), &collect, &[nowhere]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    insta::assert_snapshot!("no_credentials", said.stderr);
    let said = run(folder.path(), &collect, &[nowhere, ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    insta::assert_snapshot!("no_network", said.stderr);
}

/// A simulated organization, and accounts of it of which nothing is told that depends on the day: no deletion that draws near, no material that expires.
async fn organization() -> (RunningSandbox, Vec<AccountId>) {
    let regions = ["us-east-1", "eu-central-1"].map(|region| region.parse().unwrap());
    let shape = OrganizationShape { seed: 5, accounts: 14, regions: regions.to_vec(), keys: KeyCount::Fixed(7), ..OrganizationShape::default() };
    let behaviour = Behaviour { role_name: "kms-insights-reader".to_owned(), ..Behaviour::default() };
    let sandbox = Sandbox::start(Organization::generate(shape), behaviour, "127.0.0.1:0").await.unwrap();
    let passing = |record: &StagedRecord| match record {
        StagedRecord::Key(key) => {
            key.metadata.observed().is_some_and(|metadata| metadata.deletion_date.is_some() || metadata.valid_to.is_some()).then(|| key.arn.account())
        }
        _ => None,
    };
    let passing: Vec<AccountId> = sandbox.truth().records().filter_map(|record| passing(&record)).collect();
    let accounts = sandbox.organization().accounts().iter().map(|account| account.id).filter(|id| !passing.contains(id)).collect();
    (sandbox, accounts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_summed_up_and_the_lake_lists_what_can_be_asked() {
    let (sandbox, accounts) = organization().await;
    assert!(accounts.len() >= 6, "{accounts:?}");
    let member = sandbox.organization().accounts().iter().skip(1).find(|account| account.is_active() && accounts.contains(&account.id)).unwrap().id;
    sandbox.set_faults(vec![
        Fault::always("sts", "AssumeRole", FaultKind::AccessDenied).in_account(member),
        Fault::always("kms", "ListKeyRotations", FaultKind::MalformedBody).in_account(accounts[0]),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let (endpoint, accounts) = (sandbox.endpoint(), accounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let variables = [("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")];
    let collect = ["collect", "--lake", "a lake", "--quota-share", "1000", "--accounts", accounts.as_str()];
    let (human, json, listing) = tokio::task::block_in_place(|| {
        (
            run(folder.path(), &[&collect[..], &["--quiet"]].concat(), &variables),
            run(folder.path(), &[&collect[..], &["--format", "json"]].concat(), &variables),
            run(folder.path(), &["query", "--lake", "a lake"], &[]),
        )
    });

    assert_eq!((human.code, human.stderr.as_str()), (Some(3), ""), "--quiet");
    insta::assert_snapshot!("human_summary", without_moments(&human.stdout));

    assert_eq!(json.code, Some(3));
    for line in json.stderr.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|event| event.is_object()), "progress is a line of JSON for each event: {line}");
    }
    let mut summary: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    for moment in ["run_id", "started_at", "finished_at"] {
        summary[moment] = format!("<{moment}>").into();
    }
    insta::assert_json_snapshot!("json_summary", summary);

    assert_eq!((listing.code, listing.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!("what_can_be_asked", listing.stdout);

    let ask = ["query", "--lake", "a lake"];
    let questions: &[&[&str]] = &[
        &["SELECT * FROM kyes"],
        &["SELECT key_id, stat FROM keys"],
        &["SELECT key_id FORM keys"],
        &["DROP TABLE keys"],
        &["COPY keys TO 'keys.csv'"],
        &["SELECT 1; SELECT 2"],
        &[""],
        &["--view", "unused_key"],
        &["SELECT state, count(*) AS keys FROM keys WHERE metadata_status = 'observed' GROUP BY state ORDER BY state"],
    ];
    let questions: Vec<Vec<&str>> = questions.iter().map(|question| [&ask[..], question].concat()).collect();
    let questions: Vec<&[&str]> = questions.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!("questions", tokio::task::block_in_place(|| transcript(folder.path(), &questions)));
}

/// The organization is made relative to the moment at which it is seen, so the demo tells the same on any day, but for dates.
#[test]
fn the_demo_ends_in_answers() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["demo", "--seed", "7", "--accounts", "12", "--quiet"], &[]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let (greeting, rest) = said.stderr.split_once('\n').unwrap();
    assert!(greeting.starts_with("A simulated organization answers at http://127.0.0.1:") && rest.is_empty(), "{}", said.stderr);
    assert!(!said.stdout.contains("(0 rows)"), "an empty answer is none:\n{}", said.stdout);
    // Who was the last depends on the time of day: eight uses, each with its key and who it was.
    let (before, rest) = said.stdout.split_once("\nWho used which key last, and on what?\n").unwrap();
    let (last_uses, after) = rest.split_once("\n\n").unwrap();
    let uses: Vec<&str> = last_uses.lines().skip(2).take_while(|line| !line.starts_with('(')).collect();
    assert!(uses.len() == 8 && uses.iter().all(|line| line.contains("arn:aws:iam::") || line.contains(".amazonaws.com")), "{last_uses}");
    insta::assert_snapshot!(without_dates(&without_moments(&format!("{before}\n{after}"))));
}

/// A text whose dates are replaced by as many letters, so that columns stay as wide as they are.
fn without_dates(text: &str) -> String {
    const FORM: &str = "dddd-dd-dd";
    let is_border = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let words = text.split_inclusive(is_border).map(|piece| {
        let word = piece.trim_end_matches(is_border);
        let form: String = word.chars().map(|c| if c.is_ascii_digit() { 'd' } else { c }).collect();
        if form == FORM { piece.replacen(word, "YYYY-MM-DD", 1) } else { piece.to_owned() }
    });
    words.collect()
}

/// A summary with its run's id and duration replaced.
fn without_moments(summary: &str) -> String {
    let first = summary.lines().next().unwrap();
    let mut words = first.split(' ');
    let (run, took) = (words.nth(1).unwrap(), first.rsplit_once(", in ").unwrap().1);
    assert!(run.parse::<kms_insights_model::RunId>().is_ok(), "{first}");
    let summary = summary.replacen(&format!(", in {took}"), ", in <duration>.", 1).replace(run, "<run>");
    summary.replace(env!("CARGO_BIN_EXE_kms-insights"), "kms-insights")
}
