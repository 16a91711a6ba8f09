//! Where things stand in a JSON text: statements, their elements, grants; and the same text laid out anew.
//!
//! Only texts that a JSON reader took are asked, so that this one need not tell what is wrong with the others: of those it finds what it can.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::Range,
    sync::Arc,
};

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name.
    pub(super) name: String,
    /// Name and value.
    pub(super) whole: Range<usize>,
    /// The value.
    pub(super) value: Range<usize>,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatementPlace {
    /// The object.
    pub(super) whole: Range<usize>,
    /// Its elements.
    pub(super) elements: Vec<Member>,
}

impl StatementPlace {
    /// The first of these elements that it has.
    pub(super) fn element(&self, names: &[&str]) -> Option<&Member> {
        names.iter().find_map(|name| self.elements.iter().find(|element| element.name == *name))
    }
}

/// The member to which the names lead, from the outermost.
pub(super) fn below(text: &str, members_of: &[Member], path: &[String]) -> Option<Member> {
    let (name, rest) = path.split_first()?;
    let member = members_of.iter().find(|member| member.name == *name)?;
    if rest.is_empty() { Some(member.clone()) } else { below(text, &members(text, member.value.start), rest) }
}

/// The statements of a policy, in order.
pub(super) fn statements(policy: &str) -> Vec<StatementPlace> {
    let Some(statement) = members(policy, 0).into_iter().find(|member| member.name == "Statement") else { return Vec::new() };
    let places = match policy.as_bytes().get(statement.value.start) {
        Some(b'[') => items(policy, statement.value.start),
        _ => vec![statement.value],
    };
    places.into_iter().map(|whole| StatementPlace { elements: members(policy, whole.start), whole }).collect()
}

/// A grant in a text that may hold fifty thousand of them, so that its lines are counted once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GrantPlace {
    /// The object.
    pub(super) whole: Range<usize>,
    /// Where the line begins on which it does.
    pub(super) line_start: usize,
    /// Line and column of its first character.
    pub(super) start: (usize, usize),
    /// Line and column behind its last one.
    pub(super) end: (usize, usize),
}

/// The grants of an answer of `ListGrants`, or of the list in it, by their ids.
pub(super) fn grants(text: &str) -> BTreeMap<String, GrantPlace> {
    let start = past_space(text, 0);
    let start = match text.as_bytes().get(start) {
        Some(b'[') => Some(start),
        _ => members(text, start).into_iter().find(|member| member.name == "Grants").map(|member| member.value.start),
    };
    let id = |grant: &Range<usize>| members(text, grant.start).into_iter().find(|member| member.name == "GrantId").and_then(|id| string(text, &id.value));
    let mut cursor = Cursor { text, at: 0, line_start: 0, line: 1, column: 1 };
    let mut placed = |whole: Range<usize>| {
        let start = cursor.moved_to(whole.start);
        let line_start = cursor.line_start;
        Some((id(&whole)?, GrantPlace { end: cursor.moved_to(whole.end), line_start, start, whole }))
    };
    start.map(|start| items(text, start)).unwrap_or_default().into_iter().filter_map(&mut placed).collect()
}

/// A place in a text that only moves on.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
    line_start: usize,
    line: usize,
    column: usize,
}

impl Cursor<'_> {
    /// Line and column there.
    fn moved_to(&mut self, at: usize) -> (usize, usize) {
        let passed = self.text.get(self.at..at).unwrap_or_default();
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        match passed.rfind('\n') {
            Some(newline) => {
                self.line_start = self.at + newline + 1;
                self.column = passed[newline + 1..].chars().count() + 1;
            }
            None => self.column += passed.chars().count(),
        }
        self.at = at;
        (self.line, self.column)
    }
}

/// The members of the object that begins at or after `start`.
pub(super) fn members(text: &str, start: usize) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = past_space(text, start);
    if text.as_bytes().get(at) != Some(&b'{') {
        return members;
    }
    at = past_space(text, at + 1);
    while text.as_bytes().get(at) == Some(&b'"') {
        let name = at..past_value(text, at);
        let colon = past_space(text, name.end);
        let value = past_space(text, colon + 1);
        let value = value..past_value(text, value);
        if value.is_empty() {
            break;
        }
        members.push(Member { name: string(text, &name).unwrap_or_default(), whole: name.start..value.end, value: value.clone() });
        at = past_comma(text, value.end);
    }
    members
}

