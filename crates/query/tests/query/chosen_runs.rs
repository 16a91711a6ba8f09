//! What changed between two runs that somebody chose: the view's own SQL, over others than the latest two.

use kms_insights_lake::{Lake, LakeLocation, tables::keys::KeyRow};
use kms_insights_query::{ComparedRuns, Engine, EngineOptions};
use tempfile::TempDir;

use crate::fixture::{APP, REGION, engine_over, key, numbered, publish, rows_from, run_of, selected};

async fn comparing(folder: &TempDir, earlier: &str, later: &str) -> Engine {
    let lake = Lake::open(&LakeLocation::Local(folder.path().to_owned()), None).unwrap();
    let runs = ComparedRuns { earlier: earlier.parse().unwrap(), later: later.parse().unwrap() };
    Engine::open_comparing(&lake, EngineOptions::default(), runs).await.unwrap()
}

const CHANGES: &str = "SELECT split_part(key_arn, '-', 7), subject, change, value_before, value_now FROM changes_since_previous";

#[tokio::test]
async fn any_two_runs_can_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [1, 5, 9, 12].map(|day| run_of(Some("o-1"), day, day));
    for (run, state) in runs.iter().zip(["Enabled", "Disabled", "Enabled", "PendingDeletion"]) {
        publish(folder.path(), run, APP, &[KeyRow { state: Some(state.to_owned()), ..numbered(run, APP, 1, 1) }]);
    }
    let ids = runs.each_ref().map(|run| run.run_id.as_str());
    let change = |before: &str, now: &str| vec![format!("000000000001 state changed {before} {now}")];
    for (earlier, later, changes) in
        [(0, 1, change("Enabled", "Disabled")), (0, 2, Vec::new()), (1, 3, change("Disabled", "PendingDeletion")), (2, 3, change("Enabled", "PendingDeletion"))]
    {
        assert_eq!(rows_from(&comparing(&folder, ids[earlier], ids[later]).await, CHANGES).await, changes, "{earlier} {later}");
    }
    assert_eq!(rows_from(&engine_over(folder.path()).await.unwrap(), CHANGES).await, change("Enabled", "PendingDeletion"));
}

#[tokio::test]
async fn a_key_appeared_if_it_was_made_since_the_earlier_of_the_chosen_runs() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [1, 5, 9].map(|day| run_of(Some("o-1"), day, day));
    for (run, day) in runs.iter().zip([1, 5, 3]) {
        let keys: Vec<KeyRow> = (day == 3).then(|| numbered(run, APP, 1, day)).into_iter().collect();
        publish(folder.path(), run, APP, &[vec![key(&run.run_id, APP, REGION, "22222222-0000-0000-0000-000000000000", "alias/kept")], keys].concat());
    }
    for (earlier, change) in [(0, "appeared"), (1, "first_read")] {
        let told = rows_from(&comparing(&folder, &runs[earlier].run_id, &runs[2].run_id).await, CHANGES).await;
        assert_eq!(told, [format!("000000000001 key {change}  Enabled")]);
    }
}

#[tokio::test]
async fn runs_that_no_view_shows_can_be_compared_and_the_choice_has_the_views_columns() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, selection) = (run_of(Some("o-1"), 1, 1), selected(run_of(None, 5, 5)));
    publish(folder.path(), &whole, APP, &[numbered(&whole, APP, 1, 1)]);
    publish(folder.path(), &selection, APP, &[KeyRow { state: Some("Disabled".to_owned()), ..numbered(&selection, APP, 1, 1) }]);
    let engine = comparing(&folder, &whole.run_id, &selection.run_id).await;
    assert_eq!(rows_from(&engine, CHANGES).await, ["000000000001 state changed Enabled Disabled"]);
    let usual = engine_over(folder.path()).await.unwrap();
    let mut columns = Vec::new();
    for engine in [&engine, &usual] {
        let relation = engine.relations().await.unwrap().into_iter().find(|relation| relation.name == "compared_runs").unwrap();
        columns.push(relation.schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect::<Vec<_>>());
    }
    assert_eq!(columns[0], columns[1]);
}
