//! Ids of events that are more than memory should hold: on disk, in order, to be looked up.
//!
//! Days of a large organization have tens of millions of KMS events, sixteen bytes each, and CloudTrail may deliver any of them once more. What memory does not hold lies in runs, each a file with ids in
//! order. Of each block of a run its first id is kept in memory, so that a lookup reads one block. Runs of like length are merged, so that there are few of them.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    iter::Peekable,
};

use chrono::NaiveDate;
use kms_insights_trail::EventId;

const ID_BYTES: usize = 16;

/// Ids in a block: 4 KiB of them, what a disk reads at once.
const BLOCK: usize = 256;

/// The ids of many days. Its files have no names: they are gone when the program is, however it ends.
#[derive(Debug, Default)]
pub(super) struct Spool {
    days: BTreeMap<NaiveDate, Vec<Run>>,
}

/// Whose ids those of a run are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CountedBy {
    /// Earlier scans.
    Earlier,
    /// This one.
    This,
}

/// Ids in order.
#[derive(Debug)]
struct Run {
    file: File,
    /// How many.
    len: usize,
    /// The first id of each block.
    blocks: Vec<EventId>,
    counted_by: CountedBy,
}

impl Spool {
    /// Adds ids of a day, in order.
    pub(super) fn add(&mut self, date: NaiveDate, counted_by: CountedBy, ids: impl IntoIterator<Item = EventId>) -> io::Result<()> {
        let run = Run::write(counted_by, ids.into_iter().map(Ok))?;
        if run.len == 0 {
            return Ok(());
        }
        let runs = self.days.entry(date).or_default();
        runs.push(run);
        // The two last of the same kind, while they are of like length: each id is copied once for every doubling, and no more.
        while let [.., before, last] = &runs[..]
            && before.counted_by == last.counted_by
            && before.len <= 2 * last.len
        {
            let merged = Run::write(last.counted_by, Merged { a: before.ids()?.peekable(), b: last.ids()?.peekable() })?;
            runs.truncate(runs.len() - 2);
            runs.push(merged);
        }
        Ok(())
    }

    /// Whether there are ids of a day.
    pub(super) fn has(&self, date: NaiveDate) -> bool {
        self.days.contains_key(&date)
    }

    /// The days of which there are ids.
    pub(super) fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.days.keys().copied()
    }

    /// Which of the ids, given in order, are there.
    pub(super) fn find(&self, date: NaiveDate, ids: &[EventId]) -> io::Result<Vec<EventId>> {
        let mut found = Vec::new();
        for run in self.days.get(&date).into_iter().flatten() {
            run.find(ids, &mut found)?;
        }
        Ok(found)
    }

    /// What this scan counted of a day.
    pub(super) fn counted_by_this(&self, date: NaiveDate) -> impl Iterator<Item = io::Result<EventId>> {
        let runs = self.days.get(&date).into_iter().flatten().filter(|run| run.counted_by == CountedBy::This);
        runs.flat_map(|run| {
            let (ids, failed) = match run.ids() {
                Ok(ids) => (Some(ids), None),
                Err(error) => (None, Some(Err(error))),
            };
            failed.into_iter().chain(ids.into_iter().flatten())
        })
    }
}

impl Run {
    fn write(counted_by: CountedBy, ids: impl Iterator<Item = io::Result<EventId>>) -> io::Result<Self> {
        let mut file = BufWriter::new(tempfile::tempfile()?);
        let (mut len, mut blocks) = (0, Vec::new());
        for id in ids {
            let id = id?;
            if len % BLOCK == 0 {
                blocks.push(id);
            }
            file.write_all(&id.0.to_le_bytes())?;
            len += 1;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self { file, len, blocks, counted_by })
    }