/// The items of the list that begins at or after `start`.
fn items(text: &str, start: usize) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    let mut at = past_space(text, past_space(text, start) + 1);
    while at < text.len() {
        let item = at..past_value(text, at);
        if item.is_empty() {
            break;
        }
        at = past_comma(text, item.end);
        items.push(item);
    }
    items
}

/// The strings in a value, quotes included; names of members are none, nor is what lies deeper than principals do.
pub(super) fn strings(text: &str, value: &Range<usize>) -> Vec<Range<usize>> {
    fn below(text: &str, value: &Range<usize>, levels: usize) -> Vec<Range<usize>> {
        match (text.as_bytes().get(value.start), levels.checked_sub(1)) {
            (Some(b'"'), _) => vec![value.clone()],
            (Some(b'['), Some(levels)) => items(text, value.start).iter().flat_map(|item| below(text, item, levels)).collect(),
            (Some(b'{'), Some(levels)) => members(text, value.start).iter().flat_map(|member| below(text, &member.value, levels)).collect(),
            _ => Vec::new(),
        }
    }
    below(text, value, 3)
}

/// Those of the strings in a value that are one of these.
pub(super) fn strings_among(text: &str, value: &Range<usize>, wanted: &[Arc<str>]) -> Vec<Range<usize>> {
    let wanted: BTreeSet<&str> = wanted.iter().map(|wanted| &**wanted).collect();
    strings(text, value).into_iter().filter(|place| string(text, place).is_some_and(|found| wanted.contains(found.as_str()))).collect()
}

/// The string that stands there.
pub(super) fn string(text: &str, place: &Range<usize>) -> Option<String> {
    serde_json::from_str(text.get(place.clone())?).ok()
}

fn past_space(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

fn past_comma(text: &str, at: usize) -> usize {
    let at = past_space(text, at);
    if text.as_bytes().get(at) == Some(&b',') { past_space(text, at + 1) } else { at }
}

/// The end of the value that begins at `start`; `start` where none does.
fn past_value(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = past_string(bytes, at),
            b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
            b'}' | b']' if depth > 0 => (depth, at) = (depth - 1, at + 1),
            b'}' | b']' => return at,
            b',' | b':' if depth == 0 => return at,
            // What else there is on the outermost level is a number or a word, which ends at the next space.
            byte if byte.is_ascii_whitespace() && depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn past_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// No line begins farther to the right than so many levels do: a text that is nothing but brackets must not become millions of spaces.
const DEEPEST: usize = 16;

/// The text with a line for each member and item, in which nothing but the spaces between values is changed. A list or object without content stays on its line.
pub(super) fn laid_out(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() * 2);
    let (mut at, mut depth) = (0, 0_usize);
    let line = |out: &mut String, depth: usize| {
        // Writing to a String cannot fail.
        let _ = write!(out, "\n{:width$}", "", width = 2 * depth.min(DEEPEST));
    };
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                out.push(char::from(*byte));
                let next = past_space(text, at + 1);
                if let Some(end @ (b'}' | b']')) = bytes.get(next) {
                    out.push(char::from(*end));
                    at = next;
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(char::from(*byte));
                at += 1;
            }
            b',' => {
                out.push(',');
                line(&mut out, depth);
                at += 1;
            }
            b':' => {
                out.push_str(": ");
                at += 1;
            }
            byte if byte.is_ascii_whitespace() => at += 1,
            _ => {
                let end = past_value(text, at).max(at + 1);
                out.push_str(text.get(at..end).unwrap_or_default());
                at = end;
            }
        }
    }
    out
}

/// Line and column of a byte, both from 1, the column in characters.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

