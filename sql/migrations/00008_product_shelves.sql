-- +goose Up

-- What shoppers see of a product: image_url and category are empty where it has none, and
-- hidden products are in no list of theirs.
-- +goose StatementBegin
ALTER TABLE products ADD COLUMN image_url VARCHAR(2000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE products ADD COLUMN category VARCHAR(100) NOT NULL DEFAULT '';
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE products ADD COLUMN hidden TINYINT(1) NOT NULL DEFAULT 0;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE product_views ADD COLUMN stock INT NOT NULL DEFAULT 0;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE product_views ADD COLUMN category VARCHAR(100) NOT NULL DEFAULT '';
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE product_views ADD COLUMN hidden TINYINT(1) NOT NULL DEFAULT 0;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE product_views ADD KEY ix_product_views_category (category, id);
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE product_views ADD KEY ix_product_views_hidden (hidden, id);
-- +goose StatementEnd

-- +goose StatementBegin
UPDATE product_views SET stock = JSON_EXTRACT(document, '$.stock');
-- +goose StatementEnd

-- +goose Down
ALTER TABLE product_views DROP KEY ix_product_views_category, DROP KEY ix_product_views_hidden;
ALTER TABLE product_views DROP COLUMN stock, DROP COLUMN category, DROP COLUMN hidden;
ALTER TABLE products DROP COLUMN image_url, DROP COLUMN category, DROP COLUMN hidden;
