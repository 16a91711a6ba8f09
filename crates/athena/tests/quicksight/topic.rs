//! The topic: what people may ask in their own words, by synonyms and named filters.

use serde_json::{Value, json};

use crate::data_sets::{self, ACCOUNT};

/// What else people call a column.
const SYNONYMS: &[(&str, &str, &[&str])] = &[
    ("key_arn", "key", &["KMS key", "encryption key", "CMK", "key ARN"]),
    ("key_id", "key id", &["id of the key"]),
    ("account_id", "account number", &["AWS account id", "account ID"]),
    ("account_name", "account", &["AWS account", "team", "owner"]),
    ("ou_path", "organizational unit", &["OU", "unit", "department"]),
    ("region", "Region", &["AWS Region", "location"]),
    ("aliases", "alias", &["aliases", "name", "key name"]),
    ("manager", "manager", &["managed by", "customer managed or AWS managed"]),
    ("state", "state", &["status", "enabled or disabled"]),
    ("created_at", "creation date", &["created", "made", "date of creation"]),
    ("age_days", "age in days", &["age", "how old"]),
    ("rotation_enabled", "automatic rotation", &["rotated automatically", "rotation"]),
    ("last_rotated_at", "last rotation", &["rotated", "when it was rotated"]),
    ("usage_verdict", "verdict on use", &["used or not", "usage"]),
    ("last_used_at", "last use", &["last used", "used"]),
    ("unused_since", "unused since", &["not used since", "idle since"]),
    ("concern", "concern", &["concerns", "problem of the policy"]),
    ("outside_account", "open outside the account", &["shared", "cross-account", "external access"]),
    ("outside_organization", "open outside the organization", &["shared outside the organization", "open to third parties"]),
    ("public", "public", &["open to everybody", "open to the world"]),
    ("worst_severity", "worst finding", &["worst severity", "how bad"]),
    ("monthly_cost_usd", "monthly cost", &["cost", "price", "dollars a month", "spend"]),
    ("facts_lacking", "what is not known", &["missing facts", "not read"]),
    ("principal", "principal", &["who", "caller", "grantee", "role", "user"]),
    ("principal_account", "account that comes in", &["outside account", "external account", "other account"]),
    ("principal_account_name", "name of the account that comes in", &["outside account name"]),
    ("trust", "trust", &["trusted", "how trusted", "relation"]),
    ("capabilities", "what they can do", &["capability", "decrypt", "encrypt", "permissions", "can do"]),
    ("condition", "condition", &["restriction", "only if"]),
    ("certainty", "certainty", &["how sure", "sure"]),
    ("way_in", "way in", &["grant or key policy", "by what"]),
    ("rule", "rule", &["check", "kind of finding"]),
    ("severity", "severity", &["how severe", "priority", "criticality"]),
    ("title", "finding", &["findings", "problem", "issue"]),
    ("remediation", "remediation", &["what to do", "fix"]),
    ("waived", "waived", &["accepted", "exception"]),
    ("reason", "reason", &["why"]),
    ("verdict", "verdict", &["never used or unknown"]),
    ("keys", "number of keys", &["how many keys", "keys"]),
    ("yearly_cost_usd", "yearly cost", &["dollars a year", "cost per year"]),
    ("gap", "what lacks of rotation", &["rotation gap"]),
    ("fact", "fact that lacks", &["what could not be read"]),
    ("next_step", "next step", &["what to do"]),
];

/// A question's filter that has a name: in a data set, where a column has one of these values, or has one of them in its text.
struct Named {
    set: &'static str,
    name: &'static str,
    description: &'static str,
    synonyms: &'static [&'static str],
    column: &'static str,
    wanted: Wanted,
}

enum Wanted {
    OneOf(&'static [&'static str]),
    Containing(&'static str),
}

const FILTERS: &[Named] = &[
    Named {
        set: "keys",
        name: "open outside the organization",
        description: "Keys that somebody outside the organization can use, grant, administer or read.",
        synonyms: &["shared outside the organization", "third-party access"],
        column: "outside_organization",
        wanted: Wanted::OneOf(&["yes"]),
    },
    Named {
        set: "keys",
        name: "not known whether open",
        description: "Keys of which nobody can tell whether anyone outside the organization comes in.",
        synonyms: &["unknown access", "access not known"],
        column: "outside_organization",
        wanted: Wanted::OneOf(&["unknown"]),
    },
    Named {
        set: "keys",
        name: "public keys",
        description: "Keys that principals of every account can use, grant, administer or read.",
        synonyms: &["open to everybody", "open to the world"],
        column: "public",
        wanted: Wanted::OneOf(&["yes"]),
    },
    Named {
        set: "keys",
        name: "customer managed",
        description: "Keys that customers manage, which cost money and have policies of their own.",
        synonyms: &["our own keys", "CMKs"],
        column: "manager",
        wanted: Wanted::OneOf(&["CUSTOMER"]),
    },
    Named {
        set: "keys",
        name: "about to be deleted",
        description: "Keys whose deletion is pending, also while a primary waits for its replicas.",
        synonyms: &["pending deletion", "scheduled for deletion"],
        column: "state",
        wanted: Wanted::OneOf(&["PendingDeletion", "PendingReplicaDeletion"]),
    },
    Named {
        set: "access",
        name: "outside the organization",
        description: "Ways in for principals of accounts outside the organization, or of every account.",
        synonyms: &["outsiders", "accounts outside the organization", "third parties", "external accounts"],
        column: "trust",
        wanted: Wanted::OneOf(&["outside", "public"]),
    },
    Named {
        set: "access",
        name: "can decrypt",
        description: "Ways in by which callers can decrypt.",
        synonyms: &["decrypt with", "read encrypted data", "decryption"],
        column: "capabilities",
        wanted: Wanted::Containing("decrypt"),
    },
    Named {
        set: "access",
        name: "can give access away",
        description: "Ways in by which callers can create grants.",
        synonyms: &["create grants", "grant access"],
        column: "capabilities",
        wanted: Wanted::Containing("grant"),
    },
    Named {
        set: "access",
        name: "certain access",
        description: "Ways in by which a request certainly comes in, as far as the key's own policies and grants decide.",
        synonyms: &["for sure", "proved"],
        column: "certainty",
        wanted: Wanted::OneOf(&["certain"]),
    },
    Named {
        set: "findings",
        name: "urgent findings",
        description: "Findings of high or critical severity.",
        synonyms: &["high and critical", "serious findings", "worst findings"],
        column: "severity",
        wanted: Wanted::OneOf(&["critical", "high"]),
    },
    Named {
        set: "unused",
        name: "never used",
        description: "Keys of which the records cover the whole life and have no use.",
        synonyms: &["unused for certain", "proved unused"],
        column: "verdict",
        wanted: Wanted::OneOf(&["never_used"]),
    },
    Named {
        set: "savings",
        name: "recorded savings",
        description: "Savings that the records prove: the keys were not used.",
        synonyms: &["safe savings", "certain savings"],
        column: "certainty",
        wanted: Wanted::OneOf(&["recorded"]),
    },
];

