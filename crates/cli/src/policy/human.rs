//! The answer for people, as compilers give it: each finding under the lines that cause it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::IsTerminal,
    ops::Range,
};

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Renderer, Snippet,
    renderer::{DEFAULT_TERM_WIDTH, Effects, Style},
};
use kms_insights_findings::{Confidence, Finding, Severity, Waiver};

use super::{
    GrantsFile,
    check::{Checked, Idle, Report, Spot},
    places::{self, GrantPlace, Member, StatementPlace},
    table,
};
use crate::terminal::{counted, printable};

/// A statement of so many lines is shown whole.
const WHOLE_LINES: usize = 10;
/// Of a longer one, the lines on which these begin.
const SHOWN_ELEMENTS: [&str; 7] = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Condition"];

/// How it looks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    colours: bool,
    width: Option<usize>,
}

impl Look {
    /// What suits stdout: colours on a terminal alone, and not where <https://no-color.org> says so.
    pub(super) fn of_stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = terminal_size::terminal_size().filter(|_| terminal).map(|(terminal_size::Width(columns), _)| usize::from(columns));
        Self { colours: terminal && !unwanted, width }
    }

    fn renderer(self) -> Renderer {
        let renderer = if self.colours { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
        renderer.term_width(self.width())
    }

    fn width(self) -> usize {
        self.width.unwrap_or(DEFAULT_TERM_WIDTH)
    }

    fn bold(self, text: &str) -> String {
        let style = if self.colours { Style::new().effects(Effects::BOLD) } else { Style::new() };
        format!("{style}{text}{style:#}")
    }
}

/// All that is to be said.
pub(super) fn text(report: &Report<'_>, look: Look) -> String {
    let mut text = String::new();
    for checked in report.checked() {
        of_file(report, checked, look, &mut text);
        text.push('\n');
    }
    closing(report, &mut text);
    text
}

// Writing to a String cannot fail, here and below.
fn of_file(report: &Report<'_>, checked: &Checked, look: Look, text: &mut String) {
    let exposure = checked.exposure();
    let _ = writeln!(text, "{}", look.bold(&name(&checked.file.name)));
    let _ = writeln!(
        text,
        "  open outside its account: {}, outside its organization: {}, to the public: {}; locks out its own account: {}",
        exposure.outside_account, exposure.outside_organization, exposure.public, checked.locks_out
    );
    let concern = checked.concern();
    if !concern.is_empty() {
        let _ = writeln!(text, "  concern: {}", concern.replace(';', "; "));
    }
    if checked.file.is_answer() {
        let _ = writeln!(text, "  an answer of GetKeyPolicy: the policy in it is shown with lines of its own");
    }
    if checked.file.is_laid_out() {
        let _ = writeln!(text, "  a file of long lines: the policy in it is shown with lines of its own");
    }
    for finding in &checked.analysis.findings {
        let _ = writeln!(text, "\n{}", look.renderer().render(&[of_finding(report, checked, finding)]));
    }
    if checked.error.is_some() {
        return;
    }
    match table::text(&checked.analysis.ways, look.width()) {
        Some(table) => {
            let _ = writeln!(text, "\n  {}\n{table}", look.bold("who can use this key"));
        }
        None => text.push_str("\n  nobody can use this key\n"),
    }
}

fn of_finding<'t>(report: &'t Report<'_>, checked: &'t Checked, finding: &'t Finding) -> Group<'t> {
    let level = match finding.severity {
        Severity::Critical | Severity::High => Level::ERROR,
        Severity::Medium | Severity::Low => Level::WARNING,
        Severity::Info => Level::NOTE,
    };
    let mut group = level.primary_title(line(&finding.title)).id(finding.rule).element(snippet(report, checked, finding));
    group = group.element(Level::HELP.message(printable(&finding.remediation)));
    if finding.changed_policy.is_some() {
        group = group.element(Level::HELP.message("a changed policy is in --format json"));
    }
    let doubt = checked.doubt(finding).filter(|_| finding.confidence != Confidence::Certain);
    let weight = match doubt {
        Some(reason) => format!("{}, {}: {}", finding.severity, finding.confidence, line(reason)),
        None => format!("{}, {}", finding.severity, finding.confidence),
    };
    group = group.element(Level::NOTE.message(weight));
    if let Some(waiver) = &finding.waiver {
        group = group.element(Level::NOTE.message(format!("waived until {}: {}", waiver.until, line(&waiver.reason))));
    }
    group
}

