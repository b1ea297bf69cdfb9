// Bare JSON-RPC, for tests of the wire itself: nothing is retried, renamed or hidden as a client library would.
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { target } from "./target.mjs";

/** More than the node's own limit on a request's time. */
const ANSWER_MAX_MS = 45_000;

let nextId = 1;

/** Posts `text` as it is; answers { status, headers, text, body }, where `body` is undefined if it isn't JSON. */
export async function post(text, { url = target.rpcUrl, headers = {}, method = "POST" } = {}) {
  const response = await fetch(url, {
    method,
    headers: { "content-type": "application/json", ...headers },
    body: text,
    signal: AbortSignal.timeout(ANSWER_MAX_MS),
  });
  const answer = await response.text();
  let body;
  try {
    body = JSON.parse(answer);
  } catch {
    body = undefined;
  }
  return { status: response.status, headers: response.headers, text: answer, body };
}

/** An error that the node answered, with its code and data. */
export class RpcError extends Error {
  constructor({ code, message, data }) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** One call; throws RpcError for an error. */
export async function call(method, params = [], { url } = {}) {
  const { body, status, text } = await post(JSON.stringify({ jsonrpc: "2.0", id: nextId++, method, params }), { url });
  if (!body) throw new Error(`${method}: HTTP ${status}: ${text.slice(0, 200)}`);
  if (body.error) throw new RpcError(body.error);
  return body.result;
}

/** The error of a call that must fail. */
export async function failure(method, params = [], options = {}) {
  try {
    const result = await call(method, params, options);
    throw new Error(`${method} must fail, but answered ${JSON.stringify(result)?.slice(0, 200)}`);
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
}

/** A call on the privileged listener. */
export const privileged = (method, params = []) => call(method, params, { url: target.privilegedUrl });

/** Asks until `condition` is true of the answer; throws after `timeoutMs`. */
export async function until(ask, condition, { timeoutMs = 15_000, intervalMs = 50, what = "the condition" } = {}) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (condition(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms; last ${JSON.stringify(answer)}`);
    await sleep(intervalMs);
  }
}

/** The sealed receipt of a transaction. */
export const receiptOf = (hash) =>
  until(
    () => call("eth_getTransactionReceipt", [hash]),
    (receipt) => receipt !== null,
    { what: `receipt of ${hash}` },
  );

/** A bare WebSocket connection. */
export class Socket {
  #socket;
  #pending = new Map();
  messages = [];
  notifications = [];

  static async open(url = target.wsUrl) {
    const socket = new Socket();
    socket.#socket = new WebSocket(url, { perMessageDeflate: false });
    socket.closed = new Promise((resolve) => socket.#socket.on("close", (code) => resolve(code)));
    socket.#socket.on("message", (data) => socket.#message(data.toString()));
    socket.#socket.on("error", () => {});
    await new Promise((resolve, reject) => {
      socket.#socket.once("open", resolve);
      socket.#socket.once("error", reject);
    });
    return socket;
  }

  #message(text) {
    const message = JSON.parse(text);
    this.messages.push(message);
    if (message.method === "eth_subscription") this.notifications.push(message.params);
    else if (this.#pending.has(message.id)) this.#pending.get(message.id)(message);
  }

  /** Sends text or bytes as they are. */
  send(data) {
    this.#socket.send(data);
  }

  /** One call; throws RpcError for an error. */
  async call(method, params = []) {
    const id = nextId++;
    const answered = new Promise((resolve) => this.#pending.set(id, resolve));
    this.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    const { result, error } = await answered;
    this.#pending.delete(id);
    if (error) throw new RpcError(error);
    return result;
  }

  /** What a subscription has sent so far. */
  of(subscription) {
    return this.notifications.filter((params) => params.subscription === subscription).map(({ result }) => result);
  }

  /** Stops reading, so that the node's messages pile up on its side. */
  pause() {
    this.#socket.pause();
  }

  close() {
    this.#socket.terminate();
  }
}
