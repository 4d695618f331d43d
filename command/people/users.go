package people

import (
	"context"
	"database/sql"
	netmail "net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"payment-system/command/books"
	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

const maxEmailLength = 254

// checkEmail returns an address as it is kept: trimmed, composed and in lower
// case. It returns Invalid for what no account can have.
func checkEmail(email string) (string, error) {
	if len(email) > 4*maxEmailLength || !utf8.ValidString(email) {
		return "", notAnEmail()
	}
	email = norm.NFC.String(strings.ToLower(norm.NFC.String(strings.TrimSpace(email))))
	local, domain, ok := strings.Cut(email, "@")
	if !ok || len(email) > maxEmailLength || len(local) > 64 || !isDomain(domain) ||
		strings.ContainsFunc(local, isOddInEmail) {
		return "", notAnEmail()
	}
	if parsed, err := netmail.ParseAddress(email); err != nil || parsed.Address != email {
		return "", notAnEmail()
	}
	return email, nil
}

func notAnEmail() error {
	return shop.InvalidField("email", "This is not an email address that can have an account.")
}

// isOddInEmail refuses what only a quoted local part may hold.
func isOddInEmail(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`"(),:;<>@[\]`, r)
}

func isDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.ContainsFunc(label, isOddInLabel) {
			return false
		}
	}
	return len(labels) > 1
}

func isOddInLabel(r rune) bool {
	return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}

// openAccount writes an account whose address was checked and whose password
// was hashed. It returns Conflict when the address has one already.
func (h *Handler) openAccount(ctx context.Context, email, hash string, role shop.Role, actor shop.Actor) (shop.User,
	error,
) {
	user := shop.User{
		ID:        shop.UserID(h.NewID(shop.PrefixUser)),
		Email:     email,
		Role:      role,
		CreatedAt: h.now(),
		Version:   1,
	}
	err := books.KeyedTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		err := books.InsertUser(ctx, tx, user, hash)
		if mysqldb.IsDuplicate(err, "PRIMARY") {
			return nil // An earlier run of this closure stands after all.
		}
		if mysqldb.IsDuplicate(err, "uq_users_email") {
			return h.taken(ctx, tx, user)
		}
		if err != nil {
			return err
		}
		return books.Append(ctx, tx, books.UserEvent(user, shop.KindUserSignedUp, actor, user.CreatedAt))
	})
	if err != nil {
		return shop.User{}, err
	}
	h.Projector.Project(ctx, string(user.ID))
	return user, nil
}

// taken returns Conflict, unless the account that has the address is this very
// one, written by an earlier run whose commit went unanswered.
func (h *Handler) taken(ctx context.Context, tx *sql.Tx, user shop.User) error {
	holder, _, err := books.FindUser(ctx, tx, user.Email)
	if err != nil {
		return err
	}
	if holder.ID == user.ID {
		return nil
	}
	return &shop.Error{Code: shop.Conflict, Message: "This address has an account already."}
}
