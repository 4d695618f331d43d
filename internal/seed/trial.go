package seed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"payment-system/command"
	"payment-system/command/people"
	"payment-system/shop"
)

// The accounts to try things with.
const (
	ShopperEmail  = "shopper@example.com"
	OperatorEmail = "operator@example.com"
	Password      = "correct horse battery staple"
)

// A Trial is a shop to try things in. All fields are needed.
type Trial struct {
	DB       *sql.DB
	Commands *command.Handler
	People   *people.Handler
	// NewPeople opens commands of their own for a Mailer of their own.
	NewPeople func() *people.Handler
}

// Fill makes the catalogue and the two accounts, unless they are there.
func (t *Trial) Fill(ctx context.Context) error {
	var work sync.WaitGroup
	errs := make([]error, 3)
	work.Go(func() { errs[0] = t.sell(ctx) })
	work.Go(func() { errs[1] = t.signUp(ctx, ShopperEmail) })
	work.Go(func() {
		if errs[2] = t.signUp(ctx, OperatorEmail); errs[2] == nil {
			_, errs[2] = t.People.MakeOperator(ctx, people.MakeOperator{Email: OperatorEmail})
		}
	})
	work.Wait()
	return errors.Join(errs...)
}

func (t *Trial) sell(ctx context.Context) error {
	for i, product := range catalogue {
		product.IdempotencyKey = fmt.Sprintf("dev-catalogue-%d", i)
		_, err := t.Commands.CreateProduct(ctx, product)
		if shop.CodeOf(err) == shop.IdempotencyMismatch {
			continue // it is there as an earlier catalogue had it
		}
		if err != nil {
			return fmt.Errorf("create %s: %w", product.Name, err)
		}
	}
	return nil
}

// signUp signs up as a person would: by a code that is mailed, here to ourselves.
func (t *Trial) signUp(ctx context.Context, email string) error {
	var known int
	if err := t.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM users WHERE email = ?`, email).Scan(&known); err != nil ||
		known > 0 {
		return err
	}
	inbox := make(letters, 1)
	accounts := t.NewPeople()
	accounts.Mailer = inbox
	requested, err := accounts.RequestEmailVerification(ctx, people.RequestEmailVerification{
		Email: email, RemoteIP: "127.0.0.1",
	})
	if err != nil {
		return fmt.Errorf("verify %s: %w", email, err)
	}
	code, err := inbox.code(ctx)
	if err != nil {
		return err
	}
	_, err = accounts.ConfirmEmailVerification(ctx, people.ConfirmEmailVerification{
		VerificationID: requested.VerificationID, Code: code,
	})
	if err != nil {
		return fmt.Errorf("confirm %s: %w", email, err)
	}
	if _, err := accounts.SignUp(ctx,
		people.SignUp{VerificationID: requested.VerificationID, Password: Password}); err != nil {
		return fmt.Errorf("sign %s up: %w", email, err)
	}
	return nil
}

// letters is a mailer to oneself.
type letters chan string

// Send keeps the mail's text.
func (l letters) Send(_ context.Context, message people.Message) error {
	l <- message.Text
	return nil
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// code waits for a mail and returns the code in it.
func (l letters) code(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case text := <-l:
		return sixDigits.FindString(text), nil
	case <-ctx.Done():
		return "", fmt.Errorf("wait for the code: %w", ctx.Err())
	}
}
