// @ts-check
// One stream: from the first byte to the client's leaving or the origin's failing.

import { FORMATS, STREAM } from "./formats.js";
import { WholeUnits, WithoutMark } from "./framing.js";

/** @typedef {import("./match.js").Route} Route */
/** @typedef {import("./formats.js").Failure} Failure */
/** @typedef {import("./formats.js").Format} Format */

/** Bytes of one event or line that are kept until its end is there; larger ones are passed on in parts. */
const HELD = 1 << 20;

/** @typedef {{response: Response, failure: null} | {response: Response | null, failure: Failure}} Answer */

/**
 * @param {Request} request
 * @param {Route} route
 * @returns {Promise<Response>}
 */
export async function relay(request, route) {
  const format = FORMATS[route.relay ?? "events"];
  const accept = request.headers.get("accept")?.toLowerCase() ?? "";
  const headers = new Headers(request.headers);
  // What the origin has compressed cannot be told apart into events.
  headers.set("accept-encoding", "identity");
  /** @type {Promise<Answer>} */
  const asked = fetch(new Request(request, { headers })).then(
    (response) => ({ response, failure: format.failureOf(response, accept) }),
    () => ({ response: null, failure: { code: "upstream_unreachable", status: 502 } }),
  );
  // Only a client that takes nothing but events can be answered before it is known what the origin has to say.
  const early = format.heartbeat && accept === format.type;
  const answer = await (early ? within(route.heartbeat, asked) : asked);
  if (!answer) {
    const body = pumped(asked, format, route, request.signal);
    return new Response(body, { headers: { "content-type": format.type, "cache-control": STREAM } });
  }
  const { response, failure } = answer;
  if (failure) {
    report(failure, route, request.signal);
    await response?.body?.cancel();
    return format.refusal(failure, accept);
  }
  if (!response.body || !format.flowsIn(response)) return response;
  // What the origin has compressed all the same is not ours to touch.
  const body = response.headers.has("content-encoding") ? response.body : pumped(asked, format, route, request.signal);
  const relayed = new Response(body, response);
  relayed.headers.set("cache-control", STREAM);
  if (body !== response.body) relayed.headers.delete("content-length");
  return relayed;
}

/**
 * @param {Promise<Answer>} asked
 * @param {Format} format
 * @param {Route} route
 * @param {AbortSignal} signal
 * @returns {ReadableStream} what the client gets
 */
function pumped(asked, format, route, signal) {
  const { readable, writable } = new IdentityTransformStream();
  // Nobody waits for it: the runtime lets it run for as long as the client reads, and `waitUntil` would outlive the client.
  new Pump(writable.getWriter(), format, route, signal).run(asked);
  return readable;
}

/** Moves one answer, a unit at a time: reads no more before the client has taken what there was. */
class Pump {
  /** @type {ReadableStreamDefaultReader<Uint8Array> | null} */
  #reader = null;
  #left = false;
  #writing = 0;
  #wrote = true;

  /**
   * @param {WritableStreamDefaultWriter<Uint8Array>} writer
   * @param {Format} format
   * @param {Route} route
   * @param {AbortSignal} signal the client's
   */
  constructor(writer, format, route, signal) {
    this.writer = writer;
    this.format = format;
    this.route = route;
    this.signal = signal;
    this.units = new WholeUnits(format.endOf, HELD);
  }

  /** @param {Promise<Answer>} asked */
  async run(asked) {
    const { heartbeat } = this.format;
    // Two looks an interval: no stream is silent for longer than that, and a piece that comes costs no timer.
    const timer = heartbeat ? setInterval(() => this.#beat(heartbeat), (this.route.heartbeat * 1000) / 2) : null;
    this.writer.closed.catch(() => this.#leave());
    try {
      // Some networks hand out no headers before there is a body. Nothing waits for it: writes keep their order.
      if (heartbeat) this.#fill(heartbeat);
      await this.#end(await this.#answer(await asked));
    } catch {
      this.#leave();
    } finally {
      clearInterval(timer);
    }
  }

  /**
   * @param {Answer} answer
   * @returns {Promise<Failure | null>} what failed, if anything did
   */
  async #answer({ response, failure }) {
    if (failure === null && this.format.flowsIn(response)) return this.#move(response);
    // Behind an early answer anything may come, and its status can be said in the stream alone.
    response?.body?.cancel().catch(() => {});
    return failure ?? { code: "upstream_status", status: response.status };
  }

  /**
   * @param {Response} response
   * @returns {Promise<Failure | null>} what broke, if anything did
   */
  async #move(response) {
    const mark = new WithoutMark();
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    this.#reader = reader;
    if (this.#left) this.#leave();
    for (;;) {
      let piece;
      try {
        piece = await reader.read();
      } catch {
        return { code: "upstream_broken", status: null };
      }
      if (piece.done) break;
      const whole = this.units.push(mark.push(piece.value));
      if (whole) await this.#write(whole);
    }
    const { rest } = this.units;
    if (this.format.isWhole(rest, this.units.midway)) {
      await this.#write(rest);
      return null;
    }
    return { code: "upstream_truncated", status: null };
  }

  /** @param {Failure | null} failure */
  async #end(failure) {
    if (failure && !this.#left) {
      report(failure, this.route, this.signal);
      // Half of a large one is out, and an end would pass for its own: breaking off is what a client understands.
      if (this.units.midway) throw new Error(failure.code);
      await this.#write(this.format.failed(failure));
    }
    await this.writer.close();
  }

  /** @param {Uint8Array} bytes */
  async #write(bytes) {
    this.#wrote = true;
    this.#writing++;
    try {
      await this.writer.write(bytes);
    } finally {
      this.#writing--;
    }
  }

  /** @param {Uint8Array} heartbeat */
  #beat(heartbeat) {
    // Nothing is added to what a slow client has not taken yet.
    if (!this.#wrote && !this.#writing && !this.units.midway) this.#fill(heartbeat);
    else this.#wrote = false;
  }

  /** @param {Uint8Array} heartbeat */
  #fill(heartbeat) {
    this.#write(heartbeat).catch(() => this.#leave());
  }

  /** The client is gone, or what it has cannot be mended: the origin learns of it, and the client of a broken stream. */
  #leave() {
    this.#left = true;
    this.#reader?.cancel().catch(() => {});
    this.writer.abort().catch(() => {});
  }
}

/**
 * @template T
 * @param {number} seconds
 * @param {Promise<T>} awaited
 * @returns {Promise<T | null>} null if it takes longer
 */
async function within(seconds, awaited) {
  /** @type {number | null} */
  let timer = null;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, seconds * 1000, null)));
  try {
    return await Promise.race([awaited, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Says what failed and never whose request it was: a URL may hold a token. What breaks because the client has gone is no failure.
 *
 * @param {Failure} failure
 * @param {Route} route
 * @param {AbortSignal} signal
 */
function report({ code, status }, route, signal) {
  if (!signal.aborted) console.warn(JSON.stringify({ message: "upstream failed", route: route.title, code, status }));
}
