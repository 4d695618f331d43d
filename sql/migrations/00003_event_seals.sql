-- +goose Up

-- Each event is chained to the one before it, so that verify can name the one that
-- was touched since. hash is the SHA-256 of the hash before (nothing for the first),
-- aggregate_id, version, kind, status, payload, actor, note and at, each preceded by
-- its length; parts tells them apart, four bytes each. Nothing gets in without.
-- One column a statement: TiDB places none after another of the same statement.
ALTER TABLE events ADD COLUMN hash BINARY(32) NOT NULL AFTER at;
ALTER TABLE events ADD COLUMN parts BINARY(36) NOT NULL AFTER hash;

-- +goose Down
ALTER TABLE events DROP COLUMN parts;
ALTER TABLE events DROP COLUMN hash;
