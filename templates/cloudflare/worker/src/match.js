// @ts-check
// Which route a request takes: the same order as on every hop of the spec.

import { HOSTS } from "./routes.js";

/**
 * @typedef {object} Route
 * @property {string} title what the log calls it
 * @property {"exact" | "prefix" | "regex"} kind
 * @property {string} path without the slash at the end, if it is a prefix
 * @property {"events" | "lines" | null} relay what flows there; null leaves the route alone
 * @property {number} heartbeat seconds of silence after which an event stream gets a comment
 */

/** @type {Map<string, {route: Route, pattern: RegExp | null}[]>} */
const BY_HOST = new Map(
  HOSTS.flatMap(({ hosts, routes }) => {
    const tried = routes.map((route) => ({ route, pattern: route.kind === "regex" ? new RegExp(`^(?:${route.path})$`) : null }));
    return hosts.map((host) => [host, tried]);
  }),
);

/**
 * @param {URL} url
 * @returns {Route | null} null if no route is to be relayed
 */
export function routeOf(url) {
  const path = decoded(url.pathname);
  for (const host of patternsOf(url.hostname)) {
    const routes = BY_HOST.get(host);
    // The most specific host alone decides: its list holds the routes of the wider ones, too.
    if (!routes) continue;
    const found = routes.find((tried) => matches(tried, path))?.route;
    return found?.relay ? found : null;
  }
  return null;
}

/** @param {string} host */
function* patternsOf(host) {
  yield host;
  for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) yield `*${host.slice(dot)}`;
  yield "*";
}

/**
 * @param {{route: Route, pattern: RegExp | null}} tried
 * @param {string} path
 */
function matches({ route, pattern }, path) {
  if (pattern) return pattern.test(path);
  return path === route.path || (route.kind === "prefix" && path.startsWith(`${route.path}/`));
}

/** @param {string} path */
function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
