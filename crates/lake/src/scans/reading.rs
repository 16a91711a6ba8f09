//! Reading files of scans, some columns at a time, whoever wrote them.

use std::pin::pin;

use arrow::{
    array::RecordBatch,
    compute::{CastOptions, cast_with_options},
    datatypes::{Field, Schema},
    error::ArrowError,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use parquet::{
    arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    errors::ParquetError,
};

use super::ScanFile;
use crate::{Lake, LakeError, column::Cell, table::Table};

/// So many files are read at once.
const CONCURRENT_READS: usize = 8;

/// The values of a column; `None` in place of one that is not of this type.
pub(super) fn column<T: Cell>(batch: &RecordBatch, name: &str) -> Option<Vec<Option<T>>> {
    batch.column_by_name(name).map(|column| T::values(column.as_ref()))
}

/// Fetches files, in whatever order they come.
pub(super) async fn each_file(lake: &Lake, files: Vec<ScanFile>, mut each: impl FnMut(&ScanFile, Bytes) -> Result<(), LakeError>) -> Result<(), LakeError> {
    let fetched = stream::iter(files).map(|file| async move {
        let bytes = lake.get(&file.object.location).await?;
        Ok::<_, LakeError>((file, bytes))
    });
    let mut fetched = pin!(fetched.buffer_unordered(CONCURRENT_READS));
    while let Some((file, bytes)) = fetched.try_next().await? {
        each(&file, bytes)?;
    }
    Ok(())
}

/// Reads some columns of a file of the table; `None` from `each` means that they are not what they should be.
pub(super) fn each_batch(table: &Table, path: &Path, bytes: Bytes, names: &[&str], mut each: impl FnMut(&RecordBatch) -> Option<()>) -> Result<(), LakeError> {
    let read = || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
        for batch in builder.with_projection(mask).build()? {
            each(&as_declared(table, &batch?)?).ok_or_else(|| ParquetError::General("a column is missing or of another type".to_owned()))?;
        }
        Ok(())
    };
    read().map_err(LakeError::parquet("read", path))
}

/// The columns with the types that the table declares. Trino, and so Athena, writes timestamps in Parquet's old type of 96 bits, which reads as nanoseconds.
fn as_declared(table: &Table, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, values) in schema.fields().iter().zip(batch.columns()) {
        let declared = table.column(field.name()).map_or_else(|| field.data_type().clone(), |column| column.column_type.arrow());
        columns.push(cast_with_options(values, &declared, &strict)?);
        // A file by SQL declares every column as one that may be null; whether a value is, its type's `Cell` says.
        fields.push(Field::new(field.name(), declared, true));
    }
    RecordBatch::try_new(Schema::new(fields).into(), columns)
}
