//! Database, tables, views and saved queries, made what they should be.
//!
//! What is there already is compared with what should be, and left alone where it is the same. A table that differs is dropped and created: the catalog has no statement that changes one in one step.
//! That deletes no data, for the tables are external ("DROP TABLE" in the Amazon Athena User Guide: the data of an external table stays), and nothing is dropped that is not recognized as one of these
//! tables. Athena tells nobody the text of a view, so views are always replaced, each in one step.

use std::{collections::BTreeMap, sync::Arc};

use kms_insights_lake::{LakeLocation, ddl, table::Table, tables};
use serde::Serialize;

use crate::{
    api::{AthenaApi, FoundColumn, FoundQuery, FoundTable, QueryRequest, QueryText},
    error::AthenaError,
    names::{Database, OutputLocation, WorkGroup},
    query::{Limits, StopReason, Timer, execute, token},
    texts::{QUERIES, SavedQuery, views_in_creation_order},
};

/// What saved queries are named with, so that they stand together in the console.
const QUERY_PREFIX: &str = "kms-insights: ";
/// The longest description of a saved query, in characters. Source: `CreateNamedQuery` in the Amazon Athena API Reference.
const MAX_DESCRIPTION: usize = 1024;

/// A lake that Athena can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeOnS3(String);

/// A lake in a folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Athena reads S3, and the lake {0} is a folder")]
pub struct NotOnS3(String);

impl TryFrom<&LakeLocation> for LakeOnS3 {
    type Error = NotOnS3;

    fn try_from(location: &LakeLocation) -> Result<Self, NotOnS3> {
        match location {
            LakeLocation::S3 { .. } => Ok(Self(location.to_string())),
            LakeLocation::Local(_) => Err(NotOnS3(location.to_string())),
        }
    }
}

/// What is to be set up, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupRequest {
    /// The lake.
    pub lake: LakeOnS3,
    /// The database.
    pub database: Database,
    /// The workgroup that runs the statements and keeps the saved queries.
    pub workgroup: WorkGroup,
    /// Where Athena leaves results, where the workgroup does not say.
    pub output_location: Option<OutputLocation>,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// The database.
    Database,
    /// A table over the lake's files.
    Table,
    /// A view over tables.
    View,
    /// A query that people find in the console.
    SavedQuery,
}

impl ObjectKind {
    /// The kind in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Table => "table",
            Self::View => "view",
            Self::SavedQuery => "saved query",
        }
    }
}

/// An object as it should be.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedObject {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// What it answers, for a saved query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The statement that makes it; of a saved query the one that is saved.
    pub statement: String,
    #[serde(skip)]
    table: Option<&'static Table>,
}

/// What was done about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was not there.
    Created,
    /// It is as it should be.
    Unchanged,
    /// It was something else, or nobody can tell what it was.
    Replaced,
}

impl Outcome {
    /// The outcome in a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Unchanged => "unchanged",
            Self::Replaced => "replaced",
        }
    }
}

/// An object that was looked after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// What was done.
    pub outcome: Outcome,
    /// Why it was replaced, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A set-up that did not come to its end. What was done before stays, and setting up again goes on from there.
#[derive(Debug, thiserror::Error)]
#[error("the {kind} {name}: {source}", kind = kind.as_str())]
pub struct SetupError {
    /// What the object is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// What went wrong.
    pub source: AthenaError,
}

/// Every object in the order of its making, with the statement that makes it. This asks nobody.
pub fn plan(request: &SetupRequest) -> Vec<PlannedObject> {
    let database = &request.database;
    let object = |kind, name: &str, statement| PlannedObject { kind, name: name.to_owned(), description: None, statement, table: None };
    let mut objects = vec![object(
        ObjectKind::Database,
        database.as_str(),
        format!("CREATE DATABASE IF NOT EXISTS `{database}` COMMENT 'Every AWS KMS key of an organization, from kms-insights'"),
    )];
    objects.extend(tables::every().map(|table| PlannedObject {
        table: Some(table),
        ..object(ObjectKind::Table, table.name, ddl::create_table_sql(table, database.as_str(), &request.lake.0))
    }));
    objects.extend(views_in_creation_order().into_iter().map(|view| object(ObjectKind::View, view.name, view.statement().to_owned())));
    objects.extend(QUERIES.iter().map(|query| {
        let text = saved(query, database);
        PlannedObject { description: Some(text.description), ..object(ObjectKind::SavedQuery, &text.name, text.sql) }
    }));
    objects
}

