//! Analysis of a chunk of keys on all processors: between reading staged facts and writing rows it is what takes longest.

use std::{num::NonZeroUsize, thread};

/// Fewer keys than this for a thread are not worth one.
const KEYS_FOR_A_THREAD: usize = 16;

/// What `analyze` makes of each of the keys, in their order.
pub(super) fn of_each<K: Sync, A: Send>(keys: &[K], analyze: impl Fn(&K) -> A + Sync) -> Vec<A> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = processors.min(keys.len() / KEYS_FOR_A_THREAD);
    if threads < 2 {
        return keys.iter().map(analyze).collect();
    }
    let analyze = &analyze;
    thread::scope(|scope| {
        let parts: Vec<_> = keys.chunks(keys.len().div_ceil(threads)).map(|part| scope.spawn(move || part.iter().map(analyze).collect::<Vec<A>>())).collect();
        // A panic of one thread is a panic of the whole.
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_analysis_in_its_place_however_many_there_are() {
        for count in [0, 1, 15, 16, 33, 1_000] {
            let keys: Vec<usize> = (0..count).collect();
            assert_eq!(of_each(&keys, |key| key * 2), keys.iter().map(|key| key * 2).collect::<Vec<_>>());
        }
    }
}
