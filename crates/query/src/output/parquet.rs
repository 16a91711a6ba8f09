//! A Parquet file of the result.

use std::{
    io::{self, Write},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{Field, Schema},
    },
    parquet::{
        arrow::ArrowWriter,
        basic::{Compression, ZstdLevel},
        errors::ParquetError,
        file::properties::WriterProperties,
    },
};

use super::distinct_names;
use crate::{engine::QueryResult, error::QueryError};

/// Rows that are held before they are written: a row of `keys` with its policy may take tens of KiB.
const ROWS_PER_GROUP: usize = 16 * 1024;

pub(super) async fn write<W: Write + Send>(mut result: QueryResult, out: &mut W) -> Result<u64, QueryError> {
    let fields: Vec<Field> =
        result.schema().fields().iter().zip(distinct_names(result.schema())).map(|(field, name)| field.as_ref().clone().with_name(name)).collect();
    let schema = Arc::new(Schema::new(fields));
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).set_max_row_group_row_count(Some(ROWS_PER_GROUP)).build();
    let mut writer = ArrowWriter::try_new(&mut *out, Arc::clone(&schema), Some(properties)).map_err(unwritten)?;
    let mut rows = 0_u64;
    while let Some(batch) = result.next().await {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        let renamed = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())?;
        writer.write(&renamed).map_err(unwritten)?;
    }
    writer.close().map_err(unwritten)?;
    out.flush()?;
    Ok(rows)
}

/// The lake's own files were read before their rows came here: what fails here is the file of the result, and what it is written to.
fn unwritten(error: ParquetError) -> QueryError {
    let cause = match error {
        ParquetError::External(cause) => cause.downcast::<io::Error>().map_or_else(io::Error::other, |cause| *cause),
        other => io::Error::other(other),
    };
    QueryError::Output(cause)
}
