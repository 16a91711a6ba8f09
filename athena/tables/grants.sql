CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`grants` (
  `run_id` string COMMENT 'The run.',
  `key_arn` string COMMENT 'The key’s ARN.',
  `key_id` string COMMENT 'The key’s id within its account and Region.',
  `account_id` string COMMENT 'The account that owns the key.',
  `region` string COMMENT 'The key’s Region.',
  `grant_id` string COMMENT 'The grant’s id, unique within the key.',
  `name` string COMMENT 'The friendly name that the grant’s creator gave it.',
  `created_at` timestamp COMMENT 'When the grant was made.',
  `grantee_principal` string COMMENT 'Who may use the key: a principal’s ARN, or an AWS service.',
  `retiring_principal` string COMMENT 'Who may retire the grant.',
  `issuing_account` string COMMENT 'The account under which the grant was made.',
  `operations` array<string> COMMENT 'What the grantee may do.',
  `constraints` string COMMENT 'The grant’s constraints as JSON text, named as KMS names them, null where there are none.',
  `source_arn` string COMMENT 'The resource for which a service must act, of the constraints.'
)
COMMENT 'One row per grant: access that no key policy shows.'
PARTITIONED BY (`snapshot_date` string COMMENT 'The day on which the run began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/grants/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.snapshot_date.type' = 'date',
  'projection.snapshot_date.format' = 'yyyy-MM-dd',
  'projection.snapshot_date.range' = '2026-01-01,NOW',
  'projection.snapshot_date.interval' = '1',
  'projection.snapshot_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/grants/snapshot_date=${snapshot_date}/'
)
