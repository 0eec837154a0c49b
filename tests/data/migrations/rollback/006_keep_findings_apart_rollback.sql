ALTER TABLE clinic.findings DISABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS findings_of_own_appointments ON clinic.findings;
