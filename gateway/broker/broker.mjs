// The embedded MQTT broker: aedes with the users and rules of the protocol (TOP-1).
//
//   node broker.mjs HALL HOST PORT [CERTIFICATE]
//
// CERTIFICATE is a file with the server's certificate and its key, PEM: then it speaks TLS only.
// Standard input carries JSON lines: {"users": {name: "$7$101$salt$hash"}} replaces all users, and
// lets CERTIFICATE be read again.
// Standard output gets one line, {"listening": port}. Ends when standard input closes, so that it
// never outlives the gateway. Errors go to standard error, one sentence a line.

import { pbkdf2, timingSafeEqual } from 'node:crypto'
import fs from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import { createInterface } from 'node:readline'
import { Aedes } from 'aedes'

const GATEWAY = '_gateway'
const FROM_GATEWAY = ['ticket', 'ack', 'clock', 'find', 'settings', 'update']
const PACKET_BYTES = 2 * 1024 * 1024 // 1 MB of nonsense still reaches the gateway's quarantine
const LOGIN_BYTES = 8 * 1024 // nobody unknown gets more memory than a login with a last will needs
const WILL_BYTES = 4096
const LOGIN_MS = 10_000
// Connections that have not logged in. Who comes after them takes the place of the one that has said
// nothing for longest, so that strangers who only connect shut no device out.
const STRANGERS = 64
// What the gateway has not acknowledged yet. Above it publishers wait: their PUBACK comes later,
// and a killed gateway costs no more than this. The queue is searched from its head, so a longer
// one would also be slower.
const WAITING_MESSAGES = 4000
const WAITING_BYTES = 64 * 1024 * 1024
// Of one device: whoever publishes at full speed waits for its own, and nobody waits behind it. A
// device has a few under way.
const WAITING_OF_ONE = 100
const NOBODY = '$7$101$AAAAAAAAAAAAAAAAAAAAAA==$' + Buffer.alloc(64).toString('base64')

const [hall, host, port, certificate] = process.argv.slice(2)
let users = new Map()
const wills = new WeakMap()
const waiting = { messages: 0, bytes: 0, of: new Map(), publishers: new Map() }

const broker = await Aedes.createBroker({
  connectTimeout: LOGIN_MS,
  concurrency: 1000,
  preConnect,
  authenticate,
  authorizePublish,
  authorizeSubscribe,
  authorizeForward: (client, packet) => mayReceive(client.id, packet.topic) ? packet : null
})
countWaiting(broker.persistence)
broker.on('clientError', (client, error) => say(`${client.id}: ${error.message}`))
broker.on('connectionError', (client, error) => say(`a connection: ${error.message}`))
process.on('uncaughtException', (error) => { say(error.stack); process.exit(1) })

// Without noDelay a small answer waits up to 40 ms for the other side's delayed ACK.
const options = { noDelay: true, minVersion: 'TLSv1.2', handshakeTimeout: LOGIN_MS }
const strangers = new Map() // by address and port: with TLS two sockets are one connection
const serve = (socket) => limitPackets(broker.handle(socket))
const server = certificate
  ? tls.createServer({ ...options, ...pair() }, serve)
  : net.createServer(options, serve)
server.on('tlsClientError', (error) => say(`a connection: ${error.message}`))
server.on('connection', (socket) => {
  const who = whose(socket)
  strangers.set(who, socket)
  socket.on('close', () => strangers.delete(who))
  if (strangers.size > STRANGERS) strangers.values().next().value.destroy()
})
broker.on('clientReady', (client) => strangers.delete(whose(client.conn)))
server.on('error', (error) => {
  say(`cannot listen on ${host}:${port}: ${error.message}`)
  process.exit(1)
})
server.listen(Number(port), host, () => {
  process.stdout.write(JSON.stringify({ listening: server.address().port }) + '\n')
})

createInterface({ input: process.stdin })
  .on('line', (line) => replaceUsers(JSON.parse(line).users))
  .on('close', () => process.exit(0))

