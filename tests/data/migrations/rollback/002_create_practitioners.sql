CREATE TYPE clinic.profession AS ENUM ('physician', 'nurse', 'therapist');

CREATE TABLE clinic.practitioners (
    practitioner_id SERIAL PRIMARY KEY,
    full_name VARCHAR(200) NOT NULL,
    profession clinic.profession NOT NULL,
    active BOOLEAN NOT NULL DEFAULT true
);
