-- +goose Up

-- by_id is the operator who did it, NULL when no person of the shop did, and for what is
-- from before. It is sealed together with actor.
-- +goose StatementBegin
ALTER TABLE events ADD COLUMN by_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL;
-- +goose StatementEnd

-- +goose Down
ALTER TABLE events DROP COLUMN by_id;
