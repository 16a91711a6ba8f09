//! Key policies: `kms:GetKeyPolicy`.

use kms_insights_model::AccountId;
use serde_json::{Value, json};

use super::{Key, Kind, Part, SERVICES};
use crate::Archetype;

/// Accounts outside of the organization: vendors, and one nobody remembers.
pub(crate) const OUTSIDE: [&str; 4] = ["900100200301", "900100200302", "900100200303", "077700077700"];

const USE: [&str; 5] = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"];

const ADMINISTER: [&str; 15] = [
    "kms:Create*",
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Update*",
    "kms:Revoke*",
    "kms:Disable*",
    "kms:Get*",
    "kms:Delete*",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RotateKeyOnDemand",
];

fn statement(sid: &str, effect: &str, principal: Value, action: Value) -> Value {
    let mut fields = serde_json::Map::new();
    if !sid.is_empty() {
        fields.insert("Sid".to_owned(), sid.into());
    }
    fields.insert("Effect".to_owned(), effect.into());
    fields.insert("Principal".to_owned(), principal);
    fields.insert("Action".to_owned(), action);
    fields.insert("Resource".to_owned(), "*".into());
    Value::Object(fields)
}

fn allow(sid: &str, principal: Value, action: Value) -> Value {
    statement(sid, "Allow", principal, action)
}

fn fenced(mut statement: Value, condition: Value) -> Value {
    statement["Condition"] = condition;
    statement
}

fn deny(sid: &str, principal: Value, action: Value) -> Value {
    statement(sid, "Deny", principal, action)
}

