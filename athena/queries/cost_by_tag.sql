-- What do the keys cost by the value of a tag, what has no such tag, and of what could the tags not be read?
WITH parameters AS (
    -- The tag's key, or a pattern of it.
    SELECT '%' AS tag_key
)
SELECT t.tag_key, COALESCE(t.tag_value, concat('(', t.tag_status, ')')) AS value, t.keys, t.keys_without_price, t.monthly_cost_usd, t.recorded_savings_usd, t.possible_savings_usd
FROM "kms_insights_database".costs_by_tag AS t
CROSS JOIN parameters AS p
WHERE t.tag_key LIKE p.tag_key
ORDER BY t.tag_key, t.monthly_cost_usd DESC, t.tag_status, t.tag_value
