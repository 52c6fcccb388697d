package interop

import (
	"fmt"
	"sync"
)

// Member of a group, as the scenarios watch it. A client's own goroutines tell it what was assigned and what came.
type Member struct {
	// Leave the group, after committing what came.
	Leave func()

	mutex      sync.Mutex
	partitions map[int32]bool
	seen       map[string]int
}

// NewMember that has nothing.
func NewMember() *Member { return &Member{partitions: map[int32]bool{}, seen: map[string]int{}} }

// Assign partitions that it did not have.
func (m *Member) Assign(partitions ...int32) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, partition := range partitions {
		m.partitions[partition] = true
	}
}

// Unassign partitions that it had.
func (m *Member) Unassign(partitions ...int32) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, partition := range partitions {
		delete(m.partitions, partition)
	}
}

// Take a record.
func (m *Member) Take(partition int32, offset int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.seen[fmt.Sprint(partition, "@", offset)]++
}

// Count of different records that came, and of those that came again.
func (m *Member) Count() (records, again int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, times := range m.seen {
		again += times - 1
	}
	return len(m.seen), again
}

func (m *Member) assigned() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.partitions)
}

func (m *Member) records() int {
	records, _ := m.Count()
	return records
}

func (m *Member) again() int {
	_, again := m.Count()
	return again
}

// Spread is the number of records that spread writes, the same number to each of the topic's four partitions.
const Spread = 40

// TwoShare a topic of four partitions: one is there, one joins and leaves.
func (c *C) TwoShare(join func() *Member, spread func()) {
	one := join()
	c.Until("the first has all partitions", func() bool { return one.assigned() == 4 })
	two := join()
	c.Until("each has two partitions", func() bool { return one.assigned() == 2 && two.assigned() == 2 })
	spread()
	c.Until("all records came", func() bool { return one.records()+two.records() == Spread })
	c.Equal(one.records(), Spread/2, "records of the first")
	two.Leave()
	c.Until("the first has all partitions again", func() bool { return one.assigned() == 4 })
	spread()
	c.Until("the first has all new records", func() bool { return one.records() == Spread/2+Spread })
	c.Equal(one.again()+two.again(), 0, "records that came twice")
}

// OneDies of two that share a topic of four partitions: the one behind the proxy, which does not get to leave.
func (c *C) OneDies(join func() *Member, joinBehind func(*Proxy) *Member, spread func()) {
	proxy := c.Proxy()
	one, two := join(), joinBehind(proxy)
	c.Until("each has two partitions", func() bool { return one.assigned() == 2 && two.assigned() == 2 })
	proxy.CutOff()
	spread()
	c.Until("the other one has all partitions", func() bool { return one.assigned() == 4 })
	c.Until("the other one has all records", func() bool { return one.records() == Spread })
	c.Equal(one.again(), 0, "records that came twice")
}
