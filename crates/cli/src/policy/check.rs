//! From files to what is to be said about each.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use kms_insights_findings::{Finding, FindingSettings, KeyAnalysis, KeyContext, RULES, RestsOn, RuleInfo, Waiver, analyze};
use kms_insights_model::{AccountId, Fact, KeyArn, KeyFacts, KeyManager, KeyMetadata, OrganizationId, PolicyText, Timestamp};
use kms_insights_policy::{
    PolicyError,
    access::{Cause, Certainty, Exposure, PolicyName, Verdict, locks_out_own_account},
    join_labels, parse,
};

use super::{
    GrantsFile,
    input::{InputError, PolicyFile},
    places::{self, GrantPlace, StatementPlace},
};

/// What is asked of each file.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The key that carries the policy.
    pub(super) key: KeyArn,
    /// The organization of its account, where it is known.
    pub(super) organization_id: Option<OrganizationId>,
    /// The accounts of that organization, where they are known.
    pub(super) organization_accounts: Option<BTreeSet<AccountId>>,
    /// Thresholds, trusted accounts, waivers.
    pub(super) settings: FindingSettings,
    /// The moment for which terms of time are weighed.
    pub(super) now: Timestamp,
}

impl Question {
    /// What is known of a key of which there is no more than a policy, and perhaps grants: it counts as customer managed, since nobody else can put a policy. All else does not
    /// apply, so that no rule has anything to say about it.
    fn facts(&self, policy: &str, grants: Option<&GrantsFile>) -> KeyFacts {
        KeyFacts {
            arn: self.key.clone(),
            observed_at: self.now,
            metadata: Fact::Observed(customer_managed()),
            aliases: Fact::NotApplicable,
            policy: Fact::Observed(PolicyText(policy.to_owned())),
            ram_policy: Fact::NotApplicable,
            grants: grants.map_or(Fact::NotApplicable, |file| Fact::Observed(file.grants.clone())),
            tags: Fact::NotApplicable,
            rotation: Fact::NotApplicable,
            rotations: Fact::NotApplicable,
        }
    }
}

/// A key of which no more is known than that its account manages it.
const fn customer_managed() -> KeyMetadata {
    KeyMetadata {
        created_at: None,
        enabled: true,
        description: String::new(),
        usage: None,
        state: None,
        deletion_date: None,
        valid_to: None,
        origin: None,
        custom_key_store_id: None,
        cloud_hsm_cluster_id: None,
        expiration_model: None,
        manager: Some(KeyManager::Customer),
        spec: None,
        encryption_algorithms: Vec::new(),
        signing_algorithms: Vec::new(),
        encapsulation_algorithms: Vec::new(),
        key_agreement_algorithms: Vec::new(),
        mac_algorithms: Vec::new(),
        multi_region: None,
        pending_deletion_window_days: None,
        xks_key_id: None,
        current_key_material_id: None,
    }
}

/// The rules that can say something of a policy and grants.
pub(super) fn rules() -> impl Iterator<Item = &'static RuleInfo> {
    RULES.iter().filter(|rule| rule.rests_on.iter().all(|fact| matches!(fact, RestsOn::Policies | RestsOn::Grants | RestsOn::Organization)))
}

/// What was found in all files.
pub(super) struct Report<'a> {
    /// What was asked.
    pub(super) question: &'a Question,
    /// The grants, where they were given.
    pub(super) grants: Option<&'a GrantsFile>,
    /// The files, as they were named.
    pub(super) files: Vec<Outcome>,
}

/// What came of a file.
pub(super) enum Outcome {
    /// It holds a policy, or a text that is none.
    Checked(Box<Checked>),
    /// There is nothing to check.
    Unread {
        /// The file.
        name: String,
        /// Why.
        reason: InputError,
    },
}

/// Why a waiver is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// Its last day is over.
    Expired,
    /// It covers nothing of what was found.
    Unmatched,
}

