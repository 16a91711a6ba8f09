//! What changed about findings from one run to the next, and what is only seen for the first time or no more.

use kms_insights_lake::tables::{collection_errors::CollectionErrorRow, findings::FindingRow, keys::KeyRow, runs::RunRow};
use tempfile::TempDir;

use crate::fixture::{APP, REGION, arn, error, finding, key, numbered, publish, rows_of, run_of, write_rows};

#[tokio::test]
async fn a_finding_is_gone_or_new_only_where_what_its_rule_rests_on_was_read_in_both_runs() {
    type Unread = fn(KeyRow) -> KeyRow;
    let facts: [(&str, &str, Unread); 9] = [
        ("pending-deletion", "public", |key| KeyRow { metadata_status: "denied".to_owned(), ..key }),
        ("public", "never-used", |key| KeyRow { policy_status: "denied".to_owned(), ..key }),
        ("public", "never-used", |key| KeyRow { ram_policy_status: "failed".to_owned(), ..key }),
        ("iam-user", "never-used", |key| KeyRow { policy_error: Some("no JSON".to_owned()), ..key }),
        ("grant-outside-account", "public", |key| KeyRow { grants_status: "failed".to_owned(), ..key }),
        ("never-used", "pending-deletion", |key| KeyRow { last_usage_status: "failed".to_owned(), ..key }),
        ("no-alias", "required-tags", |key| KeyRow { aliases_status: "denied".to_owned(), ..key }),
        ("required-tags", "no-alias", |key| KeyRow { tags_status: "denied".to_owned(), ..key }),
        ("rotation-off", "policy-unreadable", |key| KeyRow { rotations_status: "denied".to_owned(), ..key }),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (before, now) = (run_of(Some("o-1"), 1, 1), run_of(Some("o-1"), 2, 2));
    let (mut old, mut new, mut found_before, mut found_now, mut expected) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (number, (resting, other, unread)) in (1..).zip(facts) {
        let found = |key: &KeyRow| [resting, other].map(|rule| finding(key, &format!("{} {rule}", key.key_id), rule, "high"));
        // The earlier run could not look at the first key, the later one not at the second.
        let [first, second] = [2 * number, 2 * number + 1].map(|number| [numbered(&before, APP, number, 1), numbered(&now, APP, number, 1)]);
        found_now.extend(found(&first[1]));
        found_before.extend(found(&second[0]));
        let [[first_before, first_now], [second_before, second_now]] = [first, second];
        old.extend([unread(first_before), second_before]);
        new.extend([first_now, unread(second_now)]);
        for (key, of_resting, of_other) in [(2 * number, "first_read", "appeared"), (2 * number + 1, "not_read", "gone")] {
            expected.extend([format!("{key:012} {of_resting} {resting}: {resting} found"), format!("{key:012} {of_other} {other}: {other} found")]);
        }
    }
    for (run, keys, found) in [(&before, old, found_before), (&now, new, found_now)] {
        write_rows(folder.path(), &run.run_id, &found);
        publish(folder.path(), run, APP, &keys);
    }
    expected.sort_unstable();
    let sql = "SELECT split_part(key_arn, '-', 7), change, COALESCE(value_before, value_now) FROM changes_since_previous WHERE subject = 'finding'";
    assert_eq!(rows_of(&folder, sql).await, expected);
}

#[tokio::test]
async fn findings_on_keys_that_appeared_or_went_go_with_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (before, now) = (run_of(Some("o-1"), 10, 1), run_of(Some("o-1"), 20, 2));
    let kept = |run: &RunRow| numbered(run, APP, 1, 1);
    let (gone, abroad) = (numbered(&before, APP, 2, 1), key(&before.run_id, APP, "us-east-1", "00000000-0000-0000-0000-000000000003", "alias/abroad"));
    write_rows(
        folder.path(),
        &before.run_id,
        &[finding(&kept(&before), "f-kept", "public", "high"), finding(&gone, "f-gone", "public", "high"), finding(&abroad, "f-abroad", "iam-user", "low")],
    );
    publish(folder.path(), &before, APP, &[kept(&before), gone, abroad]);
    let (new, old) = (numbered(&now, APP, 4, 15), numbered(&now, APP, 5, 5));
    write_rows(
        folder.path(),
        &now.run_id,
        &[finding(&kept(&now), "f-kept", "public", "high"), finding(&new, "f-new", "public", "critical"), finding(&old, "f-old", "pending-deletion", "low")],
    );
    publish(folder.path(), &now, APP, &[kept(&now), new, old]);
    assert_eq!(
        rows_of(&folder, "SELECT split_part(key_arn, '-', 7), subject, change, value_before, value_now FROM changes_since_previous").await,
        [
            "000000000002 finding gone public: public found ",
            "000000000002 key gone Enabled ",
            "000000000003 finding not_read iam-user: iam-user found ",
            "000000000003 key not_read Enabled ",
            "000000000004 finding appeared  public: public found",
            "000000000004 key appeared  Enabled",
            "000000000005 finding first_read  pending-deletion: pending-deletion found",
            "000000000005 key first_read  Enabled",
        ]
    );
}

