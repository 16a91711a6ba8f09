//! The report for programs: one object, as docs/report.md describes it.

use std::io::Write;

use kms_insights_query::output::{self, Format, TableLayout};
use serde_json::json;

use super::{ReportError, reading::Reader, sections::SECTIONS, summary::Summary};

/// The version of the object's form: it rises when a field goes or means something else.
const VERSION: u32 = 1;

pub(super) async fn write<W: Write + Send>(reader: &Reader, out: &mut W) -> Result<(), ReportError> {
    let summary = Summary::read(reader).await?;
    let report = json!({
        "format": "kms-insights report",
        "version": VERSION,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "status": summary.status().as_str(),
        "organizations": summary.organizations(),
    });
    write!(out, "{{\n\"report\":{report},\n\"summary\":")?;
    serde_json::to_writer(&mut *out, &summary).map_err(std::io::Error::from)?;
    for section in SECTIONS {
        write!(out, ",\n\"{}\":", section.name)?;
        let sql = section.whole();
        let rows = if section.by_account { reader.stream_by_account(&sql).await? } else { reader.stream(&sql.replace("{shown}", reader.shown())).await? };
        output::write(rows, Format::Json, TableLayout::default(), out).await?;
    }
    writeln!(out, "}}")?;
    Ok(())
}
