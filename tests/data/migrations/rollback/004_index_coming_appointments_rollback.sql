DROP INDEX CONCURRENTLY clinic.idx_appointments_coming;
