package views

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"payment-system/shop"
)

// unshownTTL is how long it is remembered that users know of what the views lack. A view that nobody
// can write, ever, keeps them from reading for no longer.
const unshownTTL = time.Minute

// unshownKey names the set of what a user knows of and views may lack: ids and versions.
func unshownKey(user shop.UserID) string { return "unshown:" + string(user) }

func unshownMember(v Version) string { return v.ID + " " + strconv.Itoa(v.Version) }

// RememberUnshown remembers that the owners of versions are told of them though the views lack them.
func RememberUnshown(ctx context.Context, client redis.UniversalClient, versions []Version) error {
	pipe := client.Pipeline()
	for _, v := range versions {
		pipe.SAdd(ctx, unshownKey(v.Owner), unshownMember(v))
		pipe.PExpire(ctx, unshownKey(v.Owner), unshownTTL)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("remember what is not shown: %w", err)
	}
	return nil
}

// AskUnshown asks for what a user knows of and views may lack. The answer is read once pipe was sent.
func AskUnshown(ctx context.Context, pipe redis.Pipeliner, user shop.UserID) (answer func() ([]Version, error)) {
	members := pipe.SMembers(ctx, unshownKey(user))
	return func() (versions []Version, err error) {
		if members.Err() != nil {
			return nil, fmt.Errorf("ask what is not shown: %w", members.Err())
		}
		for _, member := range members.Val() {
			id, digits, _ := strings.Cut(member, " ")
			version, err := strconv.Atoi(digits)
			if err != nil {
				return nil, fmt.Errorf("ask what is not shown: %w", err)
			}
			versions = append(versions, Version{ID: id, Version: version, Owner: user})
		}
		return versions, nil
	}
}

// ForgetUnshown forgets versions that the views show by now.
func ForgetUnshown(ctx context.Context, client redis.UniversalClient, versions []Version) error {
	pipe := client.Pipeline()
	for _, v := range versions {
		pipe.SRem(ctx, unshownKey(v.Owner), unshownMember(v))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("forget what was not shown: %w", err)
	}
	return nil
}
