use std::io::{Error, ErrorKind, Write};

use datafusion::{arrow::array::RecordBatch, parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder};
use kms_insights_query::{
    QueryError,
    output::{Format, TableLayout, write},
};

use crate::fixture::{engine, output};

const KEYS: &str = "SELECT key_id, description, aliases, tags, created_at, deletion_date, rotation_enabled, monthly_cost_usd, grant_count \
    FROM keys WHERE snapshot_date = '2026-11-20' AND account_id = '444455556666' ORDER BY key_id";

#[tokio::test]
async fn a_table_fits_its_cells_and_escapes_what_a_terminal_would_obey() {
    insta::assert_snapshot!(output(KEYS, Format::Table, TableLayout::default()).await);
}

#[tokio::test]
async fn a_table_is_narrowed_to_the_terminal() {
    let sql = "SELECT key_arn, aliases, state FROM keys WHERE snapshot_date = '2026-11-20' ORDER BY key_arn";
    let text = output(sql, Format::Table, TableLayout { terminal_width: Some(60), ..TableLayout::default() }).await;
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn rows_become_blocks_where_the_columns_do_not_fit() {
    let layout = TableLayout { terminal_width: Some(50), max_cell_width: 40 };
    insta::assert_snapshot!(output(&KEYS.replace("key_id", "key_arn"), Format::Table, layout).await.lines().take(22).collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn null_empty_text_and_the_word_null_look_different() {
    insta::assert_snapshot!(output("SELECT NULL AS a, '' AS b, 'NULL' AS c, 'null' AS d", Format::Table, TableLayout::default()).await);
    assert_eq!(output("SELECT NULL AS a, '' AS b, 'NULL' AS c", Format::Csv, TableLayout::default()).await, "a,b,c\r\n,\"\",NULL\r\n");
}

#[tokio::test]
async fn csv_is_rfc_4180_without_formulas() {
    insta::assert_snapshot!(output(KEYS, Format::Csv, TableLayout::default()).await.replace("\r\n", "<CRLF>\n"));
    assert_eq!(output("SELECT '=1+1' AS a, -1 AS b, '-1' AS \"=c\"", Format::Csv, TableLayout::default()).await, "a,b,'=c\r\n'=1+1,-1,'-1\r\n");
}

#[tokio::test]
async fn json_is_one_array_with_a_row_per_line() {
    let text = output(KEYS, Format::Json, TableLayout::default()).await;
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed.as_array().unwrap().len(), 4);
    insta::assert_snapshot!(text);
    assert_eq!(output("SELECT 1 AS a WHERE false", Format::Json, TableLayout::default()).await, "[]\n");
}

#[tokio::test]
async fn json_lines_are_the_rows_alone_and_names_are_distinct() {
    assert_eq!(output("SELECT 1 AS a, 2 AS b, 'x' AS c", Format::JsonLines, TableLayout::default()).await, "{\"a\":1,\"b\":2,\"c\":\"x\"}\n");
    let joined = "SELECT k.status, u.status FROM runs k JOIN runs u ON k.run_id = u.run_id WHERE k.status = 'partial' AND k.snapshot_date = '2026-11-20'";
    assert_eq!(output(joined, Format::JsonLines, TableLayout::default()).await, "{\"status\":\"partial\",\"status_2\":\"partial\"}\n");
}

#[tokio::test]
async fn parquet_holds_the_rows_with_their_types() {
    let engine = engine().await;
    let mut file = Vec::new();
    let rows = write(engine.query(KEYS).await.unwrap(), Format::Parquet, TableLayout::default(), &mut file).await.unwrap();
    assert_eq!(rows, 4);
    let expected = engine.query(KEYS).await.unwrap().collect().await.unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap().build().unwrap();
    let read: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 4);
    assert_eq!(read[0].columns(), expected[0].columns());
}

/// An output that takes so many bytes and then fails.
struct Failing(usize, ErrorKind);

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(Error::from(self.1)) } else { Ok(taken) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_output_that_fails_is_told_as_one_in_every_format() {
    let engine = engine().await;
    // What a Parquet file has beyond its first row group is written before it is closed.
    let large = "SELECT a.key_arn FROM keys a CROSS JOIN keys b CROSS JOIN keys c CROSS JOIN keys d LIMIT 20000";
    for (sql, takes) in [(KEYS, 0), (KEYS, 4), (large, 4)] {
        for (format, kind) in Format::ALL.into_iter().flat_map(|format| [(format, ErrorKind::BrokenPipe), (format, ErrorKind::StorageFull)]) {
            let written = write(engine.query(sql).await.unwrap(), format, TableLayout::default(), &mut Failing(takes, kind)).await;
            assert!(matches!(&written, Err(QueryError::Output(error)) if error.kind() == kind), "{format}: {written:?}");
        }
    }
}

#[tokio::test]
async fn an_empty_result_has_its_columns_and_says_so() {
    assert_eq!(output("SELECT key_id FROM keys WHERE false", Format::Table, TableLayout::default()).await, "key_id\n──────\n(0 rows)\n");
    assert_eq!(output("SELECT key_id FROM keys WHERE false", Format::Csv, TableLayout::default()).await, "key_id\r\n");
}
