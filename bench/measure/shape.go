package measure

import "regexp"

// A Shaper makes statements that differ in their values alone the same text. Use NewShaper.
type Shaper struct{ steps []step }

type step struct {
	pattern *regexp.Regexp
	to      string
}

// NewShaper returns a Shaper.
func NewShaper() Shaper {
	return Shaper{[]step{
		{regexp.MustCompile(`(?s)_binary'(?:[^'\\]|\\.|'')*'|'(?:[^'\\]|\\.|'')*'`), "?"},
		{regexp.MustCompile(`\b\d+(?:\.\d+)?\b`), "?"},
		{regexp.MustCompile(`\s+`), " "},
		{regexp.MustCompile(`\(\s*(?:\?|NULL)(?:\s*,\s*(?:\?|NULL))*\s*\)`), "(…)"},
		{regexp.MustCompile(`\(…\)(?:\s*,\s*\(…\))+`), "(…)"},
	}}
}

// Shape returns a statement without its values: literals become "?", and lists of them, however long, "(…)".
func (s Shaper) Shape(statement string) string {
	for _, step := range s.steps {
		statement = step.pattern.ReplaceAllString(statement, step.to)
	}
	return statement
}
