-- Which log files of these days has no published scan read yet? The rows of trail_files, the first step of a scan by SQL. Files that come later are another scan's.
-- The steps, with the same values in all three: INSERT INTO "kms_insights_database"."trail_files" before this text, then "key_usage_daily" before that of key_usage_daily.sql, then
-- "trail_scans" before that of trail_scans.sql. Replace ${scan_id} by the time and eight random characters, such as 20261122T060300Z-0f3a9c2e, other ones for each try;
-- ${since} and ${until} by the first and last day of the files, as YYYY-MM-DD; ${trail} as in cloudtrail_logs.sql.
SELECT
    '${scan_id}' AS scan_id,
    '${trail}' AS source,
    substr(l.path, length('${trail}') + 2) AS path,
    l.account AS account_id,
    l.region,
    CAST(date_parse(regexp_extract(l.path, '_(\d{8}T\d{4})Z_[^/]*$', 1), '%Y%m%dT%H%i') AS timestamp(3)) AS delivered_at,
    l.bytes,
    l.records,
    l.kms_records,
    'read' AS status,
    CAST(NULL AS varchar) AS problem,
    CAST(NULL AS bigint) AS problem_offset,
    replace(l.log_date, '/', '-') AS log_date
FROM (
    SELECT
        r.account,
        r.region,
        r.log_date,
        r."$path" AS path,
        max(r."$file_size") AS bytes,
        count(*) AS records,
        count_if(r.eventsource = 'kms.amazonaws.com') AS kms_records
    FROM "kms_insights_database"."cloudtrail_logs" r
    WHERE r.log_date BETWEEN replace('${since}', '-', '/') AND replace('${until}', '-', '/')
    GROUP BY r.account, r.region, r.log_date, r."$path"
) l
WHERE NOT EXISTS (
    SELECT 1
    FROM "kms_insights_database"."trail_files" f
    JOIN "kms_insights_database"."trail_scans" s ON f.scan_id = s.scan_id
    WHERE f.log_date BETWEEN '${since}' AND '${until}'
      AND f.status <> 'unread'
      AND concat(f.source, '/', f.path) = l.path
)
