package people

import (
	"context"
	"database/sql"
	"log/slog"
	"unicode/utf8"

	"payment-system/command/books"
	"payment-system/internal/limits"
	"payment-system/shop"
)

// ChangePassword chooses another password for the account that is signed in.
type ChangePassword struct {
	By       shop.Caller
	Session  string // the token of the session that goes on
	RemoteIP string // for rate limits
	Current  string
	Password string
}

// ChangePassword gives the account another password, ends its other sessions and mails its owner
// that it did. It returns Invalid, naming the field, for a bad password and when the current one is
// wrong; Conflict when it was changed meanwhile; RateLimited, counted with tries to sign in; and
// Unavailable, with nothing changed, without Redis or the database.
func (h *Handler) ChangePassword(ctx context.Context, cmd ChangePassword) (shop.PasswordChanged, error) {
	if err := checkPassword(cmd.Password); err != nil {
		return shop.PasswordChanged{}, err
	}
	if cmd.Current == "" || len(cmd.Current) > 4*maxPasswordLength || !utf8.ValidString(cmd.Current) {
		return shop.PasswordChanged{}, wrongCurrent()
	}
	user, current, err := books.LoadUser(ctx, h.DB, cmd.By.UserID)
	if err != nil {
		return shop.PasswordChanged{}, books.Unavailable(err)
	}
	if err := h.proveCurrent(ctx, user, current, cmd); err != nil {
		return shop.PasswordChanged{}, err
	}
	hash, err := h.hashPassword(ctx, cmd.Password)
	if err != nil {
		return shop.PasswordChanged{}, err
	}
	user, err = h.savePassword(ctx, passwordChange{
		email: user.Email, was: current, hash: hash, actor: cmd.By.Actor, by: cmd.By.OperatorID(), session: cmd.Session,
	})
	if err != nil {
		return shop.PasswordChanged{}, err
	}
	return shop.PasswordChanged{User: user}, h.passwordChanged(ctx, user, cmd.Session)
}

func wrongCurrent() error { return shop.InvalidField("current", "The current password is wrong.") }

// proveCurrent compares the current password, as at sign-in: a session that was left open must not
// let somebody guess.
func (h *Handler) proveCurrent(ctx context.Context, user shop.User, hash string, cmd ChangePassword) error {
	leave, err := h.hashing.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	from := limits.Network(cmd.RemoteIP)
	if err := h.allowTry(ctx, user.Email, from); err != nil {
		return err
	}
	right, err := matches(hash, cmd.Current)
	if err != nil {
		return err
	}
	if !right {
		return wrongCurrent()
	}
	return h.forgiveTries(ctx, user.Email, from)
}

// A passwordChange is what is written of a new password.
type passwordChange struct {
	email   string
	was     string // the hash that it replaces; "" replaces any
	hash    string
	actor   shop.Actor
	by      shop.UserID // the operator whose own it is; "" for others
	session string      // the token of the session that goes on; "" for none
}

// savePassword ends the account's sessions, but one, and writes the hash of its new password. It
// returns NotFound when the address has no account, and Conflict when the password is another by
// now. Sessions end first: when they cannot, nothing is changed.
func (h *Handler) savePassword(ctx context.Context, change passwordChange) (user shop.User, err error) {
	if user, _, err = books.FindUser(ctx, h.DB, change.email); err != nil {
		if shop.CodeOf(err) == shop.NotFound {
			return user, err
		}
		return user, books.Unavailable(err)
	}
	if err := h.Sessions.EndOthers(ctx, user.ID, change.session); err != nil {
		return user, err
	}
	err = books.KeyedTx(ctx, h.DB, func(ctx context.Context, tx *sql.Tx) error {
		var hash string
		if user, hash, err = books.LockUser(ctx, tx, change.email); err != nil || hash == change.hash {
			return err // An earlier run of this closure stands after all.
		}
		if change.was != "" && hash != change.was {
			return &shop.Error{Code: shop.Conflict, Message: "The password has been changed meanwhile."}
		}
		user.Version++
		if err := books.SavePassword(ctx, tx, user, change.hash); err != nil {
			return err
		}
		event := books.UserEvent(user, shop.KindUserPasswordChanged, change.actor, h.now())
		event.By = change.by
		return books.Append(ctx, tx, event)
	})
	if err != nil {
		return user, err
	}
	h.Projector.Project(ctx, string(user.ID))
	return user, nil
}

// passwordChanged mails the owner, and ends the sessions, but one, that began with the old password
// until it was replaced. Later ones end themselves: see IsCurrent.
func (h *Handler) passwordChanged(ctx context.Context, user shop.User, session string) error {
	ctx = context.WithoutCancel(ctx)
	err := h.post(ctx, func(ctx context.Context) error { return h.send(ctx, changedLetter, user.Email, "") })
	if err != nil {
		h.Logger.WarnContext(ctx, "nobody is told of a new password", slog.Any("error", err))
	}
	if err := h.Sessions.EndOthers(ctx, user.ID, session); err != nil {
		const message = "The password is changed, but sessions that began a moment ago may go on. Change it once more."
		return &shop.Error{Code: shop.Unavailable, Message: message, Err: err}
	}
	return nil
}

// IsCurrent reports whether an account is still as it was when its password was compared. Whoever
// opens a session asks afterwards, and ends it otherwise: then none that began with a password
// outlives its replacement, whichever of the two was first.
func (h *Handler) IsCurrent(ctx context.Context, user shop.User) (bool, error) {
	now, _, err := books.LoadUser(ctx, h.DB, user.ID)
	if err != nil {
		return false, books.Unavailable(err)
	}
	return now.Version == user.Version, nil
}
