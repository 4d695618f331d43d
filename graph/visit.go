package graph

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"payment-system/query"
	"payment-system/shop"
)

// A visit is one request, or one operation on a WebSocket: what it is called in
// logs, where it comes from, and who sends it.
type visit struct {
	server    *Server
	requestID string
	remoteIP  string
	// header is where a cookie can still be set; nil when the answer has begun.
	header http.Header

	held atomic.Int64 // bytes of the body that are held

	mu    sync.Mutex
	token string // of the session, "" when there is none
	known bool   // user was looked up
	user  *shop.User
	err   error // why the user cannot be answered now
}

type visitKey struct{}

// visitFrom returns the visit that ctx belongs to; a blank one outside of any.
func visitFrom(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

func withVisit(ctx context.Context, v *visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// again returns the same visitor, not yet looked up, who cannot be given cookies.
func (v *visit) again() *visit {
	v.mu.Lock()
	defer v.mu.Unlock()
	return &visit{server: v.server, requestID: v.requestID, remoteIP: v.remoteIP, token: v.token}
}

// identity is the token of the session, "" when there is none, and who was looked up by it, nil when
// nobody was yet.
func (v *visit) identity() (token string, user *shop.User) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.token, v.user
}

// who returns the signed-in user, or nil when nobody is. The user is looked up
// once, when first asked for, with the role of this moment. It returns
// Unavailable when sessions cannot be read, and to who only reads while the
// read models lack what they were told is done.
func (v *visit) who(ctx context.Context) (*shop.User, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known || v.token == "" {
		return v.user, v.err
	}
	id, err := v.server.Sessions.Find(ctx, v.token)
	if err != nil {
		return nil, err
	}
	if id != "" {
		if !isMutation(ctx) {
			v.err = v.server.Queries.AwaitWrites(ctx, id)
		}
		if v.user, err = v.server.Queries.User(ctx, id); err != nil && shop.CodeOf(err) != shop.NotFound {
			return nil, err
		}
	}
	v.known = true
	return v.user, v.err
}

// viewer is who, as readers want it.
func (v *visit) viewer(ctx context.Context) (query.Viewer, error) {
	user, err := v.who(ctx)
	if err != nil || user == nil {
		return query.Viewer{}, err
	}
	return query.Viewer{UserID: user.ID, Role: user.Role}, nil
}

// signIn opens a session for user under a new token, and ends the old one.
func (v *visit) signIn(ctx context.Context, user shop.User) error {
	token, err := v.server.Sessions.Start(ctx, user.ID)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	// The old session ends by itself when Redis cannot end it now.
	_ = v.server.Sessions.End(ctx, v.token)
	v.token, v.user, v.known, v.err = token, &user, true, nil
	v.setCookie(token, v.server.Sessions.Max)
	return nil
}

// forget has the user looked up again: the session may have ended.
func (v *visit) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.user, v.known, v.err = nil, false, nil
}

// signOut ends the session.
func (v *visit) signOut(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.server.Sessions.End(ctx, v.token); err != nil {
		return err
	}
	v.token, v.user, v.known, v.err = "", nil, true, nil
	v.setCookie("", 0)
	return nil
}

// setCookie tells the browser the token; "" makes it forget.
func (v *visit) setCookie(token string, life time.Duration) {
	if v.header == nil {
		return
	}
	cookie := &http.Cookie{
		Name: v.server.cookieName(), Value: token, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: v.server.https(),
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	v.header.Set("Set-Cookie", cookie.String())
}

func (s *Server) https() bool { return strings.HasPrefix(s.PublicURL, "https://") }

// cookieName is bound to this host by the browser itself on https.
func (s *Server) cookieName() string {
	if s.https() {
		return "__Host-session"
	}
	return "session"
}

type identityKey struct{}

// identityFrom returns who a directive let pass.
func identityFrom(ctx context.Context) query.Viewer {
	viewer, _ := ctx.Value(identityKey{}).(query.Viewer)
	return viewer
}

// callerFrom returns who a directive let pass, as commands want it.
func callerFrom(ctx context.Context) shop.Caller { return caller(identityFrom(ctx)) }

func caller(viewer query.Viewer) shop.Caller {
	if viewer.Role == shop.RoleOperator {
		return shop.Caller{UserID: viewer.UserID, Actor: shop.ActorOperator}
	}
	return shop.Caller{UserID: viewer.UserID, Actor: shop.ActorShopper}
}

// signedIn is the directive @signedIn.
func signedIn(ctx context.Context, _ any, next graphql.Resolver) (any, error) {
	viewer, err := visitFrom(ctx).viewer(ctx)
	if err != nil {
		return nil, err
	}
	if viewer.UserID == "" {
		return nil, &shop.Error{Code: shop.Unauthenticated, Message: "Please sign in."}
	}
	return next(context.WithValue(ctx, identityKey{}, viewer))
}

// hasRole is the directive @hasRole.
func hasRole(ctx context.Context, object any, next graphql.Resolver, role shop.Role) (any, error) {
	return signedIn(ctx, object, func(ctx context.Context) (any, error) {
		if identityFrom(ctx).Role != role {
			return nil, &shop.Error{Code: shop.Forbidden, Message: "Only for " + strings.ToLower(string(role)) + "s."}
		}
		return next(ctx)
	})
}

// seen reads something on behalf of whoever asks, signed in or not.
func seen[ID, T any](ctx context.Context, read func(context.Context, query.Viewer, ID) (T, error), id ID) (T, error) {
	viewer, err := visitFrom(ctx).viewer(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return read(ctx, viewer, id)
}
