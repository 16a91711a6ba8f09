CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`policy_statements` (
  `run_id` string COMMENT 'The run.',
  `key_arn` string COMMENT 'The key’s ARN.',
  `key_id` string COMMENT 'The key’s id within its account and Region.',
  `account_id` string COMMENT 'The account that owns the key.',
  `region` string COMMENT 'The key’s Region.',
  `policy_name` string COMMENT 'The key policy that holds the statement: default or AWS_RAM.',
  `statement_index` int COMMENT 'The statement’s place in the policy, from 0.',
  `sid` string COMMENT 'The statement’s Sid.',
  `effect` string COMMENT 'Allow or Deny.',
  `principal_type` string COMMENT 'The kind of principal, such as AWS or Service.',
  `principal` string COMMENT 'The principal, as the policy writes it.',
  `negated_principal` boolean COMMENT 'Whether the statement names it with NotPrincipal: everybody else is meant.',
  `actions` array<string> COMMENT 'The statement’s actions.',
  `negated_actions` boolean COMMENT 'Whether the statement names them with NotAction: every other action is meant.',
  `action` string COMMENT 'The actions joined by ,.',
  `condition` string COMMENT 'The statement’s Condition as JSON text, null where there is none.',
  `concern` string COMMENT 'The concerns that this statement raises with this principal, joined by semicolons, empty where there are none. They are the statement’s own, not the key’s, and no Deny takes any back. keys.concern has those of the whole key.',
  `statement` string COMMENT 'The statement as the policy writes it.'
)
COMMENT 'One row per key policy, statement and principal. Keys whose policy lacks or names nobody have no row here: keys.policy_status and keys.policy_error tell them apart.'
PARTITIONED BY (`snapshot_date` string COMMENT 'The day on which the run began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/policy_statements/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.snapshot_date.type' = 'date',
  'projection.snapshot_date.format' = 'yyyy-MM-dd',
  'projection.snapshot_date.range' = '2026-01-01,NOW',
  'projection.snapshot_date.interval' = '1',
  'projection.snapshot_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/policy_statements/snapshot_date=${snapshot_date}/'
)
