package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// fieldsOf reads a JSON object, numbers as they are written.
func fieldsOf(text []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var fields map[string]any
	err := decoder.Decode(&fields)
	return fields, err
}

// differences names the fields in which two objects differ, with what each side says.
func differences(ours, theirs map[string]any, our, their string) []string {
	names := maps.Clone(ours)
	maps.Copy(names, theirs)
	var found []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !sameField(ours[name], theirs[name]) {
			found = append(found, fmt.Sprintf("%s: %s %s, %s %s", name, our, briefly(ours[name]), their, briefly(theirs[name])))
		}
	}
	return found
}

// sameField compares two values as the books do: times to the microsecond, nothing is as good as empty.
func sameField(a, b any) bool {
	a, b = plainField(a), plainField(b)
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && len(differences(a, b, "", "")) == 0
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameField)
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

// plainField brings values of JSON and of columns to one form.
func plainField(value any) any {
	switch v := value.(type) {
	case []any:
		if len(v) == 0 {
			return nil
		}
	case []byte:
		return plainField(string(v))
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return plainField(at)
		}
	case time.Time:
		return v.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
	case json.Number:
		return v.String()
	case int64:
		return fmt.Sprint(v)
	case bool:
		return fmt.Sprint(v)
	}
	return value
}

// briefly writes a value for a person, not at any length.
func briefly(value any) string {
	if value == nil {
		return "nothing"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	const most = 160
	if runes := []rune(string(text)); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(text)
}
