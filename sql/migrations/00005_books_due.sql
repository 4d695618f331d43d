-- +goose Up

-- books_due_at is when the payments of a file's days are next looked for in it: after
-- the file's window, and once the files of the neighbouring days have come. NULL looks
-- for nothing more.
ALTER TABLE reconciliations ADD COLUMN books_due_at DATETIME(6) NULL;
ALTER TABLE reconciliations ADD KEY ix_reconciliations_books_due (books_due_at);

-- Files from before may have been planned before their window closed, and none was asked
-- for payments near midnight: all of them are looked at once more. Cases that were found
-- outside any file have no format.
-- +goose StatementBegin
UPDATE reconciliations SET books_due_at = started_at
WHERE format <> '' AND status IN ('PLANNED', 'APPLYING', 'APPLIED');
-- +goose StatementEnd

-- +goose Down
ALTER TABLE reconciliations DROP COLUMN books_due_at;
