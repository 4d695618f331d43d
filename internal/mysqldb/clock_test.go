package mysqldb_test

import (
	"strings"
	"testing"
	"time"

	"payment-system/internal/mysqldb"
	"payment-system/internal/mysqltest"
)

func TestCheckClock(t *testing.T) {
	t.Parallel()
	db := open(t, mysqltest.Empty(t))
	for name, test := range map[string]struct {
		ahead time.Duration
		says  string // nothing: the clock is taken
	}{
		"as the database's": {0, ""},
		"a second ahead":    {time.Second, ""},
		"a second behind":   {-time.Second, ""},
		"a minute ahead":    {time.Minute, " ahead of the database server's: let NTP set both, they may differ by 2s at most"},
		"a minute behind":   {-time.Minute, " behind the database server's: let NTP set both, they may differ by 2s at most"},
	} {
		t.Run("a clock "+name, func(t *testing.T) {
			t.Parallel()
			err := mysqldb.CheckClock(t.Context(), db, func() time.Time { return time.Now().Add(test.ahead) })
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %v, want %q", err, test.says)
			}
			if test.says != "" && err != nil && !strings.HasPrefix(err.Error(), "the clock of this machine is 1m0") && !strings.HasPrefix(err.Error(), "the clock of this machine is 59.") {
				t.Errorf("error %v does not say by how much", err)
			}
		})
	}
	t.Run("a clock that stands by while the answer takes long is given the benefit of it", func(t *testing.T) {
		t.Parallel()
		times := []time.Duration{-10 * time.Second, 10 * time.Second}
		err := mysqldb.CheckClock(t.Context(), db, func() time.Time {
			ahead := times[0]
			times = times[1:]
			return time.Now().Add(ahead)
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("a database that is away tells no time", func(t *testing.T) {
		t.Parallel()
		closed := open(t, mysqltest.Empty(t))
		closed.Close()
		if err := mysqldb.CheckClock(t.Context(), closed, time.Now); err == nil || strings.Contains(err.Error(), "NTP") {
			t.Errorf("error %v", err)
		}
	})
}