fn snippet<'t>(report: &'t Report<'_>, checked: &'t Checked, finding: &Finding) -> Snippet<'t, Annotation<'t>> {
    let shown = checked.file.shown();
    let file = &checked.file.name;
    match checked.spot(finding, report.grants) {
        Spot::Statement(statement) => {
            let (marked, seen) = marks(checked, statement, finding);
            excerpt(file, &Window::around(shown, &statement.whole), &marked, &seen)
        }
        Spot::Policy(places) => {
            let around = places.first().map_or(0, |place| place.start)..places.last().map_or(0, |place| place.end);
            excerpt(file, &Window::around(shown, &around), &places, &[])
        }
        Spot::Grant(file, place) => of_grant(file, place),
    }
}

/// A grant with its grantee underlined. In a file of few and long lines it is shown by itself.
fn of_grant<'t>(file: &GrantsFile, place: &GrantPlace) -> Snippet<'t, Annotation<'t>> {
    const LONGEST: usize = 4096;
    let text = &file.text;
    let behind = text.as_bytes().get(place.whole.end..).unwrap_or_default();
    let end = behind.iter().take(LONGEST).position(|byte| *byte == b'\n').or((behind.len() < LONGEST).then_some(behind.len()));
    let alone;
    let (window, whole) = match end {
        Some(end) if place.whole.start - place.line_start < LONGEST => {
            let window = text.get(place.line_start..place.whole.end + end).unwrap_or_default();
            (Window { text: window, start: place.line_start, line: place.start.0 }, place.whole.clone())
        }
        _ => {
            alone = places::laid_out(text.get(place.whole.clone()).unwrap_or_default());
            (Window { text: &alone, start: 0, line: place.start.0 }, 0..alone.len())
        }
    };
    let members = places::members(window.text, whole.start - window.start);
    let grantee = members.into_iter().find(|member| matches!(member.name.as_str(), "GranteePrincipal" | "GranteeServicePrincipal"));
    let marked = grantee.map_or_else(|| whole.start..whole.start + 1, |member| member.whole.start + window.start..member.whole.end + window.start);
    excerpt(&file.name, &window, &[marked], &[whole])
}

/// What of a statement is underlined, and what else is shown.
fn marks(checked: &Checked, statement: &StatementPlace, finding: &Finding) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let text = checked.file.shown();
    let elements = finding.place.elements().iter().filter_map(|path| places::below(text, &statement.elements, path));
    let mut marked: Vec<Range<usize>> = elements.flat_map(|element| of_element(text, &element, finding)).collect();
    if marked.is_empty() {
        marked.push(first_line(text, &statement.whole));
    }
    let lines = text.get(statement.whole.clone()).map_or(0, |text| text.lines().count());
    if lines <= WHOLE_LINES {
        return (marked, vec![statement.whole.clone()]);
    }
    let elements = statement.elements.iter().filter(|element| SHOWN_ELEMENTS.contains(&element.name.as_str()));
    let mut seen: Vec<Range<usize>> = elements.map(|element| first_line(text, &element.whole)).collect();
    seen.push(first_line(text, &statement.whole));
    (marked, seen)
}

/// What of an element is meant: of a list of principals those alone that the finding is about.
fn of_element(text: &str, element: &Member, finding: &Finding) -> Vec<Range<usize>> {
    let named = match element.name.as_str() {
        // The bare `"*"` is all that there is.
        "Principal" | "NotPrincipal" if text.as_bytes().get(element.value.start) == Some(&b'{') => {
            places::strings_among(text, &element.value, &finding.principals)
        }
        _ => Vec::new(),
    };
    if named.is_empty() { vec![element.whole.clone()] } else { named }
}

/// The first line of a place.
fn first_line(text: &str, place: &Range<usize>) -> Range<usize> {
    let length = text.get(place.clone()).and_then(|text| text.lines().next()).map_or(0, str::len);
    place.start..place.start + length
}

/// Whole lines of a text.
struct Window<'w> {
    text: &'w str,
    /// The byte of the text at which they begin.
    start: usize,
    /// The number of the first.
    line: usize,
}

