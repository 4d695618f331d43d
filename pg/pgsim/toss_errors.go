package pgsim

import (
	"net/http"
	"slices"
	"strings"
)

// tossError is Toss' error body.
type tossError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func tossFail(code string) *tossError { return &tossError{Code: code} }

// tossInvalid is INVALID_REQUEST with a message of its own.
func tossInvalid(message string) *tossError {
	return &tossError{Code: "INVALID_REQUEST", Message: message}
}

func (e *tossError) answer(c *call) answer {
	said := *e
	if said.Message == "" {
		said.Message = tossMessage(e.Code, c.Header.Get("Accept-Language"))
	}
	return c.server.tossJSON(c, tossStatus(e.Code), said)
}

// tossStatus is the HTTP status Toss gives a code.
func tossStatus(code string) int {
	for status, codes := range tossCodes {
		if slices.Contains(strings.Fields(codes), code) {
			return status
		}
	}
	return 0
}

// tossCodes lists the codes of create, confirm, look-up and cancel by status.
var tossCodes = map[int]string{
	http.StatusBadRequest: `ALREADY_PROCESSED_PAYMENT PROVIDER_ERROR EXCEED_MAX_CARD_INSTALLMENT_PLAN INVALID_REQUEST
		NOT_ALLOWED_POINT_USE INVALID_API_KEY INVALID_REJECT_CARD BELOW_MINIMUM_AMOUNT INVALID_CARD_EXPIRATION
		INVALID_STOPPED_CARD EXCEED_MAX_DAILY_PAYMENT_COUNT NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT
		INVALID_CARD_INSTALLMENT_PLAN NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN EXCEED_MAX_PAYMENT_AMOUNT
		NOT_FOUND_TERMINAL_ID INVALID_AUTHORIZE_AUTH INVALID_CARD_LOST_OR_STOLEN RESTRICTED_TRANSFER_ACCOUNT
		INVALID_CARD_NUMBER INVALID_UNREGISTERED_SUBMALL NOT_REGISTERED_BUSINESS EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT
		EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT CARD_PROCESSING_ERROR EXCEED_MAX_AMOUNT INVALID_ACCOUNT_INFO_RE_REGISTER
		NOT_AVAILABLE_PAYMENT UNAPPROVED_ORDER_ID EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT DUPLICATED_ORDER_ID
		NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN_BELOW_AMOUNT ALREADY_CANCELED_PAYMENT INVALID_REFUND_ACCOUNT_INFO
		EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT INVALID_REFUND_ACCOUNT_NUMBER INVALID_BANK NOT_MATCHES_REFUNDABLE_AMOUNT
		REFUND_REJECTED ALREADY_REFUND_PAYMENT FORBIDDEN_BANK_REFUND_REQUEST INVALID_IDEMPOTENCY_KEY NOT_SUPPORTED_METHOD`,
	http.StatusUnauthorized: `UNAUTHORIZED_KEY`,
	http.StatusForbidden: `REJECT_CARD_PAYMENT REJECT_CARD_COMPANY FORBIDDEN_REQUEST REJECT_ACCOUNT_PAYMENT
		REJECT_TOSSPAY_INVALID_ACCOUNT EXCEED_MAX_AUTH_COUNT EXCEED_MAX_ONE_DAY_AMOUNT NOT_AVAILABLE_BANK INVALID_PASSWORD
		INCORRECT_BASIC_AUTH_FORMAT FDS_ERROR FORBIDDEN_CONSECUTIVE_REQUEST NOT_CANCELABLE_AMOUNT NOT_CANCELABLE_PAYMENT
		EXCEED_MAX_REFUND_DUE NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT NOT_ALLOWED_PARTIAL_REFUND
		NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER EXCEED_CANCEL_LIMIT`,
	http.StatusNotFound: `NOT_FOUND_PAYMENT NOT_FOUND_PAYMENT_SESSION NOT_FOUND`,
	http.StatusConflict: `IDEMPOTENT_REQUEST_PROCESSING`,
	http.StatusInternalServerError: `FAILED_INTERNAL_SYSTEM_PROCESSING FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING
		UNKNOWN_PAYMENT_ERROR FAILED_REFUND_PROCESS FAILED_METHOD_HANDLING_CANCEL FAILED_PARTIAL_REFUND COMMON_ERROR`,
}

// tossMessage is the sentence that goes with a code. Clients must not branch on it.
func tossMessage(code, language string) string {
	said, ok := tossMessages[code]
	if !ok {
		said = [2]string{"요청을 처리하지 못했습니다.", "The request could not be processed."}
	}
	if strings.HasPrefix(strings.ToLower(language), "en") {
		return said[1]
	}
	return said[0]
}

