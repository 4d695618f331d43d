-- +goose Up

-- The books: what happened to people, products, orders and money. Only package
-- command writes here. Ids are ASCII; money is whole won; times are UTC.

-- +goose StatementBegin
CREATE TABLE users (
  id            VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  email         VARCHAR(254) NOT NULL,
  password_hash VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  role          VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at    DATETIME(6) NOT NULL,
  version       INT NOT NULL,
  UNIQUE KEY uq_users_email (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE products (
  id          VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  name        VARCHAR(200) NOT NULL,
  description TEXT NOT NULL,
  price       BIGINT NOT NULL,
  tax_free    TINYINT(1) NOT NULL,
  created_at  DATETIME(6) NOT NULL,
  updated_at  DATETIME(6) NOT NULL,
  CONSTRAINT ck_products_price CHECK (price >= 0 AND price <= 9007199254740991)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- version is the product's: every change of the product or its stock bumps it,
-- so that this row's lock orders them all.
-- +goose StatementBegin
CREATE TABLE stock (
  product_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  available  INT NOT NULL,
  reserved   INT NOT NULL,
  sold       INT NOT NULL,
  version    INT NOT NULL,
  CONSTRAINT ck_stock_available CHECK (available >= 0),
  CONSTRAINT ck_stock_reserved CHECK (reserved >= 0),
  CONSTRAINT ck_stock_sold CHECK (sold >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- Units that came or went by hand; creation is the first. Their sum is what stock holds.
-- +goose StatementBegin
CREATE TABLE stock_adjustments (
  id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  product_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  quantity   INT NOT NULL,
  reason     VARCHAR(200) NOT NULL,
  user_id    VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  at         DATETIME(6) NOT NULL,
  KEY ix_stock_adjustments_product (product_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE orders (
  id             VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  user_id        VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  total          BIGINT NOT NULL,
  tax_free_total BIGINT NOT NULL,
  placed_at      DATETIME(6) NOT NULL,
  expires_at     DATETIME(6) NOT NULL,
  paid_at        DATETIME(6) NULL,
  canceled_at    DATETIME(6) NULL,
  version        INT NOT NULL,
  KEY ix_orders_expiry (status, expires_at),
  CONSTRAINT ck_orders_total CHECK (total >= 0 AND total <= 9007199254740991),
  CONSTRAINT ck_orders_tax_free CHECK (tax_free_total >= 0 AND tax_free_total <= total)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE order_lines (
  order_id   VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  line       INT NOT NULL,
  product_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name       VARCHAR(200) NOT NULL,
  unit_price BIGINT NOT NULL,
  quantity   INT NOT NULL,
  amount     BIGINT NOT NULL,
  tax_free   TINYINT(1) NOT NULL,
  PRIMARY KEY (order_id, line),
  KEY ix_order_lines_product (product_id),
  CONSTRAINT ck_order_lines_quantity CHECK (quantity > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- One payment an order. refunded counts what was given back of captured.
-- +goose StatementBegin
CREATE TABLE payments (
  id                 VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  order_id           VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id            VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status             VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  pg                 VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  amount             BIGINT NOT NULL,
  tax_free_amount    BIGINT NOT NULL,
  vat                BIGINT NOT NULL,
  captured_amount    BIGINT NOT NULL,
  refunded_amount    BIGINT NOT NULL,
  refunded_tax_free  BIGINT NOT NULL,
  installment_months INT NOT NULL,
  attempt_id         VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payment_key        VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NULL,
  checkout_url       VARCHAR(1000) NULL,
  failure_code       VARCHAR(100) NULL,
  failure_message    VARCHAR(500) NULL,
  approved_at        DATETIME(6) NULL,
  created_at         DATETIME(6) NOT NULL,
  updated_at         DATETIME(6) NOT NULL,
  version            INT NOT NULL,
  UNIQUE KEY uq_payments_order (order_id),
  KEY ix_payments_status (status, updated_at),
  KEY ix_payments_approved (pg, approved_at),
  CONSTRAINT ck_payments_refunded CHECK (refunded_amount >= 0 AND refunded_amount <= captured_amount)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- One row per try at a gateway. check_at is when the resolver is to ask the
-- gateway next; NULL asks for nothing. The lease and its fence say who may act.
-- +goose StatementBegin
CREATE TABLE attempts (
  id                 VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  payment_id         VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  pg                 VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status             VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payment_key        VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NULL,
  checkout_url       VARCHAR(1000) NULL,
  ready_key          VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  approve_key        VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  pg_token           VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  secret             VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  return_url         VARCHAR(1000) NOT NULL,
  method             VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  installment_months INT NOT NULL,
  captured_amount    BIGINT NOT NULL,
  refunded_amount    BIGINT NOT NULL,
  failure_code       VARCHAR(100) NULL,
  failure_message    VARCHAR(500) NULL,
  started_at         DATETIME(6) NOT NULL,
  superseded_at      DATETIME(6) NULL,
  check_at           DATETIME(6) NULL,
  checks             INT NOT NULL DEFAULT 0,
  unresolved_since   DATETIME(6) NULL,
  lease_owner        VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  lease_until        DATETIME(6) NULL,
  fence              BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY uq_attempts_key (pg, payment_key),
  KEY ix_attempts_payment (payment_id),
  KEY ix_attempts_check (check_at),
  CONSTRAINT ck_attempts_refunded CHECK (refunded_amount >= 0 AND refunded_amount <= captured_amount)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- open_attempt_id repeats attempt_id while the refund is not ended, and is NULL
-- afterwards: no attempt has two refunds under way.
-- +goose StatementBegin
CREATE TABLE refunds (
  id              VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  payment_id      VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  attempt_id      VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  open_attempt_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL,
  amount          BIGINT NOT NULL,
  tax_free_amount BIGINT NOT NULL,
  reason          VARCHAR(200) NOT NULL,
  cause           VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status          VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  pg_key          VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  transaction_key VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NULL,
  bank_code       VARCHAR(20) NULL,
  account_number  VARCHAR(40) NULL,
  holder_name     VARCHAR(60) NULL,
  requested_at    DATETIME(6) NOT NULL,
  done_at         DATETIME(6) NULL,
  UNIQUE KEY uq_refunds_leg (attempt_id, transaction_key),
  UNIQUE KEY uq_refunds_open (open_attempt_id),
  KEY ix_refunds_payment (payment_id),
  CONSTRAINT ck_refunds_amount CHECK (amount > 0 AND tax_free_amount >= 0 AND tax_free_amount <= amount)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- What only Kakao Pay knows of an attempt. record is shop.KakaoRecord, raw the
-- answer as it came.
-- +goose StatementBegin
CREATE TABLE kakao_payments (
  attempt_id              VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  tid                     VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  cid                     VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  aid                     VARCHAR(40) NULL,
  status                  VARCHAR(40) NOT NULL,
  partner_order_id        VARCHAR(100) NOT NULL,
  partner_user_id         VARCHAR(100) NOT NULL,
  payment_method_type     VARCHAR(20) NULL,
  item_name               VARCHAR(200) NULL,
  item_code               VARCHAR(200) NULL,
  quantity                INT NULL,
  amount_total            BIGINT NULL,
  amount_tax_free         BIGINT NULL,
  amount_vat              BIGINT NULL,
  amount_point            BIGINT NULL,
  amount_discount         BIGINT NULL,
  amount_green_deposit    BIGINT NULL,
  canceled_total          BIGINT NULL,
  cancel_available_total  BIGINT NULL,
  card_issuer             VARCHAR(60) NULL,
  card_issuer_code        VARCHAR(20) NULL,
  card_acquirer           VARCHAR(60) NULL,
  card_acquirer_code      VARCHAR(20) NULL,
  card_bin                VARCHAR(20) NULL,
  card_type               VARCHAR(20) NULL,
  card_install_months     INT NULL,
  card_interest_free      TINYINT(1) NULL,
  card_installment_type   VARCHAR(40) NULL,
  card_approval_number    VARCHAR(40) NULL,
  card_merchant_id        VARCHAR(40) NULL,
  created_at              VARCHAR(40) NULL,
  approved_at             VARCHAR(40) NULL,
  canceled_at             VARCHAR(40) NULL,
  record                  LONGTEXT NOT NULL,
  raw                     LONGTEXT NOT NULL,
  fetched_at              DATETIME(6) NOT NULL,
  KEY ix_kakao_payments_tid (tid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- What only Toss Payments knows of an attempt. record is shop.TossRecord, raw
-- the answer as it came.
-- +goose StatementBegin
CREATE TABLE toss_payments (
  attempt_id             VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  payment_key            VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version                VARCHAR(20) NULL,
  type                   VARCHAR(20) NULL,
  order_id               VARCHAR(100) NOT NULL,
  order_name             VARCHAR(200) NULL,
  m_id                   VARCHAR(40) NULL,
  currency               VARCHAR(10) NULL,
  country                VARCHAR(10) NULL,
  method                 VARCHAR(40) NULL,
  status                 VARCHAR(40) NOT NULL,
  total_amount           BIGINT NOT NULL,
  balance_amount         BIGINT NULL,
  supplied_amount        BIGINT NULL,
  vat                    BIGINT NULL,
  tax_free_amount        BIGINT NULL,
  tax_exemption_amount   BIGINT NULL,
  requested_at           VARCHAR(40) NULL,
  approved_at            VARCHAR(40) NULL,
  use_escrow             TINYINT(1) NULL,
  culture_expense        TINYINT(1) NULL,
  is_partial_cancelable  TINYINT(1) NULL,
  last_transaction_key   VARCHAR(100) NULL,
  card_amount            BIGINT NULL,
  card_issuer_code       VARCHAR(10) NULL,
  card_acquirer_code     VARCHAR(10) NULL,
  card_number            VARCHAR(40) NULL,
  card_installment_plan_months INT NULL,
  card_approve_no        VARCHAR(20) NULL,
  card_use_card_point    TINYINT(1) NULL,
  card_type              VARCHAR(20) NULL,
  card_owner_type        VARCHAR(20) NULL,
  card_acquire_status    VARCHAR(30) NULL,
  card_is_interest_free  TINYINT(1) NULL,
  card_interest_payer    VARCHAR(20) NULL,
  virtual_account_type   VARCHAR(20) NULL,
  virtual_account_number VARCHAR(40) NULL,
  virtual_account_bank_code VARCHAR(10) NULL,
  virtual_account_due_date VARCHAR(40) NULL,
  virtual_account_refund_status VARCHAR(30) NULL,
  virtual_account_expired TINYINT(1) NULL,
  easy_pay_provider      VARCHAR(40) NULL,
  easy_pay_amount        BIGINT NULL,
  easy_pay_discount_amount BIGINT NULL,
  failure_code           VARCHAR(100) NULL,
  failure_message        VARCHAR(500) NULL,
  receipt_url            VARCHAR(1000) NULL,
  record                 LONGTEXT NOT NULL,
  raw                    LONGTEXT NOT NULL,
  fetched_at             DATETIME(6) NOT NULL,
  KEY ix_toss_payments_key (payment_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- The audit log and the outbox in one, append-only but for published_at. payload
-- is the whole aggregate as the event left it. shard shares the work of publishing.
-- +goose StatementBegin
CREATE TABLE events (
  id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  aggregate_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version      INT NOT NULL,
  kind         VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status       VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payload      LONGTEXT NOT NULL,
  actor        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  note         VARCHAR(500) NULL,
  at           DATETIME(6) NOT NULL,
  shard        SMALLINT NOT NULL,
  published_at DATETIME(6) NULL,
  UNIQUE KEY uq_events_version (aggregate_id, version),
  KEY ix_events_outbox (published_at, shard, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- response is NULL while the operation is under way; subject names what it works on.
-- +goose StatementBegin
CREATE TABLE idempotency (
  user_id      VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  operation    VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  idem_key     VARCHAR(100) NOT NULL,
  request_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject      VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  response     LONGTEXT NULL,
  created_at   DATETIME(6) NOT NULL,
  PRIMARY KEY (user_id, operation, idem_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- What gateways told us unasked. It is stored before it is answered and acted on
-- only after a look-up.
-- +goose StatementBegin
CREATE TABLE webhook_inbox (
  id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  pg          VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  dedup_key   CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_type  VARCHAR(60) NOT NULL,
  attempt_ref VARCHAR(100) NOT NULL,
  payment_key VARCHAR(200) NOT NULL,
  secret      VARCHAR(100) NOT NULL,
  body        MEDIUMTEXT NOT NULL,
  received_at DATETIME(6) NOT NULL,
  tries       INT NOT NULL DEFAULT 0,
  next_try_at DATETIME(6) NULL,
  handled_at  DATETIME(6) NULL,
  error       VARCHAR(500) NULL,
  UNIQUE KEY uq_webhook_inbox_dedup (pg, dedup_key),
  KEY ix_webhook_inbox_work (next_try_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- A job runs once per window, whoever runs it.
-- +goose StatementBegin
CREATE TABLE job_runs (
  job          VARCHAR(60) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  window_start DATETIME(6) NOT NULL,
  owner        VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  lease_until  DATETIME(6) NOT NULL,
  fence        BIGINT NOT NULL,
  started_at   DATETIME(6) NOT NULL,
  finished_at  DATETIME(6) NULL,
  error        VARCHAR(500) NULL,
  PRIMARY KEY (job, window_start)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- A lease gives a piece of standing work, a shard of the outbox say, to one replica.
-- +goose StatementBegin
CREATE TABLE leases (
  name        VARCHAR(60) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  owner       VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  lease_until DATETIME(6) NOT NULL,
  fence       BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE reconciliations (
  id          VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  pg          VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  format      VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  source      VARCHAR(500) NOT NULL,
  file_hash   CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status      VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  rejection   VARCHAR(1000) NULL,
  row_count   INT NOT NULL,
  percent     INT NOT NULL,
  matched     INT NOT NULL,
  plan_hash   CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  day_from    DATE NULL,
  day_to      DATE NULL,
  auto_apply  TINYINT(1) NOT NULL,
  started_at  DATETIME(6) NOT NULL,
  finished_at DATETIME(6) NULL,
  lease_owner VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  lease_until DATETIME(6) NULL,
  fence       BIGINT NOT NULL DEFAULT 0,
  version     INT NOT NULL,
  UNIQUE KEY uq_reconciliations_file (pg, file_hash),
  KEY ix_reconciliations_status (status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- A row as it stood in the file, and what it says in our words. kind is APPROVAL,
-- REFUND or FAILURE; malformed tells why a row could not be read.
-- +goose StatementBegin
CREATE TABLE settlement_rows (
  reconciliation_id  VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  line               INT NOT NULL,
  row_hash           CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  raw                TEXT NOT NULL,
  kind               VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payment_key        VARCHAR(200) NOT NULL,
  attempt_ref        VARCHAR(200) NOT NULL,
  leg_key            VARCHAR(200) NOT NULL,
  amount             BIGINT NOT NULL,
  tax_free_amount    BIGINT NULL,
  installment_months INT NULL,
  business_day       DATE NULL,
  malformed          VARCHAR(500) NULL,
  PRIMARY KEY (reconciliation_id, line),
  KEY ix_settlement_rows_key (reconciliation_id, payment_key),
  KEY ix_settlement_rows_payment (payment_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- dedup_key names the difference within its reconciliation, so that planning
-- again, or finding it again, adds nothing.
-- +goose StatementBegin
CREATE TABLE discrepancies (
  id                VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  reconciliation_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  dedup_key         CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  pg                VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  kind              VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status            VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  action            VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payment_id        VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL,
  attempt_id        VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL,
  line              INT NULL,
  raw               TEXT NULL,
  expected          VARCHAR(500) NULL,
  actual            VARCHAR(500) NULL,
  amount            BIGINT NOT NULL,
  note              VARCHAR(1000) NULL,
  resolved_by       VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at        DATETIME(6) NOT NULL,
  resolved_at       DATETIME(6) NULL,
  version           INT NOT NULL,
  UNIQUE KEY uq_discrepancies_dedup (reconciliation_id, dedup_key),
  KEY ix_discrepancies_payment (payment_id, status),
  KEY ix_discrepancies_status (status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
-- +goose StatementEnd

-- +goose Down
DROP TABLE discrepancies;
DROP TABLE settlement_rows;
DROP TABLE reconciliations;
DROP TABLE leases;
DROP TABLE job_runs;
DROP TABLE webhook_inbox;
DROP TABLE idempotency;
DROP TABLE events;
DROP TABLE toss_payments;
DROP TABLE kakao_payments;
DROP TABLE refunds;
DROP TABLE attempts;
DROP TABLE payments;
DROP TABLE order_lines;
DROP TABLE orders;
DROP TABLE stock_adjustments;
DROP TABLE stock;
DROP TABLE products;
DROP TABLE users;
