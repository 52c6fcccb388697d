package interop

import (
	"bytes"
	"fmt"
	"time"
)

// Codecs that every client writes and reads.
var Codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// Scenarios are the names of the checks that every client has. One that a client cannot have, it names with a reason: Suite.Not.
func Scenarios() []string {
	names := []string{
		"topic is created, described, deleted",
		"topic creation is refused",
		"topic deletion is refused",
		"partitions are added",
		"topic configs are changed",
		"topic configs are refused",
		"broker configs are described",
		"offsets are listed",
		"records are deleted",
		"groups are listed, described, deleted",
		"group offsets are changed",
		"record that is too large is refused",
		"record without key is refused by a compacted topic",
		"produce to an unknown topic is refused",
		"keys choose the same partition",
		"produce over a broken connection",
		"consume by assignment, seek",
		"consume from a timestamp",
		"consume an offset out of range",
		"consume, pause, resume",
		"group goes on from manual commits",
		"group goes on from automatic commits",
		"group of two shares, one joins, one leaves",
		"group of two, one dies",
		"no broker",
	}
	for _, codec := range Codecs {
		for _, acks := range []string{"0", "1", "all"} {
			names = append(names, RecordReturns(acks, codec))
		}
		names = append(names, LargeRecordReturns(codec))
	}
	return names
}

// RecordReturns is the name of the scenario that produces Sample and consumes it.
func RecordReturns(acks, codec string) string {
	return fmt.Sprintf("record returns acks=%s codec=%s", acks, codec)
}

// LargeRecordReturns is the name of the scenario that produces LargeValue and consumes it.
func LargeRecordReturns(codec string) string { return "large record returns codec=" + codec }

// Header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Record as all clients have it; a nil key or value is null.
type Record struct {
	Key, Value []byte
	Headers    []Header
	Timestamp  time.Time
}

// Sample has what a record can have: header keys twice, an empty and a binary header, null and empty values, keys that are null.
func Sample() []Record {
	at := time.UnixMilli(1_234_567_890_123)
	long := bytes.Repeat([]byte("long "), 2000)
	return []Record{
		{Key: []byte("k"), Value: []byte("v"), Timestamp: at, Headers: []Header{{"trace", []byte{0, 255}}, {"trace", []byte("twice")}, {"empty", []byte{}}}},
		{Key: []byte("tombstone"), Timestamp: at.Add(time.Millisecond)},
		{Value: []byte{}, Timestamp: at.Add(-time.Hour)},
		{Key: []byte{}, Value: long, Timestamp: at.Add(time.Hour)},
	}
}

// LargeValue is a value of 1 MB that does not become smaller by compression.
func LargeValue() []byte {
	value := make([]byte, 1_000_000)
	state := uint64(88_172_645_463_325_252)
	for i := range value {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		value[i] = byte(state)
	}
	return value
}

// SameRecords fails when the records that came are not those that were sent.
func (c *C) SameRecords(got, want []Record) {
	c.Equal(len(got), len(want), "records")
	for i := range want {
		what := fmt.Sprintf("record %d: ", i)
		c.Equal(text(got[i].Key), text(want[i].Key), what+"key")
		c.Equal(text(got[i].Value), text(want[i].Value), what+"value")
		c.Equal(got[i].Timestamp.UnixMilli(), want[i].Timestamp.UnixMilli(), what+"timestamp")
		c.Equal(len(got[i].Headers), len(want[i].Headers), what+"headers")
		for h, header := range want[i].Headers {
			c.Equal(got[i].Headers[h].Key, header.Key, what+"header key")
			// Not every client tells a null header value from an empty one.
			c.Equal(string(got[i].Headers[h].Value), string(header.Value), what+"header value")
		}
	}
}

func text(value []byte) string {
	if value == nil {
		return "null"
	}
	return fmt.Sprintf("%q", value)
}
