//! Grants: `kms:ListGrants`.

use std::collections::BTreeMap;

use kms_insights_model::{Grant, GrantConstraints};

use super::{Key, Kind, Part, metadata::millis, policies::OUTSIDE};
use crate::{Archetype, dice::Dice};

struct Draft {
    name: Option<String>,
    grantee: String,
    /// The grant was made with `GranteeServicePrincipal`, so that KMS names the service there alone.
    by_service_principal: bool,
    retiring: Option<String>,
    issuing: String,
    operations: &'static [&'static str],
    constraints: GrantConstraints,
}

const VOLUME: &[&str] = &["Decrypt"];
const SERVICE: &[&str] = &["Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "CreateGrant", "RetireGrant", "DescribeKey"];

fn subset(key: &str, value: String) -> GrantConstraints {
    GrantConstraints { encryption_context_subset: BTreeMap::from([(key.to_owned(), value)]), ..GrantConstraints::default() }
}

impl Key<'_> {
    pub(super) fn make_grants(&self) -> Vec<Grant> {
        let mut dice = self.part(Part::Grants).part(self.region as u64);
        let count = match self.kind {
            Kind::Single(Archetype::Volumes) => 100 + dice.between(5, 150),
            Kind::Single(Archetype::Databases) => dice.between(2, 12),
            Kind::Single(Archetype::GrantedOutside | Archetype::DeadGrants) => dice.between(1, 3),
            Kind::Single(Archetype::HostileTexts) => 1,
            Kind::AwsManaged(0) => dice.between(0, 6),
            Kind::Single(Archetype::DefaultPolicy | Archetype::AdminsAndUsers) if dice.chance(25) => dice.between(1, 3),
            _ => 0,
        };
        let age = u64::try_from((self.now() - self.created_at).num_milliseconds()).unwrap_or(0);
        (0..count)
            .map(|at| {
                let draft = self.draft(at, &mut dice);
                let service = |principal: &String| principal.ends_with(".amazonaws.com").then(|| principal.clone());
                Grant {
                    id: dice.hex(64),
                    name: draft.name,
                    created_at: Some(self.created_at + millis(dice.below(age))),
                    grantee_service_principal: service(&draft.grantee),
                    retiring_service_principal: draft.retiring.as_ref().and_then(service),
                    grantee_principal: (!draft.by_service_principal).then_some(draft.grantee),
                    retiring_principal: draft.retiring,
                    issuing_account: Some(draft.issuing),
                    operations: draft.operations.iter().map(|operation| (*operation).to_owned()).collect(),
                    constraints: draft.constraints,
                }
            })
            .collect()
    }

    fn draft(&self, at: u64, dice: &mut Dice) -> Draft {
        let partition = self.organization.partition();
        let (account, region) = (self.account.id, &self.unit().region);
        let root = |account: &dyn std::fmt::Display| format!("arn:{partition}:iam::{account}:root");
        let base = Draft {
            name: None,
            grantee: String::new(),
            by_service_principal: false,
            retiring: None,
            issuing: root(&account),
            operations: SERVICE,
            constraints: GrantConstraints::default(),
        };
        match self.kind {
            Kind::AwsManaged(_) | Kind::Single(Archetype::Volumes) => {
                let volume = format!("vol-0{}", dice.hex(16));
                let instance = format!("i-0{}", dice.hex(16));
                Draft {
                    grantee: format!("arn:{partition}:sts::{account}:assumed-role/aws:ec2-infrastructure/{instance}"),
                    operations: VOLUME,
                    constraints: subset("aws:ebs:id", volume),
                    ..base
                }
            }
            Kind::Single(Archetype::Databases) => match at % 3 {
                0 => Draft {
                    grantee: format!("rds.{region}.amazonaws.com"),
                    retiring: Some(format!("rds.{region}.amazonaws.com")),
                    constraints: subset("aws:rds:db-id", format!("db-{}", dice.base32(26))),
                    ..base
                },
                1 => Draft {
                    grantee: format!("arn:{partition}:iam::{account}:role/aws-service-role/redshift.amazonaws.com/AWSServiceRoleForRedshift"),
                    constraints: GrantConstraints {
                        encryption_context_equals: BTreeMap::from([
                            ("aws:redshift:arn".to_owned(), format!("arn:{partition}:redshift:{region}:{account}:cluster:{}", self.application())),
                            ("aws:redshift:createtime".to_owned(), format!("2025{:04}T{:06}Z", dice.between(101, 128), dice.below(235_959))),
                        ]),
                        ..GrantConstraints::default()
                    },
                    ..base
                },
                _ => Draft {
                    name: Some(format!("secrets-{at}")),
                    grantee: "dynamodb.amazonaws.com".to_owned(),
                    by_service_principal: true,
                    constraints: GrantConstraints {
                        source_arn: Some(format!("arn:{partition}:dynamodb:{region}:{account}:table/{}", self.application())),
                        ..GrantConstraints::default()
                    },
                    ..base
                },
            },
            Kind::Single(Archetype::GrantedOutside) => Draft {
                name: Some("vendor-snapshot-copy".to_owned()),
                grantee: root(&OUTSIDE[1]),
                issuing: root(&OUTSIDE[1]),
                operations: &["Decrypt", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "CreateGrant", "DescribeKey"],
                ..base
            },
            Kind::Single(Archetype::DeadGrants) => Draft {
                name: Some("leaver".to_owned()),
                grantee: format!("{}{}", if at == 0 { "AROA" } else { "AIDA" }, dice.base32(17)),
                retiring: Some(format!("AIDA{}", dice.base32(17))),
                operations: &["Encrypt", "Decrypt"],
                ..base
            },
            Kind::Single(Archetype::HostileTexts) => Draft {
                // Characters that grant names and encryption contexts may hold.
                name: Some("a:b/c_d-e".to_owned()),
                grantee: format!("arn:{partition}:iam::{account}:role/app"),
                constraints: subset("=1+1 <b>", "\u{1b}[31m'\"; --\n🔑".to_owned()),
                ..base
            },
            _ => Draft {
                grantee: format!("arn:{partition}:iam::{account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"),
                constraints: subset("aws:lambda:FunctionArn", format!("arn:{partition}:lambda:{region}:{account}:function:{}-{at}", self.application())),
                ..base
            },
        }
    }
}
