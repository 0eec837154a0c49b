CREATE MATERIALIZED VIEW daily_figures AS
SELECT date_trunc('day', created_at AT TIME ZONE 'UTC') AS day, depot_code, count(*) AS parcels,
       sum(weight_grams) AS grams
FROM parcels
GROUP BY 1, 2;
CREATE UNIQUE INDEX daily_figures_key ON daily_figures (day, depot_code);
