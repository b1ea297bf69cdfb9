// A JSON-RPC proxy that validates what the node answers.
//
//   node proxy.mjs --upstream http://127.0.0.1:8545 [--privileged http://127.0.0.1:8547] [--port 0] --report FILE
//
// Bytes pass through unchanged both ways, over HTTP and WebSocket; the path /privileged goes to the privileged listener.
// Each result and each subscription's notification is checked against the OpenRPC document with our overlay, each
// envelope against JSON-RPC 2.0. The first line on standard output is the port. On SIGTERM or SIGINT the report is
// written ({ methods, notifications, violations }) and the exit code is 1 if there were violations.
import { writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { parseArgs } from "node:util";
import { WebSocket, WebSocketServer } from "ws";
import { Validator } from "./openrpc/schema.mjs";

const BODY_BYTES_MAX = 256 * 1024 * 1024;
const VIOLATIONS_KEPT_MAX = 200;

const { values: options } = parseArgs({
  options: {
    upstream: { type: "string" },
    privileged: { type: "string" },
    port: { type: "string", default: "0" },
    report: { type: "string" },
  },
});
if (!options.upstream || !options.report) {
  console.error("usage: node proxy.mjs --upstream URL [--privileged URL] [--port PORT] --report FILE");
  process.exit(2);
}

const validator = new Validator();
const methods = new Map();
const notifications = new Map();
const violations = [];
let violationCount = 0;

function violation(where, problem, sample) {
  violationCount += 1;
  if (violations.length < VIOLATIONS_KEPT_MAX) {
    violations.push({ where, problem, sample: JSON.stringify(sample)?.slice(0, 4000) });
  }
}

function count(method, error) {
  const entry = methods.get(method) ?? { calls: 0, errors: {} };
  entry.calls += 1;
  if (error) entry.errors[error.code] = (entry.errors[error.code] ?? 0) + 1;
  methods.set(method, entry);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The calls of a body that expect an answer, by id. */
function callsById(body) {
  const calls = new Map();
  for (const call of Array.isArray(body) ? body : [body]) {
    if (typeof call === "object" && call !== null && typeof call.method === "string" && call.id !== undefined) {
      calls.set(JSON.stringify(call.id), call);
    }
  }
  return calls;
}

function checkEnvelope(response) {
  if (response?.jsonrpc !== "2.0") return "jsonrpc is not 2.0";
  if (!("id" in response)) return "there is no id";
  if ("result" in response === "error" in response) return "there must be one of result and error";
  if ("error" in response) {
    const { code, message } = response.error ?? {};
    if (!Number.isInteger(code) || typeof message !== "string") return "an error needs an integer code and a message";
  }
  return undefined;
}

/** Checks one response; answers the call that it belongs to. */
function checkResponse(response, calls, where) {
  const problem = checkEnvelope(response);
  if (problem) violation(where, problem, response);
  const call = calls.get(JSON.stringify(response?.id ?? null));
  if (!call) {
    if (response?.id != null) violation(where, `the id answers no call`, response);
    return undefined;
  }
  calls.delete(JSON.stringify(response.id));
  count(call.method, response.error);
  if ("result" in response) {
    for (const text of validator.checkResult(call.method, call.params, response.result)) {
      violation(where, text, { params: call.params, result: response.result });
    }
  }
  return call;
}

function checkExchange(requestText, responseText, status) {
  const body = parse(requestText);
  const calls = callsById(body);
  // A body that is refused whole has no calls to match; its error is the test's to judge.
  if (status >= 400 || calls.size === 0) return;
  const answer = parse(responseText);
  if (answer === undefined) return violation("http", "the answer is not JSON", responseText.slice(0, 200));
  const expected = calls.size;
  if (Array.isArray(body) && Array.isArray(answer)) {
    for (const response of answer) checkResponse(response, calls, "http batch");
    if (calls.size > 0) violation("http batch", `${calls.size} of ${expected} calls have no answer`, [...calls.keys()]);
    return;
  }
  if (Array.isArray(answer)) return violation("http", "a single call is answered by a list", answer);
  checkResponse(answer, calls, "http");
}

function upstreamOf(path) {
  const privileged = path.startsWith("/privileged");
  const base = privileged ? (options.privileged ?? options.upstream) : options.upstream;
  return new URL(privileged ? path.slice("/privileged".length) || "/" : path, base);
}

function readAll(stream) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    stream.on("data", (chunk) => {
      size += chunk.length;
      if (size > BODY_BYTES_MAX) reject(new Error(`a body of more than ${BODY_BYTES_MAX} bytes`));
      else chunks.push(chunk);
    });
    stream.on("end", () => resolve(Buffer.concat(chunks)));
    stream.on("error", reject);
  });
}

