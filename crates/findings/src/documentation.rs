//! `docs/findings.md`, generated from the rules.

use std::fmt::Write as _;

use crate::{Confidence, RULES, Severity};

/// The text of `docs/findings.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "<!-- Generated from crates/findings/src/rules by its tests with KMS_INSIGHTS_REGENERATE=1. Edit the rules. -->\n\n# Findings\n\n\
         Each finding names the statement, grant or fact that causes it, carries it as written (`evidence`), and keeps its id from run to run as long as key,\n\
         rule and cause stay the same. A statement stays the same cause as long as its effect, principals, actions and conditions do: another place in the\n\
         policy, another `Sid` or another order of its lists changes nothing, another principal is another finding. `cause` says where the statement stands\n\
         now; statements count from 0, as in the `policy_statements` table.\n\n",
    );
    let severities: Vec<&str> = Severity::ALL.into_iter().map(Severity::as_str).collect();
    let confidences: Vec<&str> = Confidence::ALL.into_iter().map(Confidence::as_str).collect();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "`severity` says how bad it is if it is so ({}), `confidence` how sure it is that it is so ({}).\n\nAWS managed keys yield no findings about what \
         their policy says: nobody can change it.\n\n| rule | severity | what |\n|---|---|---|\n",
        severities.join(", "),
        confidences.join(", ")
    );
    for rule in RULES {
        let _ = writeln!(page, "| [`{0}`](#{0}) | {1} | {2} |", rule.id, rule.severity, rule.title);
    }
    for rule in RULES {
        let _ = write!(
            page,
            "\n## {}\n\n**{}.** Severity: {}{}.\n\n{}\n\n*What to do:* {}\n",
            rule.id,
            rule.title,
            if rule.severity == Severity::Info { "" } else { "up to " },
            rule.severity,
            rule.documentation,
            rule.remediation
        );
    }
    page
}
