package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"payment-system/shop"
)

// Sockets bounds what a WebSocket may do and how long it may be silent. What is
// zero has a default.
type Sockets struct {
	// InitTimeout is how long a client may take to say connection_init; 10 s.
	InitTimeout time.Duration
	// Ping is how often silence is broken, and a client that does not answer
	// within WriteTimeout is given up; 20 s.
	Ping time.Duration
	// WriteTimeout is how long a client may take to read a message; 10 s.
	WriteTimeout time.Duration
	// SessionCheck is how often we look whether the sessions of open streams still live; 1 s.
	SessionCheck time.Duration
	// Subscriptions is how many a connection may hold at once; 64.
	Subscriptions int
}

func (s Sockets) initTimeout() time.Duration  { return either(s.InitTimeout, 10*time.Second) }
func (s Sockets) ping() time.Duration         { return either(s.Ping, 20*time.Second) }
func (s Sockets) writeTimeout() time.Duration { return either(s.WriteTimeout, 10*time.Second) }
func (s Sockets) sessionCheck() time.Duration { return either(s.SessionCheck, time.Second) }
func (s Sockets) subscriptions() int          { return either(s.Subscriptions, 64) }

func either[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// subprotocol is the only one we speak.
const subprotocol = "graphql-transport-ws"

const (
	maxMessage = 64 << 10
	maxQueued  = 16 // messages that wait for a slow client; then its subscriptions wait
)

// What graphql-transport-ws closes with.
const (
	closeBadRequest      websocket.StatusCode = 4400
	closeUnauthorized    websocket.StatusCode = 4401
	closeForbidden       websocket.StatusCode = 4403
	closeSubprotocol     websocket.StatusCode = 4406
	closeInitTimeout     websocket.StatusCode = 4408
	closeSubscriberTwice websocket.StatusCode = 4409
	closeInitTwice       websocket.StatusCode = 4429
)

// socketTransport speaks graphql-transport-ws: subscriptions only.
type socketTransport struct{ transport }

// Supports implements graphql.Transport.
func (t socketTransport) Supports(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Do implements graphql.Transport. The origin was checked before.
func (t socketTransport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered
	}
	defer t.metrics().connected()()
	conn.SetReadLimit(maxMessage)
	// The peer is told when the server stops, before this ends.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	s := &socket{
		Server: t.Server, exec: exec, conn: conn, header: r.Header, visit: visitFrom(ctx).again(),
		ctx: ctx, cancel: cancel, outbox: make(chan parcel, maxQueued), acknowledged: make(chan struct{}),
		subscriptions: map[string]*subscription{},
	}
	var leave func()
	s.stream, leave = t.follow(ctx, s.visit, func() {})
	defer leave()
	s.serve() //nolint:contextcheck // It has the connection's own.
}

// A socket is one connection.
type socket struct {
	*Server
	exec   graphql.GraphExecutor
	conn   *websocket.Conn
	header http.Header
	visit  *visit
	stream *stream // its session
	// ctx ends with the connection.
	ctx          context.Context
	cancel       context.CancelFunc
	outbox       chan parcel
	acknowledged chan struct{}
	running      sync.WaitGroup

	mu            sync.Mutex
	subscriptions map[string]*subscription
}

// A subscription is one id in use.
type subscription struct {
	id     string
	visit  *visit
	cancel context.CancelFunc
}

// A parcel is a message on its way out.
type parcel struct {
	body []byte
	// to is who may see what it tells; nil when it tells nothing.
	to *visit
}

// A hangUp is why a connection is closed.
type hangUp struct {
	code   websocket.StatusCode
	reason string
}

// serve returns when the connection and everything it began has ended.
func (s *socket) serve() {
	if s.conn.Subprotocol() != subprotocol {
		s.close(hangUp{closeSubprotocol, "Subprotocol not acceptable"})
		return
	}
	s.running.Go(s.write)
	s.running.Go(s.watch)
	s.running.Go(s.ping)
	s.read()
	s.cancel()
	s.running.Wait()
	_ = s.conn.CloseNow()
}