async function forward(incoming, outgoing) {
  const body = await readAll(incoming);
  const headers = { ...incoming.headers, "content-length": body.length };
  delete headers.host;
  delete headers.connection;
  delete headers["transfer-encoding"];
  const upstream = httpRequest(upstreamOf(incoming.url), { method: incoming.method, headers }, async (response) => {
    try {
      const answer = await readAll(response);
      const { connection, "transfer-encoding": encoding, ...rest } = response.headers;
      outgoing.writeHead(response.statusCode, { ...rest, "content-length": answer.length });
      outgoing.end(answer);
      if (incoming.method === "POST") checkExchange(body.toString(), answer.toString(), response.statusCode);
    } catch (error) {
      outgoing.destroy(error);
    }
  });
  upstream.on("error", (error) => outgoing.destroy(error));
  upstream.end(body);
}

const server = createServer((incoming, outgoing) => {
  forward(incoming, outgoing).catch((error) => outgoing.destroy(error));
});
// Clients keep connections between tests; one that is closed under a request would look like a fault of the node.
server.keepAliveTimeout = 600_000;

/** One WebSocket client: its calls in flight, and its subscriptions' kinds by id. */
class Connection {
  #calls = new Map();
  #subscriptions = new Map();
  #early = new Map();

  request(text) {
    for (const [id, call] of callsById(parse(text))) this.#calls.set(id, call);
  }

  answer(text) {
    const body = parse(text);
    if (body === undefined) return violation("ws", "the message is not JSON", text.slice(0, 200));
    for (const message of Array.isArray(body) ? body : [body]) {
      if (message?.method === "eth_subscription") this.#notification(message);
      else if (message?.id != null) this.#response(message);
    }
  }

  #response(message) {
    const call = checkResponse(message, this.#calls, "ws");
    if (call?.method === "eth_subscribe" && message.result) {
      this.#subscriptions.set(message.result, call.params?.[0]);
      for (const early of this.#early.get(message.result) ?? []) this.#notification(early);
      this.#early.delete(message.result);
    }
    if (call?.method === "eth_unsubscribe" && message.result) this.#subscriptions.delete(call.params?.[0]);
  }

  #notification(message) {
    const { subscription, result } = message.params ?? {};
    if (message.jsonrpc !== "2.0" || "id" in message) violation("ws", "not a JSON-RPC 2.0 notification", message);
    const kind = this.#subscriptions.get(subscription);
    if (!kind) {
      // It may overtake the answer that names the subscription.
      this.#early.set(subscription, [...(this.#early.get(subscription) ?? []), message]);
      return;
    }
    notifications.set(kind, (notifications.get(kind) ?? 0) + 1);
    for (const text of validator.checkNotification(kind, result)) violation("ws", text, result);
  }

  closed() {
    for (const [subscription, messages] of this.#early) {
      violation("ws", `notifications of ${subscription}, which nobody subscribed to`, messages[0]);
    }
  }
}

const sockets = new WebSocketServer({ server, maxPayload: BODY_BYTES_MAX, perMessageDeflate: false });
sockets.on("connection", (client, incoming) => {
  const url = upstreamOf(incoming.url);
  url.protocol = "ws:";
  const upstream = new WebSocket(url, { maxPayload: BODY_BYTES_MAX, perMessageDeflate: false });
  const connection = new Connection();
  const waiting = [];
  client.on("message", (data, isBinary) => {
    // web3.py sends its requests as binary messages.
    connection.request(data.toString());
    if (upstream.readyState === WebSocket.OPEN) upstream.send(data, { binary: isBinary });
    else waiting.push([data, isBinary]);
  });
  upstream.on("open", () => {
    for (const [data, binary] of waiting.splice(0)) upstream.send(data, { binary });
  });
  upstream.on("message", (data, isBinary) => {
    connection.answer(data.toString());
    client.send(data, { binary: isBinary });
  });
  client.on("close", () => {
    connection.closed();
    upstream.close();
  });
  upstream.on("close", (code, reason) => client.close(code >= 3000 || code === 1000 ? code : 1011, reason));
  upstream.on("error", () => client.terminate());
  client.on("error", () => upstream.terminate());
});

server.listen(Number(options.port), "127.0.0.1", () => console.log(server.address().port));

function finish() {
  const byName = (map) => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(
    options.report,
    `${JSON.stringify(
      { methods: byName(methods), notifications: byName(notifications), violationCount, violations },
      null,
      2,
    )}\n`,
  );
  const calls = [...methods.values()].reduce((sum, { calls }) => sum + calls, 0);
  const seen = [...notifications.values()].reduce((sum, number) => sum + number, 0);
  console.log(`${calls} answers of ${methods.size} methods and ${seen} notifications, ${violationCount} violations`);
  const kinds = new Map();
  for (const { problem } of violations) kinds.set(problem, (kinds.get(problem) ?? 0) + 1);
  for (const [problem, number] of kinds) console.log(`  ${number} × ${problem}`);
  process.exit(violationCount > 0 ? 1 : 0);
}
process.on("SIGTERM", finish);
process.on("SIGINT", finish);
