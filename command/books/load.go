package books

import (
	"context"
	"database/sql"
	"fmt"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
	"payment-system/sql/write/model"
)

// A Held is an order and its payment, which nobody else changes until the transaction
// ends: whoever changes either takes the lock of the order's row first. The payment's ID
// is "" when the order has none yet.
type Held struct {
	Order   shop.Order
	Payment shop.Payment
}

// A Patience says what becomes of rows that another transaction holds.
type Patience string

// The kinds of Patience.
const (
	WaitForRows Patience = ""
	// LeaveRows has them missing from the answer, as if they did not exist. A server that does not
	// know how to leave them waits.
	LeaveRows Patience = " SKIP LOCKED"
)

// A Wanted is what a transaction needs of the books before it decides anything.
type Wanted struct {
	Orders   []shop.OrderID // in order; they are locked, and read with their payments
	Patience Patience
	Lines    map[shop.OrderID][]shop.OrderLine // lines that are known, which never change
	Requests []Request                         // whose receipts are read
	Records  []shop.AttemptID                  // whose gateways' records are read
	Products []shop.ProductID                  // in order; they are locked after the orders
	Unsealed []shop.ProductID                  // those of them whose events' seals are read
}

// A Loaded is what was found of a Wanted. What does not exist is missing.
type Loaded struct {
	Held     map[shop.OrderID]Held
	Receipts map[KeyName]Receipt
	Records  map[shop.AttemptID][]byte // JSON
	Products map[shop.ProductID]shop.Product
	Seals    map[string]Sealed // by product
}

// Load locks orders, in order of their ids, then reads what else is wanted, and locks products last, all in
// one packet and each table in one statement.
func Load(ctx context.Context, tx *sql.Tx, wanted Wanted) (Loaded, error) {
	loaded := Loaded{
		Held: map[shop.OrderID]Held{}, Receipts: map[KeyName]Receipt{}, Records: map[shop.AttemptID][]byte{},
		Products: map[shop.ProductID]shop.Product{}, Seals: map[string]Sealed{},
	}
	var orders []shop.Order
	var payments paymentRows
	var questions []mysqldb.Question
	if len(wanted.Orders) > 0 {
		questions = append(questions, holdOrders(wanted, &orders))
		questions = append(questions, payments.questions("order_id", anys(wanted.Orders))...)
	}
	questions = append(questions, findReceipts(wanted.Requests, loaded.Receipts)...) // under the orders' locks
	questions = append(questions, keptRecords(wanted.Records, loaded.Records)...)
	questions = append(questions, holdProducts(wanted.Products, wanted.Patience, loaded.Products)...)
	questions = append(questions, findSeals(wanted.Unsealed, loaded.Seals)...) // under the products' locks
	if err := mysqldb.Ask(ctx, tx, questions...); err != nil {
		return Loaded{}, fmt.Errorf("load from the books: %w", err)
	}
	var unknown []string
	for _, order := range orders {
		if wanted.Lines[order.ID] == nil {
			unknown = append(unknown, string(order.ID))
		}
	}
	lines, err := loadOrderLines(ctx, tx, unknown)
	if err != nil {
		return Loaded{}, err
	}
	ofOrder, err := payments.load(ctx, tx)
	if err != nil {
		return Loaded{}, err
	}
	for _, order := range orders {
		if order.Lines = wanted.Lines[order.ID]; order.Lines == nil {
			order.Lines = lines[order.ID]
		}
		loaded.Held[order.ID] = Held{Order: order, Payment: ofOrder[order.ID]}
	}
	return loaded, nil
}

func holdOrders(wanted Wanted, into *[]shop.Order) mysqldb.Question {
	return mysqldb.Question{
		Query: selectOrders + ` FORCE INDEX (PRIMARY) WHERE id IN (` + marks(len(wanted.Orders)) + `) ORDER BY id FOR UPDATE` +
			string(wanted.Patience),
		Args: anys(wanted.Orders),
		Scan: mysqldb.Into(into, scanOrder),
	}
}

// paymentRows are the rows that payments are made of.
type paymentRows struct {
	payments []model.Payments
	attempts []model.Attempts
}

// questions read payments by a column of theirs, and their attempts.
func (r *paymentRows) questions(column string, values []any) []mysqldb.Question {
	in := column + ` IN (` + marks(len(values)) + `)`
	return []mysqldb.Question{
		{Query: `SELECT id, order_id, user_id, status, pg, amount, tax_free_amount, vat, captured_amount, refunded_amount,
			refunded_tax_free, installment_months, attempt_id, payment_key, checkout_url, failure_code, failure_message,
			approved_at, created_at, updated_at, version FROM payments WHERE ` + in, Args: values, Scan: mysqldb.Into(&r.payments, scanPayment)},
		{Query: `SELECT a.payment_id, a.id, a.pg, a.status, a.payment_key, a.checkout_url, a.ready_key, a.approve_key,
			a.pg_token, a.secret, a.return_url, a.method, a.installment_months, a.captured_amount, a.refunded_amount,
			a.failure_code, a.failure_message, a.started_at, a.superseded_at, a.desktop_url, a.mobile_url, a.app_url,
			a.return_hashes FROM payments p STRAIGHT_JOIN attempts a ON a.payment_id = p.id WHERE p.` + in +
			` ORDER BY a.payment_id, a.started_at, a.id`, Args: values, Scan: mysqldb.Into(&r.attempts, scanAttempt)},
	}
}

// load reads the payments' refunds, and returns them by the ids of their orders.
func (r *paymentRows) load(ctx context.Context, q Reader) (map[shop.OrderID]shop.Payment, error) {
	refunds, err := loadRefunds(ctx, q, r.attempts)
	if err != nil {
		return nil, err
	}
	return assemble(r.payments, r.attempts, refunds), nil
}
