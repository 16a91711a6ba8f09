CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`key_access` (
  `run_id` string COMMENT 'The run.',
  `key_arn` string COMMENT 'The key’s ARN.',
  `key_id` string COMMENT 'The key’s id within its account and Region.',
  `account_id` string COMMENT 'The account that owns the key.',
  `region` string COMMENT 'The key’s Region.',
  `who` string COMMENT 'Who comes in: an ARN, an AWS service, or a class such as every principal of account 111122223333.',
  `who_kind` string COMMENT 'What kind of callers that is: everyone (AWS services too), every_principal (of every account), every_service, organization, account (its IAM decides which of its principals), account_principals (every principal of it), principals_like (those whose ARN…',
  `who_account` string COMMENT 'The account of those who come in, null where they have none, or several.',
  `trust` string COMMENT 'How they stand towards the key’s owner: own_account, organization, trusted (an account that the configuration calls trusted), aws_service, deleted (nobody any more), unknown (nobody can tell who), outside (of an account not known to be of the…',
  `kind` string COMMENT 'What coming in amounts to: access, delegation, where the account’s IAM policies decide who of it can do it, intent, where nobody can do it, because the principal is deleted or KMS does not offer it to other accounts.',
  `capability` string COMMENT 'What they can do: encrypt, decrypt, sign, mac, derive, grant, administer, read or unrecognized (an action that this version does not know).',
  `actions` array<string> COMMENT 'The actions that amount to it, as far as they have an effect on a key of this usage.',
  `fence` string COMMENT 'What must hold of a request, in sentences joined by , , all of which must: what remains of conditions, constraints and Denies. Null where nothing must.',
  `on_behalf_of` array<string> COMMENT 'The accounts or organizations for which an AWS service must act, unknown where that is a resource whose ARN does not tell its account, empty where it may act for whomever, and for those who are no services.',
  `resource` string COMMENT 'The resource that a grant to an AWS service serves, such as aws:ebs:id=vol-0a1b2c3d.',
  `certainty` string COMMENT 'certain or unknown.',
  `reason` string COMMENT 'Why it is not certain that anybody comes in, null where it is.',
  `cause` string COMMENT 'What lets them in: statement or grant.',
  `policy_name` string COMMENT 'The key policy that holds the statement: default or AWS_RAM.',
  `statement_index` int COMMENT 'The statement’s place in the policy, from 0.',
  `grant_id` string COMMENT 'The grant’s id.'
)
COMMENT 'One row per key, way in and capability. A way in is a class of callers that a statement or a grant lets in and that no Deny keeps out. What could not be read lets nobody in here: where keys.policy_status, keys.ram_policy_status or keys.grants_status…'
PARTITIONED BY (`snapshot_date` string COMMENT 'The day on which the run began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/key_access/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.snapshot_date.type' = 'date',
  'projection.snapshot_date.format' = 'yyyy-MM-dd',
  'projection.snapshot_date.range' = '2026-01-01,NOW',
  'projection.snapshot_date.interval' = '1',
  'projection.snapshot_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/key_access/snapshot_date=${snapshot_date}/'
)