    /// All its ids.
    fn ids(&self) -> io::Result<impl Iterator<Item = io::Result<EventId>>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        let mut file = BufReader::new(file);
        Ok((0..self.len).map(move |_| {
            let mut id = [0; ID_BYTES];
            file.read_exact(&mut id).map(|()| EventId(u128::from_le_bytes(id)))
        }))
    }

    /// Adds those of the ids, given in order, that it has.
    fn find(&self, ids: &[EventId], found: &mut Vec<EventId>) -> io::Result<()> {
        let mut read = None;
        let mut block = Vec::new();
        for id in ids {
            // Before the first block's first id there is none.
            let Some(number) = self.blocks.partition_point(|first| first <= id).checked_sub(1) else { continue };
            if read != Some(number) {
                let start = number * BLOCK;
                block.resize((self.len - start).min(BLOCK) * ID_BYTES, 0);
                let mut file = &self.file;
                file.seek(SeekFrom::Start((start * ID_BYTES) as u64))?;
                file.read_exact(&mut block)?;
                read = Some(number);
            }
            let (of_block, _) = block.as_chunks::<ID_BYTES>();
            if of_block.binary_search_by_key(id, |id| EventId(u128::from_le_bytes(*id))).is_ok() {
                found.push(*id);
            }
        }
        Ok(())
    }
}

/// Two runs in one order.
struct Merged<A: Iterator, B: Iterator> {
    a: Peekable<A>,
    b: Peekable<B>,
}

impl<I: Iterator<Item = io::Result<EventId>>, J: Iterator<Item = io::Result<EventId>>> Iterator for Merged<I, J> {
    type Item = io::Result<EventId>;

    fn next(&mut self) -> Option<Self::Item> {
        match (self.a.peek(), self.b.peek()) {
            (Some(Ok(a)), Some(Ok(b))) if b < a => self.b.next(),
            (None, _) => self.b.next(),
            _ => self.a.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();

    /// Spread as the ids of events are, and in order.
    fn ids(numbers: impl IntoIterator<Item = u128>) -> Vec<EventId> {
        let mut ids: Vec<EventId> = numbers.into_iter().map(|number| EventId(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn ids_are_found_in_whichever_run_and_block_they_lie() {
        let mut spool = Spool::default();
        for run in 0..5 {
            spool.add(DAY, CountedBy::This, ids((run * 1000..(run + 1) * 1000).map(|number| 2 * number))).unwrap();
        }
        spool.add(DAY, CountedBy::Earlier, ids([10_001, 10_003])).unwrap();
        spool.add(DAY.succ_opt().unwrap(), CountedBy::This, ids([1])).unwrap();
        let mut found = spool.find(DAY, &ids(0..11_000)).unwrap();
        found.sort_unstable();
        assert_eq!(found, ids((0..5000).map(|number| 2 * number).chain([10_001, 10_003])));
        assert_eq!(spool.find(DAY.pred_opt().unwrap(), &ids(0..9)).unwrap(), []);
    }

    #[test]
    fn what_this_scan_counted_is_given_back_without_what_earlier_ones_did() {
        let mut spool = Spool::default();
        spool.add(DAY, CountedBy::Earlier, ids(0..700)).unwrap();
        spool.add(DAY, CountedBy::This, ids(700..1000)).unwrap();
        spool.add(DAY, CountedBy::This, ids(1000..1300)).unwrap();
        spool.add(DAY, CountedBy::This, []).unwrap();
        let given: io::Result<Vec<EventId>> = spool.counted_by_this(DAY).collect();
        assert_eq!(given.unwrap(), ids(700..1300), "merged, and so in order");
        assert_eq!(spool.dates().collect::<Vec<_>>(), [DAY]);
    }

    #[test]
    fn runs_stay_few_however_many_are_added() {
        let mut spool = Spool::default();
        for run in 0..100 {
            spool.add(DAY, CountedBy::This, ids(run * 300..(run + 1) * 300)).unwrap();
        }
        assert!(spool.days[&DAY].len() <= 7, "{}", spool.days[&DAY].len());
        assert_eq!(spool.find(DAY, &ids(0..40_000)).unwrap().len(), 30_000);
    }
}