var tossMessages = map[string][2]string{
	"ALREADY_PROCESSED_PAYMENT":                  {"이미 처리된 결제 입니다.", "This is a payment that has already been processed."},
	"ALREADY_CANCELED_PAYMENT":                   {"이미 취소된 결제 입니다.", "This is a payment that has already been canceled."},
	"NOT_CANCELABLE_AMOUNT":                      {"취소 할 수 없는 금액 입니다.", "This is an amount that cannot be canceled."},
	"NOT_CANCELABLE_PAYMENT":                     {"취소 할 수 없는 결제 입니다.", "This is a payment that cannot be canceled."},
	"NOT_MATCHES_REFUNDABLE_AMOUNT":              {"잔액 결과가 일치하지 않습니다.", "The refundable amount does not match."},
	"NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT": {"입금 대기중인 결제는 부분 환불이 불가합니다.", "A payment waiting for deposit cannot be refunded in part."},
	"INVALID_REFUND_ACCOUNT_INFO":                {"환불 계좌번호와 예금주명이 일치하지 않습니다.", "The refund account does not match its holder."},
	"INVALID_REFUND_ACCOUNT_NUMBER":              {"잘못된 환불 계좌번호입니다.", "Invalid refund account number."},
	"INVALID_BANK":                               {"유효하지 않은 은행입니다.", "Invalid bank."},
	"NOT_FOUND_PAYMENT":                          {"존재하지 않는 결제 입니다.", "Not found payment."},
	"NOT_FOUND_PAYMENT_SESSION":                  {"결제 시간이 만료되어 결제 진행 데이터가 존재하지 않습니다.", "Payment session does not exist because the session time has expired."},
	"NOT_FOUND":                                  {"존재하지 않는 정보 입니다.", "Not found."},
	"DUPLICATED_ORDER_ID":                        {"이미 승인 및 취소가 진행된 중복된 주문번호 입니다. 다른 주문번호로 진행해주세요.", "This order id has been used already."},
	"BELOW_MINIMUM_AMOUNT":                       {"신용카드는 결제금액이 100원 이상, 계좌는 200원이상부터 결제가 가능합니다.", "Payment can be made from 100 won by card, 200 won by account."},
	"EXCEED_MAX_AMOUNT":                          {"거래금액 한도를 초과했습니다.", "The amount exceeds the limit."},
	"REJECT_CARD_PAYMENT":                        {"한도초과 혹은 잔액부족으로 결제에 실패했습니다.", "Payment was refused: over the limit or balance too low."},
	"UNAUTHORIZED_KEY":                           {"인증되지 않은 시크릿 키 혹은 클라이언트 키 입니다.", "Unauthorized secret key or client key."},
	"INVALID_API_KEY":                            {"잘못된 시크릿키 연동 정보 입니다.", "Incorrect secret key."},
	"INCORRECT_BASIC_AUTH_FORMAT":                {"잘못된 요청입니다. ':' 를 포함해 인코딩해주세요.", "Invalid request. Please encode with ':'."},
	"IDEMPOTENT_REQUEST_PROCESSING":              {"이전 멱등 요청이 처리중입니다.", "Previous idempotent request is still processing."},
	"INVALID_IDEMPOTENCY_KEY":                    {"멱등키는 300자 이하여야 합니다.", "An idempotency key has at most 300 characters."},
	"FORBIDDEN_CONSECUTIVE_REQUEST":              {"반복적인 요청은 허용되지 않습니다. 잠시 후 다시 시도해주세요.", "Repetitive requests are not allowed. Please try again in a moment."},
	"NOT_SUPPORTED_METHOD":                       {"지원되지 않는 결제 수단입니다.", "This payment method is not supported."},
	"FAILED_INTERNAL_SYSTEM_PROCESSING":          {"내부 시스템 처리 작업이 실패했습니다. 잠시 후 다시 시도해주세요.", "Internal system processing failed. Please try again later."},
	"FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING":  {"결제가 완료되지 않았어요. 다시 시도해주세요.", "The payment was not completed. Please try again."},
	"COMMON_ERROR":                               {"일시적인 오류가 발생했습니다. 잠시 후 다시 시도해주세요.", "A temporary error has occurred. Please try again later."},
	"PROVIDER_ERROR":                             {"일시적인 오류가 발생했습니다. 잠시 후 다시 시도해주세요.", "A temporary error has occurred. Please try again later."},
	"PAY_PROCESS_CANCELED":                       {"사용자가 결제를 취소하였습니다.", "The buyer canceled the payment."},
	"PAY_PROCESS_ABORTED":                        {"결제 비밀번호를 잘못 입력하여 결제가 중단되었습니다.", "The payment was aborted: wrong password."},
	"PAYMENT_EXPIRED":                            {"결제 유효 시간이 지났습니다.", "The payment has expired."},
}
