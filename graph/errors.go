package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"payment-system/internal/mysqldb"
	"payment-system/shop"
)

const ourFault = "Our fault. The request id finds it in our log."

// present turns any error into what a client may see, and logs it, once, with
// the request's id. Only a *shop.Error and GraphQL's own complaints about a
// document pass; whatever else there is becomes INTERNAL.
func (s *Server) present(ctx context.Context, err error) *gqlerror.Error {
	own, _ := errors.AsType[*gqlerror.Error](err)
	known := s.known(ctx, err, own)
	out := &gqlerror.Error{Message: known.Message}
	details := known.Details
	if known.Code == shop.Unavailable && details["retryAfter"] == nil {
		details = with(details, "retryAfter", shop.AskAgainAfter)
	}
	if own != nil {
		out.Locations = own.Locations
		path, argument := splitPath(ctx, own.Path)
		out.Path = path
		if field := fieldOf(argument); field != "" && details["field"] == nil && aboutArgument(known.Code) {
			details = with(details, "field", field)
		}
	}
	id := visitFrom(ctx).requestID
	out.Extensions = map[string]any{"code": known.Code, "requestId": id}
	if len(details) > 0 {
		out.Extensions["details"] = details
	}
	s.logError(ctx, known, out.Path)
	s.metrics().errors(known.Code)
	return out
}

// known finds the error to show.
func (s *Server) known(ctx context.Context, err error, own *gqlerror.Error) *shop.Error {
	if known, ok := errors.AsType[*shop.Error](err); ok {
		return known
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &shop.Error{Code: shop.Invalid, Message: "The file is too large."}
	}
	if own != nil && isGraphQL(own) {
		return s.complaint(own)
	}
	if own != nil && own.Err != nil {
		err = own.Err // without the place in the document
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || ctx.Err() != nil {
		return shop.NotNow("This took too long. Try again with the same key.", err)
	}
	if mysqldb.IsDown(err) {
		return shop.NotNow("The shop is busy or partly down. Try again in a moment.", err)
	}
	return &shop.Error{Code: shop.Internal, Message: ourFault, Err: err}
}

// isGraphQL tells GraphQL's complaints about a document from our own faults.
func isGraphQL(err *gqlerror.Error) bool {
	code := err.Extensions["code"]
	return code == errcode.ValidationFailed || code == errcode.ParseFailed
}

// complaint words a complaint of the parser or the validator.
func (s *Server) complaint(err *gqlerror.Error) *shop.Error {
	if strings.HasPrefix(err.Message, "exceeded token limit") {
		return &shop.Error{Code: shop.TooComplex, Message: fmt.Sprintf("The document has more than %d tokens.", maxTokens)}
	}
	// What stands behind "found" repeats an input, passwords and all.
	message, _, _ := strings.Cut(err.Message, ", found {")
	if !s.Introspection {
		message, _, _ = strings.Cut(message, " Did you mean")
	}
	return &shop.Error{Code: shop.GraphQLInvalid, Message: message}
}

func aboutArgument(code shop.Code) bool {
	return code == shop.Invalid || code == shop.GraphQLInvalid
}

// splitPath cuts a path into the part that leads to a field of the answer, and
// the part inside that field's arguments, or inside a variable.
func splitPath(ctx context.Context, path ast.Path) (answer, argument ast.Path) {
	if len(path) > 0 && path[0] == ast.PathName("variable") {
		return nil, path[1:]
	}
	field := graphql.GetFieldContext(ctx)
	if field == nil || field.Field.Field == nil {
		return path, nil
	}
	n := len(field.Path())
	if len(path) <= n {
		return path, nil
	}
	return path[:n], path[n:]
}

// fieldOf names an argument as the schema spells it, without the "input" that
// every mutation has: "lines.0.quantity".
func fieldOf(argument ast.Path) string {
	if len(argument) > 1 {
		if _, ok := argument[1].(ast.PathName); ok {
			argument = argument[1:]
		}
	}
	words := make([]string, len(argument))
	for i, element := range argument {
		switch element := element.(type) {
		case ast.PathName:
			words[i] = string(element)
		case ast.PathIndex:
			words[i] = strconv.Itoa(int(element))
		}
	}
	return strings.Join(words, ".")
}

// with returns details and one more, leaving the original alone.
func with(details map[string]any, key string, value any) map[string]any {
	more := map[string]any{key: value}
	maps.Copy(more, details)
	return more
}

// A panicked is what a resolver died of.
type panicked struct {
	value any
	stack []byte
}

// Error implements error.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// recovered turns a panic into INTERNAL.
func (s *Server) recovered(_ context.Context, value any) error {
	return &shop.Error{Code: shop.Internal, Message: ourFault, Err: &panicked{value: value, stack: debug.Stack()}}
}

// logError writes an error to the log: loudly what is our fault, quietly what
// is the client's.
func (s *Server) logError(ctx context.Context, err *shop.Error, path ast.Path) {
	level := slog.LevelDebug
	switch {
	case err.Code == shop.Internal:
		level = slog.LevelError
	case err.Code == shop.Unavailable && err.Err != nil: // without a cause there are too many of something: metrics tell
		level = slog.LevelWarn
	case err.Err != nil:
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{
		slog.String("code", string(err.Code)),
		slog.String("path", path.String()),
		slog.String("request_id", visitFrom(ctx).requestID),
	}
	if err.Err != nil {
		attrs = append(attrs, slog.Any("error", err.Err))
	}
	if p, ok := errors.AsType[*panicked](err.Err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	s.logger().LogAttrs(ctx, level, "request refused", attrs...)
}
