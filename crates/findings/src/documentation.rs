//! `docs/findings.md`, generated from the rules.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{Confidence, FindingSettings, RULES, RestsOn, Severity, proposals};

/// What each setting decides. Their defaults are written by [`FindingSettings`] itself.
const SETTINGS: [(&str, &str); 7] = [
    ("rotation_period_days", "A longer rotation period is reported: [`rotation-period`](#rotation-period)."),
    ("unused_days", "A key whose last use is so many days ago is reported: [`not-used`](#not-used)."),
    ("disabled_days", "A key that may have been disabled for so many days is reported: [`disabled-long`](#disabled-long)."),
    ("expiring_days", "Imported key material that expires within so many days is reported: [`material-expiring`](#material-expiring)."),
    ("required_tags", "The keys of the tags that every customer managed key must have: [`required-tags`](#required-tags)."),
    (
        "trusted_accounts",
        "Accounts outside the organization that its owner trusts, by their ids. What lets in none but them weighs low: \
         [`outside-organization`](#outside-organization), [`outside-account`](#outside-account), [`grant-outside-account`](#grant-outside-account). It lowers no \
         other rule: what a trusted account may do with the key weighs like what any other outsider may.",
    ),
    ("waivers", "What is put up with for a time: [Waivers](#waivers)."),
];

const EXAMPLE: &str = r#"[findings]
rotation_period_days = 180
required_tags = ["Owner", "DataClass"]
trusted_accounts = ["444455556666"]

# One finding.
[[findings.waivers]]
finding = "168a2fe7e672db35"
reason = "The vendor's contract ends in March: SEC-1234"
until = "2027-03-31"

# A rule, for one key.
[[findings.waivers]]
rule = "rotation-off"
key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
reason = "Its material is pinned until the devices are replaced: IOT-77"
until = "2027-06-30"

# A rule, for all keys of an account.
[[findings.waivers]]
rule = "no-alias"
account = "999999999999"
reason = "A sandbox"
until = "2027-12-31"
"#;

/// The text of `docs/findings.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "<!-- Generated from crates/findings/src/rules by its tests with KMS_INSIGHTS_REGENERATE=1. Edit the rules. -->\n\n# Findings\n\n\
         Each finding names the statement, grant or fact that causes it, carries it as written (`evidence`), and keeps its id from run to run as long as key,\n\
         rule and cause stay the same. A statement stays the same cause as long as its effect, principals, actions and conditions do: another place in the\n\
         policy, another `Sid` or another order of its lists changes nothing, another principal is another finding. `cause` says where the\n\
         statement stands now; statements count from 0, as in the `policy_statements` table.\n\n\
         Where more than the statement decides what a person puts up with, that is part of the id, too:\n\n\
         - of `separation-of-duty`, what the principal may do (its kinds of use, and whether it may change the policy, disable or delete the key or its\n  \
         material);\n\
         - of `replica-policies-differ`, what the policies differ in;\n\
         - of `kms-refuses` and `no-effect`, what is wrong with the statement or with the policy;\n\
         - of `outside-organization`, `outside-account` and `grant-outside-account`, whether those who come in are known to be inside the organization. Those\n  \
         who are, are a finding with an id of its own. All others have one id in [`outside-organization`](#outside-organization) and in\n  \
         [`outside-account`](#outside-account), which speak of the same outsiders, the one where the organization is known, the other where it is not. Where a\n  \
         statement is for insiders as well, that id is made of the outsiders.\n\n\
         The id is a hash of the key's ARN, the rule and the cause. So the same policy on another key, in another Region or another account, has findings\n\
         with other ids, and `policy check` gives the ids that the key will have only if `--key-arn` is the ARN that it has.\n\n\
         Names that others chose are shown without characters that nobody sees: control characters, marks that turn the direction of writing and the\n\
         like stand as `\u{fffd}` in `title`, `cause` and `remediation`. `evidence` has them as they are.\n\n",
    );
    let severities: Vec<&str> = Severity::ALL.into_iter().map(Severity::as_str).collect();
    let confidences: Vec<&str> = Confidence::ALL.into_iter().map(Confidence::as_str).collect();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "`severity` says how bad it is if it is so ({}), `confidence` how sure it is that it is so ({}). The two are never mixed: what cannot be told does not \
         become harmless.\n\n\
         - `certain`: it is so. Of somebody who comes in that means that a request exists which comes in, once conditions and Denies are weighed.\n\
         - `likely`: it is so unless something keeps it from being so that no fact tells.\n\
         - `possible`: it cannot be ruled out. The title says why it is not certain.\n\nAWS managed keys yield no findings about what \
         their policy says: nobody can change it.\n\n| rule | severity | what |\n|---|---|---|\n",
        severities.join(", "),
        confidences.join(", ")
    );
    for rule in RULES {
        let _ = writeln!(page, "| [`{0}`](#{0}) | {1} | {2} |", rule.id, rule.severity, rule.title);
    }
    changed_policies(&mut page);
    settings(&mut page);
    waivers(&mut page);
    for rule in RULES {
        let facts: Vec<String> = rule.rests_on.iter().copied().map(RestsOn::as_str).map(|fact| format!("`{fact}`")).collect();
        let rests_on = if facts.is_empty() { "no fact: that one lacks is what it says".to_owned() } else { facts.join(", ") };
        let _ = write!(
            page,
            "\n## {}\n\n**{}.** Severity: {}{}.\n\n{}\n\n*Rests on:* {}.\n\n*What to do:* {}\n",
            rule.id,
            rule.title,
            if rule.severity == Severity::Info { "" } else { "up to " },
            rule.severity,
            rule.documentation,
            rests_on,
            rule.remediation
        );
    }
    page
}

