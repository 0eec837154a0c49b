-- migrate:up
CREATE VIEW overdue_loans AS
SELECT loans.id, members.card_number, books.title, loans.due_on
FROM loans
JOIN members ON members.id = loans.member_id
JOIN copies ON copies.id = loans.copy_id
JOIN books ON books.isbn = copies.isbn
WHERE loans.returned_at IS NULL AND loans.due_on < current_date;
COMMENT ON VIEW overdue_loans IS 'What should be back by now.';

ALTER TABLE members ADD COLUMN language TEXT NOT NULL DEFAULT 'en';

-- migrate:down
ALTER TABLE members DROP COLUMN language;
DROP VIEW overdue_loans;
