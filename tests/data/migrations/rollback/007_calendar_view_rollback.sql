DROP VIEW IF EXISTS clinic.calendar;
