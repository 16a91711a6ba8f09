//! `kms:ListAliases`.

use kms_insights_model::Alias;

use super::{Key, Kind, Part, metadata::millis};
use crate::Archetype;

/// The services whose AWS managed keys the accounts have, and the way in that their policy is fenced by (`kms:ViaService`).
pub(crate) const SERVICES: &[&str] = &["ebs", "s3", "rds", "secretsmanager", "ssm", "lambda", "sns", "dynamodb"];

const APPLICATIONS: &[&str] =
    &["orders", "payments", "invoices", "customer-data", "search", "sessions", "archive", "reports", "events", "tokens", "backups", "ml-features"];

impl Key<'_> {
    /// The name of the application that the key serves, for its alias, tags and description.
    pub(crate) fn application(&self) -> &'static str {
        self.part(Part::Labels).part(1).pick(APPLICATIONS)
    }

    pub(crate) fn alias_count(&self) -> usize {
        let mut dice = self.part(Part::Aliases);
        match self.kind {
            Kind::Single(Archetype::ManyAliases) => 12,
            Kind::Single(Archetype::NoAlias | Archetype::PendingImport) => 0,
            Kind::Single(Archetype::HostileTexts) => 3,
            Kind::Single(_) if dice.chance(8) => 0,
            Kind::Single(_) if dice.chance(10) => 3,
            _ => 1,
        }
    }

    /// The `at`-th alias; they are sorted by name.
    pub(crate) fn alias(&self, at: usize) -> Alias {
        let mut dice = self.part(Part::Aliases).part(7);
        let unique = format!("{}-{:x}", dice.hex(2), self.index);
        let name = match self.kind {
            Kind::AwsManaged(service) => format!("aws/{}", SERVICES[service]),
            Kind::MultiRegion(set) => format!("global/{}-{set}", self.application()),
            Kind::Single(Archetype::ForgottenSample) => format!("sfn-sample-process-order-{unique}-{at}"),
            // Characters that aliases may hold, and that a path, a glob or a LIKE pattern takes for something else.
            Kind::Single(Archetype::HostileTexts) => [format!("_____{unique}"), format!("a//b/-/{unique}"), format!("null-{unique}")][at % 3].clone(),
            Kind::Single(_) if at == 0 => format!("{}/{unique}", self.application()),
            Kind::Single(_) => format!("{}/{unique}-{at:02}", self.application()),
        };
        let moved = if at > 0 && self.created_at < self.now() {
            millis(dice.below(u64::try_from((self.now() - self.created_at).num_milliseconds()).unwrap_or(0)))
        } else {
            millis(0)
        };
        let created_at = self.created_at + millis(1500);
        Alias { name: format!("alias/{name}"), created_at: Some(created_at), updated_at: Some(created_at + moved) }
    }
}
