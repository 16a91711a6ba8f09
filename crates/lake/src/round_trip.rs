//! Whatever a row holds, it is read back from Parquet as it was written.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use chrono::DateTime;
use kms_insights_model::Timestamp;
use object_store::path::Path;
use proptest::prelude::*;

use crate::{publish::encode, runs::read_all, sample::HOSTILE, table::Row, tables};

/// Bytes from which values are made: fewer bytes are simpler values, so that a failing case shrinks.
pub(crate) struct Source<'a>(std::slice::Iter<'a, u8>);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn wide(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }
}

/// A value made of bytes.
pub(crate) trait Arbitrary: Sized {
    fn take(source: &mut Source<'_>) -> Self;
}

impl Arbitrary for bool {
    fn take(source: &mut Source<'_>) -> Self {
        source.byte() % 2 == 1
    }
}

impl Arbitrary for i32 {
    fn take(source: &mut Source<'_>) -> Self {
        i32::from_le_bytes(std::array::from_fn(|_| source.byte()))
    }
}

impl Arbitrary for i64 {
    fn take(source: &mut Source<'_>) -> Self {
        source.wide().cast_signed()
    }
}

impl Arbitrary for f64 {
    fn take(source: &mut Source<'_>) -> Self {
        let value = f64::from_bits(source.wide());
        // NaN equals nothing, itself included.
        if value.is_nan() { f64::NEG_INFINITY } else { value }
    }
}

impl Arbitrary for Timestamp {
    fn take(source: &mut Source<'_>) -> Self {
        DateTime::from_timestamp_millis(i64::take(source) % 8_000_000_000_000_000).unwrap_or_default()
    }
}

impl Arbitrary for String {
    fn take(source: &mut Source<'_>) -> Self {
        match source.byte() {
            255 => HOSTILE.to_owned(),
            length => (0..length % 16)
                .map(|_| {
                    let code = u32::from_le_bytes([source.byte(), source.byte(), source.byte() % 17, 0]);
                    char::from_u32(code).unwrap_or('\0')
                })
                .collect(),
        }
    }
}

impl Arbitrary for Arc<str> {
    fn take(source: &mut Source<'_>) -> Self {
        String::take(source).into()
    }
}

impl Arbitrary for Cow<'static, str> {
    fn take(source: &mut Source<'_>) -> Self {
        String::take(source).into()
    }
}

impl<T: Arbitrary> Arbitrary for Option<T> {
    fn take(source: &mut Source<'_>) -> Self {
        bool::take(source).then(|| T::take(source))
    }
}

impl<T: Arbitrary> Arbitrary for Vec<T> {
    fn take(source: &mut Source<'_>) -> Self {
        (0..source.byte() % 4).map(|_| T::take(source)).collect()
    }
}

impl Arbitrary for BTreeMap<String, String> {
    fn take(source: &mut Source<'_>) -> Self {
        (0..source.byte() % 4).map(|_| (String::take(source), String::take(source))).collect()
    }
}

fn rows<R: Arbitrary>(count: usize, bytes: &[u8]) -> Vec<R> {
    let mut source = Source(bytes.iter());
    (0..count).map(|_| R::take(&mut source)).collect()
}

fn comes_back<R: Row + Arbitrary + PartialEq + std::fmt::Debug>(count: usize, bytes: &[u8]) {
    let written: Vec<R> = rows(count, bytes);
    let file = encode(&written).unwrap();
    let read: Vec<R> = read_all(&Path::from("file"), file.into()).unwrap();
    assert_eq!(read, written);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn rows_of_every_table_come_back(count in 0..6_usize, bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        comes_back::<tables::runs::RunRow>(count, &bytes);
        comes_back::<tables::accounts::AccountRow>(count, &bytes);
        comes_back::<tables::keys::KeyRow>(count, &bytes);
        comes_back::<tables::policy_statements::PolicyStatementRow>(count, &bytes);
        comes_back::<tables::grants::GrantRow>(count, &bytes);
        comes_back::<tables::key_access::KeyAccessRow>(count, &bytes);
        comes_back::<tables::findings::FindingRow>(count, &bytes);
        comes_back::<tables::key_last_used::KeyLastUsedRow>(count, &bytes);
        comes_back::<tables::trail_recording::TrailRecordingRow>(count, &bytes);
        comes_back::<tables::collection_errors::CollectionErrorRow>(count, &bytes);
        comes_back::<tables::trail_scans::TrailScanRow>(count, &bytes);
        comes_back::<tables::trail_files::TrailFileRow>(count, &bytes);
        comes_back::<tables::key_usage_daily::KeyUsageDailyRow>(count, &bytes);
        comes_back::<tables::key_events::KeyEventRow>(count, &bytes);
    }
}

#[test]
fn a_table_of_another_shape_is_an_error() {
    let file = encode::<tables::grants::GrantRow>(&rows(2, &[1; 100])).unwrap();
    assert!(read_all::<tables::keys::KeyRow>(&Path::from("file"), file.into()).is_err());
}