// closeWithin is how long a client may take to say goodbye, and a message before it to be read.
const closeWithin = time.Second

func (s *socket) close(why hangUp) {
	impatient := time.AfterFunc(closeWithin, func() {
		s.cancel()
		_ = s.conn.CloseNow()
	})
	defer impatient.Stop()
	// Who is gone already does not hear it.
	_ = s.conn.Close(why.code, why.reason)
	s.cancel()
}

// read handles messages until the connection ends.
func (s *socket) read() {
	for {
		kind, body, err := s.conn.Read(s.ctx)
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			s.close(hangUp{closeBadRequest, "Only text messages"})
			return
		}
		if why := s.handle(body); why != nil {
			s.close(*why)
			return
		}
	}
}

// A message is what goes either way.
type message struct {
	Type    string          `json:"type"`
	ID      string          `json:"id,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// handle returns why the connection must be closed, or nil.
func (s *socket) handle(body []byte) *hangUp {
	var in message
	if err := json.Unmarshal(body, &in); err != nil {
		return &hangUp{closeBadRequest, "Invalid message received"}
	}
	switch in.Type {
	case "connection_init":
		return s.acknowledge()
	case "ping":
		s.send(message{Type: "pong", Payload: in.Payload})
	case "pong":
	case "subscribe":
		return s.subscribe(in)
	case "complete":
		s.unsubscribe(in.ID)
	default:
		return &hangUp{closeBadRequest, "Invalid message received"}
	}
	return nil
}

func (s *socket) isAcknowledged() bool {
	select {
	case <-s.acknowledged:
		return true
	default:
		return false
	}
}

// acknowledge is called by the reader alone.
func (s *socket) acknowledge() *hangUp {
	if s.isAcknowledged() {
		return &hangUp{closeInitTwice, "Too many initialisation requests"}
	}
	close(s.acknowledged)
	s.send(message{Type: "connection_ack"})
	return nil
}

// send queues a message that tells nothing, and waits while the queue is full.
func (s *socket) send(out message) { s.post(out, nil) }

// post is send for what only a visitor may see. It reports whether the connection
// still lives.
func (s *socket) post(out message, to *visit) bool {
	body, err := json.Marshal(out)
	if err != nil {
		panic(err) // payloads are JSON already
	}
	select {
	case s.outbox <- parcel{body, to}:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// write sends what is queued. A client that does not read in time is given up.
func (s *socket) write() {
	for {
		select {
		case out := <-s.outbox:
			if out.to != nil && !s.mayHear(s.ctx, s.stream, out.to) {
				return // watch closes the connection
			}
			ctx, cancel := context.WithTimeout(s.ctx, s.Sockets.writeTimeout())
			err := s.conn.Write(ctx, websocket.MessageText, out.body)
			cancel()
			if err != nil {
				s.cancel()
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// watch closes the connection when the client stays silent at first, when its
// session ends, and when the server stops.
func (s *socket) watch() {
	first := time.NewTimer(s.Sockets.initTimeout())
	defer first.Stop()
	for {
		select {
		case <-first.C:
			if !s.isAcknowledged() {
				s.close(hangUp{closeInitTimeout, "Connection initialisation timeout"})
				return
			}
		case <-s.stream.over:
			s.close(hangUp{closeForbidden, "The session ended"})
			return
		case <-s.ending():
			s.close(hangUp{websocket.StatusGoingAway, "The server is stopping"})
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// ping finds out whether anybody is there.
func (s *socket) ping() {
	ticker := time.NewTicker(s.Sockets.ping())
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(s.ctx, s.Sockets.writeTimeout())
			err := s.conn.Ping(ctx)
			cancel()
			if err != nil {
				s.cancel()
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *socket) subscribe(in message) *hangUp {
	if !s.isAcknowledged() {
		return &hangUp{closeUnauthorized, "Unauthorized"}
	}
	params, no := decodeParams(in.Payload)
	if in.ID == "" || no != nil {
		return &hangUp{closeBadRequest, "Invalid message received"}
	}
	visitor := s.visit.again()
	ctx, cancel := context.WithCancel(withVisit(s.ctx, visitor))
	sub := &subscription{id: in.ID, visit: visitor, cancel: cancel}
	s.mu.Lock()
	_, twice := s.subscriptions[in.ID]
	full := len(s.subscriptions) >= s.Sockets.subscriptions()
	if !twice && !full {
		s.subscriptions[in.ID] = sub
	}
	s.mu.Unlock()
	switch {
	case twice:
		cancel()
		return &hangUp{closeSubscriberTwice, "Subscriber for " + clip(in.ID, 60) + " already exists"}
	case full:
		defer cancel()
		s.send(message{Type: "error", ID: in.ID, Payload: s.problem(ctx, &shop.Error{Code: shop.RateLimited, Message: "Too many subscriptions on one connection."})})
		return nil
	}
	s.running.Go(func() {
		defer cancel()
		s.run(ctx, sub, params)
	})
	return nil
}

// clip keeps close reasons within the 123 bytes that a frame holds.
func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// unsubscribe ends a subscription without a word.
func (s *socket) unsubscribe(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub, ok := s.subscriptions[id]; ok {
		sub.cancel()
		delete(s.subscriptions, id)
	}
}

// run carries one subscription to its end.
func (s *socket) run(ctx context.Context, sub *subscription, params *graphql.RawParams) {
	defer func() {
		if value := recover(); value != nil {
			s.finish(sub, message{Type: "error", Payload: s.problem(ctx, s.recovered(ctx, value))})
		}
	}()
	now := graphql.Now()
	params.Headers, params.ReadTime = s.header, graphql.TraceTiming{Start: now, End: now}
	ctx = graphql.StartOperationTrace(ctx)
	op, errs := s.exec.CreateOperationContext(ctx, params)
	if errs != nil {
		s.finish(sub, message{Type: "error", Payload: problems(s.exec.DispatchError(graphql.WithOperationContext(ctx, op), errs).Errors)})
		return
	}
	if op.Operation.Operation != ast.Subscription {
		s.finish(sub, message{Type: "error", Payload: s.problem(ctx, &shop.Error{
			Code: shop.GraphQLInvalid, Message: "WebSockets are for subscriptions only.",
		})})
		return
	}
	ctx, leave, no := s.enter(ctx, classOf(op.Operation))
	if no != nil {
		s.finish(sub, message{Type: "error", Payload: s.problem(ctx, no.err)})
		return
	}
	defer leave()
	defer s.metrics().subscribed()()
	responses, ctx := s.exec.DispatchOperation(ctx, op)
	for response := responses(ctx); response != nil; response = responses(ctx) {
		leave()
		if len(response.Data) == 0 {
			s.finish(sub, message{Type: "error", Payload: problems(response.Errors)})
			return
		}
		if !s.deliver(sub, message{Type: "next", Payload: encode(response)}) {
			return
		}
	}
	s.finish(sub, message{Type: "complete"})
}

func (s *socket) problem(ctx context.Context, err error) json.RawMessage {
	return problems(gqlerror.List{s.present(ctx, err)})
}

func problems(list gqlerror.List) json.RawMessage {
	body, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings, numbers and maps of them always encode
	}
	return body
}

// deliver sends a message of a subscription unless the client ended it, whose id
// may be another's by now.
func (s *socket) deliver(sub *subscription, out message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscriptions[sub.id] != sub {
		return false
	}
	out.ID = sub.id
	return s.post(out, sub.visit)
}

// finish frees the id of a subscription with its last message.
func (s *socket) finish(sub *subscription, last message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscriptions[sub.id] != sub {
		return
	}
	delete(s.subscriptions, sub.id)
	last.ID = sub.id
	s.send(last)
}
