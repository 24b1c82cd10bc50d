-- measure_add: counts
-- do
-- in: measure text, day text, unit text, org text, category text, n int
INSERT INTO measure (measure, day, unit, org, category, n) VALUES (:measure, :day, :unit, :org, :category, :n)
ON CONFLICT (day, measure, unit, org, category) DO UPDATE SET n = measure.n + excluded.n;

-- measure_by_day: sums by day of a span of days
-- many
-- in: from_ text, to_ text, unit text?, regions texts?, orgs texts?
-- out: day text, measure text, n int
SELECT day, measure, CAST(sum(n) AS BIGINT) FROM measure
WHERE day >= :from_ AND day <= :to_ AND (:unit IS NULL OR unit = :unit)
	AND (unit = '' OR @prefix(unit, :regions)) AND (org = '' OR @prefix(org, :orgs))
GROUP BY day, measure ORDER BY day, measure;

-- measure_by_unit: sums by reporting unit of a span of days
-- many
-- in: from_ text, to_ text, regions texts?, orgs texts?
-- out: unit text, measure text, n int
SELECT unit, measure, CAST(sum(n) AS BIGINT) FROM measure WHERE day >= :from_ AND day <= :to_
	AND (unit = '' OR @prefix(unit, :regions)) AND (org = '' OR @prefix(org, :orgs))
GROUP BY unit, measure ORDER BY unit, measure;

-- measure_rows: the counters of a span of days
-- many
-- in: from_ text, to_ text, unit text?, regions texts?, orgs texts?
-- out: day text, measure text, unit text, org text, category text, n int
SELECT day, measure, unit, org, category, n FROM measure
WHERE day >= :from_ AND day <= :to_ AND (:unit IS NULL OR unit = :unit)
	AND (unit = '' OR @prefix(unit, :regions)) AND (org = '' OR @prefix(org, :orgs))
ORDER BY day, measure, unit, org, category;
