-- Patients of the clinic.
BEGIN;

CREATE SCHEMA clinic;

CREATE TABLE clinic.patients (
    patient_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    family_name VARCHAR(120) NOT NULL,
    given_name VARCHAR(120) NOT NULL,
    born_on DATE NOT NULL CHECK (born_on > '1880-01-01'),
    phone VARCHAR(40),
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_patients_name ON clinic.patients (family_name, given_name);

COMMIT;