/// A run before and one after, and what each says of the same keys.
struct TwoRuns {
    runs: [RunRow; 2],
    keys: [Vec<KeyRow>; 2],
    findings: [Vec<FindingRow>; 2],
}

impl TwoRuns {
    fn of_keys(numbers: std::ops::RangeInclusive<u32>) -> Self {
        let runs = [run_of(Some("o-1"), 1, 1), run_of(Some("o-1"), 2, 2)];
        let keys = [0, 1].map(|at: usize| numbers.clone().map(|number| numbered(&runs[at], APP, number, 1)).collect());
        Self { runs, keys, findings: [Vec::new(), Vec::new()] }
    }

    /// Adds what one of the runs says of the key.
    fn found(&mut self, at: usize, key: usize, rule: &str, severity: &str) -> &mut FindingRow {
        let key = &self.keys[at][key];
        self.findings[at].push(finding(key, &format!("{} {rule}", key.key_id), rule, severity));
        self.findings[at].last_mut().unwrap()
    }

    /// Adds what both runs say of the key, with these severities.
    fn kept(&mut self, key: usize, rule: &str, severities: [&str; 2]) {
        for at in [0, 1] {
            self.found(at, key, rule, severities[at]);
        }
    }

    fn published(self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for at in [0, 1] {
            write_rows(folder.path(), &self.runs[at].run_id, &self.findings[at]);
            publish(folder.path(), &self.runs[at], APP, &self.keys[at]);
        }
        folder
    }
}

const ALL: &str = "SELECT split_part(key_arn, '-', 7), subject, rule, change, value_before, value_now FROM changes_since_previous";

#[tokio::test]
async fn a_severity_rises_or_falls_where_what_its_rule_rests_on_was_read_in_both_runs() {
    let mut lake = TwoRuns::of_keys(1..=3);
    // The earlier run could not read the grants of the second key, nor the later one the tags of the third.
    lake.keys[0][1].grants_status = "denied".to_owned();
    lake.keys[1][2].tags_status = "failed".to_owned();
    lake.kept(0, "public", ["high", "critical"]);
    lake.kept(0, "never-used", ["low", "info"]);
    lake.kept(0, "no-alias", ["low", "low"]);
    lake.kept(1, "grant-outside-account", ["medium", "high"]);
    lake.kept(1, "public", ["high", "medium"]);
    lake.kept(2, "required-tags", ["medium", "low"]);
    assert_eq!(
        rows_of(&lake.published(), ALL).await,
        [
            "000000000001 severity never-used fell low info",
            "000000000001 severity public rose high critical",
            "000000000002 severity grant-outside-account first_read medium high",
            "000000000002 severity public fell high medium",
            "000000000003 severity required-tags not_read medium low",
        ]
    );
}

