CREATE TABLE clinic.findings (
    finding_id BIGSERIAL PRIMARY KEY,
    appointment_id BIGINT NOT NULL REFERENCES clinic.appointments,
    code VARCHAR(10) NOT NULL CHECK (code ~ '^[A-Z][0-9]{2}(\.[0-9]+)?$'),
    remark TEXT
);

CREATE INDEX idx_findings_appointment ON clinic.findings (appointment_id);

COMMENT ON COLUMN clinic.findings.code IS 'ICD-10';

CREATE OR REPLACE FUNCTION clinic.finding_count(p_patient UUID)
RETURNS BIGINT AS $$
    SELECT count(*)
    FROM clinic.findings f
    JOIN clinic.appointments a ON a.appointment_id = f.appointment_id
    WHERE a.patient_id = p_patient;
$$ LANGUAGE sql STABLE;
