-- What would go from the monthly bill for certain, and what perhaps, by account? What is not known is no saving: the two are never one sum.
SELECT
    s.account_id,
    s.account_name,
    sum(CASE WHEN s.certainty = 'recorded' THEN s.keys ELSE 0 END) AS keys_for_certain,
    sum(CASE WHEN s.certainty = 'recorded' THEN s.monthly_cost_usd END) AS saved_for_certain_usd,
    sum(CASE WHEN s.certainty = 'unknown' THEN s.keys ELSE 0 END) AS keys_perhaps,
    sum(CASE WHEN s.certainty = 'unknown' THEN s.monthly_cost_usd END) AS saved_perhaps_usd,
    sum(s.keys_without_price) AS keys_without_price
FROM "kms_insights_database".monthly_savings AS s
GROUP BY s.account_id, s.account_name
ORDER BY COALESCE(sum(CASE WHEN s.certainty = 'recorded' THEN s.monthly_cost_usd END), 0.0) DESC, s.account_id