#[tokio::test]
async fn a_waiver_begins_ends_or_changes_while_its_finding_stays() {
    let mut lake = TwoRuns::of_keys(1..=1);
    let cases = [
        ("public", [None, Some(("2027-01-31", "moves in January"))]),
        ("iam-user", [Some(("2026-11-01", "until the audit")), None]),
        ("no-alias", [Some(("2026-12-31", "soon")), Some(("2027-06-30", "later"))]),
        ("rotation-off", [Some(("2027-12-31", "as agreed")), Some(("2027-12-31", "as agreed"))]),
    ];
    for (rule, waivers) in cases {
        for (at, waiver) in waivers.into_iter().enumerate() {
            let (until, reason) = waiver.map(|(until, reason)| (until.to_owned(), reason.to_owned())).unzip();
            let found = lake.found(at, 0, rule, "high");
            (found.waived_until, found.waiver_reason) = (until, reason);
        }
    }
    assert_eq!(
        rows_of(&lake.published(), ALL).await,
        [
            "000000000001 waiver iam-user ended until 2026-11-01: until the audit ",
            "000000000001 waiver no-alias changed until 2026-12-31: soon until 2027-06-30: later",
            "000000000001 waiver public began  until 2027-01-31: moves in January",
        ]
    );
}

#[tokio::test]
async fn changes_of_findings_with_the_same_words_are_told_apart() {
    let mut lake = TwoRuns::of_keys(1..=1);
    for id in ["f-1", "f-2"] {
        lake.found(1, 0, "public", "high").finding_id = id.to_owned();
    }
    let told = rows_of(&lake.published(), "SELECT finding_id, change, value_now FROM changes_since_previous").await;
    assert_eq!(told, ["f-1 appeared public: public found", "f-2 appeared public: public found"]);
}

#[tokio::test]
async fn what_rests_on_who_belongs_to_the_organization_is_not_gone_where_a_run_could_not_tell() {
    // What the run with a lack could not ask, and whether that tells who belongs to the organization.
    let questions = [("organizations:ListAccounts", true), ("organizations:DescribeOrganization", true), ("organizations:ListRoots", false)];
    for ((operation, tells), lacking) in questions.into_iter().flat_map(|question| [(question, 0), (question, 1)]) {
        let mut lake = TwoRuns::of_keys(1..=1);
        let informed = 1 - lacking;
        lake.found(informed, 0, "outside-account", "high").rests_on.push("organization".to_owned());
        lake.found(informed, 0, "iam-user", "high");
        // The organization tells how bad it is that somebody comes in, and nothing about a key's names.
        for rule in ["public", "no-alias"] {
            lake.found(informed, 0, rule, "medium");
            lake.found(lacking, 0, rule, "high");
        }
        let run = lake.runs[lacking].run_id.clone();
        let folder = lake.published();
        let lack = error(&run, APP, None, None, "organization", operation, "access_denied");
        write_rows(folder.path(), &run, &[CollectionErrorRow { account_id: None, ..lack }]);
        let (unread, plain, moved) = if lacking == 0 { ("first_read", "appeared", "fell") } else { ("not_read", "gone", "rose") };
        assert_eq!(
            rows_of(&folder, "SELECT subject, rule, change FROM changes_since_previous").await,
            [
                format!("finding iam-user {plain}"),
                format!("finding outside-account {}", if tells { unread } else { plain }),
                format!("severity no-alias {moved}"),
                format!("severity public {}", if tells { unread } else { moved }),
            ],
            "{operation} in run {lacking}"
        );
    }
}

