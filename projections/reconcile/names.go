package reconcile

import (
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/unicode/norm"

	"payment-system/internal/text"
	"payment-system/shop"
)

// sourceName is the file's name as it is kept: what is not UTF-8 is taken for CP949,
// as Korean servers send it, and what is neither is shown as well as can be.
func sourceName(name string) string {
	if !utf8.ValidString(name) {
		decoded, err := korean.EUCKR.NewDecoder().String(name)
		if err != nil || strings.ContainsRune(decoded, utf8.RuneError) {
			decoded = strings.ToValidUTF8(name, string(utf8.RuneError))
		}
		name = decoded
	}
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if text.IsUnprintable(r) {
			return utf8.RuneError
		}
		return r
	}, norm.NFC.String(name)))
	if name == "" {
		return "upload"
	}
	return name
}

// fileKind tells by its name which gateway wrote a file, and how: kakao*.csv,
// *토스*.json and so on. It reports false for names that tell neither, or both.
func fileKind(name string) (gateway shop.PG, format shop.SettlementFormat, ok bool) {
	lower := strings.ToLower(norm.NFKC.String(sourceName(name)))
	kakao := strings.Contains(lower, "kakao") || strings.Contains(lower, "카카오")
	toss := strings.Contains(lower, "toss") || strings.Contains(lower, "토스")
	switch {
	case kakao == toss || strings.HasPrefix(lower, "."):
		return "", "", false
	case kakao:
		gateway, format = shop.PGKakao, shop.SettlementFormatKakaoPaymentsJSON
	default:
		gateway, format = shop.PGToss, shop.SettlementFormatTossSettlementsJSON
	}
	switch filepath.Ext(lower) {
	case ".csv", ".tsv", ".txt":
		return gateway, shop.SettlementFormatPaymentStateCSV, true
	case ".json":
		return gateway, format, true
	}
	return "", "", false
}
