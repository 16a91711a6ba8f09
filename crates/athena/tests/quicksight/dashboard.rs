//! The analysis, and the dashboard that is published of it: the same definition.

use serde_json::{Value, json};

use crate::{
    data_sets::{self, ACCOUNT, permission},
    sheets::{self, Sheet},
    visuals::{CALCULATED, Visual, identifier, kind},
};

/// The columns of the grid.
const COLUMNS: u32 = 36;
/// Data sets that the sheet of one key narrows to that key.
const OF_ONE_KEY: [&str; 3] = ["keys", "findings", "access"];

pub(crate) fn definition() -> Value {
    let sheets = sheets::all();
    let declarations: Vec<Value> = data_sets::all().iter().map(|set| json!({ "Identifier": set.name, "DataSetArn": set.arn() })).collect();
    let calculated: Vec<Value> =
        CALCULATED.iter().map(|field| json!({ "DataSetIdentifier": field.set, "Name": field.name, "Expression": field.expression })).collect();
    let mut groups: Vec<Value> = sheets.iter().flat_map(|sheet| sheet.filters.iter().map(move |(set, column)| narrowing(sheet, set, column))).collect();
    groups.extend(OF_ONE_KEY.iter().map(|set| one_key(set)));
    json!({
        "DataSetIdentifierDeclarations": declarations,
        "Sheets": sheets.iter().map(sheet).collect::<Vec<_>>(),
        "CalculatedFields": calculated,
        "ParameterDeclarations": [{ "StringParameterDeclaration": {
            "ParameterValueType": "SINGLE_VALUED", "Name": "KeyArn", "DefaultValues": { "StaticValues": [] }, "ValueWhenUnset": { "ValueWhenUnsetOption": "RECOMMENDED_VALUE" },
        } }],
        "FilterGroups": groups,
    })
}

fn filter_id(sheet: &str, set: &str, column: &str) -> String {
    format!("{sheet}-{set}-{column}")
}

fn on_sheet(sheet: &str) -> Value {
    json!({ "SelectedSheets": { "SheetVisualScopingConfigurations": [{ "SheetId": sheet, "Scope": "ALL_VISUALS" }] } })
}

/// A column by which a person narrows a sheet; all of it until then.
fn narrowing(sheet: &Sheet, set: &str, column: &str) -> Value {
    assert_eq!(kind(set, column), "STRING", "{set}.{column} has no categories");
    json!({
        "FilterGroupId": format!("{}-group", filter_id(sheet.id, set, column)),
        "Filters": [{ "CategoryFilter": {
            "FilterId": filter_id(sheet.id, set, column),
            "Column": identifier(set, column),
            "Configuration": { "FilterListConfiguration": { "MatchOperator": "CONTAINS", "SelectAllOptions": "FILTER_ALL_VALUES" } },
        } }],
        "ScopeConfiguration": on_sheet(sheet.id),
        "Status": "ENABLED",
        "CrossDataset": "SINGLE_DATASET",
    })
}

/// The one key of the sheet of keys.
fn one_key(set: &str) -> Value {
    json!({
        "FilterGroupId": format!("key-{set}-group"),
        "Filters": [{ "CategoryFilter": {
            "FilterId": format!("key-{set}"),
            "Column": identifier(set, "key_arn"),
            "Configuration": { "CustomFilterConfiguration": { "MatchOperator": "EQUALS", "ParameterName": "KeyArn", "NullOption": "NON_NULLS_ONLY" } },
        } }],
        "ScopeConfiguration": on_sheet("key"),
        "Status": "ENABLED",
        "CrossDataset": "SINGLE_DATASET",
    })
}

fn sheet(sheet: &Sheet) -> Value {
    let controls: Vec<Value> = sheet
        .filters
        .iter()
        .map(|(set, column)| {
            let title = format!("{}: {}", data_sets::find(set).title, column.replace('_', " "));
            json!({ "Dropdown": {
                "FilterControlId": format!("{}-control", filter_id(sheet.id, set, column)),
                "Title": title,
                "SourceFilterId": filter_id(sheet.id, set, column),
                "Type": "MULTI_SELECT",
            } })
        })
        .collect();
    let mut json = json!({
        "SheetId": sheet.id,
        "Name": sheet.name,
        "Description": sheet.description,
        "ContentType": "INTERACTIVE",
        "FilterControls": controls,
        "Visuals": sheet.visuals.iter().map(|visual| visual.json.clone()).collect::<Vec<_>>(),
        "Layouts": [{ "Configuration": { "GridLayout": { "Elements": places(&sheet.visuals) } } }],
    });
    if sheet.id == "key" {
        json["ParameterControls"] = json!([{ "TextField": { "ParameterControlId": "key-arn-control", "Title": "Key ARN", "SourceParameterName": "KeyArn" } }]);
    }
    json
}

/// From left to right, and below where a row is full.
fn places(visuals: &[Visual]) -> Vec<Value> {
    let (mut column, mut row, mut deepest) = (0, 0, 0);
    visuals
        .iter()
        .map(|visual| {
            if column + visual.width > COLUMNS {
                (column, row, deepest) = (0, row + deepest, 0);
            }
            let place = json!({
                "ElementId": visual.id, "ElementType": "VISUAL",
                "ColumnIndex": column, "ColumnSpan": visual.width, "RowIndex": row, "RowSpan": visual.height,
            });
            column += visual.width;
            deepest = deepest.max(visual.height);
            place
        })
        .collect()
}

/// What `CreateAnalysis` takes.
pub(crate) fn analysis() -> Value {
    json!({
        "AwsAccountId": ACCOUNT,
        "AnalysisId": "${NamePrefix}-analysis",
        "Name": "KMS keys",
        "Definition": definition(),
        "Permissions": [permission(&[
            "quicksight:DeleteAnalysis", "quicksight:DescribeAnalysis", "quicksight:DescribeAnalysisPermissions", "quicksight:QueryAnalysis",
            "quicksight:RestoreAnalysis", "quicksight:UpdateAnalysis", "quicksight:UpdateAnalysisPermissions",
        ])],
    })
}

/// What `CreateDashboard` takes.
pub(crate) fn dashboard() -> Value {
    json!({
        "AwsAccountId": ACCOUNT,
        "DashboardId": "${NamePrefix}-dashboard",
        "Name": "KMS keys",
        "Definition": definition(),
        "DashboardPublishOptions": { "AdHocFilteringOption": { "AvailabilityStatus": "ENABLED" }, "ExportToCSVOption": { "AvailabilityStatus": "ENABLED" } },
        "Permissions": [permission(&[
            "quicksight:DeleteDashboard", "quicksight:DescribeDashboard", "quicksight:DescribeDashboardPermissions", "quicksight:ListDashboardVersions",
            "quicksight:QueryDashboard", "quicksight:UpdateDashboard", "quicksight:UpdateDashboardPermissions", "quicksight:UpdateDashboardPublishedVersion",
        ])],
    })
}
