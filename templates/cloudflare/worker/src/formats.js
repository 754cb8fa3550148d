// @ts-check
// What is particular to event streams and to JSON lines: where a unit ends, and how a failure is said.

import { endOfEvents, endOfLines } from "./framing.js";

/**
 * @typedef {object} Failure
 * @property {"upstream_unreachable" | "upstream_status" | "upstream_content_type" | "upstream_broken" | "upstream_truncated"} code
 * @property {number | null} status the origin's, or the one that stands for having none; null once the stream has begun
 */

/**
 * @typedef {object} Format
 * @property {string} type
 * @property {Uint8Array | null} heartbeat
 * @property {(bytes: Uint8Array, before: number | undefined) => number} endOf
 * @property {(response: Response) => boolean} flowsIn whether this answer is a stream of the format
 * @property {(response: Response, accept: string) => Failure | null} failureOf
 * @property {(rest: Uint8Array, midway: boolean) => boolean} isWhole whether what is left at the end may be passed on
 * @property {(failure: Failure) => Uint8Array} failed the failure as a unit of the stream
 * @property {(failure: Failure, accept: string) => Response} refusal the failure as a whole answer
 */

const MESSAGES = {
  upstream_unreachable: "The origin could not be reached.",
  upstream_status: "The origin answered with an error.",
  upstream_content_type: "The origin answered with something else than a stream.",
  upstream_broken: "The connection to the origin broke before the stream was over.",
  upstream_truncated: "The stream ended in the middle of a message.",
};
const EVENTS = "text/event-stream";
/** Neither kept by a cache, nor compressed, minified or rewritten on its way. */
export const STREAM = "no-store, no-transform";
const LINES = /^application\/(x-)?(ndjson|jsonlines|jsonl|json-lines)$/;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @param {Failure} failure */
function told({ code, status }) {
  return JSON.stringify({ type: "error", error: { type: "upstream_error", code, message: MESSAGES[code], status } });
}

/** @param {Response} response */
function typeOf(response) {
  return (response.headers.get("content-type") ?? "").split(";", 1)[0].trim().toLowerCase();
}

/** @type {Format} */
const events = {
  type: EVENTS,
  heartbeat: encoder.encode(": keep-alive\n\n"),
  endOf: endOfEvents,
  flowsIn: (response) => response.status === 200 && typeOf(response) === EVENTS,
  failureOf(response, accept) {
    const { status } = response;
    if (status >= 500) return { code: "upstream_status", status };
    const type = typeOf(response);
    if (status !== 200 || type === EVENTS || (type && accept.includes(type))) return null;
    const anything = !accept || accept.includes("*/*");
    return type === "text/html" || !anything ? { code: "upstream_content_type", status: 502 } : null;
  },
  // Comments and empty lines may stand there; anything else would be half an event.
  isWhole: (rest, midway) => !midway && /^((:[^\r\n]*)?(\r\n|\r|\n))*(:[^\r\n]*)?$/.test(decoder.decode(rest)),
  failed: (failure) => encoder.encode(`event: error\ndata: ${told(failure)}\n\n`),
  refusal(failure, accept) {
    // A client that asks for JSON goes by the status; all others wait for events, and an EventSource gives up at any status but 200.
    const wantsEvents = accept.includes(EVENTS) || !/application\/json|text\/html/.test(accept);
    if (!wantsEvents) return refused(`${told(failure)}\n`, "application/json", failure);
    return refused(`event: error\ndata: ${told(failure)}\n\n`, `${EVENTS}; charset=utf-8`, { ...failure, status: 200 });
  },
};

/** @type {Format} */
const lines = {
  type: "application/x-ndjson",
  heartbeat: null,
  endOf: endOfLines,
  flowsIn: (response) => response.status === 200 && LINES.test(typeOf(response)),
  failureOf: (response) =>
    response.status >= 500 && typeOf(response) === "text/html" ? { code: "upstream_status", status: response.status } : null,
  isWhole(rest, midway) {
    // The last line may lack its line end. A number may be half of a longer one; of a line too large to be kept there is no telling.
    try {
      return rest.length === 0 || midway || typeof JSON.parse(decoder.decode(rest)) !== "number";
    } catch {
      return false;
    }
  },
  failed: (failure) => encoder.encode(`${told(failure)}\n`),
  refusal: (failure) => refused(`${told(failure)}\n`, "application/x-ndjson", failure),
};

/**
 * @param {string} body
 * @param {string} type
 * @param {Failure} failure
 */
function refused(body, type, { status }) {
  return new Response(body, { status: status ?? 502, headers: { "content-type": type, "cache-control": STREAM } });
}

export const FORMATS = { events, lines };
