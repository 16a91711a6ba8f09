//! The files that are checked: policies as such, and as `aws kms get-key-policy` prints them.

use std::{
    fs::File,
    io::{self, Read},
    ops::Range,
};

use kms_insights_policy::{PolicyError, parse};

use super::places::{self, StatementPlace};

/// The longest file that is read. A policy of 32 KiB is that long where each of its characters is escaped, and then some.
const MAX_FILE: usize = 1 << 20;
/// A policy with a longer line is laid out for people.
const LONGEST_LINE: usize = 4096;
/// In UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Why there is nothing to check.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    /// It cannot be opened or read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is longer than any policy.
    #[error("the file has more than {limit} bytes, and a key policy at most 32 KiB")]
    TooLarge { limit: usize },
    /// It is not text.
    #[error("the file is not text in UTF-8")]
    NotText,
    /// It is text, of two bytes to a character.
    #[error("the file is text in UTF-16: save it in UTF-8")]
    Utf16,
    /// It is what `GetKeyPolicy` answers for another policy than the one that says who can use the key.
    #[error("this is the key's policy {0:?}, and only the policy \"default\" can be checked by itself")]
    OtherPolicy(String),
}

/// A file with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicyFile {
    /// The file as it was named; `-` for stdin.
    pub(super) name: String,
    /// All of the file.
    text: String,
    /// The policy in it, where the file is what `GetKeyPolicy` answers.
    answer: Option<Answer>,
    /// The policy laid out, where its lines are too long to be shown.
    laid_out: Option<String>,
}

/// What `GetKeyPolicy` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    /// The policy.
    policy: String,
    /// The same, laid out for a reader.
    shown: String,
    /// Where its string stands in the file.
    place: Range<usize>,
}

impl PolicyFile {
    /// Reads a file, or stdin where the name is `-`.
    pub(super) fn read(name: &str) -> Result<Self, InputError> {
        Self::of(name, read_text(name, MAX_FILE)?)
    }

    /// A file with this content.
    pub(super) fn of(name: &str, text: String) -> Result<Self, InputError> {
        let answer = answer(&text)?;
        Ok(Self { name: name.to_owned(), text, answer, laid_out: None })
    }

    /// The same to be shown to people: where a line is too long to be read, with lines of its own.
    pub(super) fn for_people(mut self) -> Self {
        let long = self.answer.is_none() && self.text.lines().any(|line| line.len() > LONGEST_LINE);
        // What is wrong with a text that is no JSON stands where the file has it.
        if long && !matches!(parse(&self.text), Err(PolicyError::Json { .. })) {
            self.laid_out = Some(places::laid_out(&self.text));
        }
        self
    }

    /// The policy.
    pub(super) fn policy(&self) -> &str {
        self.answer.as_ref().map_or(&self.text, |answer| &answer.policy)
    }

    /// What is shown of it, with lines of its own where that is not the file.
    pub(super) fn shown(&self) -> &str {
        self.laid_out.as_ref().or(self.answer.as_ref().map(|answer| &answer.shown)).unwrap_or(&self.text)
    }

    /// Whether the policy is a string inside the file, so that what is shown has other lines than the file.
    pub(super) const fn is_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// Whether the policy is shown with other lines than the file has, because these are too long.
    pub(super) const fn is_laid_out(&self) -> bool {
        self.laid_out.is_some()
    }

    /// The statements in what is shown.
    pub(super) fn statements(&self) -> Vec<StatementPlace> {
        places::statements(self.shown())
    }

    /// All of the file.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the file a place of what is shown is: the whole string where the policy is one, and the whole file where it is laid out.
    pub(super) fn place_in_file(&self, shown: Range<usize>) -> Range<usize> {
        match &self.answer {
            Some(answer) => answer.place.clone(),
            None if self.is_laid_out() => 0..self.text.len(),
            None => shown,
        }
    }
}