function whose (socket) {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

function pair () {
  const text = fs.readFileSync(certificate)
  return { key: text, cert: text }
}

function preConnect (client, packet, callback) {
  wills.set(client, packet.will ?? null)
  // Only the gateway has a session that outlives its connection: what waits for a device that is
  // away would grow without bound, and everything it needs is retained or sent again.
  if (packet.clientId !== GATEWAY) packet.clean = true
  callback(null, true)
}

function authenticate (client, username, password, callback) {
  const known = typeof username === 'string' && username === client.id && users.has(username)
  // An unknown user costs as much time as a wrong password.
  const line = known ? users.get(username) : NOBODY
  verify(line, password ?? Buffer.alloc(0), (isRight) => {
    const will = wills.get(client)
    if (!known || !isRight) {
      callback(new Error('login refused: unknown user, wrong password or foreign client id'), false)
    } else if (will && !(mayPublish(username, will) && will.payload.length <= WILL_BYTES)) {
      callback(new Error('login refused: a last will may only go to the own state'), false)
    } else {
      callback(null, true)
    }
  })
}

function verify (line, password, callback) {
  const [, scheme, iterations, salt, hash] = line.split('$')
  const expected = Buffer.from(hash ?? '', 'base64')
  if (scheme !== '7' || expected.length !== 64 || !(iterations >= 1 && iterations <= 1_000_000)) {
    say('a password hash is not of the form $7$iterations$salt$hash')
    return callback(false)
  }
  pbkdf2(password, Buffer.from(salt, 'base64'), Number(iterations), 64, 'sha512', (error, key) => {
    callback(!error && timingSafeEqual(key, expected))
  })
}

function authorizePublish (client, packet, callback) {
  if (client && !mayPublish(client.id, packet)) {
    callback(new Error(`publish refused on ${packet.topic.slice(0, 200)}`))
  } else if (client && client.id !== GATEWAY && mustWait(client.id)) {
    if (!waiting.publishers.has(client.id)) waiting.publishers.set(client.id, [])
    waiting.publishers.get(client.id).push(callback)
  } else {
    callback(null)
  }
}

function authorizeSubscribe (client, subscription, callback) {
  callback(null, mayReceive(client.id, subscription.topic) ? subscription : null)
}

function mayPublish (user, packet) {
  const parts = packet.topic.split('/')
  if (packet.qos > 1 || !packet.topic.startsWith(`pj/1/${hall}/`)) return false
  if (user === GATEWAY) return true
  if (parts.length !== 5 || parts[3] !== user) return false
  return parts[4] === 'state' || (parts[4] === 'record' && !packet.retain)
}

function mayReceive (user, topic) {
  if (user === GATEWAY) return topic.startsWith(`pj/1/${hall}/`)
  return FROM_GATEWAY.some((name) => topic === `pj/1/${hall}/${user}/${name}`)
}

// aedes bounds no packet: its parser collects whatever length the header announces.
function limitPackets (client) {
  const parser = client._parser
  const parse = parser.parse.bind(parser)
  parser.parse = (bytes) => {
    const rest = parse(bytes)
    const limit = client._authorized ? PACKET_BYTES : LOGIN_BYTES
    if (parser.packet.length > limit || rest > limit) {
      client.emit('error', new Error(`a packet may have ${limit} bytes`))
    }
    return rest
  }
}

function countWaiting (persistence) {
  const { outgoingEnqueueCombi: enqueue, outgoingClearMessageId: clear } = persistence
  persistence.outgoingEnqueueCombi = (subscriptions, packet) => {
    if (subscriptions.some((subscription) => subscription.clientId === GATEWAY)) {
      waiting.messages += 1
      waiting.bytes += packet.payload.length
      countOf(packet.topic, 1)
    }
    return enqueue.call(persistence, subscriptions, packet)
  }
  persistence.outgoingClearMessageId = async (client, packet) => {
    const cleared = await clear.call(persistence, client, packet)
    if (cleared && client.id === GATEWAY) {
      waiting.messages -= 1
      waiting.bytes -= cleared.payload?.length ?? 0
      countOf(cleared.topic, -1)
      letGoOn()
    }
    return cleared
  }
}

function countOf (topic, change) {
  const device = topic.split('/')[3]
  const count = (waiting.of.get(device) ?? 0) + change
  if (count > 0) waiting.of.set(device, count)
  else waiting.of.delete(device)
}

function mustWait (device) {
  return isFull() || (waiting.of.get(device) ?? 0) >= WAITING_OF_ONE
}

// One of each device that may, in turn; all of a device that has nothing under way, because
// nothing of it would come to let the rest go on.
function letGoOn () {
  for (const [device, callbacks] of [...waiting.publishers]) {
    if (mustWait(device)) continue
    waiting.publishers.delete(device)
    const going = callbacks.splice(0, waiting.of.has(device) ? 1 : WAITING_OF_ONE)
    if (callbacks.length > 0) waiting.publishers.set(device, callbacks) // to the end of the turn
    for (const callback of going) callback(null)
  }
}

function isFull () {
  return waiting.messages >= WAITING_MESSAGES || waiting.bytes >= WAITING_BYTES
}

function replaceUsers (lines) {
  if (certificate) server.setSecureContext({ minVersion: 'TLSv1.2', ...pair() })
  const before = users
  users = new Map(Object.entries(lines))
  for (const client of Object.values(broker.clients)) {
    if (users.get(client.id) !== before.get(client.id)) client.close()
  }
}

function say (sentence) {
  // What strangers sent moves no terminal and begins no line.
  process.stderr.write(sentence.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ') + '\n')
}
