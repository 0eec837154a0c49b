DROP FUNCTION IF EXISTS clinic.finding_count(UUID);
DROP TABLE IF EXISTS clinic.findings;
