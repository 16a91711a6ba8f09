//! Through what somebody called: an infrastructure tool, the console, a program, a service.
//!
//! CloudTrail itself says which service passed a request on (`invokedBy`). All else is what a program calls itself (`userAgent`), which anybody can write there. Sources: AWS CloudTrail User Guide,
//! "CloudTrail record contents" (`userAgent`: `signin.amazonaws.com`, `console.amazonaws.com`, `lambda.amazonaws.com`, `aws-sdk-java`, `aws-cli/…`; `AWS Internal`); the programs themselves.

use serde::Serialize;

use super::service::{UNNAMED, service_of_host};

/// A kind of way to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Means {
    /// A stack of CloudFormation.
    Cloudformation,
    /// The AWS CDK, through CloudFormation or by itself.
    Cdk,
    Terraform,
    Opentofu,
    Pulumi,
    Ansible,
    /// The AWS Management Console.
    Console,
    /// The AWS CLI, `CloudShell` included.
    Cli,
    /// A program that is built with an AWS SDK.
    Sdk,
    /// An AWS service, on somebody's behalf or on its own.
    Service,
    /// AWS, of its own accord.
    Aws,
    /// Another program.
    Program,
    Unknown,
}

/// What tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Evidence {
    /// CloudTrail says so.
    InvokedBy,
    /// The program says so.
    UserAgent,
    /// The session bears the name that CloudFormation gives to its own.
    SessionName,
    None,
}

/// Through what somebody called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Through {
    pub(super) means: Means,
    /// What it is called: `CloudFormation`, `Step Functions`, `the AWS SDK for Python`.
    pub(super) name: String,
    pub(super) evidence: Evidence,
}

/// What a record tells of how somebody called.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs<'e> {
    pub(super) principal: &'e str,
    pub(super) session: Option<&'e str>,
    pub(super) invoked_by: Option<&'e str>,
    pub(super) user_agent: Option<&'e str>,
    pub(super) source_ip: Option<&'e str>,
}

