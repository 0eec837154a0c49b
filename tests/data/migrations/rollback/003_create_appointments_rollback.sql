DROP TABLE IF EXISTS clinic.appointments;
