package views_test

import (
	"testing"
	"time"

	"payment-system/internal/redistest"
	"payment-system/internal/views"
)

func TestNameKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, want string }{
		{"Green Tea", "green tea"},
		{"  ＧＲＥＥＮ　Ｔｅａ ", "green tea"},
		{"녹차", "녹차"},
		{"녹차", "녹차"}, // in conjoining letters, as some systems type it
		{"Straße", "strasse"},
		{"100% _tea_", "100% _tea_"},
	} {
		if got := views.NameKey(test.name); got != test.want {
			t.Errorf("NameKey(%q) = %q, want %q", test.name, got, test.want)
		}
	}
	long := ""
	for range 200 {
		long += "ﷺ" // eighteen characters once it is folded
	}
	if got := len([]rune(views.NameKey(long))); got != 255 {
		t.Errorf("a long name has a key of %d characters", got)
	}
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	token := func() views.Token { return views.Token(client.Get(t.Context(), views.TokenKey("ord_1")).Val()) }
	announce := func(version int) {
		t.Helper()
		if err := views.Announce(t.Context(), client, []views.Version{{ID: "ord_1", Version: version}}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := views.MakeTokens(t.Context(), client, []string{"ord_1"})
	if err != nil || made["ord_1"] != token() || token().Version() != 0 {
		t.Fatalf("made %v, %v; in place is %q", made, err, token())
	}
	if again, err := views.MakeTokens(t.Context(), client, []string{"ord_1"}); err != nil || again["ord_1"] != made["ord_1"] {
		t.Errorf("made %v, %v over %v", again, err, made)
	}
	announce(1_234_567_890)
	fifth := token()
	announce(4)
	if token() == fifth || fifth.Version() != 1_234_567_890 || token().Version() != 1_234_567_890 {
		t.Errorf("the token went from %q to %q", fifth, token())
	}
	if ttl := client.TTL(t.Context(), views.TokenKey("ord_1")).Val(); ttl <= views.MaxEntryTTL {
		t.Errorf("the token lives for %s", ttl)
	}
}

func TestFloors(t *testing.T) {
	t.Parallel()
	var f views.Floors
	at := time.Unix(1e9, 0)
	f.Raise(at, "a", 3)
	f.Raise(at, "a", 2)
	f.Raise(at.Add(views.MaxEntryTTL), "b", 1)
	f.Raise(at.Add(views.MaxEntryTTL+time.Second), "c", 1)
	if f.Of("a") != 3 || f.Of("b") != 1 || f.Of("c") != 1 || f.Of("d") != 0 {
		t.Errorf("the floors are %d %d %d %d", f.Of("a"), f.Of("b"), f.Of("c"), f.Of("d"))
	}
	f.Raise(at.Add(2*views.MaxEntryTTL+2*time.Second), "c", 1)
	if f.Of("a") != 0 {
		t.Error("a floor is remembered for ever")
	}
	var none *views.Floors
	none.Raise(at, "a", 1)
	if none.Of("a") != 0 {
		t.Error("nil remembers")
	}
}
