DROP TABLE IF EXISTS clinic.practitioners;
DROP TYPE IF EXISTS clinic.profession;
