CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`trail_recording` (
  `run_id` string COMMENT 'The run.',
  `account_id` string COMMENT 'The account.',
  `region` string COMMENT 'The Region.',
  `records_kms_reads` string COMMENT 'yes, no or unknown: whether some trail records the cryptographic operations of KMS, and delivers what it records.',
  `reason` string COMMENT 'Why it is no or unknown, null where it is yes.',
  `trails` int COMMENT 'How many trails the account sees in the Region, its organization’s among them, null where they could not be listed.',
  `trail_arn` string COMMENT 'The trail that decides: the first that records the use of keys, else the first that may, else the first of all. The columns after this are of it.',
  `home_region` string COMMENT 'The Region in which it was made.',
  `is_organization_trail` boolean COMMENT 'Whether it is the organization’s.',
  `is_logging` boolean COMMENT 'Whether it records anything at present.',
  `logging_started_at` timestamp COMMENT 'When it began to record, the last time. What it selects may have changed since.',
  `logging_stopped_at` timestamp COMMENT 'When it ceased to record, the last time, it may have begun again since.',
  `last_delivery_at` timestamp COMMENT 'When it delivered log files to its bucket, the last time.',
  `delivery_error` string COMMENT 'Why its bucket did not take the log files that it was to deliver last, null where it did. Uses are recorded then, and nobody can read of them.',
  `s3_bucket` string COMMENT 'The bucket that its log files go to.',
  `s3_prefix` string COMMENT 'What their names begin with.',
  `status` string COMMENT 'How all this is known: observed, denied or failed. Of several trails it is that of the one that is known worst.'
)
COMMENT 'One row per account and Region that has keys: whether a CloudTrail trail records the use of keys there at present. Cryptographic operations are *read* management events: a trail that is off, records writes alone or leaves out KMS has none, and that it…'
PARTITIONED BY (`snapshot_date` string COMMENT 'The day on which the run began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/trail_recording/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.snapshot_date.type' = 'date',
  'projection.snapshot_date.format' = 'yyyy-MM-dd',
  'projection.snapshot_date.range' = '2026-01-01,NOW',
  'projection.snapshot_date.interval' = '1',
  'projection.snapshot_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/trail_recording/snapshot_date=${snapshot_date}/'
)
