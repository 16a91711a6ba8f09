use proptest::prelude::*;

use crate::{
    problem::Malformation,
    scan::{Broken, Scanner},
};

/// What came of a text: the records of KMS that were found with where they begin and whether they were mended, how many there are of all and of KMS, and where it ends or breaks off.
#[derive(Debug, PartialEq)]
struct Outcome {
    found: Vec<(usize, String, bool)>,
    counted: (u64, u64),
    end: Result<usize, (usize, Malformation)>,
}

/// Reads a text in pieces that end at these places, as a file is read that is too long for one.
fn in_pieces(text: &[u8], ends: &[usize]) -> Outcome {
    let mut scanner = Scanner::new();
    let mut found = Vec::new();
    let mut start = 0;
    let mut end = Ok(0);
    let last = text.len();
    for piece_end in ends.iter().copied().filter(|end| *end < last).chain([last]) {
        let outcome =
            scanner.piece(&text[start..piece_end], piece_end == last, |record| found.push((start + record.at, record.text.to_owned(), record.is_mended)));
        match outcome {
            Ok(consumed) => {
                start += consumed;
                end = Ok(start);
            }
            Err(Broken { at, what }) => {
                end = Err((start + at, what));
                break;
            }
        }
    }
    let counted = scanner.counted();
    Outcome { found, counted: (counted.records, counted.kms), end }
}

/// Log files that are whole, or nearly so.
fn logs() -> impl Strategy<Value = Vec<u8>> {
    let space = prop::sample::select(vec!["", "", "", " ", "\r\n\t", "          "]);
    let record = prop::sample::select(vec![
        &br#"{"eventSource":"kms.amazonaws.com","eventName":"Decrypt"}"#[..],
        br#"{"eventSource" : "kms.amazonaws.com" , "a" : {"b":["}","\"",{}]}}"#,
        br#"{"event\u0053ource":"kms.amazonaws.com","a":"\u0041\\"}"#,
        b"{\"eventSource\":\"kms.amazonaws.com\",\"a\":\"\xc3\xa9 \xff\xc3\"}",
        b"{\"eventSource\":\"s3.amazonaws.com\",\"a\":\"\xff\"}",
        br#"{"eventSource":"s3.amazonaws.com","a":"\"eventSource\":\"kms.amazonaws.com\""}"#,
        br#"{"a":{"eventSource":"kms.amazonaws.com"}}"#,
        b"{}",
    ]);
    let member = prop_oneof![
        4 => (prop::collection::vec(record, 0..6), space.clone()).prop_map(|(records, space)| [b"\"Records\":[", space.as_bytes(), &records.join(&b","[..]), space.as_bytes(), b"]"].concat()),
        1 => prop::sample::select(vec![
            r#""a" : null"#, r#""a":-1.5e9"#, r#""a\"Records":"]}""#, r#""a":[[{"b":"]"}],{}]"#, r#""R\u0065cords":[{"eventSource":"kms.amazonaws.com"}]"#, r#""Records":null"#, r#""Records":{}"#,
        ]).prop_map(|member| member.as_bytes().to_vec()),
    ];
    let document = (space.clone(), prop::collection::vec(member, 0..4))
        .prop_map(|(space, members)| [b"{", space.as_bytes(), &members.join(&b","[..]), space.as_bytes(), b"}"].concat());
    let between = prop::sample::select(vec!["", "\n", "\u{feff}", " \u{feff}"]);
    prop::collection::vec((between, document), 1..3)
        .prop_map(|documents| documents.into_iter().flat_map(|(between, document)| [between.as_bytes(), &document].concat()).collect())
}

proptest! {
    #[test]
    fn a_log_is_read_in_pieces_as_it_is_in_one(text in logs(), mut ends in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let mut ends: Vec<usize> = ends.drain(..).map(|end| end.index(text.len())).collect();
        ends.sort_unstable();
        prop_assert_eq!(in_pieces(&text, &ends), in_pieces(&text, &[]));
    }

    #[test]
    fn so_is_one_that_is_damaged(text in logs(), at in any::<prop::sample::Index>(), byte in prop::sample::select(b"\"\\{}[],:x\0\xef \n".to_vec()), change in 0..3) {
        let mut text = text;
        let at = at.index(text.len());
        match change {
            0 => text[at] = byte,
            1 => text.insert(at, byte),
            _ => text.truncate(at),
        }
        let every: Vec<usize> = (0..text.len()).collect();
        let whole = in_pieces(&text, &[]);
        prop_assert_eq!(&in_pieces(&text, &[text.len() / 2]), &whole);
        // Byte by byte.
        prop_assert_eq!(&in_pieces(&text, &every), &whole);
    }
}
