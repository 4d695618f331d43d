package redistest_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"payment-system/internal/redistest"
)

func TestNew(t *testing.T) {
	t.Parallel()

	t.Run("tests do not see each other", func(t *testing.T) {
		t.Parallel()
		one, two := redistest.New(t), redistest.New(t)
		if err := one.Set(t.Context(), "key", "value", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if size, err := two.DBSize(t.Context()).Result(); err != nil || size != 0 {
			t.Errorf("the other database has %d keys, error %v; want none", size, err)
		}
	})

	t.Run("a database is emptied when its test ends", func(t *testing.T) {
		t.Parallel()
		var options *redis.UniversalOptions
		t.Run("inner", func(t *testing.T) {
			options = redistest.Options(t)
			client := redis.NewUniversalClient(options)
			defer client.Close()
			if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
				t.Fatal(err)
			}
		})
		client := redis.NewUniversalClient(options)
		defer client.Close()
		if size, err := client.DBSize(t.Context()).Result(); err != nil || size != 0 {
			t.Errorf("the database has %d keys, error %v; want none", size, err)
		}
	})
}
