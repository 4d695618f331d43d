-- +goose Up

-- The read models: for each aggregate its version, the columns that lists filter
-- and sort by, and the document that answers. Only package projections writes
-- here, and everything here can be rebuilt from events.

-- +goose StatementBegin
CREATE TABLE user_views (
  id         VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  version    INT NOT NULL,
  document   LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- name_key is the name folded for search and order: NFKC, lower case.
-- +goose StatementBegin
CREATE TABLE product_views (
  id         VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  version    INT NOT NULL,
  name_key   VARCHAR(255) NOT NULL,
  price      BIGINT NOT NULL,
  document   LONGTEXT NOT NULL,
  KEY ix_product_views_name (name_key, id),
  KEY ix_product_views_price (price, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE order_views (
  id         VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  version    INT NOT NULL,
  user_id    VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  placed_at  DATETIME(6) NOT NULL,
  document   LONGTEXT NOT NULL,
  KEY ix_order_views_user (user_id, id),
  KEY ix_order_views_status (status, id),
  KEY ix_order_views_placed (placed_at, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- record is the gateway's record of the latest attempt, NULL before it is seen.
-- +goose StatementBegin
CREATE TABLE payment_views (
  id          VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  version     INT NOT NULL,
  order_id    VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id     VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status      VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  pg          VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payment_key VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NULL,
  updated_at  DATETIME(6) NOT NULL,
  document    LONGTEXT NOT NULL,
  record      LONGTEXT NULL,
  UNIQUE KEY uq_payment_views_order (order_id),
  KEY ix_payment_views_updated (updated_at, id),
  KEY ix_payment_views_status (status, updated_at, id),
  KEY ix_payment_views_key (payment_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE reconciliation_views (
  id         VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  version    INT NOT NULL,
  pg         VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  document   LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE discrepancy_views (
  id                VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  version           INT NOT NULL,
  reconciliation_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  pg                VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  kind              VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status            VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  document          LONGTEXT NOT NULL,
  KEY ix_discrepancy_views_reconciliation (reconciliation_id, id),
  KEY ix_discrepancy_views_status (status, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- How far a view is: republishing shows its progress here.
-- +goose StatementBegin
CREATE TABLE projection_states (
  view            VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  last_applied_at DATETIME(6) NULL,
  republishing    TINYINT(1) NOT NULL DEFAULT 0,
  percent         INT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose Down
DROP TABLE projection_states;
DROP TABLE discrepancy_views;
DROP TABLE reconciliation_views;
DROP TABLE payment_views;
DROP TABLE order_views;
DROP TABLE product_views;
DROP TABLE user_views;
