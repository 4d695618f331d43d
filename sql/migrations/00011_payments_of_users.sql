-- +goose Up

-- +goose StatementBegin
ALTER TABLE payment_views ADD KEY ix_payment_views_user (user_id, id);
-- +goose StatementEnd

-- +goose Down
ALTER TABLE payment_views DROP KEY ix_payment_views_user;
