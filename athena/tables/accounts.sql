CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`accounts` (
  `run_id` string COMMENT 'The run.',
  `account_id` string COMMENT 'The account.',
  `name` string COMMENT 'The account’s name, null where there is no organization to ask.',
  `ou_path` string COMMENT 'The organizational units from the root down, such as /Workloads/Prod, null where they are not known.',
  `ou_path_status` string COMMENT 'How ou_path is known: observed, not_applicable, denied or failed.',
  `state` string COMMENT 'The account’s state, such as ACTIVE, null where there is no organization to ask.',
  `is_management` boolean COMMENT 'Whether this is the organization’s management account.',
  `regions` array<string> COMMENT 'The Regions that were to be read.',
  `outcome` string COMMENT 'complete, partial, failed or skipped.',
  `reason` string COMMENT 'Why the outcome is not complete, null where it is.',
  `keys` bigint COMMENT 'How many keys of the account the run holds.',
  `keys_incomplete` bigint COMMENT 'How many of them lack a fact.',
  `access_status` string COMMENT 'How the session in the account went: observed where it could be had (the caller’s own account needs none).'
)
COMMENT 'One row per account that the run was to read, also where nothing could be read.'
PARTITIONED BY (`snapshot_date` string COMMENT 'The day on which the run began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/accounts/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.snapshot_date.type' = 'date',
  'projection.snapshot_date.format' = 'yyyy-MM-dd',
  'projection.snapshot_date.range' = '2026-01-01,NOW',
  'projection.snapshot_date.interval' = '1',
  'projection.snapshot_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/accounts/snapshot_date=${snapshot_date}/'
)
