package graph

import (
	"context"
	"sync"
	"time"

	"payment-system/shop"
)

// streams are the WebSockets and event streams that are open. Each ends with the session that it
// was opened with, and all end when told.
type streams struct {
	made, ended sync.Once
	end         chan struct{}

	mu   sync.Mutex
	open map[*stream]bool
	rest context.CancelFunc // ends the watch over their sessions
}

// ending is closed when streams should end.
func (s *Server) ending() chan struct{} {
	s.streams.made.Do(func() { s.streams.end = make(chan struct{}) })
	return s.streams.end
}

// EndStreams ends WebSockets, saying that the server goes away, and event
// streams; requests go on. Call it when the server begins to stop:
// http.Server.Shutdown does not know the ones and waits for the others.
func (s *Server) EndStreams() { s.streams.ended.Do(func() { close(s.ending()) }) }

// A stream is one of them.
type stream struct {
	token string
	over  chan struct{} // closed when its session has ended
	cut   func()        // unblocks whoever writes to it
	once  sync.Once

	mu    sync.Mutex
	until time.Time // how long its session may live unless it is used, as was last seen
}

// sessionOver ends the stream.
func (s *stream) sessionOver() {
	s.once.Do(func() {
		close(s.over)
		s.cut()
	})
}

// isOver reports whether the stream's session has ended.
func (s *stream) isOver() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// follow has a stream end with its visitor's session: within SessionCheck and a moment, whichever
// replica ended it, or when it expires. The stream of a visitor without a session goes on. cut is
// called once then, and must not wait. The caller calls leave when the stream is closed.
func (s *Server) follow(ctx context.Context, v *visit, cut func()) (of *stream, leave func()) {
	of = &stream{token: v.again().token, over: make(chan struct{}), cut: cut}
	of.seen(s.now().Add(s.Sessions.Idle))
	if of.token == "" {
		return of, func() {}
	}
	all := &s.streams
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.open) == 0 {
		ctx, rest := context.WithCancel(context.WithoutCancel(ctx)) // it outlives this stream
		all.open, all.rest = map[*stream]bool{}, rest
		go s.watchSessions(ctx)
	}
	all.open[of] = true
	return of, func() {
		all.mu.Lock()
		defer all.mu.Unlock()
		if delete(all.open, of); len(all.open) == 0 {
			all.rest()
		}
	}
}

func (s *stream) seen(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = until
}

// mayLive reports whether the session could live now, as it was last seen.
func (s *stream) mayLive(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.until)
}

// watchSessions looks at the sessions of all open streams, again and again, until there are none.
// What ends a session needs to tell nobody: it may be another replica, an operator's command line,
// Redis by itself, or somebody who empties it.
func (s *Server) watchSessions(ctx context.Context) {
	ticker := time.NewTicker(s.Sockets.sessionCheck())
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.checkSessions(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// checkSessions ends the streams whose session has ended. A thousand take two round trips.
func (s *Server) checkSessions(ctx context.Context) {
	byToken := map[string][]*stream{}
	s.streams.mu.Lock()
	for of := range s.streams.open {
		byToken[of.token] = append(byToken[of.token], of)
	}
	s.streams.mu.Unlock()
	tokens := make([]string, 0, len(byToken))
	for token := range byToken {
		tokens = append(tokens, token)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Sessions.peekTimeout())
	defer cancel()
	living, err := s.Sessions.Living(ctx, tokens)
	for token, all := range byToken {
		for _, of := range all {
			s.judge(of, living[token], err)
		}
	}
}

// judge ends a stream unless its session lives. While Redis does not tell, a session lives as long
// as it could when it was last seen.
func (s *Server) judge(of *stream, lives bool, err error) {
	switch {
	case err == nil && lives:
		of.seen(s.now().Add(s.Sessions.Idle))
	case err == nil || !of.mayLive(s.now()):
		of.sessionOver()
	}
}

// mayHear reports whether a visitor may be told what comes over a stream: the session still lives,
// and who was let in as an operator still is one. It ends the stream otherwise. It is asked right
// before something leaves, so that nothing leaves after the end.
func (s *Server) mayHear(ctx context.Context, of *stream, v *visit) bool {
	if of.token == "" {
		return true
	}
	if of.isOver() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, s.Sessions.peekTimeout())
	defer cancel()
	lives, err := s.stillIs(ctx, v)
	s.judge(of, lives, err)
	return !of.isOver()
}

// stillIs reports whether a visitor is who he was when he was looked up, or nobody was. It returns
// an error when nobody can tell.
func (s *Server) stillIs(ctx context.Context, v *visit) (bool, error) {
	token, was := v.identity()
	if token == "" {
		return true, nil
	}
	user, err := s.Sessions.Peek(ctx, token)
	if err != nil || user == "" || was == nil || was.Role != shop.RoleOperator {
		return user != "", err
	}
	now, err := s.Queries.User(ctx, user)
	if err != nil {
		return false, err
	}
	return now.Role == was.Role, nil
}

// recheckAfter is how long an answer may take before it is asked once more whose it is.
const recheckAfter = time.Second

// endedMeanwhile returns the error that replaces an answer that took long: the session has ended
// since it was asked for, or lost its rights. What was done is done; the same key tells who comes back.
func (s *Server) endedMeanwhile(ctx context.Context, took time.Duration) error {
	v := visitFrom(ctx)
	if _, was := v.identity(); was == nil || took < recheckAfter {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Sessions.peekTimeout())
	defer cancel()
	if is, err := s.stillIs(ctx, v); is || err != nil {
		return nil
	}
	return &shop.Error{Code: shop.Unauthenticated, Message: "The session ended meanwhile. Sign in and ask with the same key."}
}