impl Key<'_> {
    fn iam(&self, account: impl std::fmt::Display, resource: &str) -> String {
        format!("arn:{}:iam::{account}:{resource}", self.organization.partition())
    }

    fn root(&self) -> Value {
        json!({"AWS": self.iam(self.account.id, "root")})
    }

    fn account_statement(&self) -> Value {
        allow("Enable IAM User Permissions", self.root(), json!("kms:*"))
    }

    fn role(&self, name: &str) -> String {
        self.iam(self.account.id, &format!("role/{name}"))
    }

    pub(crate) fn neighbour(&self) -> AccountId {
        self.organization.other_account(self.account.id, &mut self.part(Part::Policy).part(1))
    }

    pub(super) fn make_policy(&self) -> String {
        let mut dice = self.part(Part::Policy);
        let (id, statements) = match self.kind {
            Kind::AwsManaged(service) => (format!("auto-{}-1", SERVICES[service]), self.aws_managed_statements(SERVICES[service])),
            Kind::MultiRegion(_) if self.is_replica() => ("key-replica-1".to_owned(), self.replica_statements()),
            Kind::MultiRegion(_) => ("key-default-1".to_owned(), vec![self.account_statement()]),
            Kind::Single(Archetype::SingleObjectStatement) => {
                // Written by hand: no array, no Id, no Sid, odd case, no spaces.
                return format!(
                    r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{}"}},"Action":"KMS:*","Resource":"*"}}}}"#,
                    self.account.id
                );
            }
            Kind::Single(Archetype::AdminsAndUsers) => ("key-consolepolicy-3".to_owned(), self.console_statements()),
            Kind::Single(archetype) => {
                (["key-default-1".to_owned(), format!("{}-policy", self.application())][dice.index(2)].clone(), self.statements(archetype))
            }
        };
        serde_json::to_string_pretty(&json!({"Version": "2012-10-17", "Id": id, "Statement": statements})).unwrap_or_default()
    }

    /// Source: AWS KMS, "AWS managed keys": `*` fenced by account and service, then the account read-only.
    fn aws_managed_statements(&self, service: &str) -> Vec<Value> {
        let via = format!("{}.{}.amazonaws.com", if service == "ebs" { "ec2" } else { service }, self.unit().region);
        let fence = json!({"StringEquals": {"kms:CallerAccount": self.account.id, "kms:ViaService": via}});
        let actions = json!(["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"]);
        vec![
            fenced(
                allow(
                    &format!("Allow access through {} for all principals in the account that are authorized to use {service}", service.to_uppercase()),
                    json!({"AWS": "*"}),
                    actions,
                ),
                fence,
            ),
            allow("Allow direct access to key metadata to the account", self.root(), json!(["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"])),
        ]
    }

    fn replica_statements(&self) -> Vec<Value> {
        let mut statements = vec![self.account_statement()];
        // Each key of a set has a policy of its own: here the replica admits whom the primary does not.
        if matches!(self.kind, Kind::MultiRegion(0)) {
            statements.push(allow("Disaster recovery", json!({"AWS": self.iam(OUTSIDE[3], "root")}), json!(USE)));
        }
        statements
    }

    fn console_statements(&self) -> Vec<Value> {
        let application = self.application();
        let users = json!({"AWS": [self.role(&format!("{application}-service")), self.role(&format!("{application}-batch"))]});
        let grants = allow("Allow attachment of persistent resources", users.clone(), json!(["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]));
        vec![
            self.account_statement(),
            allow("Allow access for Key Administrators", json!({"AWS": self.role("KeyAdministrators")}), json!(ADMINISTER)),
            allow("Allow use of the key", users, json!(USE)),
            fenced(grants, json!({"Bool": {"kms:GrantIsForAWSResource": "true"}})),
        ]
    }

    fn statements(&self, archetype: Archetype) -> Vec<Value> {
        use Archetype as A;
        let mut dice = self.part(Part::Policy).part(2);
        let account = self.account.id;
        let organization = self.organization.id();
        let everyone = || json!({"AWS": "*"});
        let mut statements = vec![self.account_statement()];
        match archetype {
            A::Vendor => {
                statements.push(allow("Backup vendor", json!({"AWS": [self.iam(OUTSIDE[0], "root"), OUTSIDE[1]]}), json!(USE)));
                let monitoring = allow("", json!({"AWS": self.iam(OUTSIDE[2], "role/monitoring-integration")}), json!(["kms:DescribeKey", "kms:CreateGrant"]));
                statements.push(monitoring);
                statements.push(allow("Own organization", json!({"AWS": self.iam(self.neighbour(), "root")}), json!(["kms:Decrypt", "kms:DescribeKey"])));
            }
            A::OrganizationWide => {
                statements.push(fenced(allow("Whole organization", everyone(), json!(USE)), json!({"StringEquals": {"aws:PrincipalOrgID": organization}})));
            }
            A::Public => statements.push(allow("TODO remove after migration", json!("*"), json!(["kms:Decrypt", "kms:GenerateDataKey"]))),
            A::CallerAccountFenced => {
                let fence =
                    json!({"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": format!("secretsmanager.{}.amazonaws.com", self.unit().region)}});
                statements.push(fenced(allow("Through Secrets Manager", everyone(), json!(USE)), fence));
            }
            A::UselessFence => {
                let fence = if dice.chance(50) {
                    json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": [format!("{organization}/{}/", self.organization.root_id())]}})
                } else {
                    json!({"StringLike": {"aws:PrincipalArn": "*"}})
                };
                statements.push(fenced(allow("Fenced, or so it seems", everyone(), json!(["kms:Decrypt"])), fence));
            }
            A::ServiceFenced => {
                let logs = json!({"Service": format!("logs.{}.amazonaws.com", self.unit().region)});
                let fence = json!({"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": format!("arn:{}:logs:*:{account}:*", self.organization.partition())}});
                statements.push(fenced(allow("Log groups", logs, json!(USE)), fence));
            }
            A::ServiceUnfenced => {
                let services = json!({"Service": ["sns.amazonaws.com", "s3.amazonaws.com", "events.amazonaws.com"]});
                statements.push(allow("", services, json!(["kms:Decrypt", "kms:GenerateDataKey*"])));
            }
            A::NotPrincipal => {
                let keepers = json!({"AWS": [self.role("KeyAdministrators"), self.iam(account, "root")]});
                statements.push(json!({"Sid": "All but", "Effect": "Allow", "NotPrincipal": {"AWS": self.iam(account, "user/banned")}, "Action": "kms:DescribeKey", "Resource": "*"}));
                statements.push(json!({"Sid": "Only keepers delete", "Effect": "Deny", "NotPrincipal": keepers, "Action": ["kms:ScheduleKeyDeletion", "kms:DisableKey"], "Resource": "*"}));
            }
            A::NotAction => {
                let roles = json!({"AWS": self.role("developers")});
                statements
                    .push(json!({"Sid": "All but deletion", "Effect": "Allow", "Principal": roles, "NotAction": ["kms:ScheduleKeyDeletion"], "Resource": "*"}));
            }
            A::IamUsers => {
                let users = json!({"AWS": [self.iam(account, "user/alice"), self.iam(account, "user/ci/deployer")]});
                statements.push(allow("People", users, json!(USE)));
            }
            A::DeletedPrincipals => {
                let gone = json!({"AWS": [format!("AIDA{}", dice.base32(17)), format!("AROA{}", dice.base32(17)), self.role("service")]});
                statements.push(allow("Former employees", gone, json!(USE)));
            }
            A::LockOut => {
                statements = vec![
                    allow("Administrators", json!({"AWS": format!("AROA{}", dice.base32(17))}), json!("kms:*")),
                    allow("Auditors", self.root(), json!(["kms:Describe*", "kms:Get*", "kms:List*"])),
                ];
            }
            A::Unreadable => statements = vec![allow("Only me", json!({"AWS": format!("AROA{}", dice.base32(17))}), json!("kms:*"))],
            A::PolicyHidden => statements.push(deny("Nobody reads this", everyone(), json!("kms:GetKeyPolicy"))),
            A::MetadataHidden => statements.push(deny("Secret project", everyone(), json!("kms:DescribeKey"))),
            A::Volumes | A::Databases => {
                let fence = json!({"StringEquals": {"kms:ViaService": [format!("ec2.{}.amazonaws.com", self.unit().region), format!("rds.{}.amazonaws.com", self.unit().region)]}});
                statements.push(fenced(allow("Through EC2 and RDS", json!({"AWS": self.iam(account, "role/platform")}), json!(USE)), fence));
            }
            A::GrantedOutside => {
                let broker = json!({"AWS": self.iam(OUTSIDE[1], "root")});
                statements.push(allow("Vendor makes its own grants", broker, json!(["kms:CreateGrant", "kms:DescribeKey"])));
            }
            A::RamShared => {
                let neighbour = json!({"AWS": self.iam(self.neighbour(), "role/shared-services")});
                statements.push(allow("Shared services", neighbour, json!(USE)));
            }
            A::HostileTexts => {
                let role = json!({"AWS": self.role("a+b=c,d.e@f-g_h")});
                statements.push(allow("=cmd|' /C calc'!A0 <b>\u{1b}[31m", role, json!("kms:Decrypt")));
            }
            A::ForgottenSample | A::Hmac | A::RsaSigning | A::EccSigning if dice.chance(30) => {
                let role = json!({"AWS": self.role("StepFunctionsSample-ProcessOrder-role")});
                statements.push(allow("", role, json!(["kms:Decrypt", "kms:GenerateDataKey"])));
            }
            _ => {}
        }
        statements
    }

    /// Source: AWS RAM, "Shareable AWS resources": the policy that RAM attaches to a shared key.
    pub(super) fn make_ram_policy(&self) -> Option<String> {
        (self.archetype() == Some(Archetype::RamShared)).then(|| {
            let statement = json!({
                "Sid": "AWSRAMSharedAccess",
                "Effect": "Allow",
                "Principal": {"AWS": [self.neighbour(), OUTSIDE[0]]},
                "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"],
                "Resource": self.arn(),
            });
            json!({"Version": "2012-10-17", "Id": "AWS_RAM", "Statement": [statement]}).to_string()
        })
    }
}
