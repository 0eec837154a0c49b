-- Findings are read through policies only.
CREATE POLICY findings_of_own_appointments ON clinic.findings
    USING (appointment_id IN (
        SELECT a.appointment_id FROM clinic.appointments a
        WHERE a.practitioner_id = NULLIF(current_setting('clinic.practitioner', true), '')::INTEGER
    ));
ALTER TABLE clinic.findings ENABLE ROW LEVEL SECURITY;
