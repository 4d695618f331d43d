package graph_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/korean"

	"payment-system/shop"
)

const importMutation = `mutation($input: ImportSettlementInput!) { importSettlement(input: $input) { reconciliation { status rows counts { kind count } } } }`

// A form is a multipart request; parts are pairs of a name and a body.
func form(t *testing.T, parts ...string) (body, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for i := 0; i < len(parts); i += 2 {
		create := func(name string) (io.Writer, error) { return w.CreateFormFile(name, "settlement.csv") }
		if parts[i] == "operations" || parts[i] == "map" {
			create = w.CreateFormField
		}
		part, err := create(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), w.FormDataContentType()
}

const (
	importOperations = `{"query": "` + importMutation + `", "variables": {"input": {"pg": "KAKAO", "file": null}}}`
	importMap        = `{"0": ["variables.input.file"]}`
	settlement       = "orderId,paymentKey,totalAmount,paymentState,taxFreeAmount,installMonth\n" +
		"att_00000000000000000000000000,T0000000000000000000,10000,1,0,0\n"
)

func TestServer_uploads(t *testing.T) {
	t.Parallel()
	s := open(t)
	operator := s.operator(t)
	send := func(t *testing.T, parts ...string) (*http.Response, reply) {
		t.Helper()
		body, contentType := form(t, parts...)
		response, answer := rebind(t, operator).do(http.MethodPost, "/graphql", body, "Content-Type", contentType, "GraphQL-Preflight", "1")
		return response, decodeReply(t, answer)
	}

	t.Run("a file reaches its command", func(t *testing.T) {
		t.Parallel()
		response, got := send(t, "operations", importOperations, "map", importMap, "0", settlement)
		reconciliation, _ := dig(got.Data, "importSettlement", "reconciliation").(map[string]any)
		if response.StatusCode != 200 || reconciliation["status"] != "PLANNED" {
			t.Errorf("it answers %d %+v", response.StatusCode, got)
		}
	})
	t.Run("a day that is given is kept, and one that is none is INVALID", func(t *testing.T) {
		t.Parallel()
		with := func(date string) string {
			return strings.Replace(importOperations, `"file": null`, `"file": null, "date": "`+date+`"`, 1)
		}
		file := "\n" + settlement
		response, got := send(t, "operations", strings.Replace(with("2020-02-29"), "status rows", "day notice status rows", 1), "map", importMap, "0", file)
		reconciliation, _ := dig(got.Data, "importSettlement", "reconciliation").(map[string]any)
		if response.StatusCode != 200 || reconciliation["day"] != "2020-02-29" || reconciliation["notice"] != nil {
			t.Errorf("it answers %d %+v", response.StatusCode, got)
		}
		for _, date := range []string{"2021-02-29", "2026.11.26", "26-11-2026", "2026-11-26T00:00:00Z", "", "0999-01-01"} {
			_, got := send(t, "operations", with(date), "map", importMap, "0", file)
			expectField(t, date, got, shop.Invalid, "date")
		}
		_, got = send(t, "operations", with("9000-01-01"), "map", importMap, "0", file)
		expectField(t, "a day to come", got, shop.Invalid, "date")
	})
	t.Run("a version of a file and the one it replaces name each other", func(t *testing.T) {
		t.Parallel()
		operations := strings.Replace(importOperations, `"file": null`, `"file": null, "date": "2021-03-04"`, 1)
		operations = strings.Replace(operations, "status rows", "id replaces { id replacedBy { id } } replacedBy { id } changes { added changed removed }", 1)
		version := func(file string) any {
			_, got := send(t, "operations", operations, "map", importMap, "0", file)
			return dig(got.Data, "importSettlement", "reconciliation")
		}
		first := version(settlement + "\n\n")
		second := version(settlement + strings.ReplaceAll("att_1,T1,7,1,0,0\natt_2,T2,7,1,0,0\n", "7", "900"))
		id := dig(second, "id")
		want := map[string]any{
			"id": id, "replaces": map[string]any{"id": dig(first, "id"), "replacedBy": map[string]any{"id": id}}, "replacedBy": nil,
			"changes": map[string]any{"added": json.Number("2"), "changed": json.Number("0"), "removed": json.Number("0")},
			"counts":  []any{map[string]any{"kind": "UNKNOWN_TO_US", "count": json.Number("3")}},
		}
		if diff := cmp.Diff(any(want), second); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if dig(first, "replaces") != nil || dig(first, "changes") != nil {
			t.Errorf("the first is %v", first)
		}
	})
	t.Run("a file name that is not UTF-8 is repaired", func(t *testing.T) {
		t.Parallel()
		cp949, err := korean.EUCKR.NewEncoder().String("정산 2026년 11월 26일.csv")
		if err != nil {
			t.Fatal(err)
		}
		operations := strings.Replace(importOperations, "status rows", "source day status rows", 1)
		body, contentType := form(t, "operations", operations, "map", importMap, "0", settlement+"\n")
		body = strings.Replace(body, `"settlement.csv"`, `"`+cp949+`"`, 1)
		_, answer := rebind(t, operator).do(http.MethodPost, "/graphql", body, "Content-Type", contentType, "GraphQL-Preflight", "1")
		got := decodeReply(t, answer)
		reconciliation, _ := dig(got.Data, "importSettlement", "reconciliation").(map[string]any)
		if reconciliation["source"] != "정산 2026년 11월 26일.csv" || reconciliation["day"] != "2026-11-26" {
			t.Errorf("it answers %s", answer)
		}
	})
	t.Run("without a header that makes browsers ask first it is refused", func(t *testing.T) {
		t.Parallel()
		body, contentType := form(t, "operations", importOperations, "map", importMap, "0", settlement)
		response, answer := rebind(t, operator).do(http.MethodPost, "/graphql", body, "Content-Type", contentType)
		if response.StatusCode != 400 || decodeReply(t, answer).code() != shop.GraphQLInvalid {
			t.Errorf("it answers %d %s", response.StatusCode, answer)
		}
	})
	t.Run("a file over 64 MiB is INVALID", func(t *testing.T) {
		t.Parallel()
		row := "att_00000000000000000000000000,T0000000000000000000,10000,1,0,0\n"
		_, got := send(t, "operations", importOperations, "map", importMap, "0", settlement+strings.Repeat(row, (64<<20)/len(row)+1))
		expectField(t, "it", got, shop.Invalid, "file")
	})
	for name, parts := range map[string][]string{
		"nothing at all":                  {},
		"no map":                          {"operations", importOperations, "0", settlement},
		"the map first":                   {"map", importMap, "operations", importOperations, "0", settlement},
		"no file":                         {"operations", importOperations, "map", importMap},
		"a file that the map lacks":       {"operations", importOperations, "map", importMap, "1", settlement},
		"a map to two variables":          {"operations", importOperations, "map", `{"0": ["variables.input.file", "variables.input.pg"]}`, "0", settlement},
		"a map to a variable that is set": {"operations", importOperations, "map", `{"0": ["variables.input.pg"]}`, "0", settlement},
		"a map to nowhere":                {"operations", importOperations, "map", `{"0": ["variables.x.y"]}`, "0", settlement},
		"a map to a list":                 {"operations", importOperations, "map", `{"0": ["variables.input.0"]}`, "0", settlement},
		"a map of the document":           {"operations", importOperations, "map", `{"0": ["query"]}`, "0", settlement},
		"operations that are no JSON":     {"operations", `{`, "map", importMap, "0", settlement},
		"a batch":                         {"operations", `[` + importOperations + `]`, "map", importMap, "0", settlement},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			if response, got := send(t, parts...); response.StatusCode != 400 || got.code() != shop.GraphQLInvalid {
				t.Errorf("it answers %d %+v", response.StatusCode, got)
			}
		})
	}
	t.Run("a file that is written as text is INVALID", func(t *testing.T) {
		t.Parallel()
		got := rebind(t, operator).ask(importMutation, map[string]any{"input": map[string]any{"pg": "KAKAO", "file": "a,b"}})
		expectField(t, "it", got, shop.Invalid, "file")
	})
}
