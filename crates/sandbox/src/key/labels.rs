//! Descriptions and tags: `kms:DescribeKey`, `kms:ListResourceTags`.

use kms_insights_model::Tag;

use super::{Key, Kind, Part, SERVICES};
use crate::Archetype;

/// What a spreadsheet, a terminal, a page or a query would stumble over.
const HOSTILE: &[(&str, &str)] = &[
    ("formula", "=cmd|' /C calc'!A0"),
    ("markup", "<script>alert(document.domain)</script>"),
    ("terminal", "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[31mred"),
    ("quotes", "it's \"quoted\" \\ back`tick`; DROP TABLE keys; --"),
    ("lines", "first line\r\nsecond line\n\tthird"),
    ("emoji", "🔑👩‍👩‍👧‍👦 ключ 鍵 \u{202e}gnp.exe"),
    ("empty", ""),
    ("@SUM(1+1)*cmd|' /C calc'!A0", "+1-1"),
];

impl Key<'_> {
    pub(super) fn description(&self) -> String {
        match self.kind {
            Kind::AwsManaged(service) => {
                format!("Default key that protects my {} data when no other key is defined", SERVICES[service].to_uppercase())
            }
            Kind::MultiRegion(_) => format!("Multi-Region key of {}", self.application()),
            Kind::Single(Archetype::ForgottenSample) => "SAMPLE - Sensitive data key used for Step Functions process order".to_owned(),
            Kind::Single(Archetype::HostileTexts) => HOSTILE.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(" "),
            Kind::Single(Archetype::PendingDeletion) => format!("{} (replaced, do not use)", self.application()),
            Kind::Single(_) if self.part(Part::Labels).part(2).roll().is_multiple_of(3) => String::new(),
            Kind::Single(_) => format!("Encrypts {} at rest", self.application()),
        }
    }

    pub(super) fn make_tags(&self) -> Vec<Tag> {
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        let mut dice = self.part(Part::Labels).part(3);
        match self.kind {
            Kind::AwsManaged(_) => Vec::new(),
            Kind::Single(Archetype::ForgottenSample) => {
                let stack = format!("StepFunctionsSample-ProcessOrder-{}", dice.uuid());
                let arn =
                    format!("arn:{}:cloudformation:{}:{}:stack/{stack}/{}", self.organization.partition(), self.unit().region, self.account.id, dice.uuid());
                vec![
                    tag("aws:cloudformation:logical-id", "SensitiveDataKey"),
                    tag("aws:cloudformation:stack-id", &arn),
                    tag("aws:cloudformation:stack-name", &stack),
                ]
            }
            Kind::Single(Archetype::HostileTexts) => HOSTILE.iter().map(|(key, value)| tag(key, value)).collect(),
            Kind::Single(Archetype::ManyTags) => (0..50).map(|at| tag(&format!("team:label-{at:02}"), &dice.lower(12))).collect(),
            _ => {
                let mut tags = Vec::new();
                if dice.chance(70) {
                    tags.push(tag("Application", self.application()));
                }
                if dice.chance(60) {
                    tags.push(tag("Environment", dice.pick(&["prod", "staging", "dev"])));
                }
                if dice.chance(30) {
                    tags.push(tag("Owner", &format!("team-{}@example.com", dice.pick(&["blue", "red", "green"]))));
                }
                tags
            }
        }
    }
}
