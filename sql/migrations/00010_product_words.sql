-- +goose Up

-- words is what a search looks through, folded, in UTF-8; NULL while it is not in
-- product_grams yet. product_grams names the products in whose words a gram is: two
-- characters that stand together, or the last one of a word. Whoever searches looks
-- into words too: a gram too many does no harm.
-- +goose StatementBegin
CREATE TABLE product_grams (
  gram       VARBINARY(8) NOT NULL,
  product_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (gram, product_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose StatementBegin
ALTER TABLE product_views ADD COLUMN words MEDIUMBLOB NULL;
-- +goose StatementEnd

-- Finds those that are not in product_grams yet.
-- +goose StatementBegin
ALTER TABLE product_views ADD KEY ix_product_views_words (words(1));
-- +goose StatementEnd

-- +goose Down
ALTER TABLE product_views DROP KEY ix_product_views_words;
ALTER TABLE product_views DROP COLUMN words;
DROP TABLE product_grams;
