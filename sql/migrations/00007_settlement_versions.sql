-- +goose Up

-- notice says what a file could not be asked, and why: that it lacks payments, when no
-- day is known that it is whole for.
-- +goose StatementBegin
ALTER TABLE reconciliations
  ADD COLUMN notice VARCHAR(1000) NULL;
-- +goose StatementEnd

-- +goose Down
ALTER TABLE reconciliations DROP COLUMN notice;