/// A file that was checked.
pub(super) struct Checked {
    /// The file.
    pub(super) file: PolicyFile,
    /// What is to be said about it.
    pub(super) analysis: KeyAnalysis,
    /// Why its text is no policy, where it is none.
    pub(super) error: Option<PolicyError>,
    /// Whether the key's own account can no longer change the policy.
    pub(super) locks_out: Verdict,
    /// The statements in what is shown of the file.
    statements: Vec<StatementPlace>,
}

/// Where a finding is to be shown.
pub(super) enum Spot<'c> {
    /// At a statement of the policy.
    Statement(&'c StatementPlace),
    /// At places of the policy, of which there is at least one.
    Policy(Vec<Range<usize>>),
    /// At a grant in the file of grants.
    Grant(&'c GrantsFile, &'c GrantPlace),
}

/// Checks every file. For people, those with lines that nobody can read are laid out.
pub(super) fn check<'a>(question: &'a Question, files: &[String], grants: Option<&'a GrantsFile>, for_people: bool) -> Report<'a> {
    let outcome = |name: &String| match PolicyFile::read(name) {
        Ok(file) => Outcome::Checked(Box::new(Checked::of(question, if for_people { file.for_people() } else { file }, grants))),
        Err(reason) => Outcome::Unread { name: name.clone(), reason },
    };
    Report { question, grants, files: files.iter().map(outcome).collect() }
}

impl Report<'_> {
    /// The files that were checked.
    pub(super) fn checked(&self) -> impl Iterator<Item = &Checked> {
        self.files.iter().filter_map(|outcome| match outcome {
            Outcome::Checked(checked) => Some(&**checked),
            Outcome::Unread { .. } => None,
        })
    }

    /// The files that could not be, with the reason.
    pub(super) fn unread(&self) -> impl Iterator<Item = (&str, &InputError)> {
        self.files.iter().filter_map(|outcome| match outcome {
            Outcome::Checked(_) => None,
            Outcome::Unread { name, reason } => Some((name.as_str(), reason)),
        })
    }

    /// All findings.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.checked().flat_map(|checked| &checked.analysis.findings)
    }

    /// The waivers that are of no use: those that have expired, and those that fit the key and the rules that are asked, and no finding.
    pub(super) fn idle_waivers(&self) -> impl Iterator<Item = (&Waiver, Idle)> {
        self.question.settings.waivers.iter().filter_map(|waiver| {
            if waiver.until < self.question.now.date_naive() {
                return Some((waiver, Idle::Expired));
            }
            let key = &self.question.key;
            let may_fit = waiver.key.as_ref().is_none_or(|wanted| wanted == key)
                && waiver.account.is_none_or(|account| account == key.account())
                && waiver.rule.as_ref().is_none_or(|wanted| rules().any(|rule| rule.id == wanted.as_str()));
            (may_fit && !self.findings().any(|finding| waiver.covers(finding, key))).then_some((waiver, Idle::Unmatched))
        })
    }
}

impl Checked {
    pub(super) fn of(question: &Question, file: PolicyFile, grants: Option<&GrantsFile>) -> Self {
        let facts = question.facts(file.policy(), grants);
        let context = KeyContext {
            facts: &facts,
            last_usage: &Fact::NotApplicable,
            now: question.now,
            organization_accounts: question.organization_accounts.as_ref(),
            organization_id: question.organization_id.as_ref(),
            replicas: &[],
            settings: &question.settings,
        };
        let mut analysis = analyze(&context);
        let error = parse(file.policy()).err();
        if error.is_some() {
            for finding in analysis.findings.iter_mut().filter(|finding| finding.rule == UNREADABLE) {
                // The rule's own advice is for policies that KMS keeps.
                "Mend the text at that place. Until then nobody can tell whom the policy lets in, and KMS would refuse it."
                    .clone_into(&mut finding.remediation);
            }
        }
        let locks_out = if error.is_some() { Verdict::Unknown } else { locks_out_own_account(&analysis.ways) };
        Self { statements: file.statements(), file, analysis, error, locks_out }
    }

    /// Whether it lets in anyone beyond a border.
    pub(super) const fn exposure(&self) -> Exposure {
        self.analysis.exposure
    }

