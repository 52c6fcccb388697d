// franz-go as a user of a broker: kadm, kgo's producer, consumer and groups. Usage: checks HOST:PORT [NAME]
package main

import (
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millstream/interop"
)

// c is a check that runs, and what it makes clients from.
type c struct{ *interop.C }

func main() {
	s := interop.New("franz-go", "github.com/twmb/franz-go")
	add := func(name string, run func(c)) { s.Add(name, func(check *interop.C) { run(c{check}) }) }
	addAdmin(add)
	addProducer(add)
	addConsumer(add)
	addGroups(add)
	s.Main()
}

func (c c) client(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.Bootstrap)}, options...)...)
	c.Ok(err)
	c.AtEnd(client.Close)
	return client
}

func (c c) admin() *kadm.Client { return kadm.NewClient(c.client()) }

// A new topic, with pairs of a config's name and value.
func (c c) topic(partitions int32, configs ...string) string {
	name := c.Name()
	values := map[string]*string{}
	for i := 0; i < len(configs); i += 2 {
		values[configs[i]] = &configs[i+1]
	}
	_, err := c.admin().CreateTopic(c, partitions, 1, values, name)
	c.Ok(err)
	return name
}
