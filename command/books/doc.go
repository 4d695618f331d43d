// Package books holds the rows of the write tables, and is the only package that
// writes them: orders, payments, stock, people, cases, settlement rows, idempotency
// keys, events and the inbox of webhooks. Its functions take the caller's transaction
// and decide nothing: commands do. A write that reads "if it still has the version"
// returns mysqldb.ErrStale when it has not, upon which mysqldb.InTx runs again.
// Moments are UTC in microseconds, amounts whole won.
package books