fn changed_policies(page: &mut String) {
    let _ = write!(
        page,
        "\n## Changed policies\n\nWhere a change of the policy `default` settles a finding, `changed_policy` holds the whole policy with that change: a condition more, \
         principals or the statement less, a statement in two. Everything else stays as it is written. It is for a person to look at, not to be put unread: what \
         is meant, nobody but the key's owner knows.\n\nA changed policy is shown only if it was tried out: it is a policy, the finding is gone with it, no other \
         as bad takes its place, and the key's own account still holds the key. So a finding may have none: because only a person can say what is meant, because \
         AWS RAM writes that policy, because {shown} others are shown for the key, or because {made} were tried, fewer where there is much \
         to weigh. Nor is a condition proposed with which somebody whom the statement names could do nothing any more.\n\n\
         `remediation` then says who can do less with the changed policy than before, and who more: the ways in of both policies, compared. Grants count: who \
         loses a statement and keeps a grant loses nothing. Actions are called by their names where others that amount to the same are kept. \"Perhaps\" stands where it cannot \
         be told whether something else lets them in. At most three are named, and the others counted. Where there is too much to compare, that is said instead.\n",
        shown = proposals::SHOWN,
        made = proposals::MADE
    );
}

fn settings(page: &mut String) {
    page.push_str(
        "\n## Settings\n\nThe section `[findings]` of `kms-insights.toml` holds what an organization decides for itself. Whatever it does not name has its \
         default; a name that there is not is an error, and so is a period of 0 days.\n\n| setting | default | what it decides |\n|---|---|---|\n",
    );
    // The settings always serialize: they are numbers, texts and lists, which JSON and TOML write alike.
    let defaults = serde_json::to_value(FindingSettings::default()).unwrap_or_default();
    for (name, what) in SETTINGS {
        let _ = writeln!(page, "| `{name}` | `{}` | {what} |", defaults.get(name).unwrap_or(&Value::Null));
    }
    let _ = write!(page, "\nAn example:\n\n```toml\n{EXAMPLE}```\n");
}

fn waivers(page: &mut String) {
    page.push_str(
        "\n## Waivers\n\nA waiver says that somebody puts up with findings, why, and until when. It names a `finding` by its id, a `rule`, a `key` by its \
         ARN, an `account`, or several of these: all that it names must fit, and it covers nothing else. One that names none of them would cover everything \
         and is an error, and so is one that names a rule that there is not or gives no `reason`.\n\n`until` is the last day, in UTC, on which it holds, as \
         of the day of the run. Where several cover a finding, the one that holds longest counts. A finding that is waived stays in the list with its waiver: \
         it is put up with, not gone. `account` is the key's, not an outsider's: no waiver is for whatever a trusted account may do, \
         and `trusted_accounts` lowers no other rule than those that it names; a waiver by rule and key does. A waiver of `outside-organization` covers \
         `outside-account`, too, but only where that speaks of the same outsiders, because nothing is known of the organization; a finding about those who are \
         known to be inside it is not covered. The id of a finding changes with what the statement says, with who leaves the organization, with what is wrong and so on, as said at the top of this page, so a waiver by id ends when somebody \
         widens what it was given for; one by rule and key does not.\n",
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        findings: FindingSettings,
    }

    #[test]
    fn every_setting_is_documented_once_with_its_default() {
        let Value::Object(defaults) = serde_json::to_value(FindingSettings::default()).unwrap() else { panic!() };
        let fields: BTreeSet<&str> = defaults.keys().map(String::as_str).collect();
        assert_eq!(SETTINGS.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), fields);
        assert_eq!(SETTINGS.len(), fields.len());
        let written: String = SETTINGS.iter().fold("[findings]\n".to_owned(), |text, (name, _)| format!("{text}{name} = {}\n", defaults[*name]));
        assert_eq!(toml::from_str::<File>(&written).unwrap().findings, FindingSettings::default(), "what the page gives as defaults is TOML, and the default");
        for (name, _) in SETTINGS {
            assert!(markdown().contains(&format!("| `{name}` | `{}` |", defaults[name])), "{name}");
        }
    }

    #[test]
    fn the_example_is_a_configuration_that_is_accepted() {
        let settings = toml::from_str::<File>(EXAMPLE).unwrap().findings;
        assert_eq!(settings.check(), Ok(()));
        assert_eq!((settings.rotation_period_days.get(), settings.waivers.len()), (180, 3));
    }

    #[test]
    fn no_section_of_the_page_has_the_name_of_another() {
        let page = markdown();
        let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(sections.iter().collect::<BTreeSet<_>>().len(), sections.len(), "{sections:?}");
        assert_eq!(sections.len(), RULES.len() + 3);
    }
}