    /// The labels of the workshop.
    pub(super) fn concern(&self) -> String {
        join_labels(&self.analysis.concerns)
    }

    /// Why it is not certain, where the ways in through the statement tell.
    pub(super) fn doubt(&self, finding: &Finding) -> Option<&str> {
        let index = finding.place.statement()?;
        self.analysis.ways.iter().filter(|way| way.cause == Cause::Statement(PolicyName::Default, index)).find_map(|way| match &way.certainty {
            Certainty::Unknown(reason) => Some(&**reason),
            Certainty::Certain => None,
        })
    }

    /// Where the finding is to be shown.
    pub(super) fn spot<'c>(&'c self, finding: &Finding, grants: Option<&'c GrantsFile>) -> Spot<'c> {
        if let Some(statement) = finding.place.statement().and_then(|index| self.statements.get(index)) {
            return Spot::Statement(statement);
        }
        if let (Some(id), Some(file)) = (finding.place.grant(), grants)
            && let Some(place) = file.places.get(id)
        {
            return Spot::Grant(file, place);
        }
        let shown = self.file.shown();
        if let Some(PolicyError::Json { line, column, .. }) = &self.error {
            let at = places::offset(shown, *line, *column);
            return Spot::Policy(std::iter::once(at..at).collect());
        }
        let of_policy = places::members(shown, 0);
        let elements = finding.place.elements().iter().filter_map(|path| places::below(shown, &of_policy, path));
        let named: Vec<Range<usize>> = elements.map(|element| element.whole).chain(self.named(&finding.principals)).collect();
        if !named.is_empty() {
            return Spot::Policy(named);
        }
        // What is about the policy as a whole is shown where its statements begin.
        let statements = of_policy.into_iter().find(|member| member.name == "Statement");
        Spot::Policy(vec![statements.map_or(0..0, |member| member.whole.start..member.whole.start + r#""Statement""#.len())])
    }

    /// Where statements name the principals.
    fn named(&self, principals: &[Arc<str>]) -> Vec<Range<usize>> {
        if principals.is_empty() {
            return Vec::new();
        }
        let shown = self.file.shown();
        let elements = self.statements.iter().filter_map(|statement| statement.element(&["Principal"]));
        elements.flat_map(|element| places::strings_among(shown, &element.value, principals)).collect()
    }
}

/// The rule about texts that are no policies.
pub(super) const UNREADABLE: &str = "policy-unreadable";

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use kms_insights_findings::Confidence;
    use serde_json::Value;

    use super::*;

    /// A question about the key of `tests/policies`.
    pub(in crate::policy) fn question() -> Question {
        Question {
            key: "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap(),
            organization_id: Some(OrganizationId("o-exampleorgid".to_owned())),
            organization_accounts: Some(["111122223333", "222233334444"].iter().map(|id| id.parse().unwrap()).collect()),
            settings: FindingSettings::default(),
            now: "2026-11-22T06:00:00Z".parse().unwrap(),
        }
    }

    /// A policy with a statement for the key's own account, and these.
    pub(in crate::policy) fn policy(statements: &[&str]) -> String {
        let own = r#"    {
      "Sid": "OwnAccount",
      "Effect": "Allow",
      "Principal": { "AWS": "arn:aws:iam::111122223333:root" },
      "Action": "kms:*",
      "Resource": "*"
    }"#;
        let all: Vec<&str> = std::iter::once(own).chain(statements.iter().copied()).collect();
        format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n", all.join(",\n"))
    }

    /// A statement that lets everyone decrypt.
    pub(in crate::policy) const OPEN: &str = r#"    {
      "Sid": "Open",
      "Effect": "Allow",
      "Principal": "*",
      "Action": ["kms:Decrypt", "kms:DescribeKey"],
      "Resource": "*"
    }"#;

    /// What is said of one policy.
    pub(in crate::policy) fn checked(question: &Question, text: String) -> Checked {
        Checked::of(question, PolicyFile::of("app.json", text).unwrap(), None)
    }

