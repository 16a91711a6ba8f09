//! `trace`: what a key was made for, by whom, and what uses it, told from a lake that `collect` and `trail scan` wrote.

use chrono::{DateTime, Days, NaiveDate, SubsecRound as _, TimeDelta, Utc};
use kms_insights_model::KeyArn;
use kms_insights_sandbox::{Archetype, Behaviour, Fault, FaultKind, Key, Organization, OrganizationShape, TrailSetting};
use serde_json::{Value, json};

use crate::harness::{Ended, World, behaviour, organization};

/// The role of the sample's state machine.
const ROLE: &str = "StepFunctionsSample-ProcessOrder-role";

/// A key of the sample that its stack left behind, as it is in truth.
struct Sample {
    world: World,
    key: KeyArn,
    alias: String,
    stack: String,
    stack_id: String,
    description: String,
    account_name: String,
    made: DateTime<Utc>,
    /// Some samples name their role in the policy.
    policy: String,
}

fn tag(key: &Key<'_>, name: &str) -> String {
    key.tags().into_iter().find(|tag| tag.key == format!("aws:cloudformation:{name}")).unwrap().value
}

/// An organization as it is now, for log files end where scans are made. Its sample is some days old, so that there are few log files.
async fn sample() -> Sample {
    let now = Utc::now().trunc_subsecs(0);
    let shape = |seed| OrganizationShape { now, ..organization(seed, 3, 12) };
    for seed in 1.. {
        let organization = Organization::generate(shape(seed));
        let accounts = organization.accounts().iter().filter(|account| account.is_active());
        let mut keys = accounts.flat_map(|account| organization.shape().regions.iter().flat_map(|region| organization.keys(account, region)));
        let made = |key: &Key<'_>| key.metadata().created_at.unwrap();
        let is_fit = |key: &Key<'_>| key.archetype() == Some(Archetype::ForgottenSample) && (4..15).contains(&(now - made(key)).num_days());
        let Some(key) = keys.find(is_fit) else { continue };
        let (alias, stack, stack_id, policy) =
            (key.aliases()[0].name.clone(), tag(&key, "stack-name"), tag(&key, "stack-id"), key.policy().as_str().to_owned());
        let (key, description, made) = (key.arn(), key.metadata().description, made(&key));
        let account_name = organization.account(key.account()).unwrap().name.clone();
        let days = u32::try_from((now - made).num_days()).unwrap() + 2;
        let behaviour = Behaviour { trail: TrailSetting { days, ..TrailSetting::default() }, ..behaviour() };
        let world = World::start(shape(seed), behaviour).await;
        return Sample { world, key, alias, stack, stack_id, description, account_name, made, policy };
    }
    unreachable!("some organization has a sample of these days")
}

impl Sample {
    fn made_on(&self) -> NaiveDate {
        self.made.date_naive()
    }

    /// Scans the log files of the key's account and Region.
    async fn scan(&self, more: &[&str]) {
        let source = format!("s3://{}", TrailSetting::bucket(self.world.sandbox.organization()));
        let (lake, account) = (self.world.lake_folder(), self.key.account().to_string());
        let scan = ["trail", "scan", &source, "--lake", lake.to_str().unwrap(), "--quiet", "--accounts", &account, "--regions", self.key.region().as_str()];
        let ended = self.world.run(&[&scan[..], more].concat()).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    }
}

