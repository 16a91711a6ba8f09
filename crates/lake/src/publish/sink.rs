//! Writing one table's rows as Parquet while they come.

use kms_insights_model::RunId;
use object_store::{ObjectStoreExt, buffered::BufWriter, path::Path};
use parquet::{
    arrow::{ArrowWriter, AsyncArrowWriter},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

use crate::{Lake, LakeError, table::Row};

/// Rows are turned into columns when there are so many …
const BATCH_ROWS: usize = 4096;
/// … or when they take so many bytes.
const BATCH_BYTES: usize = 2 << 20;
/// A row group ends at so many rows …
const ROW_GROUP_ROWS: usize = 64 << 10;
/// … or when the writer holds so many bytes of it: memory must not grow with the table, and readers skip row groups of other accounts.
const ROW_GROUP_BYTES: usize = 8 << 20;
/// A file ends at about this size; engines read several files at once.
const FILE_BYTES: usize = 128 << 20;
/// A file larger than this goes to S3 in parts of this size, the smallest that S3 admits.
const UPLOAD_PART_BYTES: usize = 5 << 20;
const CONCURRENT_UPLOADS: usize = 2;
const ZSTD_LEVEL: i32 = 3;

/// One table's files of one run.
pub(crate) struct Sink<R> {
    lake: Lake,
    folder: Path,
    run: RunId,
    rows: Vec<R>,
    bytes: usize,
    writer: Option<(Path, AsyncArrowWriter<BufWriter>)>,
    files: Vec<Path>,
}

pub(crate) fn writer_properties() -> Result<WriterProperties, ParquetError> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_created_by(concat!("kms-insights ", env!("CARGO_PKG_VERSION")).to_owned())
        .build())
}

/// A whole small file.
pub(crate) fn encode<R: Row>(rows: &[R]) -> Result<Vec<u8>, ParquetError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), R::TABLE.arrow_schema(), Some(writer_properties()?))?;
    writer.write(&R::batch(rows)?)?;
    writer.into_inner()
}

impl<R: Row> Sink<R> {
    pub(crate) fn new(lake: &Lake, run: &RunId) -> Self {
        Self { lake: lake.clone(), folder: lake.partition_path(R::TABLE, run), run: run.clone(), rows: Vec::new(), bytes: 0, writer: None, files: Vec::new() }
    }

    pub(crate) async fn push(&mut self, row: R) -> Result<(), LakeError> {
        self.bytes += row.size();
        self.rows.push(row);
        if self.rows.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES { self.write_batch().await } else { Ok(()) }
    }

    /// Ends the last file and says which files there are: one at least, so that the table exists even without rows.
    pub(crate) async fn finish(mut self) -> Result<Vec<Path>, LakeError> {
        if !self.rows.is_empty() || self.files.is_empty() {
            self.write_batch().await?;
        }
        self.end_file().await?;
        Ok(self.files)
    }

    async fn write_batch(&mut self) -> Result<(), LakeError> {
        let (path, writer) = match &mut self.writer {
            Some(open) => open,
            closed => {
                let path = self.folder.clone().join(format!("{}-{:04}.parquet", self.run, self.files.len()));
                self.files.push(path.clone());
                let upload = BufWriter::with_capacity(self.lake.object_store(), path.clone(), UPLOAD_PART_BYTES).with_max_concurrency(CONCURRENT_UPLOADS);
                let properties = writer_properties().map_err(LakeError::parquet("write", &path))?;
                let writer = AsyncArrowWriter::try_new(upload, R::TABLE.arrow_schema(), Some(properties)).map_err(LakeError::parquet("write", &path))?;
                closed.insert((path, writer))
            }
        };
        let batch = R::batch(&self.rows).map_err(|error| LakeError::parquet("write", &*path)(error.into()))?;
        writer.write(&batch).await.map_err(LakeError::parquet("write", &*path))?;
        if writer.memory_size() >= ROW_GROUP_BYTES || writer.in_progress_rows() >= ROW_GROUP_ROWS {
            writer.flush().await.map_err(LakeError::parquet("write", &*path))?;
        }
        let full = writer.bytes_written() >= FILE_BYTES;
        self.rows.clear();
        self.bytes = 0;
        if full { self.end_file().await } else { Ok(()) }
    }

    async fn end_file(&mut self) -> Result<(), LakeError> {
        if let Some((path, writer)) = self.writer.take() {
            writer.close().await.map_err(LakeError::parquet("write", &path))?;
        }
        Ok(())
    }
}

/// Deletes files of the run's table that are not among `kept`: what an earlier attempt left, which a reader would take for the run's.
pub(crate) async fn delete_leftovers(lake: &Lake, found: Vec<Path>, kept: &[Path]) -> Result<(), LakeError> {
    for path in found.into_iter().filter(|path| !kept.contains(path)) {
        lake.object_store().delete(&path).await.map_err(LakeError::store("delete", &path))?;
    }
    Ok(())
}
