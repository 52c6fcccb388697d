// A proxy in front of one broker that breaks connections at the worst moments; lib/python/proxy.py is the same.
//
// The broker's answers name the broker's own address; the proxy writes its own port in its place (of the same length), so that a
// client stays with it. It knows requests apart by their api key, and answers come in the order of the requests.
'use strict'

const net = require('node:net')

const PRODUCE = 0

// With `cutEvery`, every so many Produce requests break their connection: in turn after the broker has answered and before the
// client has that answer, and after half of the request.
class Proxy {
  cuts = 0
  produced = 0
  #sockets = new Set()
  #cutEvery

  static async start(bootstrap, cutEvery = Infinity) {
    const proxy = new Proxy()
    proxy.#cutEvery = cutEvery
    const port = Number(bootstrap.split(':')[1])
    proxy.server = net.createServer(client => proxy.#accept(client, port))
    await new Promise(resolve => proxy.server.listen(0, '127.0.0.1', resolve))
    proxy.address = `127.0.0.1:${proxy.server.address().port}`
    proxy.theirs = named(port)
    proxy.ours = named(proxy.server.address().port)
    return proxy
  }

  // Every connection ends without a word, and no new one comes about: to the broker, its client died.
  close() {
    this.server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #accept(client, port) {
    const broker = net.connect(port, '127.0.0.1')
    const moments = []
    const end = () => { client.destroy(); broker.destroy() }
    for (const socket of [client, broker]) {
      this.#sockets.add(socket)
      socket.setNoDelay()
      socket.on('error', end)
      socket.on('close', () => { this.#sockets.delete(socket); end() })
    }
    client.on('data', frames(frame => {
      const moment = this.#moment(frame)
      if (moment === 'half of the request') {
        broker.end(frame.subarray(0, frame.length / 2))
        client.destroy()
      } else {
        moments.push(moment)
        broker.write(frame)
      }
    }))
    broker.on('data', frames(frame => {
      if (moments.shift() === 'before the answer') end()
      else client.write(this.#renamed(frame))
    }))
  }

  #moment(frame) {
    if (frame.readInt16BE(4) !== PRODUCE || ++this.produced % this.#cutEvery !== 0) return null
    return ++this.cuts % 2 ? 'before the answer' : 'half of the request'
  }

  #renamed(frame) {
    for (let at = frame.indexOf(this.theirs); at >= 0; at = frame.indexOf(this.theirs, at + 1)) this.ours.copy(frame, at)
    return frame
  }
}

function named(port) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(port)
  return Buffer.concat([Buffer.from('127.0.0.1'), bytes])
}

// Hands on whole frames, each with its length.
function frames(take) {
  let rest = Buffer.alloc(0)
  return data => {
    rest = Buffer.concat([rest, data])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = 4 + rest.readInt32BE(0)
      const frame = rest.subarray(0, size)
      rest = rest.subarray(size)
      take(frame)
    }
  }
}

module.exports = { Proxy }
