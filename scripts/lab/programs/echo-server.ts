// usage: node echo-server.ts ADDRESS PORT    TCP and UDP; answers with the client's address and its text, see servers.ts
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

const [address = '', port = ''] = process.argv.slice(2)

const tcp = createServer((socket) => {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`
  socket.on('error', (error) => {
    console.log(`${peer} ${error.message}`)
  })
  const lines = createInterface(socket)
  lines.on('line', (line) => socket.write(`${peer} ${line}\n`))
  // An interface passes on the errors of its socket, which has a listener of its own.
  lines.on('error', () => undefined)
})
const udp = createSocket('udp4', (message, peer) => {
  udp.send(`${peer.address}:${peer.port} ${message.toString()}`, peer.port, peer.address)
})
tcp.listen({ host: address, port: Number(port), backlog: 4096 })
udp.bind(Number(port), address)
await Promise.all([once(tcp, 'listening'), once(udp, 'listening')])
console.log('listening')
