-- +goose Up

-- notice says what a file could not be asked, and why: that it lacks payments, when no
-- day is known that it is whole for.
-- A file of the same gateway, format and version_day that came later, by came_at, is a
-- version of the former: replaces and replaced_by name each other, and the counts say
-- how the rows differ. NULL version_day is a version of nothing.
-- +goose StatementBegin
ALTER TABLE reconciliations ADD COLUMN notice VARCHAR(1000) NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE reconciliations ADD COLUMN came_at DATETIME(6) NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE reconciliations ADD COLUMN version_day DATE NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE reconciliations ADD COLUMN replaces VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE reconciliations ADD COLUMN replaced_by VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE reconciliations ADD COLUMN rows_added INT NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE reconciliations ADD COLUMN rows_changed INT NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE reconciliations ADD COLUMN rows_removed INT NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE reconciliations ADD KEY ix_reconciliations_version (pg, version_day);
-- +goose StatementEnd

-- +goose StatementBegin
UPDATE reconciliations SET came_at = started_at, version_day = day_from;
-- +goose StatementEnd

-- +goose Down
ALTER TABLE reconciliations DROP KEY ix_reconciliations_version;
ALTER TABLE reconciliations
  DROP COLUMN notice, DROP COLUMN came_at, DROP COLUMN version_day, DROP COLUMN replaces, DROP COLUMN replaced_by,
  DROP COLUMN rows_added, DROP COLUMN rows_changed, DROP COLUMN rows_removed;
