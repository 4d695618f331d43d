package graph

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// eventsTransport streams by server-sent events, as graphql-sse does in its
// mode of distinct connections.
type eventsTransport struct{ transport }

// Supports implements graphql.Transport.
func (t eventsTransport) Supports(r *http.Request) bool {
	return r.Method == http.MethodPost && wants(r, typeEvents)
}

// Do implements graphql.Transport.
func (t eventsTransport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	params, no := t.readPost(w, r)
	if no != nil {
		t.refuse(w, r, no)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	now := graphql.Now()
	params.Headers, params.ReadTime = r.Header, graphql.TraceTiming{Start: now, End: now}
	stream := &eventStream{w: w, control: http.NewResponseController(w), Server: t.Server, visit: visitFrom(ctx), began: now}
	op, errs := exec.CreateOperationContext(ctx, params)
	if errs != nil {
		stream.begin()
		stream.next(exec.DispatchError(graphql.WithOperationContext(ctx, op), errs))
		stream.complete()
		return
	}
	ctx, leave, no := t.enter(ctx, classOf(op.Operation))
	if no != nil {
		t.refuse(w, r, no)
		return
	}
	stream.leave = leave
	defer leave()
	if op.Operation.Operation != ast.Subscription {
		bounded, cancel := context.WithTimeout(ctx, t.timeout())
		defer cancel()
		ctx = bounded
	}
	stream.run(ctx, cancel, exec, op)
}

// An eventStream writes events, and notices when nobody reads them.
type eventStream struct {
	*Server
	w       http.ResponseWriter
	control *http.ResponseController
	visit   *visit
	session *stream // of a subscription; nil for other operations
	leave   func()  // lets the next in; called when the first answer is there
	began   time.Time
	begun   bool
}

// run forwards an operation's answers until they end or the client is gone.
func (s *eventStream) run(ctx context.Context, cancel context.CancelFunc, exec graphql.GraphExecutor, op *graphql.OperationContext) {
	responses, ctx := exec.DispatchOperation(ctx, op)
	answers := make(chan *graphql.Response)
	go func() {
		defer close(answers)
		defer func() {
			if value := recover(); value != nil {
				answers <- &graphql.Response{Errors: gqlerror.List{s.present(ctx, s.recovered(ctx, value))}}
			}
		}()
		for response := responses(ctx); response != nil; response = responses(ctx) {
			response.Data = bytes.Clone(response.Data) // the next one is written over it
			select {
			case answers <- response:
			case <-ctx.Done():
				return
			}
		}
	}()
	if op.Operation.Operation == ast.Subscription {
		s.begin() // other operations may still set a cookie
		// Not every connection has deadlines.
		_ = s.control.SetReadDeadline(time.Time{})
		defer s.metrics().subscribed()()
		// Whoever writes when the session ends waits for the client no longer.
		session, leave := s.follow(ctx, s.visit, func() { _ = s.control.SetWriteDeadline(after(0)) })
		s.session = session
		defer leave()
	}
	s.forward(ctx, answers)
	cancel()
	for range answers { // the sender is gone before the request is
	}
}

func (s *eventStream) forward(ctx context.Context, answers <-chan *graphql.Response) {
	ping := time.NewTicker(s.Sockets.ping())
	defer ping.Stop()
	var over chan struct{}
	if s.session != nil {
		over = s.session.over
	}
	for {
		select {
		case response, ok := <-answers:
			s.leave()
			s.begin()
			if !ok {
				s.complete()
				return
			}
			if !s.next(s.unlessEnded(ctx, response)) {
				return
			}
		case <-ping.C:
			if s.begun && !s.send(": ping\n\n") {
				return
			}
		case <-over:
			return
		case <-s.ending():
			return
		case <-ctx.Done():
			return
		}
	}
}

func (s *eventStream) begin() {
	if s.begun {
		return
	}
	s.begun = true
	header := s.w.Header()
	header.Set("Content-Type", typeEvents)
	header.Set("X-Accel-Buffering", "no")
	s.w.WriteHeader(http.StatusOK)
	s.send(":\n\n")
}

// unlessEnded returns what may be told to whoever asked, whose session may have ended meanwhile; nil
// for nothing.
func (s *eventStream) unlessEnded(ctx context.Context, response *graphql.Response) *graphql.Response {
	if s.session != nil {
		if !s.mayHear(ctx, s.session, s.visit) {
			return nil
		}
		return response
	}
	if err := s.endedMeanwhile(ctx, graphql.Now().Sub(s.began)); err != nil {
		return &graphql.Response{Errors: gqlerror.List{s.present(ctx, err)}}
	}
	return response
}

// next reports whether the client took a response; nil is none.
func (s *eventStream) next(response *graphql.Response) bool {
	return response != nil && s.send("event: next\ndata: "+string(encode(response))+"\n\n")
}

func (s *eventStream) complete() { s.send("event: complete\ndata:\n\n") }

// send reports whether the client took it within the time a write may take.
func (s *eventStream) send(text string) bool {
	// Not every connection has deadlines.
	_ = s.control.SetWriteDeadline(after(s.Sockets.writeTimeout()))
	if s.session != nil && s.session.isOver() {
		return false
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return false
	}
	return s.control.Flush() == nil
}
