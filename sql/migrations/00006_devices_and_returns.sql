-- +goose Up

-- desktop_url, mobile_url and app_url are where the gateway sends the shopper's device;
-- checkout_url is the one of them that was asked for. return_hashes are hashes, separated by
-- spaces, of the secrets that the gateway sends the shopper back with; attempts from before
-- have none, and need none.
-- +goose StatementBegin
ALTER TABLE attempts ADD COLUMN desktop_url VARCHAR(1000) NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE attempts ADD COLUMN mobile_url VARCHAR(1000) NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE attempts ADD COLUMN app_url VARCHAR(1000) NULL;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE attempts ADD COLUMN return_hashes VARCHAR(400) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
-- +goose StatementEnd

-- +goose Down
ALTER TABLE attempts DROP COLUMN desktop_url, DROP COLUMN mobile_url, DROP COLUMN app_url, DROP COLUMN return_hashes;