async fn trace(world: &World, arguments: &[&str]) -> Ended {
    let lake = world.lake_folder();
    let ended = world.run(&[&["trace", "--lake", lake.to_str().unwrap()][..], arguments].concat()).await;
    let said = |text: &str| text.replace(env!("CARGO_BIN_EXE_kms-insights"), "kms-insights").replace(lake.to_str().unwrap(), "LAKE");
    Ended { code: ended.code, stdout: said(&ended.stdout), stderr: said(&ended.stderr) }
}

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Lines as they are before they are broken to fit.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_forgotten_sample_is_explained_as_a_person_would() {
    let sample = sample().await;
    let Sample { world, key, alias, stack, stack_id, description, account_name, .. } = &sample;
    world.collect(&[]).await;
    sample.scan(&[]).await;

    let event = world.query(&format!("SELECT principal, session_name, event_at FROM key_events WHERE key_arn = '{key}' AND event_name = 'CreateKey'")).await;
    let text = |name: &str| event[0][name].as_str().unwrap();
    let (person, role) = (text("session_name"), text("principal").rsplit('/').next().unwrap());
    let (made, minute) = (sample.made_on(), sample.made.format("%Y-%m-%d %H:%M"));
    let run = world.query("SELECT snapshot_date FROM latest_run").await;
    let logs = world.query("SELECT min(log_date) AS first, max(log_date) AS last, count(DISTINCT log_date) AS days, count(*) AS files FROM trail_files").await;
    let (first, last) = (logs[0]["first"].as_str().unwrap(), logs[0]["last"].as_str().unwrap());
    let conclusion = format!(
        "Made on {made} by {person} in role {role} through CloudFormation stack {stack}, for Step Functions. \
         One data key was asked for through Step Functions on the same day, and not given; \
         no use of it is recorded, neither by KMS since it was made nor in log files from {first} to {last}."
    );
    let who = format!("{person} in role {role}, through CloudFormation");
    let told = [
        key.to_string(),
        format!("account {} ({account_name}), {}", key.account(), key.region()),
        format!("alias {alias}"),
        format!("description {description}"),
        "state Enabled, SYMMETRIC_DEFAULT, customer managed".to_owned(),
        format!("inventory as of {}", run[0]["snapshot_date"].as_str().unwrap()),
        conclusion.clone(),
        "Timeline (UTC)".to_owned(),
    ];
    let human = trace(world, &[alias]).await;
    assert_eq!((human.code, human.stderr.as_str()), (Some(0), ""), "{}", human.stdout);
    let (before, timeline) = human.stdout.split_once("Timeline (UTC)\n").unwrap();
    assert_eq!(unwrapped(before) + " Timeline (UTC)", told.join(" "));
    let (timeline, after) = timeline.split_once("\n\n").unwrap();
    let begun: Vec<&str> = timeline.lines().filter(|line| line.starts_with("  2")).map(|line| line[2..18].trim()).collect();
    assert_eq!(begun, [minute.to_string().as_str(), minute.to_string().as_str(), made.to_string().as_str()]);
    assert_eq!(
        unwrapped(after),
        unwrapped(&format!(
            "Use, as log files record it
             in all 0 uses, 1 failed {made}
             through Step Functions 0 uses, 1 failed {made}
             by role StepFunctionsSample-ProcessOrder-role 0 uses, 1 failed {made}
             called GenerateDataKey 0 uses, 1 failed {made}
             Last use, by all that the lake knows
             none no use is recorded, and KMS records uses since before it was made
             Trail
             log files of {} days read, {first} to {last}; {} files
             Next
             - see whether the stack still exists: aws cloudformation describe-stacks --region {} --stack-name {stack_id}",
            logs[0]["days"],
            logs[0]["files"],
            key.region()
        ))
    );

    // By whatever name, the answer is the same.
    let told = json_of(&trace(world, &[&key.to_string(), "--format", "json"]).await);
    for name in [
        alias.to_owned(),
        key.key_id().to_string(),
        alias.trim_start_matches("alias/").to_owned(),
        key.to_string().replace(&format!("key/{}", key.key_id()), alias),
    ] {
        let again = trace(world, &[&name, "--format", "json", "--account", key.account().as_str(), "--region", key.region().as_str()]).await;
        assert_eq!((again.code, json_of(&again)), (Some(0), told.clone()), "{name}");
    }
    assert_eq!(told["conclusion"], conclusion);
    let second = sample.made.trunc_subsecs(0);
    let made_by = json!({
        "known_from": "log_files", "at": second, "who": format!("{person} in role {role}"), "principal": text("principal"), "session_name": person,
        "through": {"means": "cloudformation", "name": "CloudFormation", "evidence": "invoked_by"}, "source_ip_address": "cloudformation.amazonaws.com",
        "event_id": told["timeline"][0]["event_id"], "stack": {"name": stack, "id": stack_id, "logical_id": "SensitiveDataKey"}, "replica_of": null, "first_alias": alias,
    });
    assert_eq!(told["making"], made_by);
    let timeline: Vec<(&str, &str, &str)> = told["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["event_name"].as_str().unwrap(), entry["what"].as_str().unwrap(), entry["who"].as_str().unwrap()))
        .collect();
    let (made_with, named) = (
        format!("made, policy for its own account{}", if sample.policy.contains(ROLE) { format!(", role {ROLE}") } else { String::new() }),
        format!("named {alias}"),
    );
    let person = who.strip_suffix(", through CloudFormation").unwrap();
    assert_eq!(timeline, [("CreateKey", made_with.as_str(), person), ("CreateAlias", named.as_str(), person)]);
    let role = format!("arn:aws:iam::{}:role/{ROLE}", key.account());
    assert_eq!(
        told["usage"]["first_failure"],
        json!({"on": made, "event_name": "GenerateDataKey", "principal": role, "service": "Step Functions", "resource": null})
    );
    assert_eq!((&told["last_used"]["verdict"], &told["unknown"], &told["trail"]["missing"]), (&json!("never_used"), &json!([]), &json!([])));
}

#[tokio::test]
async fn what_log_files_do_not_reach_is_not_known_and_ends_with_3_until_they_do() {
    let sample = sample().await;
    sample.world.collect(&[]).await;
    let about = |told: &Value| told["unknown"].as_array().unwrap().iter().map(|unknown| unknown["about"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let ask = || async {
        let ended = trace(&sample.world, &[&sample.alias, "--format", "json"]).await;
        let told = json_of(&ended);
        (ended.code.unwrap(), about(&told), told)
    };
    let made = sample.made_on();
    let day = |days| made.checked_add_days(Days::new(days)).unwrap().to_string();

    let (code, unknown, told) = ask().await;
    assert_eq!((code, unknown), (3, vec!["no_log_files".to_owned()]));
    assert_eq!(
        (&told["making"]["known_from"], &told["making"]["who"], &told["making"]["stack"]["name"]),
        (&json!("inventory"), &Value::Null, &json!(sample.stack))
    );
    assert_eq!(told["next_steps"][0], "read the trail's log files: kms-insights trail scan SOURCE --lake LAKE");

    sample.scan(&["--since", &day(3)]).await;
    let (code, unknown, told) = ask().await;
    assert_eq!((code, unknown), (3, vec!["before_log_files".to_owned()]));
    assert!(told["conclusion"].as_str().unwrap().contains(&format!("By whom is not known: log files begin on {}.", day(3))), "{told}");

    // The last calls of a day are in files of the next.
    sample.scan(&["--until", &day(1)]).await;
    let (code, unknown, told) = ask().await;
    assert_eq!((code, unknown), (3, vec!["missing_days".to_owned()]));
    assert_eq!(told["trail"]["missing"], json!([{"from": day(2), "until": day(2)}]));
    assert_eq!(told["making"]["known_from"], "log_files");

    sample.scan(&[]).await;
    let (code, unknown, told) = ask().await;
    assert_eq!((code, unknown), (0, Vec::<String>::new()), "{told}");
}

#[tokio::test]
async fn a_name_of_several_keys_is_answered_with_them_and_an_unknown_one_with_where_it_was_looked_for() {
    let world = World::start(organization(1, 3, 12), behaviour()).await;
    world.collect(&[]).await;
    let sets = world.query("SELECT key_id, array_agg(key_arn ORDER BY key_arn) AS arns FROM keys WHERE key_id LIKE 'mrk-%' GROUP BY key_id HAVING count(*) > 1 ORDER BY key_id LIMIT 1").await;
    let (id, arns) = (sets[0]["key_id"].as_str().unwrap(), &sets[0]["arns"]);
    let several = trace(&world, &[id]).await;
    assert_eq!(
        (several.code, several.stdout.as_str(), several.stderr),
        (
            Some(2),
            "",
            format!(
                "error: {id} is the name of 2 keys:\n  {}\n  {}\n next: name one of them by its ARN, or say which with --account and --region\n",
                arns[0].as_str().unwrap(),
                arns[1].as_str().unwrap()
            )
        )
    );
    let one = trace(&world, &[id, "--region", "us-east-1", "--format", "json"]).await;
    let told = json_of(&one);
    assert_eq!((one.code, told["key"]["key_id"].as_str(), told["key"]["region"].as_str()), (Some(3), Some(id), Some("us-east-1")));

    let date = world.query("SELECT snapshot_date FROM latest_run").await[0]["snapshot_date"].as_str().unwrap().to_owned();
    let unknown = trace(&world, &["alias/no-such-key", "--region", "eu-central-1"]).await;
    assert_eq!(
        (unknown.code, unknown.stdout.as_str(), unknown.stderr),
        (
            Some(1),
            "",
            format!(
                "error: alias/no-such-key: no key of that name in eu-central-1 in LAKE: the inventory of {date} and those before it do not list it, and no log file that was read tells of it\n \
                 next: check the name; read its account with `kms-insights collect --lake LAKE`, and the trail's log files with `kms-insights trail scan SOURCE --lake LAKE`\n"
            )
        )
    );
}

#[tokio::test]
async fn a_key_that_the_inventory_lost_is_traced_from_the_run_that_had_it() {
    let world = World::start(organization(1, 3, 3), behaviour()).await;
    world.collect(&[]).await;
    let member = world.members()[0];
    let sql = format!("SELECT key_arn, created_at FROM keys WHERE account_id = '{member}' AND manager = 'CUSTOMER' ORDER BY key_arn LIMIT 1");
    let key = world.query(&sql).await;
    let key = key[0]["key_arn"].as_str().unwrap();
    world.sandbox.set_faults(vec![Fault::always("sts", "AssumeRole", FaultKind::AccessDenied).in_account(member)]);
    let second = world.collect(&[]).await;
    assert_eq!(second.ended.code, Some(3));
    let ended = trace(&world, &[key, "--format", "json"]).await;
    let told = json_of(&ended);
    let date = told["key"]["snapshot_date"].as_str().unwrap();
    assert_eq!((ended.code, &told["key"]["listed"], &told["key"]["key_arn"]), (Some(3), &json!("before"), &json!(key)));
    assert_ne!(told["key"]["run_id"], json!(second.run.to_string()));
    let shown = world.query("SELECT snapshot_date FROM latest_run").await;
    let text = format!(
        "Whether it still exists: it was last listed on {date}, and the run of {} could not read its account whole.",
        shown[0]["snapshot_date"].as_str().unwrap()
    );
    assert!(told["unknown"].as_array().unwrap().contains(&json!({"about": "inventory", "text": text})), "{told}");
    assert!(TimeDelta::days(2) > Utc::now().date_naive() - date.parse::<NaiveDate>().unwrap());
}
