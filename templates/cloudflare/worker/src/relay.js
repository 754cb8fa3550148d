// @ts-check
// One stream: from the first byte to the client's leaving or the origin's failing.

import { FORMATS, STREAM } from "./formats.js";
import { WholeUnits, WithoutMark } from "./framing.js";

/** @typedef {import("./match.js").Route} Route */
/** @typedef {import("./formats.js").Failure} Failure */
/** @typedef {import("./formats.js").Format} Format */

/** Bytes of one event or line that are kept until its end is there; larger ones are passed on in parts. */
const HELD = 1 << 20;

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
  const asked = fetch(new Request(request, { headers })).then(
    (response) => ({ response, failure: format.failureOf(response, accept) }),
    () => ({ response: null, failure: /** @type {Failure} */ ({ code: "upstream_unreachable", status: 502 }) }),
  );
  const ends = new IdentityTransformStream();
  const pump = new Pump(ends.writable.getWriter(), format, route);
  // Only a client that takes nothing but events can be answered before it is known what the origin has to say.
  const early = format.heartbeat && accept === format.type;
  const answer = await (early ? within(route.heartbeat, asked) : asked);
  if (!answer) {
    pump.run(asked);
    return new Response(ends.readable, { headers: { "content-type": format.type, "cache-control": STREAM } });
  }
  const { response, failure } = answer;
  if (failure) {
    report(route, failure);
    await response?.body?.cancel();
    return format.refusal(failure, accept);
  }
  if (!response?.body || !format.flowsIn(response)) return /** @type {Response} */ (response);
  if (response.headers.has("content-encoding")) {
    // The origin compressed all the same: its bytes are not ours to touch.
    const untouched = new Response(response.body, response);
    untouched.headers.set("cache-control", STREAM);
    return untouched;
  }
  pump.run(asked);
  const relayed = new Response(ends.readable, { headers: response.headers });
  relayed.headers.set("cache-control", STREAM);
  relayed.headers.delete("content-length");
  return relayed;
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
   */
  constructor(writer, format, route) {
    this.writer = writer;
    this.format = format;
    this.route = route;
    this.units = new WholeUnits(format.endOf, HELD);
  }

  /** @param {Promise<{response: Response | null, failure: Failure | null}>} asked */
  async run(asked) {
    const { heartbeat } = this.format;
    // Two looks an interval: no stream is silent for longer than that, and a piece that comes costs no timer.
    const timer = heartbeat && setInterval(() => this.#beat(heartbeat), (this.route.heartbeat * 1000) / 2);
    this.writer.closed.catch(() => this.#leave());
    try {
      if (heartbeat) await this.#write(heartbeat);
      const { response, failure } = await asked;
      // Behind an early answer anything may come, and its status can be said in the stream alone.
      const refused = failure ?? (response && !this.format.flowsIn(response) ? { code: "upstream_status", status: response.status } : null);
      if (refused) response?.body?.cancel().catch(() => {});
      await this.#end(refused ?? (await this.#move(response)));
    } catch {
      this.#leave();
    } finally {
      clearInterval(timer ?? undefined);
    }
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
      report(this.route, failure);
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
    if (!this.#wrote && !this.#writing && !this.units.midway) this.#write(heartbeat).catch(() => this.#leave());
    else this.#wrote = false;
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
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, seconds * 1000, null)));
  try {
    return await Promise.race([awaited, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Says what failed and never whose request it was: a URL may hold a token.
 *
 * @param {Route} route
 * @param {Failure} failure
 */
function report(route, { code, status }) {
  console.warn(JSON.stringify({ message: "upstream failed", route: route.title, code, status }));
}
