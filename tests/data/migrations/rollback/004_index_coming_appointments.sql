-- Built while appointments are being made.
-- no-transaction
CREATE INDEX CONCURRENTLY idx_appointments_coming
    ON clinic.appointments (starts_at) WHERE cancelled_at IS NULL;
