//! `kms-insights athena setup`.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use kms_insights_athena::{
    TokioTimer,
    setup::{Done, LakeOnS3, ObjectKind, Outcome, PlannedObject, SetupRequest, plan, set_up},
};
use serde_json::{Value, json};

use super::{Place, PlaceArguments, connect, interrupted, trouble};
use crate::{
    exit::{Exit, Trouble},
    lake::LakeArguments,
    settings::Settings,
    terminal::{self, printable, printable_json},
};

/// What `athena setup` takes.
#[derive(Debug, Args)]
pub(crate) struct SetupArguments {
    /// The lake: a bucket and prefix on S3
    #[arg(long, env = "KMS_INSIGHTS_LAKE", value_name = "S3-URL")]
    lake: Option<String>,
    #[command(flatten)]
    place: PlaceArguments,
    /// Show every statement as it would be sent, and ask AWS nothing
    #[arg(long)]
    dry_run: bool,
    /// How what was done is told: text, or one JSON object
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    format: Telling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Telling {
    Text,
    Json,
}

/// Sets Athena up, or shows what that would be.
pub(super) async fn run(arguments: SetupArguments, settings: &Settings) -> Result<Exit, Trouble> {
    let location = LakeArguments::named(arguments.lake).location(settings)?;
    let lake = LakeOnS3::try_from(&location)
        .map_err(|error| Trouble::usage(error).next("copy it to a bucket and name that with --lake s3://…, or ask it here with `kms-insights query`"))?;
    let Place { database, workgroup, output_location } = arguments.place.place(settings)?;
    let request = SetupRequest { lake, database, workgroup, output_location };
    let lake = location.to_string();
    if arguments.dry_run {
        terminal::print(&match arguments.format {
            Telling::Text => statements(&plan(&request)),
            Telling::Json => document(&request, &lake, "statements", &json!(plan(&request))),
        })?;
        return Ok(Exit::Done);
    }
    let api = connect().await?;
    let told = |object: &Done| {
        if arguments.format == Telling::Text {
            // A reader that went away changes nothing about what is to be done.
            let _ = terminal::print(&format!("{}\n", line(object)));
        }
    };
    match set_up(&api, &request, &TokioTimer, interrupted(), told).await {
        Ok(done) => {
            terminal::print(&match arguments.format {
                Telling::Text => format!("{}\n", summary(&request, &lake, &done)),
                Telling::Json => document(&request, &lake, "objects", &json!(done)),
            })?;
            Ok(Exit::Done)
        }
        Err(error) => {
            let cause = trouble(&error.source);
            Err(Trouble { message: error.to_string(), ..cause })
        }
    }
}

/// Each statement below a comment that says what it makes.
fn statements(objects: &[PlannedObject]) -> String {
    let mut text = String::from("-- Every statement as it is sent, one at a time. A table that is there and differs is dropped before its statement.\n");
    for object in objects {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n-- {} {}\n{}", object.kind.as_str(), printable(&object.name), printable(&object.statement));
    }
    text
}

fn line(object: &Done) -> String {
    let reason = object.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", printable(reason)));
    format!("{:<9}  {:<11}  {}{reason}", object.outcome.as_str(), object.kind.as_str(), printable(&object.name))
}

fn summary(request: &SetupRequest, lake: &str, done: &[Done]) -> String {
    let of = |kind, noun: &str| {
        let objects: Vec<&Done> = done.iter().filter(|object| object.kind == kind).collect();
        let outcomes: Vec<String> = [Outcome::Created, Outcome::Replaced, Outcome::Unchanged]
            .into_iter()
            .map(|outcome| (outcome, objects.iter().filter(|object| object.outcome == outcome).count()))
            .filter(|(_, count)| *count > 0)
            .map(|(outcome, count)| format!("{count} {}", outcome.as_str()))
            .collect();
        format!("{} {noun} ({})", objects.len(), outcomes.join(", "))
    };
    format!(
        "\n{} now shows {}: {}, {}, {}.\nAsk with `kms-insights query --engine athena --view key_overview`, or in the console of Athena, workgroup {}.",
        request.database,
        printable(lake),
        of(ObjectKind::Table, "tables"),
        of(ObjectKind::View, "views"),
        of(ObjectKind::SavedQuery, "saved queries"),
        request.workgroup
    )
}

fn document(request: &SetupRequest, lake: &str, name: &str, objects: &Value) -> String {
    let document = json!({ "lake": lake, "database": request.database.as_str(), "workgroup": request.workgroup.as_str(), name: objects });
    format!("{}\n", printable_json(&format!("{document:#}")))
}
