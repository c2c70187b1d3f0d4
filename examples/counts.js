// Counts as they come, from a daemon without keys. Needs Node.js alone and no ZeroMQ library: the messages are those of
// docs/wire-format.md, the bytes between them ZMTP 3.0 (https://rfc.zeromq.org/spec/23/), as little as a subscriber needs.
//
//     node counts.js 127.0.0.1 5757

const net = require("node:net");

const [host = "127.0.0.1", port = "5757"] = process.argv.slice(2);
const MORE = 1, LONG = 2, COMMAND = 4;

const frame = (flags, ...parts) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([flags, body.length]), body]);
};
const greeting = Buffer.alloc(64);
greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0]);
greeting.write("NULL", 12);

let received = Buffer.alloc(0);
let greeted = false;
let parts = [];

const socket = net.connect(Number(port), host, () => socket.write(greeting));
socket.on("error", (error) => { console.error(error.message); process.exitCode = 1; });
socket.on("data", (data) => {
  received = Buffer.concat([received, data]);
  if (!greeted && received.length >= 64) {
    greeted = true;
    received = received.subarray(64);
    socket.write(frame(COMMAND, [5], "READY", [11], "Socket-Type", [0, 0, 0, 3], "SUB"));
    socket.write(frame(0, [1], "counts/")); // subscribe to all topics that begin so
  }
  for (let next = greeted && take(); next; next = take()) handle(...next);
});

// Flags and body of the next frame, once all of it is there.
function take() {
  if (received.length < 9 && (received.length < 2 || received[0] & LONG)) return null;
  const long = received[0] & LONG;
  const start = long ? 9 : 2;
  const end = start + (long ? Number(received.readBigUInt64BE(1)) : received[1]);
  if (received.length < end) return null;
  const taken = [received[0], received.subarray(start, end)];
  received = received.subarray(end);
  return taken;
}

function handle(flags, body) {
  if (flags & COMMAND) {
    if (body.toString("latin1", 1, 5) === "PING") socket.write(frame(COMMAND, [4], "PONG", body.subarray(7)));
    return;
  }
  parts.push(body);
  if (flags & MORE) return;
  const [topic, header] = parts;
  parts = [];
  const facts = JSON.parse(header);
  if (facts.schema !== 1) throw new Error(`schema ${facts.schema}: this program reads 1`);
  // counts is null while nothing can be counted: that is not zero
  console.log(topic.toString(), facts.seq, facts.frame, facts.state, JSON.stringify(facts.counts));
}
