// @ts-check
// Where an event or a line ends, so that none ever leaves in halves. Bytes only: nothing is decoded, so no character can be cut.

const LF = 10;
const CR = 13;

/**
 * Behind the last event of an event stream that is whole.
 *
 * A line ends with LF, CR or CR LF, and an event with an empty line (WHATWG HTML, 9.2.6). From the back, since a piece mostly ends
 * where an event does.
 *
 * @param {Uint8Array} bytes
 * @param {number | undefined} before the byte before, of what is not whole yet: an event that ended with it would be
 * @returns {number} an index, 0 if no event ends here
 */
export function endOfEvents(bytes, before) {
  for (let end = bytes.length; end > 0; end--) {
    const last = bytes[end - 1];
    if (last !== LF && last !== CR) continue;
    const beforeLast = end > 1 ? bytes[end - 2] : before;
    const line = last === LF && beforeLast === CR ? end - 2 : end - 1;
    const beforeLine = line > 0 ? bytes[line - 1] : line === 0 ? before : undefined;
    if (beforeLine === LF || beforeLine === CR) return end;
  }
  return 0;
}

/**
 * Behind the last line that is whole.
 *
 * @param {Uint8Array} bytes
 * @returns {number} an index, 0 if no line ends here
 */
export function endOfLines(bytes) {
  return bytes.lastIndexOf(LF) + 1;
}

/** Takes bytes as they come, and hands out whole units: what is not whole yet is kept. */
export class WholeUnits {
  /** @type {Uint8Array[]} */
  #held = [];
  #size = 0;

  /** Whether a part of a unit has been handed out, whose end has not come. */
  midway = false;

  /**
   * @param {(bytes: Uint8Array, before: number | undefined) => number} endOf
   * @param {number} limit bytes of one unit to keep at most; of a larger one the beginning is handed out before the end is there
   */
  constructor(endOf, limit) {
    this.endOf = endOf;
    this.limit = limit;
  }

  /** What is kept: the beginning of a unit. */
  get rest() {
    return joined(this.#held, this.#size);
  }

  /**
   * @param {Uint8Array} piece
   * @returns {Uint8Array | null} what may leave now
   */
  push(piece) {
    const end = this.endOf(piece, this.#held.at(-1)?.at(-1));
    if (end > 0) {
      const whole = joined([...this.#held, piece.subarray(0, end)], this.#size + end);
      this.#keep(piece.subarray(end));
      this.midway = false;
      return whole;
    }
    if (piece.length) this.#held.push(piece);
    this.#size += piece.length;
    if (this.#size <= this.limit) return null;
    const begun = this.rest;
    // The last byte may be the first half of what ends the unit.
    this.#keep(begun.slice(-1));
    this.midway = true;
    return begun.subarray(0, -1);
  }

  /** @param {Uint8Array} piece */
  #keep(piece) {
    this.#held = piece.length ? [piece] : [];
    this.#size = piece.length;
  }
}

/**
 * @param {Uint8Array[]} pieces
 * @param {number} size
 */
function joined(pieces, size) {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Takes the byte order mark from the front of a stream: behind a comment of ours it would be part of a field's name. */
export class WithoutMark {
  /** @type {Uint8Array | null} */
  #front = new Uint8Array(0);

  /**
   * @param {Uint8Array} piece
   * @returns {Uint8Array} without the mark; empty as long as it may still become one
   */
  push(piece) {
    if (this.#front === null) return piece;
    const front = this.#front.length ? joined([this.#front, piece], this.#front.length + piece.length) : piece;
    if (front.length < 3 && MARK.every((byte, index) => index >= front.length || front[index] === byte)) {
      this.#front = front;
      return NOTHING;
    }
    this.#front = null;
    return MARK.every((byte, index) => front[index] === byte) ? front.subarray(3) : front;
  }
}

const MARK = [0xef, 0xbb, 0xbf];
const NOTHING = new Uint8Array(0);
