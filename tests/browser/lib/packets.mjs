// Reads what tcpdump wrote: who sent what to whom, as far as the first headers tell.

/** Sent by this machine, in the capture's header. */
const OUTGOING = 4;
/** Linux "cooked" capture, version 2. */
const SLL2 = 276;

const DNS = 53;

const ARP = 0x0806;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const PROTOCOLS = { 1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6" };
/** Router and neighbour discovery, and who listens to which group. */
const ICMP6_LINK = [130, 131, 132, 133, 134, 135, 136, 143];

/**
 * Every outgoing packet of a capture as `{ kind, to, port, protocol, name }`. `kind` is `link` for
 * what the kernels of two machines on one wire say to each other (ARP, neighbour discovery), else
 * `packet`; `name` is what a DNS query asks for.
 */
export function packetsOf(capture) {
  const little = capture.readUInt32LE(0) === 0xa1b2c3d4;
  if (!little) throw new Error("this is no capture of this machine");
  if (capture.readUInt32LE(20) !== SLL2) throw new Error("another link type than asked for");
  const packets = [];
  for (let at = 24; at + 16 <= capture.length;) {
    const length = capture.readUInt32LE(at + 8);
    const packet = capture.subarray(at + 16, at + 16 + length);
    at += 16 + length;
    if (packet.length < 20) throw new Error("a packet is cut");
    if (packet[10] === OUTGOING) packets.push(read(packet.readUInt16BE(0), packet.subarray(20)));
  }
  return packets;
}

function read(type, bytes) {
  if (type === ARP) return { kind: "link", protocol: "arp", to: "the wire", port: null };
  if (type === IPV4) {
    const to = [...bytes.subarray(16, 20)].join(".");
    return upper(bytes[9], to, bytes.subarray(4 * (bytes[0] & 15)));
  }
  if (type === IPV6) {
    const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(24 + 2 * i).toString(16));
    // Reports on groups stand behind a header of hop-by-hop options.
    const options = bytes[6] === 0;
    const [next, rest] = options
      ? [bytes[40], bytes.subarray(48 + 8 * bytes[41])]
      : [bytes[6], bytes.subarray(40)];
    return upper(next, groups.join(":"), rest);
  }
  return { kind: "packet", protocol: `type ${type.toString(16)}`, to: "unknown", port: null };
}

function upper(number, to, bytes) {
  const protocol = PROTOCOLS[number] ?? `protocol ${number}`;
  if (protocol === "icmp6" && ICMP6_LINK.includes(bytes[0])) {
    return { kind: "link", protocol: `icmp6 ${bytes[0]}`, to, port: null };
  }
  const port = protocol === "tcp" || protocol === "udp" ? bytes.readUInt16BE(2) : null;
  const name = protocol === "udp" && port === DNS ? asked(bytes.subarray(8)) : null;
  return { kind: "packet", protocol, to, port, name };
}

/** The first name that a DNS query asks for: labels, each after its length. */
function asked(query) {
  const labels = [];
  for (let at = 12; at < query.length && query[at] > 0; at += query[at] + 1) {
    labels.push(query.toString("latin1", at + 1, at + 1 + query[at]));
  }
  return labels.join(".");
}

/** How many packets went where, the most first. */
export function summary(packets) {
  const counts = new Map();
  for (const { protocol, to, port, name: asked } of packets) {
    const where = port === null ? "" : ` port ${port}`;
    const name = asked ? `DNS for ${asked}` : `${protocol} to ${to}${where}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]));
}
