//! Tables as data: each is declared once, in its own file under [`crate::tables`], and schema, DDL, documentation and permissions are derived from that.

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    datatypes::{Field, Schema, SchemaRef},
    error::ArrowError,
};
use kms_insights_model::ApiAction;

use crate::column::ColumnType;

/// The column that a table's folders carry in their names, in place of its files.
pub const SNAPSHOT_DATE: &str = "snapshot_date";

/// How a table's files are laid out: in one folder for each day, `<column>=YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// The day on which the run began that a row is of: a snapshot.
    SnapshotDate,
    /// The day on which a scan of log files began.
    ScanDate,
    /// The day of the log file that a row is about.
    LogDate,
    /// The day of the events that a row is about.
    EventDate,
}

impl Partitioning {
    /// The partition column's name.
    pub const fn column(self) -> &'static str {
        match self {
            Self::SnapshotDate => SNAPSHOT_DATE,
            Self::ScanDate => "scan_date",
            Self::LogDate => "log_date",
            Self::EventDate => "event_date",
        }
    }

    /// What the partition column says.
    pub const fn description(self) -> &'static str {
        match self {
            Self::SnapshotDate => "The day on which the run began, as YYYY-MM-DD.",
            Self::ScanDate => "The day on which the scan began, as YYYY-MM-DD.",
            Self::LogDate => "The day of the log file, as YYYY-MM-DD.",
            Self::EventDate => "The day of the events, in UTC, as YYYY-MM-DD.",
        }
    }

    /// Whether the rows are of a scan of log files, and not of a run: such rows add up over all scans.
    pub const fn is_of_scans(self) -> bool {
        !matches!(self, Self::SnapshotDate)
    }
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The column's name.
    pub name: &'static str,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether it admits null.
    pub nullable: bool,
    /// What it says, in one or two sentences (Markdown).
    pub description: &'static str,
    /// The API actions it comes from; none for what this program itself adds.
    pub source: &'static [ApiAction],
}

/// One table of the lake.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The table's name, which is also its folder's.
    pub name: &'static str,
    /// What one row is, and what the table is for (Markdown).
    pub description: &'static str,
    /// The columns of its files, in order; the partition column is not among them.
    pub columns: &'static [Column],
    /// How its files are laid out.
    pub partition: Partitioning,
}

impl Table {
    /// The schema of the table's files, without the partition column.
    pub fn arrow_schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self.columns.iter().map(|column| Field::new(column.name, column.column_type.arrow(), column.nullable)).collect();
        Arc::new(Schema::new(fields))
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A row of a table: a struct whose fields are the table's columns. Made by the `table!` macro.
pub trait Row: Sized + Send + Sync + 'static {
    /// The table.
    const TABLE: &'static Table;

    /// These rows as a batch of the table's schema.
    ///
    /// # Errors
    /// When Arrow refuses the values, which would be a fault of the declaration.
    fn batch(rows: &[Self]) -> Result<RecordBatch, ArrowError>;

    /// The rows of a batch, its columns found by name.
    ///
    /// # Errors
    /// When a column is missing or of another type, or holds a null that the table does not admit.
    fn read(batch: &RecordBatch) -> Result<Vec<Self>, ArrowError>;

    /// Roughly how many bytes the row takes in memory: enough to bound a batch.
    fn size(&self) -> usize;
}

/// Declares a table and the struct of its rows at once: a column that is declared but not written, or written but not declared, does not compile.
///
/// The comment above a column is its description; the list behind it names the API actions it comes from.
macro_rules! table {
    (
        $(#[doc = $table_doc:literal])+
        $row:ident in $name:literal { $($columns:tt)* }
    ) => {
        $crate::table::table! {
            $(#[doc = $table_doc])+
            $row in $name by SnapshotDate { $($columns)* }
        }
    };
    (
        $(#[doc = $table_doc:literal])+
        $row:ident in $name:literal by $partition:ident {
            $($(#[doc = $doc:literal])+ $column:ident: $type:ty, from [$($action:ident),* $(,)?];)+
        }
    ) => {
        $(#[doc = $table_doc])+
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::struct_excessive_bools, reason = "a row has the columns that its table has")]
        pub struct $row {
            $($(#[doc = $doc])+ pub $column: $type,)+
        }

        #[doc = concat!("The table `", $name, "`.")]
        pub static TABLE: $crate::table::Table = $crate::table::Table {
            name: $name,
            description: concat!($($table_doc),+).trim_ascii(),
            columns: &[
                $($crate::table::Column {
                    name: stringify!($column),
                    column_type: <$type as $crate::column::Cell>::TYPE,
                    nullable: <$type as $crate::column::Cell>::NULLABLE,
                    description: concat!($($doc),+).trim_ascii(),
                    source: &[$(kms_insights_model::ApiAction::$action),*],
                },)+
            ],
            partition: $crate::table::Partitioning::$partition,
        };

        #[cfg(test)]
        impl $crate::round_trip::Arbitrary for $row {
            fn take(source: &mut $crate::round_trip::Source<'_>) -> Self {
                Self { $($column: $crate::round_trip::Arbitrary::take(source),)+ }
            }
        }

        impl $crate::table::Row for $row {
            const TABLE: &'static $crate::table::Table = &TABLE;

            fn batch(rows: &[Self]) -> Result<arrow::array::RecordBatch, arrow::error::ArrowError> {
                let columns = vec![$(<$type as $crate::column::Cell>::column(rows.iter().map(|row| &row.$column))?,)+];
                arrow::array::RecordBatch::try_new(TABLE.arrow_schema(), columns)
            }

            fn read(batch: &arrow::array::RecordBatch) -> Result<Vec<Self>, arrow::error::ArrowError> {
                let unreadable = |column: &str| arrow::error::ArrowError::SchemaError(format!("column {column:?} of table {:?} is missing or of another type", $name));
                $(let mut $column = batch
                    .column_by_name(stringify!($column))
                    .map(|column| <$type as $crate::column::Cell>::values(column.as_ref()))
                    .ok_or_else(|| unreadable(stringify!($column)))?
                    .into_iter();)+
                (0..batch.num_rows())
                    .map(|_| Ok(Self { $($column: $column.next().flatten().ok_or_else(|| unreadable(stringify!($column)))?,)+ }))
                    .collect()
            }

            fn size(&self) -> usize {
                0 $(+ $crate::column::Cell::size(&self.$column))+
            }
        }
    };
}

pub(crate) use table;
