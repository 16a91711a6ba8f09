-- What do the customer managed keys cost a month by each tag that any of them bears, and what of it would go with keys that look unneeded? For each tag_key every key counts once: under its tag_value, as untagged where it has no such tag, as unknown where its tags could not be read, as tag_status says (tag_value is null in both). recorded_savings_usd is what the records prove, and possible_savings_usd what they do not: the two are never one sum. Keys whose price is not known are counted apart, and are in no sum.
CREATE OR REPLACE VIEW costs_by_tag AS
WITH tagged AS (
    SELECT
        t.tag_key,
        t.tag_value,
        count(*) AS keys,
        count(t.monthly_cost_usd) AS priced,
        COALESCE(sum(t.monthly_cost_usd), 0.0) AS monthly_cost_usd,
        COALESCE(sum(CASE WHEN t.saving_certainty = 'recorded' THEN t.monthly_cost_usd END), 0.0) AS recorded,
        COALESCE(sum(CASE WHEN t.saving_certainty = 'unknown' THEN t.monthly_cost_usd END), 0.0) AS possible,
        t.snapshot_date,
        t.run_id
    FROM (
        SELECT
            element_at(map_keys(c.tags), i.n) AS tag_key,
            element_at(map_values(c.tags), i.n) AS tag_value,
            c.monthly_cost_usd,
            c.saving_certainty,
            c.snapshot_date,
            c.run_id
        FROM key_costs c
        -- A key has 50 tags at most.
        JOIN (
            VALUES
                (1), (2), (3), (4), (5), (6), (7), (8), (9), (10),
                (11), (12), (13), (14), (15), (16), (17), (18), (19), (20),
                (21), (22), (23), (24), (25), (26), (27), (28), (29), (30),
                (31), (32), (33), (34), (35), (36), (37), (38), (39), (40),
                (41), (42), (43), (44), (45), (46), (47), (48), (49), (50)
        ) AS i (n) ON i.n <= cardinality(map_keys(c.tags))
        WHERE COALESCE(c.manager, 'CUSTOMER') = 'CUSTOMER'
    ) t
    GROUP BY t.tag_key, t.tag_value, t.snapshot_date, t.run_id
)
SELECT
    g.tag_key,
    g.tag_value,
    'tagged' AS tag_status,
    g.keys,
    g.keys - g.priced AS keys_without_price,
    g.monthly_cost_usd,
    g.recorded AS recorded_savings_usd,
    g.possible AS possible_savings_usd,
    g.snapshot_date,
    g.run_id
FROM tagged g
UNION ALL
SELECT
    s.tag_key,
    CAST(NULL AS varchar),
    w.tag_status,
    w.keys - s.keys,
    (w.keys - w.priced) - (s.keys - s.priced),
    w.monthly_cost_usd - s.monthly_cost_usd,
    w.recorded - s.recorded,
    w.possible - s.possible,
    w.snapshot_date,
    w.run_id
FROM (
    -- All keys by whether their tags are known.
    SELECT
        CASE WHEN c.tags_status IN ('denied', 'failed') THEN 'unknown' ELSE 'untagged' END AS tag_status,
        count(*) AS keys,
        count(c.monthly_cost_usd) AS priced,
        COALESCE(sum(c.monthly_cost_usd), 0.0) AS monthly_cost_usd,
        COALESCE(sum(CASE WHEN c.saving_certainty = 'recorded' THEN c.monthly_cost_usd END), 0.0) AS recorded,
        COALESCE(sum(CASE WHEN c.saving_certainty = 'unknown' THEN c.monthly_cost_usd END), 0.0) AS possible,
        c.snapshot_date,
        c.run_id
    FROM key_costs c
    WHERE COALESCE(c.manager, 'CUSTOMER') = 'CUSTOMER'
    GROUP BY CASE WHEN c.tags_status IN ('denied', 'failed') THEN 'unknown' ELSE 'untagged' END, c.snapshot_date, c.run_id
) w
JOIN (
    -- What bears each tag: none of it is untagged, and of keys whose tags are not known nothing is in it.
    SELECT
        g.tag_key,
        v.tag_status,
        sum(CASE v.tag_status WHEN 'untagged' THEN g.keys ELSE 0 END) AS keys,
        sum(CASE v.tag_status WHEN 'untagged' THEN g.priced ELSE 0 END) AS priced,
        sum(CASE v.tag_status WHEN 'untagged' THEN g.monthly_cost_usd ELSE 0.0 END) AS monthly_cost_usd,
        sum(CASE v.tag_status WHEN 'untagged' THEN g.recorded ELSE 0.0 END) AS recorded,
        sum(CASE v.tag_status WHEN 'untagged' THEN g.possible ELSE 0.0 END) AS possible,
        g.run_id
    FROM tagged g
    CROSS JOIN (VALUES ('untagged'), ('unknown')) AS v (tag_status)
    GROUP BY g.tag_key, v.tag_status, g.run_id
) s ON s.run_id = w.run_id AND s.tag_status = w.tag_status
WHERE w.keys > s.keys
