package mail

import (
	"context"
	"fmt"
)

// Dial connects to the server and signs in there, as Send does, and sends nothing.
func (m *Mailer) Dial(ctx context.Context) error {
	client, err := m.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout())
	defer cancel()
	if err := client.DialWithContext(ctx); err != nil {
		return fmt.Errorf("sign in at the mail server %s: %w", m.Addr, withoutAddresses(err))
	}
	if err := client.Close(); err != nil {
		return fmt.Errorf("leave the mail server %s: %w", m.Addr, err)
	}
	return nil
}
