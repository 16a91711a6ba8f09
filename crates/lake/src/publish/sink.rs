//! Writing one table's rows as Parquet while they come.

use bytes::Bytes;
use futures::future::BoxFuture;
use object_store::{ObjectStoreExt, WriteMultipart, path::Path};
use parquet::{
    arrow::{ArrowWriter, AsyncArrowWriter, async_writer::AsyncFileWriter},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

use super::attempt::Attempt;
use crate::{LakeError, table::Row};

/// Rows are turned into columns when there are so many …
const BATCH_ROWS: usize = 4096;
/// … or when they take so many bytes.
const BATCH_BYTES: usize = 512 << 10;
/// A row group ends at so many rows …
const ROW_GROUP_ROWS: usize = 64 << 10;
/// … or when the writer holds so many bytes of it: memory must not grow with the table, and readers skip row groups of other accounts.
const ROW_GROUP_BYTES: usize = 4 << 20;
/// A file ends at about this size; engines read several files at once.
const FILE_BYTES: usize = 128 << 20;
const CONCURRENT_UPLOADS: usize = 1;
const ZSTD_LEVEL: i32 = 1;
/// Each column of each open file has a page under way, and a compressor whose memory grows with the page.
const PAGE_BYTES: usize = 128 << 10;

/// One table's files of one run.
pub(crate) struct Sink<R> {
    attempt: Attempt,
    rows: Vec<R>,
    bytes: usize,
    writer: Option<(Path, AsyncArrowWriter<FileUpload>)>,
    files: Vec<Path>,
}

pub(crate) fn writer_properties() -> Result<WriterProperties, ParquetError> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_created_by(concat!("kms-insights ", env!("CARGO_PKG_VERSION")).to_owned())
        .build())
}

/// A whole small file.
pub(crate) fn encode<R: Row>(rows: &[R]) -> Result<Vec<u8>, ParquetError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), R::TABLE.arrow_schema(), Some(writer_properties()?))?;
    writer.write(&R::batch(rows)?)?;
    writer.into_inner()
}

/// A whole file of moderate length, of rows that are made one by one.
pub(crate) fn encode_each<R: Row>(rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>, ParquetError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), R::TABLE.arrow_schema(), Some(writer_properties()?))?;
    let mut rows = rows.into_iter();
    loop {
        // Few at a time: what makes them is in memory too.
        let batch: Vec<R> = rows.by_ref().take(BATCH_ROWS / 4).collect();
        writer.write(&R::batch(&batch)?)?;
        if batch.len() < BATCH_ROWS / 4 {
            return writer.into_inner();
        }
    }
}

impl<R: Row> Sink<R> {
    pub(super) fn new(attempt: &Attempt) -> Self {
        Self { attempt: attempt.clone(), rows: Vec::new(), bytes: 0, writer: None, files: Vec::new() }
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
                let path = self.attempt.data_file(R::TABLE, self.files.len());
                self.files.push(path.clone());
                let upload = FileUpload { attempt: self.attempt.clone(), path: path.clone(), head: Vec::new(), rest: None };
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
            // Before the file becomes visible.
            self.attempt.check().await?;
            writer.close().await.map_err(LakeError::parquet("write", &path))?;
        }
        Ok(())
    }
}

/// A data file on its way: a small one is written at once and only where there is none yet, a larger one in parts. Stores do not admit that condition for parts: there the
/// attempt's generation in the name has to do.
struct FileUpload {
    attempt: Attempt,
    path: Path,
    head: Vec<Bytes>,
    rest: Option<WriteMultipart>,
}

impl FileUpload {
    async fn add(&mut self, bytes: Bytes) -> Result<(), LakeError> {
        if let Some(upload) = &mut self.rest {
            upload.wait_for_capacity(CONCURRENT_UPLOADS).await.map_err(LakeError::store("write", &self.path))?;
            upload.put(bytes);
            return Ok(());
        }
        self.head.push(bytes);
        let part_bytes = self.attempt.lake.upload_part_bytes();
        if self.head.iter().map(Bytes::len).sum::<usize>() >= part_bytes {
            let upload = self.attempt.lake.object_store().put_multipart(&self.path).await.map_err(LakeError::store("write", &self.path))?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, part_bytes);
            for bytes in std::mem::take(&mut self.head) {
                upload.put(bytes);
            }
            self.rest = Some(upload);
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), LakeError> {
        if let Some(upload) = self.rest.take() {
            return upload.finish().await.map(drop).map_err(LakeError::store("write", &self.path));
        }
        if self.attempt.lake.put_new(&self.path, std::mem::take(&mut self.head).into_iter().collect()).await? { Ok(()) } else { Err(self.attempt.taken_over()) }
    }
}

impl Drop for FileUpload {
    fn drop(&mut self) {
        if let Some(upload) = self.rest.take() {
            self.attempt.give_up(upload);
        }
    }
}

impl AsyncFileWriter for FileUpload {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), ParquetError>> {
        Box::pin(async move { self.add(bytes).await.map_err(|error| ParquetError::External(Box::new(error))) })
    }

    fn complete(&mut self) -> BoxFuture<'_, Result<(), ParquetError>> {
        Box::pin(async move { self.end().await.map_err(|error| ParquetError::External(Box::new(error))) })
    }
}
