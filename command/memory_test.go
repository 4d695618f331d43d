package command

import "testing"

// What was remembered last is known however much there was before, and no more is kept than there is room for.
func TestRecent(t *testing.T) {
	t.Parallel()
	var r recent[int, int]
	for i := range 5*maxRemembered + 1 {
		r.put(i, -i)
		r.put(0, i) // what is put again stays
		for _, key := range []int{i, max(i-maxRemembered+2, 1)} {
			if value, ok := r.get(key); i > 0 && (!ok || value != -key) {
				t.Fatalf("%d is remembered as %d (%v) after %d", key, value, ok, i)
			}
		}
		if n := len(r.newer) + len(r.older); n > 2*maxRemembered {
			t.Fatalf("%d are kept", n)
		}
	}
	if value, ok := r.get(0); !ok || value != 5*maxRemembered {
		t.Errorf("the last of what was put again is %d (%v)", value, ok)
	}
	if _, ok := r.get(1); ok {
		t.Error("the first is remembered for ever")
	}
}
