// The OpenRPC document extended by the overlay, and validators of results and notifications made from it.
//
// The document (openrpc.json.br) is Ethereum's own and stays as it is. The overlay adds to it and can't do anything
// else: `extend` throws if a method, schema or property that the overlay names is in the document already.
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import Ajv from "ajv";

const here = new URL("./", import.meta.url);

/** Ethereum's OpenRPC document as committed. */
export function loadDocument() {
  return JSON.parse(brotliDecompressSync(readFileSync(new URL("openrpc.json.br", here))));
}

/** Our additions to it. */
export function loadOverlay() {
  return JSON.parse(readFileSync(new URL("overlay.json", here), "utf8"));
}

function addOnly(target, key, value, what) {
  if (Object.hasOwn(target, key)) throw new Error(`the overlay may only add, but ${what} ${key} is in the document`);
  target[key] = value;
}

/** The document with the overlay's additions; neither argument is changed. */
export function extend(document, overlay) {
  const extended = structuredClone(document);
  const { schemas } = extended.components;
  for (const [name, schema] of Object.entries(overlay.schemas)) addOnly(schemas, name, schema, "schema");
  for (const [name, properties] of Object.entries(overlay.properties)) {
    for (const [property, schema] of Object.entries(properties)) {
      addOnly(schemas[name].properties, property, schema, `property of ${name}`);
    }
  }
  const methods = new Map(extended.methods.map((method) => [method.name, method]));
  for (const { schema, method, keyword, add } of overlay.alternatives) {
    const target = schema ? schemas[schema] : methods.get(method).result.schema;
    if (!Array.isArray(target?.[keyword])) throw new Error(`${schema ?? method} has no ${keyword} to add to`);
    target[keyword].push(...add);
  }
  for (const method of overlay.methods) {
    if (methods.has(method.name))
      throw new Error(`the overlay may only add, but method ${method.name} is in the document`);
    methods.set(method.name, method);
    extended.methods.push(method);
  }
  return extended;
}

/** What is wrong, by place; of alternatives, those that were meant rather than that none fits. */
function describe(errors) {
  const meant = errors.filter(({ keyword, params }) => !["oneOf", "anyOf"].includes(keyword) && params.type !== "null");
  const text = ({ instancePath, message, params }) =>
    `result${instancePath.replaceAll(/\/\d+/g, "[]").replaceAll("/", ".")} ${message} ${params.additionalProperty ?? params.pattern ?? ""}`.trim();
  return [...new Set((meant.length > 0 ? meant : errors).map(text))].join("; ");
}

/** Points the document's internal references at its name in the validator. */
function absolute(schema) {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    key === "$ref" && typeof value === "string" && value.startsWith("#/") ? `openrpc${value}` : value,
  );
}

/**
 * Validates results and notifications. Each `check…` answers a list of violations, empty if there are none.
 */
export class Validator {
  #ajv;
  #compiled = new Map();

  constructor(document = loadDocument(), overlay = loadOverlay()) {
    this.overlay = overlay;
    this.extended = extend(document, overlay);
    this.methods = new Map(this.extended.methods.map((method) => [method.name, method]));
    // The document is draft 7 with annotations of OpenRPC's, so strict mode, which refuses unknown keywords, is off.
    this.#ajv = new Ajv({ strict: false, allErrors: false, verbose: false });
    this.#ajv.addSchema({ $id: "openrpc", components: absolute(this.extended.components) });
  }

  #check(name, schema, value) {
    let validate = this.#compiled.get(name);
    if (!validate) {
      validate = this.#ajv.compile(absolute(schema));
      this.#compiled.set(name, validate);
    }
    if (validate(value)) return [];
    return [`${name}: ${describe(validate.errors)}`];
  }

  /** The result of `method` called with `params`. */
  checkResult(method, params, result) {
    const known = this.methods.get(method);
    if (!known) return [`${method}: answered, but in neither the document nor the overlay`];
    // FilterResults is one of "hashes" and "logs": an empty list is both, which is the document's ambiguity, not a fault.
    if (known.result.schema.$ref?.endsWith("/FilterResults") && Array.isArray(result) && result.length === 0) return [];
    const tracer = this.#tracer(method, params);
    if (tracer) return this.#checkTraces(method, tracer, result);
    return this.#check(method, known.result.schema, result);
  }

  /** The schema of a named tracer's output, which the document leaves open. */
  #tracer(method, params) {
    if (!method.startsWith("debug_trace") || !Array.isArray(params)) return undefined;
    const options = params.find((param) => typeof param === "object" && typeof param?.tracer === "string");
    const schema = options && this.overlay.tracers[options.tracer];
    return schema && { name: options.tracer, schema };
  }

  #checkTraces(method, { name, schema }, result) {
    if (!method.startsWith("debug_traceBlock")) return this.#check(`${method} ${name}`, schema, result);
    return [
      ...this.#check(method, this.methods.get(method).result.schema, result),
      ...result.flatMap((entry) => this.#check(`${method} ${name}`, schema, entry.result)),
    ];
  }

  /** What an `eth_subscription` notification carries, for the kind that was subscribed to. */
  checkNotification(kind, result) {
    const schema = this.overlay.notifications[kind];
    if (!schema) return [`subscription ${kind}: not in the overlay`];
    return this.#check(`subscription ${kind}`, schema, result);
  }
}
