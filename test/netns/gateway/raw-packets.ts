import type { Namespace, Service } from '../../support/netns.ts'
import { icmpEcho, ipv4, raw, TCP, tcp, udp } from '../../support/packet.ts'

// Node has no raw sockets; perl is part of every Debian. One packet in hexadecimal each argument behind the pause.
const SEND = `
use Socket;
socket(my $s, AF_INET, SOCK_RAW, 255) or die $!;
my ($pause, @packets) = @ARGV;
do {
  for (@packets) {
    my $packet = pack('H*', $_);
    my $to = substr($packet, 16, 4);
    send($s, $packet, 0, pack_sockaddr_in(0, $to));
  }
  select(undef, undef, undef, $pause) if $pause;
} while ($pause);`

const hex = (packet: Uint8Array): string => Buffer.from(packet).toString('hex')

/** Sends IPv4 packets as they are; the kernel routes them by their destination. */
export async function sendPackets(host: Namespace, packets: Uint8Array[]): Promise<void> {
  await host.run('perl', '-e', SEND, '0', ...packets.map(hex))
}

/** Sends them over and over, with a pause of so many seconds. */
export async function keepSending(host: Namespace, packets: Uint8Array[], pause: number): Promise<Service> {
  return host.start('packets', 'perl', '-e', SEND, String(pause), ...packets.map(hex))
}

/** Packets that a gateway must not let through as they are, whatever it does with each. */
export function troublesomePackets(from: string, to: string, stranger: string): Record<string, Uint8Array> {
  const ip = { from, to }
  return {
    tcp: ipv4(ip, tcp(41_000, 80, TCP.SYN)),
    'tcp of no connection': ipv4(ip, tcp(41_001, 80, TCP.ACK, 'late')),
    'udp that is answered': ipv4(ip, udp(41_002, 7, 'datagram')),
    'udp with TTL 1': ipv4({ ...ip, ttl: 1 }, udp(41_003, 9)),
    'icmp echo': ipv4(ip, icmpEcho('request', 4_100)),
    'first fragment': ipv4({ ...ip, fragment: 0x2000 }, udp(41_004, 9, 'fragment')),
    'last fragment': ipv4({ ...ip, fragment: 0x0003 }, raw(17, 'the end!')),
    gre: ipv4(ip, raw(47)),
    sctp: ipv4(ip, raw(132, 'no real chunk')),
    'source of a stranger': ipv4({ ...ip, from: stranger }, udp(41_005, 9)),
    'source of another machine': ipv4({ ...ip, from: '10.0.0.2' }, udp(41_006, 9)),
    'TTL 1 and a wrong source': ipv4({ ...ip, from: stranger, ttl: 1 }, tcp(41_007, 80, TCP.SYN)),
  }
}
