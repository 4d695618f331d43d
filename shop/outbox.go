package shop

import "hash/crc32"

// Shards is how many shares the outbox is cut into, by aggregate id.
const Shards = 16

// ShardOf returns the share of the outbox that an aggregate belongs to.
func ShardOf(aggregateID string) int {
	return int(crc32.ChecksumIEEE([]byte(aggregateID)) % Shards)
}