impl<'w> Window<'w> {
    /// The lines around a place.
    fn around(text: &'w str, place: &Range<usize>) -> Self {
        let start = text.get(..place.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let end = text.get(place.end..).and_then(|behind| behind.find('\n')).map_or(text.len(), |newline| place.end + newline);
        Self { text: text.get(start..end).unwrap_or_default(), start, line: places::line_and_column(text, start).0 }
    }
}

/// Lines of a file, some of it underlined and some just shown.
fn excerpt<'t>(file: &str, window: &Window<'_>, marked: &[Range<usize>], seen: &[Range<usize>]) -> Snippet<'t, Annotation<'t>> {
    // What is replaced may become longer or shorter, and what stands behind it moves. There may be many places, and the text is gone through once.
    let places: BTreeSet<usize> = marked.iter().chain(seen).flat_map(|place| [place.start, place.end]).collect();
    let (mut from, mut length) = (0, 0);
    let lengths: BTreeMap<usize, usize> = places
        .into_iter()
        .map(|place| {
            let to = place.saturating_sub(window.start);
            if let Some(passed) = window.text.get(from..to) {
                (from, length) = (to, length + source(passed).len());
            }
            (place, length)
        })
        .collect();
    let at = |place: usize| lengths.get(&place).copied().unwrap_or(0);
    let moved = |place: &Range<usize>| at(place.start)..at(place.end);
    Snippet::source(source(window.text))
        .path(name(file))
        .line_start(window.line)
        .annotations(marked.iter().map(|place| AnnotationKind::Primary.span(moved(place))))
        .annotations(seen.iter().map(|place| AnnotationKind::Visible.span(moved(place))))
}

/// A text of a file as it is shown: each character by itself, so that a part of it is a part of what is shown.
fn source(text: &str) -> String {
    printable(&text.replace('\r', "").replace('\t', "    "))
}

/// A text of one line.
fn line(text: &str) -> String {
    printable(text).replace('\n', "\u{fffd}")
}

fn name(file: &str) -> String {
    if file == "-" { "<stdin>".to_owned() } else { line(file) }
}

/// What all files come to, and what was not asked.
fn closing(report: &Report<'_>, text: &mut String) {
    let count = |severity: Severity| report.findings().filter(|finding| finding.severity == severity).count();
    let counts: Vec<String> = Severity::ALL.into_iter().map(|severity| format!("{} {severity}", count(severity))).collect();
    let _ = write!(text, "{}: {}", counted(report.checked().count() as u64, "policy").replace("policys", "policies"), counts.join(", "));
    match report.findings().filter(|finding| finding.waiver.is_some()).count() {
        0 => text.push('\n'),
        waived => {
            let _ = writeln!(text, "; {waived} of them waived");
        }
    }
    if report.grants.is_none() {
        text.push_str("No grants were given (--grants): whom they let in is not part of this.\n");
    }
    let unknown = match (&report.question.organization_id, &report.question.organization_accounts) {
        (None, None) => Some("Neither the organization's id nor its accounts were given (--organization-id, --organization-accounts)"),
        (None, Some(_)) => Some("The organization's id was not given (--organization-id)"),
        (Some(_), None) => Some("The organization's accounts were not given (--organization-accounts)"),
        (Some(_), Some(_)) => None,
    };
    if let Some(unknown) = unknown {
        let _ = writeln!(text, "{unknown}: what depends on that is unknown.");
    }
}

