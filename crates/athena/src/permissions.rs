//! The permissions that Athena needs of whoever asks it, declared once: `docs/athena.md` and the policy for QuickSight are generated from them.
//!
//! Sources: "Actions, resources, and condition keys" for Amazon Athena, AWS Glue and Amazon S3 in the Service Authorization Reference; "Configure access to databases and tables in the AWS Glue Data
//! Catalog" and "Control access to Amazon S3 from Athena" in the Amazon Athena User Guide.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::api::Operation;

/// Who needs a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `kms-insights athena setup`.
    Setup,
    /// `kms-insights query --engine athena`, and anybody who asks in Athena.
    Query,
    /// The role that QuickSight reads with.
    QuickSight,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Setup, Self::Query, Self::QuickSight];
}

/// On what a permission is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Actions that know no resource.
    Any,
    /// The workgroup.
    WorkGroup,
    /// Athena's name for the AWS Glue Data Catalog.
    DataCatalog,
    /// In Glue: the catalog, the database and what is in it.
    Database,
    /// In Glue: the catalog and the database `default`, which Athena looks for whatever is asked.
    DefaultDatabase,
    /// The lake's bucket.
    LakeBucket,
    /// The lake's files.
    LakeObjects,
    /// The bucket of results.
    ResultBucket,
    /// The results.
    ResultObjects,
}

/// Actions on one kind of resource.
#[derive(Clone, Copy, Debug)]
pub struct Permission {
    /// The statement's name.
    pub sid: &'static str,
    /// Who needs it.
    pub purposes: &'static [Purpose],
    /// The actions.
    pub actions: &'static [&'static str],
    /// On what.
    pub resource: Resource,
    /// What for.
    pub why: &'static str,
}

use Purpose::{Query, QuickSight, Setup};

/// Every permission. Where the lake or the results are encrypted with a KMS key of their own, its use comes on top.
pub const PERMISSIONS: &[Permission] = &[
    Permission {
        sid: "RunStatements",
        purposes: &[Setup, Query, QuickSight],
        actions: &["athena:GetQueryExecution", "athena:StartQueryExecution", "athena:StopQueryExecution"],
        resource: Resource::WorkGroup,
        why: "run a statement, wait for it, end it",
    },
    Permission {
        sid: "ReadRows",
        purposes: &[Query, QuickSight],
        actions: &["athena:GetQueryResults"],
        resource: Resource::WorkGroup,
        why: "read the rows of an answer",
    },
    Permission {
        sid: "KeepSavedQueries",
        purposes: &[Setup],
        actions: &["athena:BatchGetNamedQuery", "athena:CreateNamedQuery", "athena:ListNamedQueries", "athena:UpdateNamedQuery"],
        resource: Resource::WorkGroup,
        why: "save queries, and find those saved before",
    },
    Permission {
        sid: "LookAtTables",
        purposes: &[Setup],
        actions: &["athena:GetDatabase", "athena:ListTableMetadata"],
        resource: Resource::DataCatalog,
        why: "compare what is there with what should be",
    },
    Permission {
        sid: "StreamRows",
        purposes: &[QuickSight],
        actions: &["athena:BatchGetQueryExecution", "athena:GetQueryResultsStream", "athena:GetWorkGroup"],
        resource: Resource::WorkGroup,
        why: "QuickSight's way of reading rows, through Athena's driver",
    },
    Permission {
        sid: "BrowseTables",
        purposes: &[QuickSight],
        actions: &["athena:GetDataCatalog", "athena:GetDatabase", "athena:GetTableMetadata", "athena:ListDatabases", "athena:ListTableMetadata"],
        resource: Resource::DataCatalog,
        why: "show authors which tables there are",
    },
    Permission {
        sid: "ListWorkGroups",
        purposes: &[QuickSight],
        actions: &["athena:ListDataCatalogs", "athena:ListEngineVersions", "athena:ListWorkGroups"],
        resource: Resource::Any,
        why: "show authors which workgroups there are; these actions know no resource",
    },
    Permission {
        sid: "ReadCatalog",
        purposes: &[Setup, Query, QuickSight],
        actions: &["glue:GetDatabase", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"],
        resource: Resource::Database,
        why: "find tables and views; Athena asks Glue in the caller's name",
    },
    Permission {
        sid: "ReadDefaultDatabase",
        purposes: &[Setup, Query, QuickSight],
        actions: &["glue:GetDatabase"],
        resource: Resource::DefaultDatabase,
        why: "Athena looks for this database whatever is asked",
    },
    Permission {
        sid: "WriteCatalog",
        purposes: &[Setup],
        actions: &["glue:CreateDatabase", "glue:CreateTable", "glue:DeleteTable", "glue:UpdateTable"],
        resource: Resource::Database,
        why: "create the database, tables and views, and replace those that changed",
    },
    Permission {
        sid: "FindLake",
        purposes: &[Setup, Query, QuickSight],
        actions: &["s3:GetBucketLocation", "s3:ListBucket"],
        resource: Resource::LakeBucket,
        why: "find the files of the days that a query names",
    },
    Permission {
        sid: "ReadLake",
        purposes: &[Query, QuickSight],
        actions: &["s3:GetObject"],
        resource: Resource::LakeObjects,
        why: "read the lake, in the caller's name",
    },
    Permission {
        sid: "FindResults",
        purposes: &[Setup, Query, QuickSight],
        actions: &["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
        resource: Resource::ResultBucket,
        why: "keep the results of statements",
    },
    Permission {
        sid: "WriteResults",
        purposes: &[Setup, Query, QuickSight],
        actions: &["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
        resource: Resource::ResultObjects,
        why: "write results and read them back",
    },
];

/// The statements of an IAM policy for one purpose. `name` gives the ARNs of a resource.
pub fn statements(purpose: Purpose, name: impl Fn(Resource) -> Value) -> Vec<Value> {
    let needed = PERMISSIONS.iter().filter(|permission| permission.purposes.contains(&purpose));
    needed.map(|permission| json!({ "Sid": permission.sid, "Effect": "Allow", "Action": permission.actions, "Resource": name(permission.resource) })).collect()
}

/// The policy for one purpose, with names in capitals in place of what each account fills in.
pub fn policy(purpose: Purpose) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements(purpose, by_name) })
}