    /// A report about files with these names and texts.
    pub(in crate::policy) fn report<'a>(question: &'a Question, grants: Option<&'a GrantsFile>, files: &[(&str, String)]) -> Report<'a> {
        let outcome = |(name, text): &(&str, String)| {
            let file = PolicyFile::of(name, text.clone()).unwrap();
            Outcome::Checked(Box::new(Checked::of(question, file, grants)))
        };
        Report { question, grants, files: files.iter().map(outcome).collect() }
    }

    /// Grants of an outsider, as they are printed.
    pub(in crate::policy) fn grants() -> GrantsFile {
        let text = "{\n  \"Grants\": [\n    {\n      \"GrantId\": \"0c237476b39f8bc44e45212e08498fbe3151305030726c0590dd8d3e9f3d6a60\",\n      \"GranteePrincipal\": \"arn:aws:iam::444455556666:role/partner\",\n      \"Operations\": [\"Decrypt\"]\n    }\n  ]\n}\n";
        GrantsFile::of("grants.json", text.to_owned()).unwrap()
    }

    #[test]
    fn a_finding_is_shown_at_its_statement() {
        let question = question();
        let checked = checked(&question, policy(&[OPEN]));
        let finding = checked.analysis.findings.iter().find(|finding| finding.rule == "public").unwrap();
        assert_eq!(finding.place.statement(), Some(1));
        let Spot::Statement(place) = checked.spot(finding, None) else { panic!("no statement") };
        assert_eq!(&checked.file.shown()[place.whole.clone()], OPEN.trim_start());
        assert_eq!(finding.place.elements(), [["Principal"]]);
        assert_eq!(finding.principals.iter().map(|principal| &**principal).collect::<Vec<_>>(), ["*"]);
    }

