package redisdb_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"payment-system/internal/redisdb"
)

func TestParsePlace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		list, name string
		addrs      []string
		master     string
		db         int
	}{
		{list: "127.0.0.1:6379", addrs: []string{"127.0.0.1:6379"}},
		{list: " 10.0.0.1:6379 , ,10.0.0.2:6379,", addrs: []string{"10.0.0.1:6379", "10.0.0.2:6379"}},
		{list: "redis://cache", addrs: []string{"cache:6379"}},
		{list: "rediss://app:s%2Ccret%40@[::1]:7000/3", addrs: []string{"[::1]:7000"}, db: 3},
		{list: "redis://:s3cret@a:1,redis://:s3cret@b:2", addrs: []string{"a:1", "b:2"}},
		{list: "redis://:s3cret@a:1,b:2", addrs: []string{"a:1", "b:2"}},
		{list: "b:2, redis://:s3cret@a:1", addrs: []string{"b:2", "a:1"}},
		{list: "redis+sentinel://app:s3cret@a:1,b:2,c/mymaster", addrs: []string{"a:1", "b:2", "c:26379"}, master: "mymaster"},
		{list: "rediss+sentinel://a:1, b:2/my%20master/4", addrs: []string{"a:1", "b:2"}, master: "my master", db: 4},
	} {
		t.Run(test.list, func(t *testing.T) {
			t.Parallel()
			got, err := redisdb.ParsePlace(test.list)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.addrs, got.Addrs); diff != "" || got.Master != test.master || got.DB != test.db {
				t.Errorf("%+v, addresses differ (-want +got):\n%s", got, diff)
			}
			if strings.Contains(got.String(), "s3cret") || strings.Contains(got.String(), "app") {
				t.Errorf("it prints %s", got)
			}
		})
	}

	for list, says := range map[string]string{
		"":                                      "the address of a Redis",
		" , ":                                   "the address of a Redis",
		"127.0.0.1":                             `host:port: "127.0.0.1" is not`,
		"127.0.0.1:port":                        `host:port: "127.0.0.1:port" has no valid port`,
		"10.0.0.1 6379":                         `host:port: "10.0.0.1 6379" is not`,
		"http://10.0.0.1:6379":                  `"http" begins otherwise`,
		"redis://user:s3,cret@a:1":              "%-escapes",
		"redis://user:s3/cret@a:1":              "%-escapes",
		"redis://user:s3cret@a:1?db=2":          "%-escapes",
		"redis://user:s3cret@a:1/two":           "%-escapes",
		"redis://a:1/two":                       "the number of a database",
		"redis://a:1/1,redis://b:1/1":           "which has none",
		"redis://u:s3cret@a:1,redis://b:2/1":    "which has none",
		"redis://u:s3cret@a:1,redis://v:o@b:2":  "one scheme, user and password",
		"redis+sentinel://u:s3cret@a:1,b:2":     "%-escapes",
		"redis+sentinel://a:1,b:2":              "what they call the master",
		"redis+sentinel://a:1/m,redis://b:2":    "nothing else",
		"redis+sentinel://u:s3cret@a:one/m":     "%-escapes",
		"redis+sentinel://u:s3cret@a:1/m/three": "%-escapes",
	} {
		t.Run(list+" is refused", func(t *testing.T) {
			t.Parallel()
			got, err := redisdb.ParsePlace(list)
			if err == nil {
				t.Fatalf("it is %s", got)
			}
			if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "cret") || strings.Contains(err.Error(), "s3") {
				t.Errorf("it says %q, want %q and no secret", err, says)
			}
		})
	}
}
