package command

import (
	"encoding/json"
	"fmt"

	"payment-system/command/books"
)

// begin stores a request's key, naming what the request works on, with the change. When
// the key is stored already it returns the receipt; it returns IDEMPOTENCY_MISMATCH when
// the key was used for another input.
func (c *change) begin(req books.Request, subject string) (*books.Receipt, error) {
	found, err := c.find(req)
	if err == nil && found == nil {
		c.keys = append(c.keys, books.KeyWrite{Request: req, Subject: subject})
	}
	return found, err
}

// find returns the receipt of a request's key, or nil when there is none.
func (c *change) find(req books.Request) (*books.Receipt, error) {
	found := receiptOf(c.receipts, req)
	if found != nil && found.Hash != req.Hash {
		return nil, books.Mismatch()
	}
	return found, nil
}

// receiptOf is the receipt of a request's key, or nil when there is none.
func receiptOf(receipts map[books.KeyName]books.Receipt, req books.Request) *books.Receipt {
	found, ok := receipts[req.Name()]
	if !ok {
		return nil
	}
	return &found
}

// finish stores the answer of a request whose key is stored, by this change or before.
func (c *change) finish(req books.Request, response any) error {
	body, err := json.Marshal(response)
	if err != nil {
		return fmt.Errorf("encode the answer of %s: %w", req.Operation, err)
	}
	for i := range c.keys {
		if c.keys[i].Request.Name() == req.Name() {
			c.keys[i].Response = body
			return nil
		}
	}
	c.answers = append(c.answers, books.KeyWrite{Request: req, Response: body})
	return nil
}

// finishOnce is finish unless an answer is stored already, or there is no such key.
func (c *change) finishOnce(req books.Request, response any) error {
	earlier, err := c.find(req)
	if err != nil || earlier == nil || earlier.Response != nil {
		return err
	}
	return c.finish(req, response)
}
