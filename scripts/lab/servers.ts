import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Lab } from './lab.ts'
import type { Namespace } from './namespace.ts'
import { type Service, waitUntil } from './process.ts'
import { DNS_ADDRESS, WEB_ADDRESS } from './topology.ts'

export interface WebServer {
  service: Service
  /** Files put here are served under their name. */
  root: string
  /** One entry a request, as the server saw it. */
  seen(): { address: string; port: number; path: string; status: number }[]
}

/**
 * nginx, with everything it writes in the lab's folder. `/whoami` answers with the client's address and port.
 */
export async function startWebServer(lab: Lab, host = lab.internet, address = WEB_ADDRESS): Promise<WebServer> {
  const folder = join(lab.folder, `nginx-${host.name}-${address}`)
  const root = join(folder, 'www')
  const accessLog = join(folder, 'access.log')
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'index.html'), `web server of the lab at ${address}\n`)
  const configuration = join(folder, 'nginx.conf')
  writeFileSync(configuration, nginxConfiguration(folder, root, accessLog, address))
  const service = await host.start(`nginx-${address}`, 'nginx', '-p', folder, '-e', 'error.log', '-c', configuration)
  // Written once its sockets listen.
  await waitUntil(`nginx at ${address}: ${service.log}`, 10_000, () => existsSync(join(folder, 'nginx.pid')))
  return {
    service,
    root,
    seen: () => readFileSync(accessLog, 'utf8').trim().split('\n').filter(Boolean).map(readEntry),
  }
}

/** Paths without a leading slash are relative to `folder` (nginx -p). */
function nginxConfiguration(folder: string, root: string, accessLog: string, address: string): string {
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
user root;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 4096; }
http {
  log_format seen '$remote_addr $remote_port $uri $status';
  access_log ${accessLog} seen;
  ${scratch.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  sendfile on;
  server {
    listen ${address}:80 backlog=4096;
    root ${root};
    location = /whoami { return 200 "$remote_addr:$remote_port\\n"; }
  }
}
`
}

function readEntry(line: string): ReturnType<WebServer['seen']>[number] {
  const [address = '', port, path = '', status] = line.split(' ')
  return { address, port: Number(port), path, status: Number(status) }
}

/** dnsmasq that knows `names` and asks no other server. Its log has each query and its client. */
export async function startDnsServer(
  lab: Lab,
  names: Record<string, string> = { 'web.example': WEB_ADDRESS },
): Promise<Service> {
  const records = Object.entries(names).map(([name, address]) => `--address=/${name}/${address}`)
  const options = ['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--pid-file=']
  const listen = ['--bind-interfaces', `--listen-address=${DNS_ADDRESS}`, '--user=root']
  const log = ['--log-queries=extra', '--log-facility=-']
  const service = await lab.internet.start('dnsmasq', 'dnsmasq', ...options, ...listen, ...log, ...records)
  await service.waitForLog(/started, version/)
  return service
}

/**
 * Answers each TCP line and each UDP datagram with `<address>:<port> <what came>`: who asked, as seen here.
 */
export async function startEchoServer(host: Namespace, address: string, port: number): Promise<Service> {
  const program = fileURLToPath(new URL('programs/echo-server.ts', import.meta.url))
  const service = await host.start(`echo-${address}-${port}`, process.execPath, program, address, String(port))
  await service.waitForLog(/listening/)
  return service
}