    #[test]
    fn what_kms_would_refuse_is_shown_at_the_element_itself() {
        let question = question();
        let checked = checked(&question, policy(&[&OPEN.replace("Resource", "Resorce")]).replace("2012-10-17", "2013-10-17"));
        let shown = |place: Range<usize>| checked.file.shown()[place].to_owned();
        let of_rule = checked.analysis.findings.iter().filter(|finding| finding.rule == "kms-refuses");
        let at: Vec<String> = of_rule
            .flat_map(|finding| match checked.spot(finding, None) {
                Spot::Statement(statement) => {
                    let elements = finding.place.elements().iter().map(|path| places::below(checked.file.shown(), &statement.elements, path).unwrap());
                    elements.map(|element| shown(element.whole)).collect::<Vec<_>>()
                }
                Spot::Policy(places) => places.into_iter().map(shown).collect(),
                Spot::Grant(..) => panic!("a grant"),
            })
            .collect();
        assert_eq!(at, [r#""Version": "2013-10-17""#, r#""Resorce": "*""#]);
    }

    #[test]
    fn a_grants_finding_is_shown_at_the_grant() {
        let (question, grants) = (question(), grants());
        let checked = Checked::of(&question, PolicyFile::of("app.json", policy(&[])).unwrap(), Some(&grants));
        let finding = checked.analysis.findings.iter().find(|finding| finding.place.grant().is_some()).unwrap();
        let Spot::Grant(_, place) = checked.spot(finding, Some(&grants)) else { panic!("no grant") };
        assert!(grants.text[place.whole.clone()].starts_with("{\n      \"GrantId\""));
    }

    #[test]
    fn a_finding_about_a_principal_is_shown_wherever_it_is_named() {
        let question = question();
        let of = |action: &str| {
            format!(r#"{{"Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::111122223333:role/app"}}, "Action": "{action}", "Resource": "*"}}"#)
        };
        let checked = checked(&question, policy(&[&of("kms:PutKeyPolicy"), &of("kms:Decrypt")]));
        let finding = checked.analysis.findings.iter().find(|finding| finding.rule == "separation-of-duty").unwrap();
        let Spot::Policy(places) = checked.spot(finding, None) else { panic!("no places") };
        assert_eq!(places.into_iter().map(|place| &checked.file.shown()[place]).collect::<Vec<_>>(), [r#""arn:aws:iam::111122223333:role/app""#; 2]);
    }

    #[test]
    fn what_is_no_policy_is_unknown_and_a_finding_at_its_place() {
        let question = question();
        for (text, statement, at) in
            [("{\n  \"Version\": }".to_owned(), None, Some(15)), (policy(&["{\"Effect\": \"Allow\"}"]), Some(1), None), (String::new(), None, Some(0))]
        {
            let checked = checked(&question, text.clone());
            let exposure = checked.exposure();
            assert_eq!([exposure.outside_account, exposure.outside_organization, exposure.public, checked.locks_out], [Verdict::Unknown; 4], "{text}");
            let [finding] = checked.analysis.findings.as_slice() else { panic!("{:?}", checked.analysis.findings) };
            assert_eq!((finding.rule, finding.place.statement()), (UNREADABLE, statement));
            assert!(!finding.remediation.contains("GetKeyPolicy"), "{}", finding.remediation);
            if let Some(at) = at {
                assert!(matches!(checked.spot(finding, None), Spot::Policy(places) if places[0].start == at), "{text}");
            }
        }
    }

    #[test]
    fn the_key_counts_as_customer_managed() {
        let checked = checked(
            &question(),
            r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/app"}, "Action": "kms:Decrypt", "Resource": "*"}}"#
                .to_owned(),
        );
        let finding = checked.analysis.findings.iter().find(|finding| finding.rule == "locked-out").unwrap();
        assert_eq!((finding.confidence, finding.title.contains("not known")), (Confidence::Certain, false));
    }

    #[test]
    fn waivers_that_are_of_no_use_are_told() {
        let mut question = question();
        let waiver = |what: &str, until: &str| format!("{{ {what}, reason = \"x\", until = \"{until}\" }}");
        let waivers = [
            waiver("rule = \"public\"", "2026-11-21"),
            waiver("rule = \"public\"", "2026-11-22"),
            waiver("rule = \"not-principal\"", "2027-01-31"),
            // Other runs are asked about these.
            waiver("rule = \"never-used\"", "2027-01-31"),
            waiver("account = \"444455556666\"", "2027-01-31"),
        ];
        question.settings = toml::from_str(&format!("waivers = [{}]", waivers.join(", "))).unwrap();
        let report = report(&question, None, &[("app.json", policy(&[OPEN]))]);
        let idle: Vec<_> = report.idle_waivers().map(|(waiver, why)| (waiver.rule.as_deref(), why)).collect();
        assert_eq!(idle, [(Some("public"), Idle::Expired), (Some("not-principal"), Idle::Unmatched)]);
    }

    /// Over all labelled policies: a rule about facts that no file has says nothing, whatever the policy says.
    #[test]
    fn rules_about_facts_that_a_file_does_not_have_say_nothing() {
        let known: Vec<&str> = rules().map(|rule| rule.id).collect();
        assert!(known.contains(&"public") && known.contains(&UNREADABLE) && !known.contains(&"never-used"), "{known:?}");
        let mut question = question();
        // Whatever an organization can demand of keys is demanded.
        question.settings.required_tags = vec!["owner".to_owned()];
        let entries = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        let topics = entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/policies"));
        let files =
            topics.iter().filter(|path| path.is_dir()).flat_map(|topic| entries(topic)).filter(|path| path.extension().is_some_and(|end| end == "json"));
        let mut seen = 0;
        for path in files {
            let case: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            if case.get("labels").is_none() {
                continue;
            }
            let grants = case.get("grants").map(|grants| GrantsFile::of("grants.json", serde_json::json!({ "Grants": grants }).to_string()).unwrap());
            let checked = Checked::of(&question, PolicyFile::of("p.json", case["policy"].to_string()).unwrap(), grants.as_ref());
            for finding in &checked.analysis.findings {
                assert!(known.contains(&finding.rule), "{}: {finding:?}", path.display());
            }
            seen += 1;
        }
        assert!(seen > 150, "{seen}");
    }
}