/// A waiver that is of no use, in one line.
pub(super) fn idle(waiver: &Waiver, why: Idle) -> String {
    let key = waiver.key.as_ref().map(ToString::to_string);
    let account = waiver.account.map(|account| account.to_string());
    let named = [("finding", &waiver.finding), ("rule", &waiver.rule), ("key", &key), ("account", &account)];
    let named: Vec<String> = named.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect();
    let why = match why {
        Idle::Expired => format!("expired on {}", waiver.until),
        Idle::Unmatched => "matched nothing in this run".to_owned(),
    };
    line(&format!("warning: the waiver of {} ({}) {why}", named.join(", "), waiver.reason))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            check::{
                Outcome,
                tests::{OPEN, grants, policy, question, report},
            },
            input::PolicyFile,
        },
        *,
    };

    fn shown(files: &[(&str, String)]) -> String {
        let question = question();
        text(&report(&question, None, files), Look::default())
    }

    fn has(text: &str, part: &str) {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }

    #[test]
    fn a_finding_stands_under_the_element_that_causes_it() {
        let shown = shown(&[("app.json", policy(&[OPEN]))]);
        has(&shown, "error[public]: Everyone in any AWS account is allowed");
        has(&shown, "--> app.json:14:7\n");
        has(&shown, "14 |       \"Principal\": \"*\",\n   |       ^^^^^^^^^^^^^^^^\n");
        has(&shown, "= note: critical, certain");
        has(&shown, "open outside its account: yes, outside its organization: yes, to the public: yes; locks out its own account: no");
        has(&shown, "1 policy: 1 critical, ");
        has(&shown, "No grants were given");
    }

    #[test]
    fn of_a_long_list_the_principal_that_is_meant_is_underlined() {
        let roles: Vec<String> = (0..30).map(|at| format!("          \"arn:aws:iam::111122223333:role/role-{at}\"")).collect();
        let statement = OPEN.replacen(
            r#""*""#,
            &format!("{{\n        \"AWS\": [\n{},\n          \"arn:aws:iam::444455556666:root\"\n        ]\n      }}", roles.join(",\n")),
            1,
        );
        let shown = shown(&[("app.json", policy(&[&statement]))]);
        has(&shown, "46 |           \"arn:aws:iam::444455556666:root\"\n   |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n");
        has(&shown, "\n...\n");
        assert!(!shown.contains("role/role-15\""), "{shown}");
    }

    #[test]
    fn of_many_principals_all_that_are_meant_are_underlined() {
        let arns =
            ["111122223333:role/a", "444455556666:role/a", "444455556666:role/ab", "555566667777:root", "444455556666:role/abc", "444455556666:role/abcd"];
        let listed: Vec<String> = arns.iter().map(|arn| format!("        \"arn:aws:iam::{arn}\"")).collect();
        let of = |listed: &[String]| OPEN.replacen(r#""*""#, &format!("{{ \"AWS\": [\n{}\n      ] }}", listed.join(",\n")), 1);
        let underlined = |listed: &[String]| {
            let shown = shown(&[("app.json", policy(&[&of(listed)]))]);
            let finding = shown.split("\n\n").find(|part| part.starts_with("error[outside-organization]")).unwrap().to_owned();
            finding.lines().filter(|line| line.trim_start_matches([' ', '|']).starts_with('^')).count()
        };
        assert_eq!(underlined(&listed[..3]), 2, "both are named");
        assert_eq!(underlined(&[&listed[..3], &listed[4..]].concat()), 4, "the title names three, and all are meant");
    }

    #[test]
    fn of_the_conditions_the_one_that_is_meant_is_underlined() {
        let condition = r#""*",
      "Condition": {
        "StringEquals": { "kms:ViaService": "s3.eu-central-1.amazonaws.com" },
        "StringLike": { "aws:PrincipalArn": "*" }
      }
    }"#;
        let shown = shown(&[("app.json", policy(&[&OPEN.replace("\"*\"\n    }", condition)]))]);
        has(&shown, "19 |         \"StringLike\": { \"aws:PrincipalArn\": \"*\" }\n   |                         ^^^^^^^^^^^^^^^^^^^^^^^\n");
    }

    #[test]
    fn a_policy_in_an_answer_has_lines_of_its_own() {
        let answer = serde_json::json!({ "Policy": policy(&[OPEN]), "PolicyName": "default" }).to_string();
        let shown = shown(&[("-", answer)]);
        has(&shown, "<stdin>\n");
        has(&shown, "the policy in it is shown with lines of its own");
        has(&shown, "--> <stdin>:16:7\n");
    }

    #[test]
    fn a_text_that_is_no_policy_is_shown_where_it_breaks() {
        let shown = shown(&[("broken.json", "{\r\n\t\"Version\": }\r\n".to_owned()), ("empty.json", String::new())]);
        has(&shown, "error[policy-unreadable]");
        has(&shown, "--> broken.json:2:");
        has(&shown, "--> empty.json:1:1");
        has(&shown, "2 policies: 0 critical, 2 high");
        assert!(!shown.contains("who can use this key"), "{shown}");
    }

    #[test]
    fn a_grant_is_shown_in_the_file_of_grants() {
        let (question, grants) = (question(), grants());
        let shown = text(&report(&question, Some(&grants), &[("app.json", policy(&[]))]), Look::default());
        has(&shown, "--> grants.json:5:7\n");
        assert!(!shown.contains("No grants were given"), "{shown}");
    }

    #[test]
    fn in_a_file_of_one_line_a_grant_is_shown_by_itself() {
        let question = question();
        let text_of = |id: &str| format!(r#"{{"GrantId":"{id}","GranteePrincipal":"arn:aws:iam::444455556666:role/partner","Operations":["Decrypt"]}}"#);
        let all: Vec<String> = (0..100).map(|at| text_of(&format!("g{at}"))).collect();
        let grants = GrantsFile::of("grants.json", format!("[{}]", all.join(","))).unwrap();
        let shown = text(&report(&question, Some(&grants), &[("app.json", policy(&[]))]), Look::default());
        has(&shown, "  \"GrantId\": \"g50\",\n3 |   \"GranteePrincipal\": \"arn:aws:iam::444455556666:role/partner\",\n  |   ^^^^");
    }

    /// A name, a `Sid`, a principal and a condition of which none may reach the terminal as it is, in the statement, the titles and the table.
    #[test]
    fn nothing_that_a_file_holds_moves_the_cursor() {
        let hostile = "\u{7f}\u{9b}31m\u{202e}\u{200f}\\u001b[2J\\r\\n";
        let statement = format!(
            r#"{{"Sid": "{hostile}", "Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::444455556666:role/{hostile}"}}, "Action": "kms:*", "Resource": "*", "Condition": {{"StringLike": {{"kms:ViaService": "{hostile}"}}}}, "{hostile}": 1}}"#
        );
        let texts = [policy(&[&statement]), policy(&["{"]).replace("OwnAccount", "\u{1b}[31m\u{7}\u{9b}"), "\u{1b}]0;title\u{7}".to_owned()];
        for policy in texts {
            for colours in [false, true] {
                let question = question();
                let text = text(&report(&question, None, &[("a\u{1b}[31m\u{202e}.json", policy.clone())]), Look { colours, width: Some(90) });
                let plain = if colours { without_styles(&text) } else { text };
                let obeyed =
                    |c: &char| (c.is_control() && *c != '\n') || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
                assert_eq!(plain.chars().find(obeyed), None, "{plain:?}");
            }
        }
    }

    /// The text without the sequences that give it colours: an escape, digits and semicolons, an `m`.
    fn without_styles(text: &str) -> String {
        let mut pieces = text.split("\u{1b}[");
        let first = pieces.next().unwrap().to_owned();
        first + &pieces.map(|piece| piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m').unwrap()).collect::<String>()
    }

    #[test]
    fn a_policy_of_one_line_is_cut_to_the_terminal() {
        let one_line = serde_json::from_str::<serde_json::Value>(&policy(&[OPEN])).unwrap().to_string();
        let question = question();
        let text = text(&report(&question, None, &[("app.json", one_line)]), Look { colours: false, width: Some(80) });
        let source = text.lines().find(|line| line.starts_with("1 |")).unwrap();
        assert!(source.chars().count() <= 90 && source.contains("..."), "{source}");
    }

    /// As long as a policy may be, in one line, with a mark for each principal.
    #[test]
    fn a_policy_of_one_long_line_is_shown_with_lines_of_its_own() {
        let roles: Vec<String> = (0..600).map(|at| format!("\"arn:aws:iam::444455556666:role/role-{at}\"")).collect();
        let laid_out = policy(&[&OPEN.replacen("\"*\"", &format!("{{\"AWS\": [{}]}}", roles.join(",")), 1)]);
        let one_line = serde_json::from_str::<serde_json::Value>(&laid_out).unwrap().to_string();
        let question = question();
        let mut report = report(&question, None, &[]);
        let file = PolicyFile::of("app.json", one_line).unwrap().for_people();
        report.files.push(Outcome::Checked(Box::new(Checked::of(&question, file, None))));
        let shown = text(&report, Look::default());
        has(&shown, "  a file of long lines: the policy in it is shown with lines of its own\n");
        has(&shown, "\"arn:aws:iam::444455556666:role/role-7\",\n");
    }

    #[test]
    fn a_waiver_of_no_use_is_one_line() {
        let settings: kms_insights_findings::FindingSettings =
            toml::from_str("waivers = [{ rule = \"public\", account = \"111122223333\", reason = \"a\\nsandbox\", until = \"2026-01-31\" }]").unwrap();
        let waiver = &settings.waivers[0];
        let of = "warning: the waiver of rule public, account 111122223333 (a\u{fffd}sandbox)";
        assert_eq!(idle(waiver, Idle::Expired), format!("{of} expired on 2026-01-31"));
        assert_eq!(idle(waiver, Idle::Unmatched), format!("{of} matched nothing in this run"));
    }

    #[test]
    fn a_waiver_is_told() {
        let mut question = question();
        question.settings = toml::from_str("waivers = [{ rule = \"public\", reason = \"a sandbox\", until = \"2027-01-31\" }]").unwrap();
        let text = text(&report(&question, None, &[("app.json", policy(&[OPEN]))]), Look::default());
        has(&text, "= note: waived until 2027-01-31: a sandbox");
        has(&text, "; 1 of them waived");
    }
}