/// The text of a file, or of stdin where the name is `-`; without the byte order mark that some editors put before it.
pub(super) fn read_text(name: &str, limit: usize) -> Result<String, InputError> {
    let mut bytes = Vec::new();
    // One byte more than there may be, so that what is too long can be told from what is not.
    let at_most = limit as u64 + 1;
    if name == "-" {
        io::stdin().lock().take(at_most).read_to_end(&mut bytes)?;
    } else {
        File::open(name)?.take(at_most).read_to_end(&mut bytes)?;
    }
    if bytes.len() > limit {
        return Err(InputError::TooLarge { limit });
    }
    // With a byte order mark, or an ASCII character first, as JSON has.
    if let [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, _, ..] | [_, 0, ..] = bytes[..] {
        return Err(InputError::Utf16);
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    String::from_utf8(bytes).map_err(|_| InputError::NotText)
}

/// The policy in an answer of `GetKeyPolicy`: an object whose `Policy` is a string, and which is no policy itself.
fn answer(text: &str) -> Result<Option<Answer>, InputError> {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return Ok(None);
    }
    let members = places::members(text, 0);
    let string = |name: &str| -> Option<(String, Range<usize>)> {
        let place = members.iter().find(|member| member.name == name)?.value.clone();
        Some((serde_json::from_str(text.get(place.clone())?).ok()?, place))
    };
    let Some((policy, place)) = string("Policy").filter(|_| members.iter().all(|member| member.name != "Statement")) else { return Ok(None) };
    if let Some((name, _)) = string("PolicyName").filter(|(name, _)| name != "default") {
        return Err(InputError::OtherPolicy(name));
    }
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&policy).is_ok();
    let shown = if is_json { places::laid_out(&policy) } else { policy.clone() };
    Ok(Some(Answer { policy, shown, place }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}"#;

    fn wrapped(policy: &str, name: &str) -> String {
        serde_json::to_string_pretty(&serde_json::json!({ "Policy": policy, "PolicyName": name })).unwrap()
    }

    #[test]
    fn a_policy_is_shown_as_it_is_written() {
        let file = PolicyFile::of("p.json", POLICY.to_owned()).unwrap();
        assert_eq!((file.policy(), file.shown(), file.is_answer()), (POLICY, POLICY, false));
        assert_eq!(file.place_in_file(3..5), 3..5);
    }

    #[test]
    fn a_policy_in_an_answer_is_shown_with_lines_of_its_own_and_placed_at_its_string() {
        let text = wrapped(POLICY, "default");
        let file = PolicyFile::of("p.json", text.clone()).unwrap();
        assert_eq!((file.policy(), file.shown().lines().count(), file.is_answer()), (POLICY, 10, true));
        let statement = file.statements().remove(0).whole;
        assert!(file.shown()[statement.clone()].starts_with("{\n      \"Effect\": \"Allow\""));
        assert!(text[file.place_in_file(statement)].starts_with(r#""{\"Statement\""#));
    }

    #[test]
    fn a_policy_with_an_element_policy_is_no_answer() {
        let text = r#"{"Policy": "x", "Statement": []}"#;
        assert!(!PolicyFile::of("p.json", text.to_owned()).unwrap().is_answer());
        assert!(!PolicyFile::of("p.json", r#"{"Policy": {"Statement": []}}"#.to_owned()).unwrap().is_answer());
    }

    #[test]
    fn another_policy_of_the_key_is_refused_by_its_name() {
        let error = PolicyFile::of("p.json", wrapped(POLICY, "AWS_RAM")).unwrap_err().to_string();
        assert!(error.contains("\"AWS_RAM\""), "{error}");
    }

    #[test]
    fn a_policy_of_one_long_line_is_laid_out_for_people() {
        let long = POLICY.replace("\"*\",\"Action", &format!("[{}\"*\"],\"Action", "\"*\",".repeat(2000)));
        let file = PolicyFile::of("p.json", long.clone()).unwrap();
        assert_eq!((file.shown(), file.is_laid_out()), (long.as_str(), false));
        let file = file.for_people();
        assert_eq!((file.policy(), file.is_laid_out(), file.is_answer()), (long.as_str(), true, false));
        assert!(file.shown().lines().count() > 2000);
        assert!(!PolicyFile::of("p.json", POLICY.to_owned()).unwrap().for_people().is_laid_out());
        assert!(!PolicyFile::of("p.json", long[1..].to_owned()).unwrap().for_people().is_laid_out());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text_and_utf_16_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json").to_str().unwrap().to_owned();
        std::fs::write(&path, ["\u{feff}", POLICY].concat()).unwrap();
        assert_eq!(PolicyFile::read(&path).unwrap().text(), POLICY);
        for mark in ["", "\u{feff}"] {
            let units: Vec<u16> = mark.encode_utf16().chain(POLICY.encode_utf16()).collect();
            for bytes in [units.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>(), units.iter().flat_map(|unit| unit.to_be_bytes()).collect()] {
                std::fs::write(&path, bytes).unwrap();
                assert!(matches!(PolicyFile::read(&path), Err(InputError::Utf16)));
            }
        }
    }

    #[test]
    fn what_is_no_text_or_too_long_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("latin"), b"{\"Id\": \"\xe4\"}").unwrap();
        std::fs::write(path("long"), vec![b' '; MAX_FILE + 1]).unwrap();
        std::fs::write(path("longest"), vec![b' '; MAX_FILE]).unwrap();
        assert!(matches!(PolicyFile::read(&path("latin")), Err(InputError::NotText)));
        assert!(matches!(PolicyFile::read(&path("long")), Err(InputError::TooLarge { .. })));
        assert!(PolicyFile::read(&path("longest")).is_ok());
        assert!(matches!(PolicyFile::read(&path("absent")), Err(InputError::Read(_))));
        assert!(matches!(PolicyFile::read(folder.path().to_str().unwrap()), Err(InputError::Read(_))));
    }
}
