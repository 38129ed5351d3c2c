// Looks for things that must not leave the browser, in every encoding that is at all likely.

/** Bytes of a piece that is looked for: too long to occur by chance. */
const PIECE = 24;
/** Pieces of each secret, spread over it. */
const PIECES = 6;

/** Things to look for. */
export class Secrets {
  /** Pairs of a name and the bytes that must not occur. */
  needles = [];

  /** Adds bytes, whole or in pieces, in binary and in text. */
  addBytes(name, bytes) {
    for (const [index, piece] of pieces(bytes).entries()) {
      for (const [encoding, needle] of encodings(piece)) {
        this.needles.push([`${name}, piece ${index}, ${encoding}`, needle]);
      }
    }
    return this;
  }

  /** Adds 32 x 32 pixels (red, green, blue of one after another) in all usual layouts. */
  addPixels(name, rgb, { mean, deviation }) {
    const count = rgb.length / 3;
    const planar = Buffer.from(
      Array.from(rgb, (_, i) => rgb[(i % count) * 3 + Math.floor(i / count)]),
    );
    const rgba = Buffer.from(
      Array.from({ length: 4 * count }, (_, i) =>
        i % 4 === 3 ? 255 : rgb[(i >> 2) * 3 + (i % 4)],
      ),
    );
    this.addBytes(`${name} as RGB`, Buffer.from(rgb));
    this.addBytes(`${name} as planes`, planar);
    this.addBytes(`${name} as RGBA`, rgba);
    const scale = (value, channel) => (value / 255 - mean[channel]) / deviation[channel];
    const normal = Array.from(rgb, (value, i) => scale(value, i % 3));
    const planes = Array.from(planar, (value, i) => scale(value, Math.floor(i / count)));
    const unit = Array.from(rgb, (value) => value / 255);
    for (const [layout, values] of Object.entries({
      normalised: normal,
      "normalised planes": planes,
      "unit range": unit,
    })) {
      this.addBytes(`${name}, ${layout}, 32 bits`, Buffer.from(Float32Array.from(values).buffer));
      this.addBytes(`${name}, ${layout}, 64 bits`, Buffer.from(Float64Array.from(values).buffer));
    }
    // As text: a run of numbers with commas between.
    this.needles.push([`${name} as text`, Buffer.from(Array.from(rgb.slice(300, 310)).join(","))]);
    return this;
  }

  /** Adds numbers, as text (to five digits and more) and as floating-point numbers. */
  addNumbers(name, numbers) {
    for (const [i, x] of numbers.entries()) {
      this.needles.push([`${name} ${i} as text`, Buffer.from(String(x).slice(0, 8))]);
      this.needles.push([`${name} ${i}, 64 bits`, Buffer.from(Float64Array.of(x).buffer)]);
    }
    // Four bytes alone occur by chance in 88 MB: neighbours are looked for together.
    const floats = Buffer.from(Float32Array.from(numbers).buffer);
    this.needles.push([`${name}, 32 bits`, floats.subarray(0, 12)]);
    return this;
  }

  /** Names of all that occur in a request. */
  in(request) {
    const head = Buffer.from(request.head);
    const found = ([, needle]) => head.includes(needle) || request.body.includes(needle);
    return this.needles.filter(found).map(([name]) => name);
  }
}

/** Pieces that are not all one value: a flat patch of colour occurs anywhere. */
function pieces(bytes) {
  if (bytes.length <= PIECE) return [bytes];
  const last = bytes.length - PIECE;
  const found = [];
  for (let i = 0; i < PIECES; i++) {
    let at = Math.floor((last * i) / (PIECES - 1));
    while (at < last && new Set(bytes.subarray(at, at + PIECE)).size < 4) at++;
    found.push(bytes.subarray(at, at + PIECE));
  }
  return found;
}

function* encodings(piece) {
  yield ["binary", piece];
  yield ["hex", Buffer.from(piece.toString("hex"))];
  yield ["HEX", Buffer.from(piece.toString("hex").toUpperCase())];
  for (const text of ["base64", "base64url"]) {
    // Where the piece begins within a group of three decides its form; the ends depend on what
    // stands beside it.
    for (let skip = 0; skip < 3; skip++) {
      const inner = piece.subarray(skip, skip + 3 * Math.floor((piece.length - skip) / 3));
      yield [`${text}, phase ${skip}`, Buffer.from(inner.toString(text).replace(/=+$/, ""))];
    }
  }
  yield ["reversed", Buffer.from(piece).reverse()];
}
