-- What did a scan by SQL come to? The row of trail_scans, the last step of the scan, which publishes it: until then none of its rows count. trail_files.sql says what to replace.
SELECT
    '${scan_id}' AS scan_id,
    '${trail}' AS source,
    'complete' AS status,
    CAST(date_parse(substr('${scan_id}', 1, 15), '%Y%m%dT%H%i%s') AS timestamp(3)) AS started_at,
    CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(3)) AS finished_at,
    'sql' AS tool_version,
    ARRAY[
        'Decapsulate', 'Decrypt', 'DeriveSharedSecret', 'Encapsulate', 'Encrypt', 'GenerateDataKey', 'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext',
        'GenerateDataKeyWithoutPlaintext', 'GenerateMac', 'ReEncrypt', 'Sign', 'Verify', 'VerifyMac'
    ] AS use_events,
    count(*) AS files_listed,
    CAST(0 AS bigint) AS files_known,
    count(*) AS files_read,
    CAST(0 AS bigint) AS files_failed,
    coalesce(sum(f.bytes), 0) AS bytes,
    coalesce(sum(f.records), 0) AS records,
    coalesce(sum(f.kms_records), 0) AS kms_records,
    -- Counting these would take reading the log files once more.
    CAST(NULL AS bigint) AS repeated_records,
    CAST(NULL AS bigint) AS uses_without_key,
    CAST(NULL AS bigint) AS errors_without_key,
    date_format(date_parse(substr('${scan_id}', 1, 8), '%Y%m%d'), '%Y-%m-%d') AS scan_date
FROM "kms_insights_database"."trail_files" f
WHERE f.log_date BETWEEN '${since}' AND '${until}'
  AND f.scan_id = '${scan_id}'
