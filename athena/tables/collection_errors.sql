CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`collection_errors` (
  `run_id` string COMMENT 'The run.',
  `account_id` string COMMENT 'The account of which the fact lacks, null where it concerns the whole organization.',
  `region` string COMMENT 'The Region, null where the whole account is concerned.',
  `key_arn` string COMMENT 'The key’s ARN, null where the whole Region or account is concerned.',
  `key_id` string COMMENT 'The key’s id, null where the whole Region or account is concerned.',
  `fact` string COMMENT 'What lacks: a fact of a key (metadata, aliases, policy, ram_policy, grants, tags, rotation, rotations, last_usage), of an account’s Region (key_listing, alias_listing, custom_key_stores, trails: what they record, event_history: of those of its keys…',
  `operation` string COMMENT 'The API action that did not answer, such as kms:GetKeyPolicy.',
  `code` string COMMENT 'What went wrong, in kms-insights’ own closed vocabulary, such as access_denied.',
  `retryable` boolean COMMENT 'Whether the same request may succeed later without anybody changing anything.',
  `message` string COMMENT 'AWS’s own words, or the transport’s.',
  `next_step` string COMMENT 'What a person can do about it.'
)
COMMENT 'What lacks, each lack in one row: nothing is missing from a snapshot without a row here. Usually that is one fact of one key, what lacks for a whole Region, account or organization is told once for it, as aliases are that could not be listed for all…'
PARTITIONED BY (`snapshot_date` string COMMENT 'The day on which the run began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/collection_errors/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.snapshot_date.type' = 'date',
  'projection.snapshot_date.format' = 'yyyy-MM-dd',
  'projection.snapshot_date.range' = '2026-01-01,NOW',
  'projection.snapshot_date.interval' = '1',
  'projection.snapshot_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/collection_errors/snapshot_date=${snapshot_date}/'
)