fn saved(query: &SavedQuery, database: &Database) -> QueryText {
    QueryText {
        name: format!("{QUERY_PREFIX}{}", query.name.replace('_', " ")),
        description: query.description().chars().take(MAX_DESCRIPTION).collect(),
        sql: query.over(database),
    }
}

/// Makes every object what it should be, one after the other, and tells of each. `stop` ends a statement that is under way.
///
/// # Errors
/// At the first object that could not be made.
pub async fn set_up<A: AthenaApi>(
    api: &Arc<A>,
    request: &SetupRequest,
    timer: &impl Timer,
    stop: impl Future<Output = StopReason>,
    mut observe: impl FnMut(&Done),
) -> Result<Vec<Done>, SetupError> {
    tokio::pin!(stop);
    let objects = plan(request);
    let mut catalog = Catalog::default();
    let mut done = Vec::new();
    for object in &objects {
        let result = make(api, request, object, &mut catalog, timer, stop.as_mut()).await;
        let (outcome, reason) = result.map_err(|source| SetupError { kind: object.kind, name: object.name.clone(), source })?;
        if let (ObjectKind::Database, Some((taken, found))) = (object.kind, taken(&objects, &catalog)) {
            let source = AthenaError::NotOurs { database: request.database.to_string(), name: taken.name.clone(), found };
            return Err(SetupError { kind: taken.kind, name: taken.name.clone(), source });
        }
        let object = Done { kind: object.kind, name: object.name.clone(), outcome, reason };
        observe(&object);
        done.push(object);
    }
    Ok(done)
}

/// An object under whose name there is something else: nothing is begun then.
fn taken<'a>(objects: &'a [PlannedObject], catalog: &Catalog) -> Option<(&'a PlannedObject, &'static str)> {
    objects.iter().find_map(|object| {
        let found = catalog.tables.get(&object.name)?;
        match (object.kind, object.table, is_view(found)) {
            (ObjectKind::Table, _, true) => Some((object, "view")),
            (ObjectKind::Table, Some(table), false) if !is_of_a_lake(table, found) => Some((object, "table")),
            (ObjectKind::View, _, false) => Some((object, "table")),
            _ => None,
        }
    })
}

/// What was there before.
#[derive(Default)]
struct Catalog {
    tables: BTreeMap<String, FoundTable>,
    queries: Option<Vec<FoundQuery>>,
}

async fn make<A: AthenaApi>(
    api: &Arc<A>,
    request: &SetupRequest,
    object: &PlannedObject,
    catalog: &mut Catalog,
    timer: &impl Timer,
    mut stop: std::pin::Pin<&mut impl Future<Output = StopReason>>,
) -> Result<(Outcome, Option<String>), AthenaError> {
    let mut run = async |sql: String, within: bool| {
        let database = within.then(|| request.database.clone());
        let statement = QueryRequest { sql, database, workgroup: request.workgroup.clone(), output_location: request.output_location.clone() };
        execute(api, &statement, Limits::default(), stop.as_mut(), timer, |_| {}).await.map(drop)
    };
    match object.kind {
        ObjectKind::Database => {
            if api.has_database(&request.database).await? {
                catalog.tables = api.tables(&request.database).await?.into_iter().map(|table| (table.name.clone(), table)).collect();
                return Ok((Outcome::Unchanged, None));
            }
            run(object.statement.clone(), false).await?;
            Ok((Outcome::Created, None))
        }
        ObjectKind::Table => {
            let (Some(found), Some(table)) = (catalog.tables.get(&object.name), object.table) else {
                run(object.statement.clone(), true).await?;
                return Ok((Outcome::Created, None));
            };
            let Some(reason) = difference(table, &request.lake.0, found) else { return Ok((Outcome::Unchanged, None)) };
            // That it is one of these tables has been seen. The name has been checked to need no escaping, and the database's too.
            run(format!("DROP TABLE IF EXISTS `{}`.`{}`", request.database, object.name), true).await?;
            run(object.statement.clone(), true).await?;
            Ok((Outcome::Replaced, Some(reason)))
        }
        ObjectKind::View => {
            let outcome = if catalog.tables.contains_key(&object.name) { Outcome::Replaced } else { Outcome::Created };
            run(object.statement.clone(), true).await?;
            Ok((outcome, None))
        }
        ObjectKind::SavedQuery => {
            let queries = match &mut catalog.queries {
                Some(queries) => queries,
                none => none.insert(api.saved_queries(&request.workgroup).await?),
            };
            let text = QueryText { name: object.name.clone(), description: object.description.clone().unwrap_or_default(), sql: object.statement.clone() };
            match queries.iter().find(|query| query.text.name == text.name && query.database == request.database.as_str()) {
                Some(query) if query.text == text => Ok((Outcome::Unchanged, None)),
                Some(query) => {
                    api.update_saved_query(&query.id, &text).await?;
                    Ok((Outcome::Replaced, None))
                }
                None => {
                    api.create_saved_query(&request.workgroup, &request.database, &text, &token()).await?;
                    Ok((Outcome::Created, None))
                }
            }
        }
    }
}

