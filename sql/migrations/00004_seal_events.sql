-- +goose Up

-- Events from before the chain are sealed as they stand: the same bytes as shop.Event.Seal.
-- +goose StatementBegin
SET @aggregate = CAST('' AS BINARY), @hash = CAST('' AS BINARY), @previous = CAST('' AS BINARY);
-- +goose StatementEnd

-- In order of the chain; assignments go from left to right.
-- +goose StatementBegin
UPDATE events SET
  hash = IF(
    (@previous := IF(CAST(aggregate_id AS BINARY) = @aggregate, @hash, CAST('' AS BINARY))) IS NULL
      OR (@aggregate := CAST(aggregate_id AS BINARY)) IS NULL, CAST('' AS BINARY),
    (@hash := UNHEX(SHA2(CONCAT(
      LENGTH(@previous), ':', @previous,
      LENGTH(aggregate_id), ':', CAST(aggregate_id AS BINARY),
      LENGTH(version), ':', version,
      LENGTH(kind), ':', CAST(kind AS BINARY),
      LENGTH(status), ':', CAST(status AS BINARY),
      LENGTH(payload), ':', CAST(payload AS BINARY),
      LENGTH(actor), ':', CAST(actor AS BINARY),
      LENGTH(COALESCE(note, '')), ':', CAST(COALESCE(note, '') AS BINARY),
      LENGTH(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', at)), ':', TIMESTAMPDIFF(MICROSECOND, '1970-01-01', at)
    ), 256)))),
  parts = UNHEX(CONCAT(
    LPAD(HEX(CRC32(@previous)), 8, '0'),
    LPAD(HEX(CRC32(aggregate_id)), 8, '0'),
    LPAD(HEX(version), 8, '0'),
    LPAD(HEX(CRC32(kind)), 8, '0'),
    LPAD(HEX(CRC32(status)), 8, '0'),
    LPAD(HEX(CRC32(payload)), 8, '0'),
    LPAD(HEX(CRC32(actor)), 8, '0'),
    LPAD(HEX(CRC32(COALESCE(note, ''))), 8, '0'),
    LPAD(HEX(CRC32(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', at))), 8, '0')
  ))
ORDER BY aggregate_id, version;
-- +goose StatementEnd

-- +goose Down
SELECT 1;
