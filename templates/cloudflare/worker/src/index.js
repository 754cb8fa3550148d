// @ts-check
// Relays event streams and JSON lines without buffering, keeps quiet event streams alive, and says what went wrong in the stream's own
// format. Whatever is not one of its routes is left alone. The routes stand in routes.js; nothing here depends on them.

import { routeOf } from "./match.js";
import { relay } from "./relay.js";

export default {
  /**
   * @param {Request} request
   * @returns {Promise<Response> | Response}
   */
  fetch(request) {
    const route = routeOf(new URL(request.url));
    // An upgrade belongs to the runtime, which passes frames, pings and close codes on as they are; HEAD and OPTIONS have no stream.
    if (!route || request.headers.has("upgrade") || request.method === "HEAD" || request.method === "OPTIONS") {
      return fetch(request);
    }
    return relay(request, route);
  },
};
