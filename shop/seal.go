package shop

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
)

// A Seal chains an event to the one before it, and tells whether either was touched since. The
// same event after the same hash always has the same seal.
type Seal struct {
	// Hash is the SHA-256 of the hash before and of the event's parts, each preceded by its length.
	Hash []byte
	// Parts holds four bytes for each part: the version itself, the CRC-32 of the others. They prove
	// nothing, but say which part does not fit a hash that does not.
	Parts []byte
}

// sealedParts names what a seal is over, in order. All but the first are columns; by_id is part of actor.
var sealedParts = [...]string{"previous hash", "aggregate_id", "version", "kind", "status", "payload", "actor", "note", "at"}

// versionPart is the part that is kept as it is, so that a moved event tells where it was.
const versionPart = 2

// sealedSize is how many bytes the parts of a seal take.
const sealedSize = 4 * len(sealedParts)

// Seal returns the seal of e, which follows an event with the hash given; the first follows nil.
// Of the time, microseconds count.
func (e Event) Seal(previous []byte) Seal {
	parts := [len(sealedParts)][]byte{
		previous, []byte(e.AggregateID), strconv.AppendInt(nil, int64(e.Version), 10), []byte(e.Kind), []byte(e.Status),
		e.Payload, []byte(e.sealedActor()), []byte(e.Note), strconv.AppendInt(nil, e.At.UnixMicro(), 10),
	}
	hash := sha256.New()
	sums := make([]byte, 0, sealedSize)
	for i, part := range parts {
		fmt.Fprintf(hash, "%d:", len(part))
		hash.Write(part)
		if i == versionPart {
			sums = binary.BigEndian.AppendUint32(sums, uint32(int32(e.Version))) //nolint:gosec // The column is as wide.
		} else {
			sums = binary.BigEndian.AppendUint32(sums, crc32.ChecksumIEEE(part))
		}
	}
	return Seal{Hash: hash.Sum(nil), Parts: sums}
}

// sealedActor is the actor and, if there is one, the operator: events from before operators were
// kept have the seals that they had.
func (e Event) sealedActor() string {
	if e.By == "" {
		return string(e.Actor)
	}
	return string(e.Actor) + " " + string(e.By)
}

// Equal reports whether two seals are the same.
func (s Seal) Equal(other Seal) bool {
	return bytes.Equal(s.Hash, other.Hash) && bytes.Equal(s.Parts, other.Parts)
}

// Follows reports whether both seals tell of the same event before.
func (s Seal) Follows(other Seal) bool {
	return bytes.Equal(s.part(0), other.part(0))
}

// Differences names the columns that two seals tell apart; the hash before is none.
func (s Seal) Differences(other Seal) []string {
	var names []string
	for i, name := range sealedParts {
		if i > 0 && !bytes.Equal(s.part(i), other.part(i)) {
			names = append(names, name)
		}
	}
	return names
}

// Version is the version that the sealed event had.
func (s Seal) Version() int {
	part := s.part(versionPart)
	if part == nil {
		return 0
	}
	return int(int32(binary.BigEndian.Uint32(part))) //nolint:gosec // The column is as wide.
}

// part is nil when the parts are cut.
func (s Seal) part(i int) []byte {
	if len(s.Parts) != sealedSize {
		return nil
	}
	return s.Parts[4*i : 4*i+4]
}