#[tokio::test]
async fn that_policies_of_a_set_differ_is_not_gone_where_another_key_of_it_could_not_be_read() {
    let set = "mrk-22222222000000000000000000000000";
    let runs = [run_of(Some("o-1"), 1, 1), run_of(Some("o-1"), 2, 2)];
    let of_set = |run: &RunRow, region: &str| {
        let (primary, replicas) = (Some(arn(APP, REGION, set)), Some(vec![arn(APP, "eu-west-1", set)]));
        KeyRow { multi_region_primary_arn: primary, multi_region_replica_arns: replicas, ..key(&run.run_id, APP, region, set, "alias/spread") }
    };
    let [primary, replica] = [REGION, "eu-west-1"].map(|region| of_set(&runs[1], region));
    let denied = |key: &KeyRow| KeyRow { policy_status: "denied".to_owned(), ..key.clone() };
    let garbled = KeyRow { policy_error: Some("no JSON".to_owned()), ..replica.clone() };
    let unknown_set = KeyRow { metadata_status: "denied".to_owned(), multi_region_primary_arn: None, multi_region_replica_arns: None, ..primary.clone() };
    // The replica is gone, and the primary says so.
    let alone = KeyRow { multi_region_replica_arns: Some(Vec::new()), ..primary.clone() };
    for (later, change) in [
        (vec![primary.clone(), replica.clone()], "gone"),
        (vec![primary.clone(), denied(&replica)], "not_read"),
        (vec![primary.clone(), garbled], "not_read"),
        (vec![denied(&primary), replica.clone()], "not_read"),
        (vec![primary.clone()], "not_read"),
        // Both were compared again, whatever else belongs to the set.
        (vec![unknown_set.clone(), replica], "gone"),
        // Whether the replica is gone, nobody says.
        (vec![unknown_set], "not_read"),
        (vec![alone], "gone"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let earlier = [REGION, "eu-west-1"].map(|region| of_set(&runs[0], region));
        write_rows(folder.path(), &runs[0].run_id, &[finding(&earlier[0], "f-1", "replica-policies-differ", "medium")]);
        publish(folder.path(), &runs[0], APP, &earlier);
        publish(folder.path(), &runs[1], APP, &later);
        let told = rows_of(&folder, "SELECT change FROM changes_since_previous WHERE subject = 'finding'").await;
        assert_eq!(told, [change], "{later:?}");
    }
}

#[tokio::test]
async fn of_a_set_in_a_region_that_no_run_reads_what_both_compared_counts() {
    let set = "mrk-22222222000000000000000000000000";
    let runs = [run_of(Some("o-1"), 1, 1), run_of(Some("o-1"), 2, 2)];
    let regions = ["eu-central-1", "eu-west-1", "us-east-1", "ap-south-1"];
    let of_set = |run: usize, region: usize| KeyRow {
        multi_region_primary_arn: Some(arn(APP, regions[0], set)),
        multi_region_replica_arns: Some(regions[1..].iter().map(|region| arn(APP, region, set)).collect()),
        ..key(&runs[run].run_id, APP, regions[region], set, "alias/spread")
    };
    // The keys of the set that each run could read, and what becomes of a finding that only the earlier made, and of one that only the later did.
    for (earlier, later, missing, new) in [
        // The last Region is never collected, as organizations do that leave Regions out.
        (&[0, 1, 2][..], &[0, 1, 2][..], "gone", "appeared"),
        (&[0, 1], &[0, 1, 2], "gone", "first_read"),
        (&[0, 1, 2], &[0, 1], "not_read", "appeared"),
        // As many, and others.
        (&[0, 1], &[0, 2], "not_read", "first_read"),
        // Alone, the key was compared with nothing.
        (&[0], &[0], "gone", "appeared"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (at, regions) in [earlier, later].into_iter().enumerate() {
            let keys: Vec<KeyRow> = regions.iter().map(|region| of_set(at, *region)).collect();
            write_rows(folder.path(), &runs[at].run_id, &[finding(&keys[0], &format!("f-{at}"), "replica-policies-differ", "medium")]);
            publish(folder.path(), &runs[at], APP, &keys);
        }
        let told = rows_of(&folder, "SELECT finding_id, change FROM changes_since_previous WHERE subject = 'finding'").await;
        assert_eq!(told, [format!("f-0 {missing}"), format!("f-1 {new}")], "{earlier:?} {later:?}");
    }
}