/// How a user agent is recognized.
#[derive(Clone, Copy, Debug)]
enum Mark {
    Is(&'static str),
    Begins(&'static str),
    Has(&'static str),
}

impl Mark {
    fn is_on(self, agent: &str) -> bool {
        match self {
            Self::Is(text) => agent == text,
            Self::Begins(text) => agent.starts_with(text),
            Self::Has(text) => agent.contains(text),
        }
    }
}

/// User agents in lower case, the telling before the general: a tool that uses an SDK names both.
const AGENTS: &[(Mark, Means, &str)] = &[
    (Mark::Has("pulumi"), Means::Pulumi, "Pulumi"),
    (Mark::Has("opentofu"), Means::Opentofu, "OpenTofu"),
    (Mark::Has("terraform"), Means::Terraform, "Terraform"),
    (Mark::Has("hashicorp"), Means::Terraform, "Terraform"),
    (Mark::Has("ansible"), Means::Ansible, "Ansible"),
    (Mark::Has("aws-cdk"), Means::Cdk, "the AWS CDK"),
    (Mark::Is("cloudformation.amazonaws.com"), Means::Cloudformation, "CloudFormation"),
    (Mark::Is("signin.amazonaws.com"), Means::Console, "the console"),
    (Mark::Is("console.amazonaws.com"), Means::Console, "the console"),
    (Mark::Begins("aws-internal"), Means::Console, "the console"),
    (Mark::Is("aws internal"), Means::Console, "the console"),
    (Mark::Begins("awsconsole"), Means::Console, "the console"),
    (Mark::Begins("aws-console"), Means::Console, "the console"),
    (Mark::Begins("[s3console"), Means::Console, "the console"),
    (Mark::Begins("s3console"), Means::Console, "the console"),
    (Mark::Begins("mozilla/"), Means::Console, "the console"),
    (Mark::Has("exec-env/cloudshell"), Means::Cli, "the AWS CLI in CloudShell"),
    (Mark::Begins("aws-cli/"), Means::Cli, "the AWS CLI"),
    (Mark::Begins("awspowershell"), Means::Cli, "the AWS Tools for PowerShell"),
    (Mark::Begins("aws-tools-powershell"), Means::Cli, "the AWS Tools for PowerShell"),
    (Mark::Has("boto3/"), Means::Sdk, "the AWS SDK for Python"),
    (Mark::Has("botocore/"), Means::Sdk, "the AWS SDK for Python"),
    (Mark::Has("aws-sdk-android"), Means::Sdk, "the AWS SDK for Android"),
    (Mark::Has("aws-sdk-cpp"), Means::Sdk, "the AWS SDK for C++"),
    (Mark::Has("aws-sdk-dotnet"), Means::Sdk, "the AWS SDK for .NET"),
    (Mark::Has("aws-sdk-go"), Means::Sdk, "the AWS SDK for Go"),
    (Mark::Has("aws-sdk-ios"), Means::Sdk, "the AWS SDK for iOS"),
    (Mark::Has("aws-sdk-java"), Means::Sdk, "the AWS SDK for Java"),
    (Mark::Has("aws-sdk-js"), Means::Sdk, "the AWS SDK for JavaScript"),
    (Mark::Has("aws-sdk-kotlin"), Means::Sdk, "the AWS SDK for Kotlin"),
    (Mark::Has("aws-sdk-nodejs"), Means::Sdk, "the AWS SDK for JavaScript"),
    (Mark::Has("aws-sdk-php"), Means::Sdk, "the AWS SDK for PHP"),
    (Mark::Has("aws-sdk-ruby"), Means::Sdk, "the AWS SDK for Ruby"),
    (Mark::Has("aws-sdk-rust"), Means::Sdk, "the AWS SDK for Rust"),
    (Mark::Has("aws-sdk-swift"), Means::Sdk, "the AWS SDK for Swift"),
    (Mark::Has("aws-sdk"), Means::Sdk, "an AWS SDK"),
];

/// The role that CloudFormation wears for stacks that the CDK bootstrapped, such as `cdk-hnb659fds-cfn-exec-role-111122223333-eu-central-1`.
fn is_of_cdk(principal: &str) -> bool {
    principal.rsplit('/').next().is_some_and(|role| role.starts_with("cdk-") && role.contains("-cfn-exec-role-"))
}

/// A program's name is cut after so many characters.
const LONGEST_NAME: usize = 60;

/// Tells through what somebody called.
pub(super) fn through(signs: Signs<'_>) -> Through {
    let found = |means, name: &str, evidence| Through { means, name: name.to_owned(), evidence };
    let stack = |evidence| {
        if is_of_cdk(signs.principal) {
            found(Means::Cdk, "the AWS CDK through CloudFormation", evidence)
        } else {
            found(Means::Cloudformation, "CloudFormation", evidence)
        }
    };
    match signs.invoked_by {
        Some("cloudformation.amazonaws.com") => return stack(Evidence::InvokedBy),
        Some(host) if let Some(service) = service_of_host(host) => return found(Means::Service, &service, Evidence::InvokedBy),
        // What comes from no address AWS does itself; the console gives the address of whoever sits before it.
        Some(UNNAMED) if signs.source_ip.is_none_or(|address| address == UNNAMED) => return found(Means::Aws, "AWS itself", Evidence::InvokedBy),
        _ => {}
    }
    if signs.session == Some("AWSCloudFormation") {
        return stack(Evidence::SessionName);
    }
    let Some(agent) = signs.user_agent.map(str::trim).filter(|agent| !agent.is_empty()) else { return found(Means::Unknown, "unknown", Evidence::None) };
    if agent == UNNAMED && signs.source_ip == Some(UNNAMED) {
        return found(Means::Aws, "AWS itself", Evidence::UserAgent);
    }
    let lower = agent.to_ascii_lowercase();
    if let Some((_, means, name)) = AGENTS.iter().find(|(mark, ..)| mark.is_on(&lower)) {
        return found(*means, name, Evidence::UserAgent);
    }
    if let Some(service) = service_of_host(agent) {
        return found(Means::Service, &service, Evidence::UserAgent);
    }
    let program: String = agent.trim_start_matches('[').split([' ', '/', ',']).next().unwrap_or(agent).chars().take(LONGEST_NAME).collect();
    found(Means::Program, &program, Evidence::UserAgent)
}

impl Through {
    /// In a sentence: `through CloudFormation`, `in the console`, `with Terraform`; nothing where it is not known.
    ///
    /// What only the caller says is apparent.
    pub(super) fn in_words(&self) -> Option<String> {
        let how = match self.means {
            Means::Cloudformation | Means::Service => "through",
            Means::Console => "in",
            Means::Cdk | Means::Terraform | Means::Opentofu | Means::Pulumi | Means::Ansible | Means::Cli | Means::Sdk | Means::Program => "with",
            // Whoever called is told already.
            Means::Aws | Means::Unknown => return None,
        };
        let apparently = if self.evidence == Evidence::UserAgent { "apparently " } else { "" };
        Some(format!("{apparently}{how} {}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(text: &str) -> (Means, String) {
        let found = through(Signs { user_agent: Some(text), source_ip: Some("203.0.113.7"), ..Signs::default() });
        assert_eq!(found.evidence, Evidence::UserAgent, "{text}");
        (found.means, found.name)
    }

    #[test]
    fn programs_are_known_by_what_they_call_themselves() {
        let cases: &[(&str, Means, &str)] = &[
            (
                "APN/1.0 HashiCorp/1.0 Terraform/1.13.4 (+https://www.terraform.io) terraform-provider-aws/6.19.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.39.4 ua/2.1 os/linux",
                Means::Terraform,
                "Terraform",
            ),
            ("HashiCorp Terraform/0.11.14 (+https://www.terraform.io) aws-sdk-go/1.20.4 (go1.11.5; linux; amd64)", Means::Terraform, "Terraform"),
            ("APN/1.0 OpenTofu/1.0 OpenTofu/1.9.0 (+https://opentofu.org) terraform-provider-aws/5.90.0 aws-sdk-go-v2/1.36.3", Means::Opentofu, "OpenTofu"),
            ("APN/1.0 Pulumi/1.0 PulumiAWS/6.66.2 terraform-provider-aws/dev aws-sdk-go-v2/1.32.5", Means::Pulumi, "Pulumi"),
            ("APN/1.0 Ansible/2.17 Boto3/1.35.0 Botocore/1.35.0", Means::Ansible, "Ansible"),
            ("aws-cdk/2.1000.2 aws-sdk-js/3.600.0", Means::Cdk, "the AWS CDK"),
            ("cloudformation.amazonaws.com", Means::Cloudformation, "CloudFormation"),
            ("signin.amazonaws.com", Means::Console, "the console"),
            ("console.amazonaws.com", Means::Console, "the console"),
            ("AWS Internal", Means::Console, "the console"),
            ("aws-internal/3 aws-sdk-java/1.12.750 Linux/5.10 OpenJDK_64-Bit_Server_VM/25.412-b09 java/1.8.0_412", Means::Console, "the console"),
            ("[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.964]", Means::Console, "the console"),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                Means::Console,
                "the console",
            ),
            ("aws-cli/2.31.22 md/awscrt#0.27.6 ua/2.1 os/linux#6.1.155 md/arch#x86_64 lang/python#3.13.7", Means::Cli, "the AWS CLI"),
            ("aws-cli/1.18.69 Python/3.6.9 Linux/5.4.0 botocore/1.16.19", Means::Cli, "the AWS CLI"),
            (
                "aws-cli/2.15.0 Python/3.11.6 Linux/6.1 exec-env/CloudShell exe/x86_64.amzn.2023 prompt/off command/kms.create-key",
                Means::Cli,
                "the AWS CLI in CloudShell",
            ),
            ("AWSPowerShell.Common/4.1.500 .NET_Core/6.0.25 OS/Microsoft_Windows aws-sdk-dotnet-coreclr/3.7", Means::Cli, "the AWS Tools for PowerShell"),
            ("Boto3/1.40.61 md/Botocore#1.40.61 ua/2.1 os/linux#6.1 lang/python#3.12.11 Botocore/1.40.61", Means::Sdk, "the AWS SDK for Python"),
            ("aws-sdk-java/2.35.10 md/io#async md/http#NettyNio ua/2.1 api/KMS#2.35.x", Means::Sdk, "the AWS SDK for Java"),
            ("aws-sdk-go-v2/1.39.4 ua/2.1 os/linux lang/go#1.25.3", Means::Sdk, "the AWS SDK for Go"),
            ("aws-sdk-js/3.917.0 ua/2.1 os/linux lang/js md/nodejs#22.20.0", Means::Sdk, "the AWS SDK for JavaScript"),
            ("aws-sdk-rust/1.3.9 os/linux lang/rust/1.90.0", Means::Sdk, "the AWS SDK for Rust"),
            ("aws-sdk-zig/1", Means::Sdk, "an AWS SDK"),
            ("lambda.amazonaws.com", Means::Service, "Lambda"),
            ("vault/1.17.2 (+https://www.vaultproject.io/)", Means::Program, "vault"),
        ];
        for (text, means, name) in cases {
            assert_eq!(agent(text), (*means, (*name).to_owned()), "{text}");
        }
    }

    #[test]
    fn what_cloudtrail_says_comes_before_what_a_program_calls_itself() {
        let terraform = Some("HashiCorp Terraform/1.9");
        let found = |invoked_by, session, principal, source_ip| through(Signs { principal, session, invoked_by, user_agent: terraform, source_ip });
        let is = |found: &Through| (found.means, found.name.clone(), found.evidence);
        let own = |text: &str| text.to_owned();
        assert_eq!(
            is(&found(Some("cloudformation.amazonaws.com"), None, "arn:aws:iam::111122223333:role/deployment", None)),
            (Means::Cloudformation, own("CloudFormation"), Evidence::InvokedBy)
        );
        let cdk = "arn:aws:iam::111122223333:role/cdk-hnb659fds-cfn-exec-role-111122223333-eu-central-1";
        assert_eq!(
            is(&found(Some("cloudformation.amazonaws.com"), None, cdk, None)),
            (Means::Cdk, own("the AWS CDK through CloudFormation"), Evidence::InvokedBy)
        );
        assert_eq!(
            is(&found(None, Some("AWSCloudFormation"), "arn:aws:iam::111122223333:role/exec", None)),
            (Means::Cloudformation, own("CloudFormation"), Evidence::SessionName)
        );
        assert_eq!(is(&found(Some("states.amazonaws.com"), None, "", None)), (Means::Service, own("Step Functions"), Evidence::InvokedBy));
        assert_eq!(is(&found(Some("AWS Internal"), None, "111122223333", Some("AWS Internal"))), (Means::Aws, own("AWS itself"), Evidence::InvokedBy));
        assert_eq!(is(&found(Some("AWS Internal"), None, "", Some("203.0.113.7"))), (Means::Terraform, own("Terraform"), Evidence::UserAgent));
    }

    #[test]
    fn what_nothing_tells_is_unknown_and_said_by_nobody() {
        let unknown = through(Signs::default());
        assert_eq!((unknown.means, unknown.evidence, unknown.in_words()), (Means::Unknown, Evidence::None, None));
        let service = |evidence| Through { means: Means::Service, name: "Lambda".to_owned(), evidence };
        assert_eq!(service(Evidence::InvokedBy).in_words().as_deref(), Some("through Lambda"));
        assert_eq!(service(Evidence::UserAgent).in_words().as_deref(), Some("apparently through Lambda"));
    }
}
