CREATE TABLE clinic.appointments (
    appointment_id BIGSERIAL PRIMARY KEY,
    patient_id UUID NOT NULL REFERENCES clinic.patients ON DELETE CASCADE,
    practitioner_id INTEGER NOT NULL REFERENCES clinic.practitioners,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    minutes SMALLINT NOT NULL DEFAULT 20 CHECK (minutes BETWEEN 5 AND 240),
    cancelled_at TIMESTAMP WITH TIME ZONE,
    UNIQUE (practitioner_id, starts_at)
);

CREATE INDEX idx_appointments_patient ON clinic.appointments (patient_id);
