-- +goose Up

-- Each event is chained to the one before it, so that verify can name the one that
-- was touched since. hash is the SHA-256 of the hash before (nothing for the first),
-- aggregate_id, version, kind, status, payload, actor, note and at, each preceded by
-- its length; parts tells them apart, four bytes each. Nothing gets in without.
-- +goose StatementBegin
ALTER TABLE events
  ADD COLUMN hash BINARY(32) NOT NULL AFTER at,
  ADD COLUMN parts BINARY(36) NOT NULL AFTER hash;
-- +goose StatementEnd

-- +goose Down
ALTER TABLE events DROP COLUMN hash, DROP COLUMN parts;
