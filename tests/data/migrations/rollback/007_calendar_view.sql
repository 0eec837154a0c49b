CREATE VIEW clinic.calendar AS
SELECT p.full_name AS practitioner, a.starts_at, a.starts_at + make_interval(mins => a.minutes) AS ends_at,
       a.cancelled_at IS NOT NULL AS cancelled
FROM clinic.appointments a
JOIN clinic.practitioners p USING (practitioner_id)
ORDER BY a.starts_at;
