package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"time"

	"payment-system/internal/mail"
)

const password = "correct horse battery staple"

// furnish fills the database, starts the replica, and opens accounts as people would.
func (r *rig) furnish(ctx context.Context) error {
	err := runProgram(ctx, r.program, r.environment(), "seed",
		"--products="+strconv.Itoa(r.plan.products), "--orders="+strconv.Itoa(r.plan.orders))
	if err != nil {
		return err
	}
	mailbox, err := mail.OpenMailbox("127.0.0.1:0", time.Now)
	if err != nil {
		return err
	}
	defer mailbox.Close()
	if err := r.startServer(ctx, mailbox); err != nil {
		return err
	}
	if err := r.signUpAll(ctx, mailbox); err != nil {
		return err
	}
	if err := r.readCatalogue(ctx); err != nil {
		return err
	}
	return r.warm(ctx)
}

// signUpAll opens the shoppers' accounts and the operator's, side by side.
func (r *rig) signUpAll(ctx context.Context, mailbox *mail.Mailbox) error {
	const operator = "operator@example.com"
	r.shoppers = make([]visitor, r.plan.shoppers)
	errs := make([]error, r.plan.shoppers+1)
	var signing sync.WaitGroup
	for i := range r.shoppers {
		signing.Go(func() {
			r.shoppers[i], errs[i] = r.signUp(ctx, mailbox, fmt.Sprintf("shopper-%d@example.com", i))
		})
	}
	signing.Go(func() { r.operator, errs[len(errs)-1] = r.signUp(ctx, mailbox, operator) })
	signing.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("sign up: %w", err)
		}
	}
	return runProgram(ctx, r.program, r.environment(), "operator", operator)
}

const (
	requestDocument = `mutation($input: RequestEmailVerificationInput!) {
		requestEmailVerification(input: $input) { verificationId } }`
	confirmDocument = `mutation($input: ConfirmEmailVerificationInput!) {
		confirmEmailVerification(input: $input) { verificationId } }`
	signUpDocument = `mutation($input: SignUpInput!) { signUp(input: $input) { user { id } } }`
)

func (r *rig) signUp(ctx context.Context, mailbox http.Handler, email string) (visitor, error) {
	v := visitor{site: r.site}
	var asked struct {
		RequestEmailVerification struct{ VerificationID string }
	}
	if err := v.ask(ctx, requestDocument, object{"input": object{"email": email}}, &asked); err != nil {
		return v, err
	}
	id := asked.RequestEmailVerification.VerificationID
	code, err := mailedCode(ctx, mailbox, email)
	if err != nil {
		return v, err
	}
	confirmed := object{"verificationId": id, "code": code}
	if err := v.ask(ctx, confirmDocument, object{"input": confirmed}, nil); err != nil {
		return v, err
	}
	return v.signIn(ctx, signUpDocument, object{"input": object{"verificationId": id, "password": password}})
}

// mailedCode waits for the six digits of a mail.
func mailedCode(ctx context.Context, mailbox http.Handler, email string) (string, error) {
	digits := regexp.MustCompile(`\b\d{6}\b`)
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		inbox := httptest.NewRecorder()
		mailbox.ServeHTTP(inbox, httptest.NewRequestWithContext(ctx, http.MethodGet, "/dev/mailbox?to="+email, nil))
		var mails []mail.Mail
		if json.Unmarshal(inbox.Body.Bytes(), &mails) == nil && len(mails) > 0 {
			return digits.FindString(mails[0].Text), nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for a mail: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// readCatalogue reads the ids of all products.
func (r *rig) readCatalogue(ctx context.Context) error {
	const document = `query($after: String) {
		products(first: 100, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }`
	for cursor := (*string)(nil); ; {
		var answer struct{ Products connection }
		if err := r.operator.ask(ctx, document, object{"after": cursor}, &answer); err != nil {
			return fmt.Errorf("read the catalogue: %w", err)
		}
		for _, node := range answer.Products.Nodes {
			r.products = append(r.products, node.ID)
		}
		if !answer.Products.PageInfo.HasNextPage {
			return nil
		}
		cursor = &answer.Products.PageInfo.EndCursor
	}
}

// warm has clients purchase for a moment, so that connections are open and statements known.
func (r *rig) warm(ctx context.Context) error {
	_, err := crew{clients: 8, time: r.plan.floorTime, limit: 64}.do(ctx, r.purchase)
	return err
}