fn is_view(found: &FoundTable) -> bool {
    found.table_type.as_deref() == Some("VIRTUAL_VIEW")
}

/// Whether what is there is this table of this lake or another, of this version or another: external, with the same first column and projected by the same day. Dropping anything else might delete data
/// (an Iceberg table's goes with it), or what somebody needs.
fn is_of_a_lake(table: &Table, found: &FoundTable) -> bool {
    let partition = table.partition.column();
    found.table_type.as_deref() == Some("EXTERNAL_TABLE")
        && !found.parameters.contains_key("table_type")
        && found.columns.first().zip(table.columns.first()).is_some_and(|(found, column)| found.name == column.name)
        && matches!(found.partition_columns.as_slice(), [only] if only.name == partition)
        && found
            .parameters
            .get("storage.location.template")
            .is_some_and(|template| template.ends_with(&format!("/{}/{partition}=${{{partition}}}/", table.name)))
}

/// In what the table that is there differs first from the one that should be.
fn difference(table: &Table, lake: &str, found: &FoundTable) -> Option<String> {
    let columns = table.columns.iter().map(|column| (column.name, column.column_type.athena(), column.description));
    let partition = [(table.partition.column(), "string", table.partition.description())];
    for (wanted, found) in [(columns.collect::<Vec<_>>(), &found.columns), (partition.to_vec(), &found.partition_columns)] {
        for (at, (name, type_name, description)) in wanted.iter().enumerate() {
            match found.get(at) {
                None => return Some(format!("the column {name} is new")),
                Some(column) if column.name != *name => return Some(format!("the column {name} stands where {} was", column.name)),
                Some(column) if column.type_name != *type_name => return Some(format!("the column {name} was {}, and is {type_name}", column.type_name)),
                Some(column) if !says_the_same(column, description) => return Some(format!("the column {name} is described otherwise")),
                Some(_) => {}
            }
        }
        if let Some(column) = found.get(wanted.len()) {
            return Some(format!("the column {} is no more", column.name));
        }
    }
    let place = format!("{lake}/{}", table.name);
    // Athena shows the location among the properties.
    if let Some(location) = found.parameters.get("location").filter(|location| location.trim_end_matches('/') != place) {
        return Some(format!("it was over {location}"));
    }
    ddl::table_properties(table, lake).into_iter().find_map(|(name, value)| match found.parameters.get(&name) {
        Some(found) if *found == value => None,
        Some(found) => Some(format!("{name} was {found}")),
        None => Some(format!("{name} was not set")),
    })
}