/// The byte at a line and column as JSON readers tell them: both from 1, the column in bytes.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Version": "2012-10-17",
  "Statement": [
    {"Sid": "a \"}\" b", "Effect": "Allow", "Principal" : {"AWS": ["*"]}, "Action": []},
    {"\u0045ffect":"Deny"}
  ] }"#;

    #[test]
    fn statements_and_their_elements_are_found_byte_for_byte() {
        let places = statements(POLICY);
        let document = kms_insights_policy::parse(&POLICY.replace(r#"{"\u0045ffect":"Deny"}"#, r#"{"Effect":"Deny","Principal":"*"}"#)).unwrap();
        assert_eq!(&POLICY[places[0].whole.clone()], &*document.statements[0].text);
        let texts: Vec<&str> = places[0].elements.iter().map(|element| &POLICY[element.whole.clone()]).collect();
        assert_eq!(texts, [r#""Sid": "a \"}\" b""#, r#""Effect": "Allow""#, r#""Principal" : {"AWS": ["*"]}"#, r#""Action": []"#]);
        assert_eq!(&POLICY[places[0].element(&["NotPrincipal", "Principal"]).unwrap().value.clone()], r#"{"AWS": ["*"]}"#);
        let strings = strings(POLICY, &places[0].whole);
        assert_eq!(strings.into_iter().map(|place| &POLICY[place]).collect::<Vec<_>>(), [r#""a \"}\" b""#, r#""Allow""#, r#""*""#]);
        assert_eq!((places.len(), places[1].elements[0].name.as_str()), (2, "Effect"));
        assert_eq!(statements(r#"{"Statement": {"Effect": "Deny"}}"#).len(), 1);
    }

    #[test]
    fn grants_are_found_by_their_ids_in_an_answer_and_in_a_list() {
        let list = "[{\"GrantId\": \"g1\",\n \"Operations\": [\"Décrypt\"]}, {\"GrantId\": \"g2\"}]";
        for text in [list.to_owned(), format!(r#" {{"Truncated": false, "Grants": {list}}}"#)] {
            let found = grants(&text);
            let texts: Vec<(&str, &str)> = found.iter().map(|(id, place)| (id.as_str(), &text[place.whole.clone()])).collect();
            assert_eq!(texts, [("g1", "{\"GrantId\": \"g1\",\n \"Operations\": [\"Décrypt\"]}"), ("g2", r#"{"GrantId": "g2"}"#)]);
            for place in found.values() {
                assert_eq!((place.start, place.end), (line_and_column(&text, place.whole.start), line_and_column(&text, place.whole.end)));
                assert_eq!(line_and_column(&text, place.line_start), (place.start.0, 1));
            }
        }
    }

    #[test]
    fn what_is_no_policy_has_no_statements_and_does_no_harm() {
        let whole = POLICY.to_owned() + "é";
        let cut = (0..whole.len()).filter(|end| whole.is_char_boundary(*end)).map(|end| &whole[..end]);
        for text in cut.chain(["", "[]", "{", r#"{"Statement"#, r#"{"Statement":"#, r#"{"Statement":["#, r#"{"Statement":[,]}"#, "}{", r#"{"a":}"#, "\"\\"]) {
            for statement in statements(text) {
                assert!(text.get(statement.whole).is_some());
            }
            let _ = (grants(text), laid_out(text));
        }
        let deep = format!("{{\"Statement\": [{{\"Principal\": {}", "[".repeat(60_000));
        assert!(strings(&deep, &statements(&deep)[0].elements[0].value).is_empty());
        assert!(laid_out(&deep).len() < 3_000_000);
    }

    #[test]
    fn a_text_laid_out_anew_says_the_same() {
        let text = r#"{"a":{ },"b":[1,-2.50,true,null,"x,{\"y"],"c":{"d":[ ]}}"#;
        let wanted = "{\n  \"a\": {},\n  \"b\": [\n    1,\n    -2.50,\n    true,\n    null,\n    \"x,{\\\"y\"\n  ],\n  \"c\": {\n    \"d\": []\n  }\n}";
        assert_eq!(laid_out(text), wanted);
        assert_eq!(laid_out(wanted), wanted);
    }

    #[test]
    fn places_are_told_in_lines_and_characters() {
        let text = "a\näöü x\n";
        assert_eq!([0, 2, 8, 9].map(|at| line_and_column(text, at)), [(1, 1), (2, 1), (2, 4), (2, 5)]);
        assert_eq!([(1, 1), (2, 3), (2, 4), (9, 9)].map(|(line, column)| offset(text, line, column)), [0, 4, 4, text.len()]);
    }
}
