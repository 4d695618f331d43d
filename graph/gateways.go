package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"payment-system/command"
	"payment-system/internal/admission"
	"payment-system/shop"
	"payment-system/web"
)

// serveReturn is where gateways send the shopper's browser back to. It needs no
// session: the gateway's token is the proof. It may be asked any number of times.
func (s *Server) serveReturn(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	cmd, err := returnOf(r)
	if err != nil {
		s.sorry(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.timeout())
	defer cancel()
	ctx, leave, no := s.enter(ctx, admission.Payments)
	if no != nil {
		s.sorry(w, r, no.err)
		return
	}
	defer leave()
	redirect, err := s.Commands.ReturnFromGateway(ctx, cmd)
	if err != nil {
		s.sorry(w, r, err)
		return
	}
	w.Header().Set("Location", redirect)
	w.WriteHeader(http.StatusSeeOther)
}

// serveNoReturn answers those who only look at links: nothing happens.
func serveNoReturn(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", http.MethodGet)
	w.WriteHeader(http.StatusMethodNotAllowed)
}

// returnOf reads what the gateways' redirects carry.
func returnOf(r *http.Request) (command.ReturnFromGateway, error) {
	values := r.URL.Query()
	cmd := command.ReturnFromGateway{
		AttemptID:  shop.AttemptID(r.PathValue("attemptId")),
		Outcome:    r.PathValue("outcome"),
		Secret:     values.Get("key"),
		PgToken:    values.Get("pg_token"),
		PaymentKey: values.Get("paymentKey"),
		OrderRef:   values.Get("orderId"),
		Code:       values.Get("code"),
		Message:    values.Get("message"),
	}
	switch cmd.Outcome {
	case "approved", "canceled", "failed":
	default:
		return cmd, shop.NoSuch("page")
	}
	if amount := values.Get("amount"); amount != "" {
		won, err := UnmarshalWon(json.Number(amount))
		if err != nil {
			return cmd, shop.InvalidField("amount", "The amount is not an amount.")
		}
		cmd.Amount = &won
	}
	return cmd, nil
}

// sorry is the page of a shopper whose return failed.
func (s *Server) sorry(w http.ResponseWriter, r *http.Request, err error) {
	presented := s.present(r.Context(), err)
	code, _ := presented.Extensions["code"].(shop.Code)
	title, text := "결제 결과를 확인하지 못했어요", "잠시 뒤 주문 내역에서 확인해 주세요. 결제됐다면 주문에 자동으로 반영되고, 반영할 수 없으면 자동으로 환불돼요."
	switch code {
	case shop.NotFound:
		title, text = "페이지를 찾을 수 없어요", "주소가 맞는지 확인해 주세요. 이 주소로는 결제되지 않았어요."
	case shop.Invalid:
		title, text = "결제 정보가 맞지 않아요", "결제창에서 돌아온 정보가 주문과 달라요. 이 요청으로는 결제되지 않았어요. 주문 내역에서 다시 결제해 주세요."
	case shop.InProgress:
		title, text = "결제 결과를 기다리고 있어요", "결제사의 답을 기다리고 있어요. 다시 결제하지 말고 잠시 뒤 주문 내역에서 확인해 주세요."
	default: // as it stands above
	}
	id, _ := presented.Extensions["requestId"].(string)
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if seconds := tellWhen(w, gqlerror.List{presented}); seconds > 0 && r.Method == http.MethodGet {
		w.Header().Set("Refresh", strconv.Itoa(seconds)) // browsers do not heed Retry-After
	}
	w.WriteHeader(statusOf(code))
	// A browser that is gone does not need the page.
	_ = web.Sorry.Execute(w, map[string]string{"Title": title, "Text": text, "RequestID": id})
}

// statusOf says a code in HTTP.
func statusOf(code shop.Code) int {
	switch code {
	case shop.Invalid, shop.GraphQLInvalid:
		return http.StatusBadRequest
	case shop.NotFound:
		return http.StatusNotFound
	case shop.Unauthenticated:
		return http.StatusUnauthorized
	case shop.Forbidden:
		return http.StatusForbidden
	case shop.RateLimited:
		return http.StatusTooManyRequests
	case shop.Unavailable, shop.InProgress:
		return http.StatusServiceUnavailable
	case shop.Internal:
		return http.StatusInternalServerError
	default:
		return http.StatusConflict
	}
}

const maxWebhook = 64 << 10

// serveWebhook takes what Toss Payments tells us unasked. It answers 200 only
// once that is stored; Toss tells it again otherwise.
func (s *Server) serveWebhook(w http.ResponseWriter, r *http.Request) {
	body, no := s.readBody(w, r, maxWebhook)
	if no != nil {
		say(w, no.status, no.err.Message)
		return
	}
	if !json.Valid(body) {
		say(w, http.StatusBadRequest, "The webhook is not JSON.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.timeout())
	defer cancel()
	ctx, leave, no := s.enter(ctx, admission.Payments)
	if no != nil {
		s.refuseWebhook(w, r, no.err)
		return
	}
	defer leave()
	err := s.Commands.ReceiveWebhook(ctx, command.ReceiveWebhook{
		Body: body, RemoteIP: visitFrom(ctx).remoteIP,
	})
	if err != nil {
		s.refuseWebhook(w, r, err)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(0))
	w.WriteHeader(http.StatusOK)
}

func (s *Server) refuseWebhook(w http.ResponseWriter, r *http.Request, err error) {
	presented := s.present(r.Context(), err)
	tellWhen(w, gqlerror.List{presented})
	say(w, webhookStatus(shop.CodeOf(err)), presented.Message)
}

// tellWhen sets Retry-After to when there is a use in asking again, and returns the seconds; 0
// when the errors do not tell.
func tellWhen(w http.ResponseWriter, list gqlerror.List) (seconds int) {
	for _, one := range list {
		details, _ := one.Extensions["details"].(map[string]any)
		after, _ := details["retryAfter"].(int)
		seconds = max(seconds, after)
	}
	if seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	return seconds
}

// webhookStatus makes Toss try again whenever that could help.
func webhookStatus(code shop.Code) int {
	if status := statusOf(code); status < http.StatusInternalServerError && status != http.StatusConflict {
		return status
	}
	return http.StatusServiceUnavailable
}
