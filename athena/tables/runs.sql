CREATE EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`.`runs` (
  `run_id` string COMMENT 'The run: the moment it began, or that of the run it completes, and eight random characters, ids sort by the age of their facts.',
  `status` string COMMENT 'complete when every fact that applies was observed in every account that was to be read, else partial: collection_errors says what lacks.',
  `started_at` timestamp COMMENT 'When the run began, or the one that it completes: of an organization’s runs the one with the latest start is shown by the views.',
  `finished_at` timestamp COMMENT 'When the run was published.',
  `tool_version` string COMMENT 'The version of kms-insights.',
  `organization_id` string COMMENT 'The organization, each of which the views show by itself, null when only single accounts were read, or the organization could not be told.',
  `scope` string COMMENT 'whole when every account and Region that the caller can see was to be read, selection when the run was limited to some: views show a run of a selection only where there is no other of its organization.',
  `selection` string COMMENT 'The accounts, organizational units and Regions that the run was limited to, in words, null where it was not.',
  `resumed_from` string COMMENT 'The published partial run that this one completes.',
  `accounts_planned` bigint COMMENT 'How many accounts the run was to read.',
  `accounts_complete` bigint COMMENT 'Accounts of which every fact that applies was observed.',
  `accounts_partial` bigint COMMENT 'Accounts of which something lacks.',
  `accounts_failed` bigint COMMENT 'Accounts of which nothing could be read.',
  `accounts_skipped` bigint COMMENT 'Accounts left out on purpose, because they are suspended, closed or not yet active.',
  `regions_read` bigint COMMENT 'How many Regions of accounts (account × Region) were read to the end of their list of keys.',
  `keys` bigint COMMENT 'How many keys the run holds.',
  `keys_incomplete` bigint COMMENT 'How many of them lack a fact.',
  `facts_lacking` bigint COMMENT 'How many facts lack: the rows of collection_errors.',
  `findings` bigint COMMENT 'How many findings the run holds.',
  `customer_managed_only` boolean COMMENT 'Whether AWS managed keys were left out.',
  `generation` int COMMENT 'Which attempt at the run published it: of the run’s files those whose names go on with -g and this number are the run’s.'
)
COMMENT 'One row per published run. The row is written last: files of a run without a row here are not part of any snapshot.'
PARTITIONED BY (`snapshot_date` string COMMENT 'The day on which the run began, as YYYY-MM-DD.')
STORED AS PARQUET
LOCATION '${lake}/runs/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.snapshot_date.type' = 'date',
  'projection.snapshot_date.format' = 'yyyy-MM-dd',
  'projection.snapshot_date.range' = '2026-01-01,NOW',
  'projection.snapshot_date.interval' = '1',
  'projection.snapshot_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${lake}/runs/snapshot_date=${snapshot_date}/'
)
