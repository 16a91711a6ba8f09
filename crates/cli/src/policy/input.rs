//! The files that are checked: policies as such, and as `aws kms get-key-policy` prints them.

use std::{
    fs::File,
    io::{self, Read},
    ops::Range,
};

use super::places::{self, StatementPlace};

/// The longest file that is read. A policy of 32 KiB is that long where each of its characters is escaped, and then some.
const MAX_FILE: usize = 1 << 20;

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
        Ok(Self { name: name.to_owned(), text, answer })
    }

    /// The policy.
    pub(super) fn policy(&self) -> &str {
        self.answer.as_ref().map_or(&self.text, |answer| &answer.policy)
    }

    /// What is shown of it, with lines of its own where that is not the file.
    pub(super) fn shown(&self) -> &str {
        self.answer.as_ref().map_or(&self.text, |answer| &answer.shown)
    }

    /// Whether the policy is a string inside the file, so that what is shown has other lines than the file.
    pub(super) const fn is_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// The statements in what is shown.
    pub(super) fn statements(&self) -> Vec<StatementPlace> {
        places::statements(self.shown())
    }

    /// All of the file.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the file a place of what is shown is: the whole string where the policy is one.
    pub(super) fn place_in_file(&self, shown: Range<usize>) -> Range<usize> {
        self.answer.as_ref().map_or(shown, |answer| answer.place.clone())
    }
}

/// The text of a file, or of stdin where the name is `-`.
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
