//! The kinds of visuals that the sheets are made of. Each names its columns through its data set, so that a column that is not there cannot be named.

use serde_json::{Value, json};

use crate::data_sets;

/// A visual with its place: how many of the 36 columns of the grid it spans, and how many rows.
pub(crate) struct Visual {
    pub(crate) id: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) json: Value,
}

/// How a measure is made of a column.
#[derive(Clone, Copy)]
pub(crate) enum Measure {
    Sum(&'static str),
    Average(&'static str),
    CountDistinct(&'static str),
    Count(&'static str),
}

/// Columns that the analysis computes. They are named like columns, and stand for numbers unless said otherwise.
pub(crate) struct Calculated {
    pub(crate) set: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) expression: &'static str,
}

pub(crate) const CALCULATED: &[Calculated] = &[
    Calculated { set: "keys", name: "External account", kind: "INTEGER", expression: "ifelse(locate({concern}, 'External account') > 0, 1, 0)" },
    Calculated {
        set: "keys",
        name: "Key policy overly permissive",
        kind: "INTEGER",
        expression: "ifelse(locate({concern}, 'Key policy overly permissive') > 0, 1, 0)",
    },
    Calculated {
        set: "keys",
        name: "Access provided to IAM user",
        kind: "INTEGER",
        expression: "ifelse(locate({concern}, 'Access provided to IAM user') > 0, 1, 0)",
    },
    Calculated { set: "keys", name: "Principal is account", kind: "INTEGER", expression: "ifelse(locate({concern}, 'Principal is account') > 0, 1, 0)" },
    Calculated { set: "keys", name: "Concern not known", kind: "INTEGER", expression: "ifelse(isNull({concern}), 1, 0)" },
    Calculated { set: "keys", name: "Open outside the account", kind: "INTEGER", expression: "ifelse({outside_account} = 'yes', 1, 0)" },
    Calculated { set: "keys", name: "Not known whether open", kind: "INTEGER", expression: "ifelse({outside_account} = 'unknown', 1, 0)" },
    Calculated { set: "keys", name: "Something not read", kind: "INTEGER", expression: "ifelse(isNull({facts_lacking}), 0, 1)" },
    Calculated {
        set: "keys",
        name: "Age",
        kind: "STRING",
        expression: "ifelse(isNull({age_days}), 'not known', {age_days} < 90, '1: below 90 days', {age_days} < 366, '2: below a year', {age_days} < 1096, '3: one to three years', '4: older')",
    },
];

/// The type of a column or of a calculated field.
pub(crate) fn kind(set: &str, column: &str) -> String {
    match CALCULATED.iter().find(|field| field.set == set && field.name == column) {
        Some(field) => field.kind.to_owned(),
        None => data_sets::find(set).column(column),
    }
}

pub(crate) fn identifier(set: &str, column: &str) -> Value {
    kind(set, column);
    json!({ "DataSetIdentifier": set, "ColumnName": column })
}

fn field_id(visual: &str, role: &str, column: &str) -> String {
    format!("{visual}-{role}-{}", column.to_lowercase().replace(' ', "_"))
}

fn dimension(visual: &str, role: &str, set: &str, column: &str) -> Value {
    let field = json!({ "FieldId": field_id(visual, role, column), "Column": identifier(set, column) });
    match kind(set, column).as_str() {
        "STRING" => json!({ "CategoricalDimensionField": field }),
        "DATETIME" => json!({ "DateDimensionField": field }),
        "INTEGER" | "DECIMAL" => json!({ "NumericalDimensionField": field }),
        // Source: "Supported data types and values" in the Amazon QuickSight User Guide.
        other => panic!("{set}.{column} is {other}: QuickSight has whole numbers in place of true and false"),
    }
}

fn measure(visual: &str, set: &str, measure: Measure) -> Value {
    let number = |column: &str, function: &str| {
        assert!(["INTEGER", "DECIMAL"].contains(&kind(set, column).as_str()), "{set}.{column} is no number");
        json!({ "NumericalMeasureField": {
            "FieldId": field_id(visual, "value", column),
            "Column": identifier(set, column),
            "AggregationFunction": { "SimpleNumericalAggregation": function },
        } })
    };
    let category = |column: &str, function: &str| {
        assert_eq!(kind(set, column), "STRING", "{set}.{column}");
        json!({ "CategoricalMeasureField": { "FieldId": field_id(visual, "value", column), "Column": identifier(set, column), "AggregationFunction": function } })
    };
    match measure {
        Measure::Sum(column) => number(column, "SUM"),
        Measure::Average(column) => number(column, "AVERAGE"),
        Measure::CountDistinct(column) => category(column, "DISTINCT_COUNT"),
        Measure::Count(column) => category(column, "COUNT"),
    }
}

fn title(text: &str) -> Value {
    json!({ "Visibility": "VISIBLE", "FormatText": { "PlainText": text } })
}

/// One number.
pub(crate) fn number(id: &str, text: &str, set: &str, value: Measure) -> Visual {
    Visual {
        id: id.to_owned(),
        width: 9,
        height: 4,
        json: json!({ "KPIVisual": {
            "VisualId": id,
            "Title": title(text),
            "ChartConfiguration": { "FieldWells": { "Values": [measure(id, set, value)], "TargetValues": [], "TrendGroups": [] } },
        } }),
    }
}

/// Bars: one for each category, in parts by color, or one for each measure where there is no category. A click filters the sheet.
pub(crate) fn bars(id: &str, text: &str, set: &str, category: Option<&str>, color: Option<&str>, values: &[Measure]) -> Visual {
    let wells = json!({
        "Category": category.map(|column| dimension(id, "category", set, column)).into_iter().collect::<Vec<_>>(),
        "Values": values.iter().map(|value| measure(id, set, *value)).collect::<Vec<_>>(),
        "Colors": color.map(|column| dimension(id, "color", set, column)).into_iter().collect::<Vec<_>>(),
    });
    let mut visual = json!({
        "VisualId": id,
        "Title": title(text),
        "ChartConfiguration": {
            "FieldWells": { "BarChartAggregatedFieldWells": wells },
            "Orientation": "HORIZONTAL",
            "BarsArrangement": if color.is_some() { "STACKED" } else { "CLUSTERED" },
            "DataLabels": { "Visibility": "VISIBLE" },
        },
    });
    if category.is_some() {
        visual["Actions"] = json!([{
            "CustomActionId": format!("{id}-filter"),
            "Name": "Filter this sheet",
            "Status": "ENABLED",
            "Trigger": "DATA_POINT_CLICK",
            "ActionOperations": [{ "FilterOperation": {
                "SelectedFieldsConfiguration": { "SelectedFieldOptions": "ALL_FIELDS" },
                "TargetVisualsConfiguration": { "SameSheetTargetVisualConfiguration": { "TargetVisualOptions": "ALL_VISUALS" } },
            } }],
        }]);
    }
    Visual { id: id.to_owned(), width: 18, height: 10, json: json!({ "BarChartVisual": visual }) }
}

/// Rows as they are. Where a column is `key_arn`, a click on a row shows that key on the sheet of keys.
pub(crate) fn table(id: &str, text: &str, set: &str, columns: &[&str], leads_to_key: bool) -> Visual {
    let fields: Vec<Value> = columns.iter().map(|column| json!({ "FieldId": field_id(id, "column", column), "Column": identifier(set, column) })).collect();
    let mut visual = json!({
        "VisualId": id,
        "Title": title(text),
        "ChartConfiguration": { "FieldWells": { "TableUnaggregatedFieldWells": { "Values": fields } } },
    });
    if leads_to_key {
        assert!(columns.contains(&"key_arn"), "{id} cannot lead to a key that it does not name");
        visual["Actions"] = json!([{
            "CustomActionId": format!("{id}-key"),
            "Name": "Show this key",
            "Status": "ENABLED",
            "Trigger": "DATA_POINT_CLICK",
            "ActionOperations": [
                { "NavigationOperation": { "LocalNavigationConfiguration": { "TargetSheetId": "key" } } },
                { "SetParametersOperation": { "ParameterValueConfigurations": [{
                    "DestinationParameterName": "KeyArn",
                    "Value": { "SourceField": field_id(id, "column", "key_arn") },
                }] } },
            ],
        }]);
    }
    Visual { id: id.to_owned(), width: 36, height: 14, json: json!({ "TableVisual": visual }) }
}
