//! What holds of the definition as a whole.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{dashboard, data_sets, sheets, visuals::CALCULATED};

/// Every value under a name, wherever it stands.
fn all<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            if key == name {
                found.push(value);
            }
            all(value, name, found);
        }),
        Value::Array(elements) => elements.iter().for_each(|element| all(element, name, found)),
        _ => {}
    }
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    all(value, name, &mut found);
    found.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

#[test]
fn every_data_set_is_shown_and_every_visual_has_one() {
    let definition = dashboard::definition();
    let mut shown = BTreeSet::new();
    let mut visuals = Vec::new();
    all(&definition, "Visuals", &mut visuals);
    for visual in visuals.iter().flat_map(|visuals| visuals.as_array().unwrap()) {
        let sets: BTreeSet<String> = texts(visual, "DataSetIdentifier").into_iter().collect();
        assert_eq!(sets.len(), 1, "{visual:#}");
        shown.extend(sets);
    }
    assert_eq!(shown, data_sets::all().iter().map(|set| set.name.to_owned()).collect());
}

#[test]
fn ids_are_told_once_and_stand_for_something() {
    let definition = dashboard::definition();
    for name in ["VisualId", "FieldId", "CustomActionId", "FilterId", "FilterControlId", "FilterGroupId", "SheetId"] {
        let mut ids = texts(&definition, name);
        if name == "SheetId" {
            // Filters name the sheets again.
            ids = sheets::all().iter().map(|sheet| sheet.id.to_owned()).collect();
        }
        let distinct: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{name}");
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))), "{name}: {ids:?}");
    }
    let ids = |name: &str| texts(&definition, name).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(ids("ElementId"), ids("VisualId"));
    assert!(ids("SourceFilterId").is_subset(&ids("FilterId")));
    assert!(ids("SourceField").is_subset(&ids("FieldId")));
    assert!(ids("TargetSheetId").is_subset(&ids("SheetId")));
}

#[test]
fn calculated_fields_are_used_and_name_columns_of_their_data_set() {
    let used: BTreeSet<String> = texts(&dashboard::definition(), "ColumnName").into_iter().collect();
    for field in CALCULATED {
        assert!(used.contains(field.name), "{}", field.name);
        let columns: Vec<&str> = field.expression.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        assert!(!columns.is_empty());
        for column in columns {
            data_sets::find(field.set).column(column);
        }
    }
}