fn by_name(resource: Resource) -> Value {
    match resource {
        Resource::Any => json!("*"),
        Resource::WorkGroup => json!("arn:aws:athena:REGION:ACCOUNT:workgroup/WORKGROUP"),
        Resource::DataCatalog => json!("arn:aws:athena:REGION:ACCOUNT:datacatalog/AwsDataCatalog"),
        Resource::Database => json!([
            "arn:aws:glue:REGION:ACCOUNT:catalog",
            "arn:aws:glue:REGION:ACCOUNT:database/kms_insights_database",
            "arn:aws:glue:REGION:ACCOUNT:table/kms_insights_database/*"
        ]),
        Resource::DefaultDatabase => json!(["arn:aws:glue:REGION:ACCOUNT:catalog", "arn:aws:glue:REGION:ACCOUNT:database/default"]),
        Resource::LakeBucket => json!("arn:aws:s3:::LAKE-BUCKET"),
        Resource::LakeObjects => json!("arn:aws:s3:::LAKE-BUCKET/PREFIX/*"),
        Resource::ResultBucket => json!("arn:aws:s3:::RESULT-BUCKET"),
        Resource::ResultObjects => json!("arn:aws:s3:::RESULT-BUCKET/*"),
    }
}

/// The part of `docs/athena.md` that says what setting up and asking need.
pub fn markdown() -> String {
    let mut page = String::from("| actions | on | setup | query | what for |\n|---|---|---|---|---|\n");
    for permission in PERMISSIONS.iter().filter(|permission| permission.purposes.iter().any(|purpose| *purpose != QuickSight)) {
        let actions: Vec<String> = permission.actions.iter().map(|action| format!("`{action}`")).collect();
        let needed = |purpose| if permission.purposes.contains(&purpose) { "yes" } else { "" };
        let on = match permission.resource {
            Resource::Any => "anything",
            Resource::WorkGroup => "the workgroup",
            Resource::DataCatalog => "the data catalog, as Athena names it",
            Resource::Database => "Glue's catalog, the database, its tables",
            Resource::DefaultDatabase => "Glue's catalog, the database `default`",
            Resource::LakeBucket => "the lake's bucket",
            Resource::LakeObjects => "the lake's objects",
            Resource::ResultBucket => "the bucket of results",
            Resource::ResultObjects => "the results",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| {} | {on} | {} | {} | {} |", actions.join(", "), needed(Setup), needed(Query), permission.why);
    }
    for (title, purpose) in [("For `kms-insights athena setup`", Setup), ("For `kms-insights query --engine athena`", Query)] {
        let _ = write!(page, "\n{title}:\n\n```json\n{:#}\n```\n", policy(purpose));
    }
    page
}

/// The actions of Athena that this crate itself asks for, as IAM names them.
pub fn own_actions() -> Vec<String> {
    Operation::ALL.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn actions_for(purposes: &[Purpose]) -> BTreeSet<&'static str> {
        PERMISSIONS.iter().filter(|p| p.purposes.iter().any(|purpose| purposes.contains(purpose))).flat_map(|p| p.actions).copied().collect()
    }

    #[test]
    fn what_setup_and_query_ask_athena_is_what_their_policies_allow_and_no_more() {
        let allowed: BTreeSet<String> = actions_for(&[Setup, Query]).into_iter().filter(|action| action.starts_with("athena:")).map(str::to_owned).collect();
        assert_eq!(allowed, own_actions().into_iter().collect());
    }

    #[test]
    fn whoever_asks_writes_nothing_but_results() {
        for action in actions_for(&[Query, QuickSight]) {
            let verb = action.split_once(':').unwrap().1;
            let reads = ["Get", "List", "BatchGet"].iter().any(|reading| verb.starts_with(reading));
            let runs = ["athena:StartQueryExecution", "athena:StopQueryExecution"].contains(&action);
            let keeps_results = ["s3:PutObject", "s3:AbortMultipartUpload"].contains(&action);
            assert!(reads || runs || keeps_results, "{action}");
        }
        let writes_objects = |permission: &&Permission| permission.actions.contains(&"s3:PutObject");
        assert!(PERMISSIONS.iter().filter(writes_objects).all(|permission| permission.resource == Resource::ResultObjects));
    }

    #[test]
    fn each_statement_has_a_name_of_its_own_and_sorted_actions() {
        for purpose in Purpose::ALL {
            let needed: Vec<&Permission> = PERMISSIONS.iter().filter(|permission| permission.purposes.contains(&purpose)).collect();
            assert_eq!(needed.iter().map(|p| p.sid).collect::<BTreeSet<_>>().len(), needed.len());
            assert!(needed.iter().all(|permission| permission.actions.is_sorted()));
        }
    }
}