/// Comments are compared by their letters and digits: some catalogs give other characters back than they were given.
fn says_the_same(found: &FoundColumn, description: &str) -> bool {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    letters(found.comment.as_deref().unwrap_or_default()) == letters(&ddl::comment(description))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lake() -> LakeOnS3 {
        LakeOnS3::try_from(&"s3://audit/kms".parse::<LakeLocation>().unwrap()).unwrap()
    }

    fn request() -> SetupRequest {
        SetupRequest { lake: lake(), database: Database::default(), workgroup: WorkGroup::default(), output_location: None }
    }

    /// A table as the catalog has it after its own statement.
    fn as_made(table: &Table) -> FoundTable {
        let column = |name: &str, type_name: &str, description: &str| FoundColumn {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            comment: Some(ddl::comment(description).replace('’', "?")),
        };
        let mut parameters: BTreeMap<String, String> = ddl::table_properties(table, "s3://audit/kms").into_iter().collect();
        parameters.insert("EXTERNAL".to_owned(), "TRUE".to_owned());
        parameters.insert("location".to_owned(), format!("s3://audit/kms/{}", table.name));
        FoundTable {
            name: table.name.to_owned(),
            table_type: Some("EXTERNAL_TABLE".to_owned()),
            columns: table.columns.iter().map(|c| column(c.name, c.column_type.athena(), c.description)).collect(),
            partition_columns: vec![column(table.partition.column(), "string", table.partition.description())],
            parameters,
        }
    }

    #[test]
    fn a_lake_in_a_folder_is_refused() {
        let refused = LakeOnS3::try_from(&"./lake".parse::<LakeLocation>().unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), "Athena reads S3, and the lake ./lake is a folder");
    }

    #[test]
    fn everything_is_made_after_what_it_reads() {
        let kinds: Vec<ObjectKind> = plan(&request()).iter().map(|object| object.kind).collect();
        let mut sorted = kinds.clone();
        sorted.sort_by_key(|kind| *kind as usize);
        assert_eq!(kinds, sorted);
        assert_eq!(kinds[0], ObjectKind::Database);
    }

    #[test]
    fn no_statement_has_a_placeholder_or_a_semicolon_left() {
        let mut request = request();
        request.database = "audit".parse().unwrap();
        for object in plan(&request) {
            let text = object.statement.replace(&format!("=${{{}}}/", object.table.map_or("", |table| table.partition.column())), "");
            assert!(!text.contains("${") && !text.contains(';') && !text.contains(ddl::DATABASE), "{text}");
        }
    }

    #[test]
    fn a_table_that_is_as_it_should_be_differs_in_nothing() {
        for table in tables::every() {
            let found = as_made(table);
            assert_eq!(difference(table, "s3://audit/kms", &found), None, "{}", table.name);
            assert!(is_of_a_lake(table, &found), "{}", table.name);
        }
    }

    #[test]
    fn each_difference_is_found_and_named() {
        let table = &tables::grants::TABLE;
        let differs = |change: &dyn Fn(&mut FoundTable)| {
            let mut found = as_made(table);
            change(&mut found);
            assert!(is_of_a_lake(table, &found));
            difference(table, "s3://audit/kms", &found).unwrap()
        };
        assert_eq!(differs(&|found| drop(found.columns.pop())), format!("the column {} is new", table.columns.last().unwrap().name));
        assert_eq!(differs(&|found| found.columns[1].name = "key".to_owned()), "the column key_arn stands where key was");
        assert_eq!(differs(&|found| found.columns[1].type_name = "int".to_owned()), "the column key_arn was int, and is string");
        assert_eq!(differs(&|found| found.columns[1].comment = Some("The key.".to_owned())), "the column key_arn is described otherwise");
        assert_eq!(
            differs(&|found| found.columns.push(FoundColumn { name: "old".to_owned(), type_name: "int".to_owned(), comment: None })),
            "the column old is no more"
        );
        let moved = |found: &mut FoundTable| drop(found.parameters.insert("location".to_owned(), "s3://other/grants".to_owned()));
        assert_eq!(differs(&moved), "it was over s3://other/grants");
        assert_eq!(differs(&|found| drop(found.parameters.remove("projection.enabled"))), "projection.enabled was not set");
    }

    #[test]
    fn what_might_hold_data_or_be_somebody_elses_is_not_dropped() {
        let table = &tables::grants::TABLE;
        let is_ours = |change: &dyn Fn(&mut FoundTable)| {
            let mut found = as_made(table);
            change(&mut found);
            is_of_a_lake(table, &found)
        };
        assert!(is_ours(&|_| ()));
        assert!(!is_ours(&|found| found.table_type = Some("MANAGED_TABLE".to_owned())));
        assert!(!is_ours(&|found| drop(found.parameters.insert("table_type".to_owned(), "ICEBERG".to_owned()))));
        assert!(!is_ours(&|found| found.columns[0].name = "id".to_owned()));
        assert!(!is_ours(&|found| found.partition_columns.clear()));
        assert!(!is_ours(&|found| drop(found.parameters.remove("storage.location.template"))));
    }
}