/// Data sets that people ask about.
const ASKED: [&str; 7] = ["keys", "access", "findings", "savings", "unused", "rotation", "gaps"];

fn column(name: &str, kind: &str) -> Value {
    let (friendly, synonyms) = SYNONYMS
        .iter()
        .find(|(column, ..)| *column == name)
        .map_or_else(|| (name.replace('_', " "), &[][..]), |(_, friendly, others)| ((*friendly).to_owned(), *others));
    let adds_up =
        ["monthly_cost_usd", "yearly_cost_usd", "keys", "keys_without_price", "keys_affected", "findings", "waived_findings", "grant_count"].contains(&name);
    let is_number = ["INTEGER", "DECIMAL"].contains(&kind);
    let mut json = json!({
        "ColumnName": name,
        "ColumnFriendlyName": friendly,
        "ColumnDataRole": if is_number { "MEASURE" } else { "DIMENSION" },
        // What only tells runs apart is nothing to ask about.
        "IsIncludedInTopic": !["run_id", "finding_id", "statement_index"].contains(&name),
    });
    if !synonyms.is_empty() {
        json["ColumnSynonyms"] = json!(synonyms);
    }
    if is_number {
        json["Aggregation"] = json!(if adds_up { "SUM" } else { "AVERAGE" });
    }
    if kind == "DATETIME" {
        json["TimeGranularity"] = json!("DAY");
    }
    json
}

fn filter(named: &Named) -> Value {
    assert_eq!(data_sets::find(named.set).column(named.column), "STRING", "{}", named.name);
    let category = match named.wanted {
        Wanted::OneOf(values) => json!({
            "CategoryFilterFunction": "EXACT",
            "CategoryFilterType": "FILTER_LIST",
            "Constant": { "ConstantType": "COLLECTIVE", "CollectiveConstant": { "ValueList": values } },
            "Inverse": false,
        }),
        Wanted::Containing(text) => json!({
            "CategoryFilterFunction": "CONTAINS",
            "CategoryFilterType": "CUSTOM_FILTER",
            "Constant": { "ConstantType": "SINGULAR", "SingularConstant": text },
            "Inverse": false,
        }),
    };
    json!({
        "FilterName": named.name,
        "FilterDescription": named.description,
        "FilterSynonyms": named.synonyms,
        "FilterClass": "NAMED_VALUE_FILTER",
        "FilterType": "CATEGORY_FILTER",
        "OperandFieldName": named.column,
        "CategoryFilter": category,
    })
}

/// What `CreateTopic` takes.
pub(crate) fn topic() -> Value {
    let sets: Vec<Value> = ASKED
        .iter()
        .map(|name| {
            let set = data_sets::find(name);
            let filters: Vec<Value> = FILTERS.iter().filter(|named| named.set == *name).map(filter).collect();
            let mut json = json!({
                "DatasetArn": set.arn(),
                "DatasetName": set.title,
                "Columns": set.columns().iter().map(|(name, kind)| column(name, kind)).collect::<Vec<_>>(),
            });
            if !filters.is_empty() {
                json["Filters"] = json!(filters);
            }
            json
        })
        .collect();
    json!({
        "AwsAccountId": ACCOUNT,
        "TopicId": "${NamePrefix}-topic",
        "Topic": {
            "Name": "KMS keys",
            "Description": "Every AWS KMS key of the organization: who comes in, whether it is used, what it costs, and what is not known of it.",
            "UserExperienceVersion": "NEW_READER_EXPERIENCE",
            "DataSets": sets,
        },
    })
}

#[test]
fn every_filter_and_synonym_is_of_a_column_that_is_asked_about() {
    let columns: Vec<String> = ASKED.iter().flat_map(|name| data_sets::find(name).columns()).map(|(name, _)| name).collect();
    for (name, ..) in SYNONYMS {
        assert!(columns.iter().any(|column| column == name), "{name}");
    }
    assert!(FILTERS.iter().all(|named| ASKED.contains(&named.set)));
}
