//! The data source, and the data sets over the views.

use std::fs;

use serde_json::{Value, json};

use crate::repository;

pub(crate) const ACCOUNT: &str = "${AWS::AccountId}";

/// A data set: a view, or a query where there is no view.
#[derive(Clone, Copy)]
pub(crate) struct DataSet {
    /// What the dashboard and the topic call it.
    pub(crate) name: &'static str,
    /// What people see.
    pub(crate) title: &'static str,
    pub(crate) source: Source,
    /// The time of day at which it is read again.
    pub(crate) refreshed_at: &'static str,
}

#[derive(Clone, Copy)]
pub(crate) enum Source {
    View(&'static str),
    /// A query, with its columns.
    Query(&'static str, &'static [(&'static str, &'static str)]),
}

/// Findings of the latest run with the names of their accounts: the table has no view of its own. Those that somebody puts up with on the day of the run are marked, as in `key_overview`.
const FINDINGS: &str = "SELECT f.finding_id, f.key_arn, f.key_id, f.account_id, a.name AS account_name, f.region, f.rule, f.severity, f.confidence, f.title, f.cause, f.remediation, \
     CASE WHEN f.waived_until >= CAST(CAST(r.finished_at AS date) AS varchar) THEN 'yes' ELSE 'no' END AS waived, f.waived_until, f.waiver_reason, f.snapshot_date, f.run_id \
     FROM \"${Database}\".findings f \
     JOIN \"${Database}\".latest_run r ON f.snapshot_date = r.snapshot_date AND f.run_id = r.run_id \
     LEFT JOIN \"${Database}\".accounts a ON a.snapshot_date = f.snapshot_date AND a.run_id = f.run_id AND a.account_id = f.account_id";

const FINDING_COLUMNS: &[(&str, &str)] = &[
    ("finding_id", "STRING"),
    ("key_arn", "STRING"),
    ("key_id", "STRING"),
    ("account_id", "STRING"),
    ("account_name", "STRING"),
    ("region", "STRING"),
    ("rule", "STRING"),
    ("severity", "STRING"),
    ("confidence", "STRING"),
    ("title", "STRING"),
    ("cause", "STRING"),
    ("remediation", "STRING"),
    ("waived", "STRING"),
    ("waived_until", "STRING"),
    ("waiver_reason", "STRING"),
    ("snapshot_date", "STRING"),
    ("run_id", "STRING"),
];

pub(crate) fn all() -> Vec<DataSet> {
    let set = |name, title, source, refreshed_at| DataSet { name, title, source, refreshed_at };
    vec![
        set("keys", "KMS keys", Source::View("key_overview"), "05:00"),
        set("access", "Access from outside", Source::View("external_access"), "05:05"),
        set("findings", "Findings", Source::Query(FINDINGS, FINDING_COLUMNS), "05:10"),
        set("savings", "Monthly savings", Source::View("monthly_savings"), "05:15"),
        set("unused", "Unused keys", Source::View("unused_keys"), "05:20"),
        set("rotation", "Rotation gaps", Source::View("rotation_gaps"), "05:25"),
        set("gaps", "What is not known", Source::View("coverage_gaps"), "05:30"),
        set("changes", "Changes", Source::View("changes_since_previous"), "05:35"),
    ]
}

pub(crate) fn find(name: &str) -> DataSet {
    all().into_iter().find(|set| set.name == name).unwrap_or_else(|| panic!("there is no data set {name}"))
}

/// What a resource of the template is called, by what it is in the payloads.
pub(crate) fn logical_id(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
}

impl DataSet {
    /// Columns and types, as QuickSight declares them: of a view those that `quicksight/views.json` has, whole.
    pub(crate) fn columns(&self) -> Vec<(String, String)> {
        match self.source {
            Source::View(view) => {
                let views: Value = serde_json::from_str(&fs::read_to_string(repository().join("quicksight/views.json")).unwrap()).unwrap();
                let columns = views[view].as_array().unwrap_or_else(|| panic!("quicksight/views.json has no view {view}"));
                let text = |column: &Value, name: &str| column[name].as_str().unwrap().to_owned();
                columns.iter().map(|column| (text(column, "Name"), text(column, "Type"))).collect()
            }
            Source::Query(_, columns) => columns.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect(),
        }
    }

    /// The type of a column.
    pub(crate) fn column(&self, name: &str) -> String {
        let found = self.columns().into_iter().find(|(column, _)| column == name);
        found.unwrap_or_else(|| panic!("the data set {} has no column {name}", self.name)).1
    }

    pub(crate) fn arn(&self) -> String {
        format!("${{{}DataSet.Arn}}", logical_id(self.name))
    }

    fn id(&self) -> String {
        format!("${{NamePrefix}}-{}", self.name)
    }

    /// What `CreateDataSet` takes.
    pub(crate) fn payload(&self) -> Value {
        let columns: Vec<Value> = self.columns().into_iter().map(|(name, kind)| json!({ "Name": name, "Type": kind })).collect();
        let table = match self.source {
            Source::View(view) => json!({ "RelationalTable": {
                "DataSourceArn": "${DataSource.Arn}", "Catalog": "AwsDataCatalog", "Schema": "${Database}", "Name": view, "InputColumns": columns,
            } }),
            Source::Query(sql, _) => json!({ "CustomSql": { "DataSourceArn": "${DataSource.Arn}", "Name": self.name, "SqlQuery": sql, "Columns": columns } }),
        };
        json!({
            "AwsAccountId": ACCOUNT,
            "DataSetId": self.id(),
            "Name": self.title,
            "ImportMode": "SPICE",
            "PhysicalTableMap": { self.name: table },
            "Permissions": [permission(&[
                "quicksight:CancelIngestion", "quicksight:CreateIngestion", "quicksight:DeleteDataSet", "quicksight:DescribeDataSet", "quicksight:DescribeDataSetPermissions",
                "quicksight:DescribeIngestion", "quicksight:ListIngestions", "quicksight:PassDataSet", "quicksight:UpdateDataSet", "quicksight:UpdateDataSetPermissions",
            ])],
        })
    }

    /// What `CreateRefreshSchedule` takes.
    pub(crate) fn refresh_schedule(&self) -> Value {
        json!({
            "AwsAccountId": ACCOUNT,
            "DataSetId": self.id(),
            "Schedule": {
                "ScheduleId": "daily",
                "RefreshType": "FULL_REFRESH",
                "ScheduleFrequency": { "Interval": "DAILY", "TimeOfTheDay": self.refreshed_at, "Timezone": "UTC" },
            },
        })
    }
}

/// What the owner may do with an asset.
pub(crate) fn permission(actions: &[&str]) -> Value {
    json!({ "Principal": "${OwnerArn}", "Actions": actions })
}

/// What `CreateDataSource` takes. It reads with a role of its own, which may do nothing else, and not with the role of all of QuickSight.
pub(crate) fn data_source() -> Value {
    json!({
        "AwsAccountId": ACCOUNT,
        "DataSourceId": "${NamePrefix}-athena",
        "Name": "kms-insights",
        "Type": "ATHENA",
        "DataSourceParameters": { "AthenaParameters": { "WorkGroup": "${WorkGroup}", "RoleArn": "${Role.Arn}" } },
        "SslProperties": { "DisableSsl": false },
        "Permissions": [permission(&[
            "quicksight:DeleteDataSource", "quicksight:DescribeDataSource", "quicksight:DescribeDataSourcePermissions", "quicksight:PassDataSource",
            "quicksight:UpdateDataSource", "quicksight:UpdateDataSourcePermissions",
        ])],
    })
}
