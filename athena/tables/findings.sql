CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`findings` (
  `run_id` string COMMENT 'The run.',
  `key_arn` string COMMENT 'The key’s ARN.',
  `key_id` string COMMENT 'The key’s id within its account and Region.',
  `account_id` string COMMENT 'The account that owns the key.',
  `region` string COMMENT 'The key’s Region.',
  `finding_id` string COMMENT 'The finding’s id: the same in every run for the same key, rule and cause. A statement is the same cause as long as its effect, principals, actions and conditions are, wherever it stands.',
  `rule` string COMMENT 'The rule’s id.',
  `severity` string COMMENT 'How bad it is, if it is so.',
  `confidence` string COMMENT 'How sure it is.',
  `title` string COMMENT 'The finding in one line.',
  `cause` string COMMENT 'The statement, grant or setting that causes it.',
  `evidence` string COMMENT 'What was weighed, as JSON text.',
  `remediation` string COMMENT 'What a person can do about it.',
  `changed_policy` string COMMENT 'The whole key policy with the change that would do it, as JSON text for a person to look at before it is used, null where no change of the policy does.',
  `waived_until` string COMMENT 'The last day, such as 2027-01-31, on which somebody puts up with the finding, null where nobody does.',
  `waiver_reason` string COMMENT 'Why they put up with it.',
  `rests_on` array<string> COMMENT 'The facts without which the rule can say nothing: metadata, policies, replica_policies, grants, last_usage, aliases, tags, rotation, organization (which accounts belong to it). Where one of them was not read, that there is no such finding means nothing.'
)
COMMENT 'One row per key, rule and cause.'
PARTITIONED BY (`snapshot_date` string COMMENT 'The day on which the run began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/findings/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.snapshot_date.type' = 'date',
  'projection.snapshot_date.format' = 'yyyy-MM-dd',
  'projection.snapshot_date.range' = '2026-01-01,NOW',
  'projection.snapshot_date.interval' = '1',
  'projection.snapshot_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/findings/snapshot_date=${snapshot_date}/'
)
