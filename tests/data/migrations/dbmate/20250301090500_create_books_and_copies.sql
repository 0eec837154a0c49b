-- migrate:up
CREATE TABLE books (
    isbn CHAR(13) PRIMARY KEY CHECK (isbn ~ '^[0-9]{13}$'),
    title TEXT NOT NULL,
    authors TEXT[] NOT NULL,
    published SMALLINT CHECK (published BETWEEN 1450 AND 2200)
);

CREATE DOMAIN shelf_mark AS TEXT CHECK (VALUE ~ '^[A-Z]{1,3}-[0-9]{1,4}$');

CREATE TABLE copies (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    isbn CHAR(13) NOT NULL REFERENCES books ON UPDATE CASCADE,
    shelf shelf_mark NOT NULL,
    acquired_on DATE NOT NULL DEFAULT current_date,
    withdrawn_on DATE,
    CHECK (withdrawn_on >= acquired_on)
);
CREATE INDEX copies_isbn ON copies (isbn);

-- migrate:down
DROP TABLE copies;
DROP DOMAIN shelf_mark;
DROP TABLE books;
