package interop

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

const (
	produceKey  = 0
	frameMaxLen = 64 << 20
)

// Proxy between a client, which dials by Dial whatever address it was told, and the broker. It breaks connections where that hurts
// a producer: in the middle of a Produce request, and after the broker wrote the records but before its answer. Cut off, it is a
// client that died.
type Proxy struct {
	broker string
	listen net.Listener

	mutex    sync.Mutex
	every    int
	produces int
	halves   int
	answers  int
	dead     bool
	open     map[net.Conn]bool
}

// Proxy to the broker.
func (c *C) Proxy() *Proxy {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	c.Ok(err)
	p := &Proxy{broker: c.Bootstrap, listen: listen, open: map[net.Conn]bool{}}
	go p.accept()
	c.AtEnd(p.CutOff)
	return p
}

// Dial the proxy, instead of an address.
func (p *Proxy) Dial(network, _ string) (net.Conn, error) {
	return p.DialContext(context.Background(), network, "")
}

// DialContext is Dial with a context.
func (p *Proxy) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", p.listen.Addr().String())
}

// CutEvery n-th Produce: in turns its request is cut in half, and its answer is lost.
func (p *Proxy) CutEvery(n int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.every = n
}

// Cuts that there were: requests cut in half, answers lost.
func (p *Proxy) Cuts() (halves, answers int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.halves, p.answers
}

// CutOff the client for good.
func (p *Proxy) CutOff() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.dead = true
	p.listen.Close()
	for conn := range p.open {
		conn.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		broker, err := net.Dial("tcp", p.broker)
		if err != nil {
			client.Close()
			continue
		}
		if !p.keep(client, broker) {
			return
		}
		link := &link{proxy: p, client: client, broker: broker}
		go link.relay(client, broker, link.request)
		go link.relay(broker, client, link.answer)
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, conn := range conns {
		p.open[conn] = true
		if p.dead {
			conn.Close()
		}
	}
	return !p.dead
}

// What happens to this Produce.
func (p *Proxy) produce() (half, lost bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.produces++
	if p.every == 0 || p.produces%p.every != 0 {
		return false, false
	}
	half = p.produces/p.every%2 == 1
	if half {
		p.halves++
	}
	return half, !half
}

var errCut = errors.New("cut")

// One connection of the client and the one of its own to the broker.
type link struct {
	proxy          *Proxy
	client, broker net.Conn
	lost           sync.Map // correlation ids whose answers are lost
}

func (l *link) relay(from io.Reader, to io.Writer, pass func(io.Writer, []byte) error) {
	defer l.client.Close()
	defer l.broker.Close()
	for {
		frame := make([]byte, 4)
		if _, err := io.ReadFull(from, frame); err != nil {
			return
		}
		length := binary.BigEndian.Uint32(frame)
		if length < 8 || length > frameMaxLen {
			// An answer of 4 bytes, or no Kafka at all: nothing here is about it.
			to.Write(frame)
			io.CopyN(to, from, int64(length))
			continue
		}
		frame = append(frame, make([]byte, length)...)
		if _, err := io.ReadFull(from, frame[4:]); err != nil {
			return
		}
		if pass(to, frame) != nil {
			return
		}
	}
}

func (l *link) request(broker io.Writer, frame []byte) error {
	if binary.BigEndian.Uint16(frame[4:]) == produceKey {
		half, lost := l.proxy.produce()
		if half {
			broker.Write(frame[:len(frame)/2])
			return errCut
		}
		if lost {
			l.lost.Store(binary.BigEndian.Uint32(frame[8:]), true)
		}
	}
	_, err := broker.Write(frame)
	return err
}

func (l *link) answer(client io.Writer, frame []byte) error {
	if _, lost := l.lost.Load(binary.BigEndian.Uint32(frame[4:])); lost {
		l.proxy.mutex.Lock()
		l.proxy.answers++
		l.proxy.mutex.Unlock()
		return errCut
	}
	_, err := client.Write(frame)
	return err
}
