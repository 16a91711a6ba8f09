use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use crate::{
    full_parse::{Log, read},
    generated::log,
};

pub(crate) fn gzip(text: &[u8], level: u32) -> Vec<u8> {
    let mut file = GzBuilder::new().write(Vec::new(), Compression::new(level));
    file.write_all(text).unwrap();
    file.finish().unwrap()
}

proptest! {
    #[test]
    fn the_reader_finds_what_a_full_parse_finds(text in log()) {
        let expected = Log::parse(text.as_bytes()).and_then(|log| log.outcome());
        prop_assert!(expected.is_some(), "no log: {text}");
        prop_assert_eq!(Some(read(text.as_bytes())), expected);
    }

    #[test]
    fn so_it_does_in_members_of_gzip_divided_anywhere(text in log(), level in 0..10_u32, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6), padding in 0..3_usize) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        let mut file: Vec<u8> = cuts.windows(2).flat_map(|cut| gzip(&text.as_bytes()[cut[0]..cut[1]], level)).collect();
        file.extend(vec![0; 256 * padding]);
        prop_assert_eq!(Some(read(&file)), Log::parse(text.as_bytes()).and_then(|log| log.outcome()));
    }
}
