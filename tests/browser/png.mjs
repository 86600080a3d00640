// Makes a picture of the browser's small: at most 256 colours, the most frequent ones, each pixel the nearest. What
// Chromium writes is 8 bits of RGB or RGBA, not interlaced, and nothing else is read here.

import { deflateSync, inflateSync } from "node:zlib";

const COLOURS_MAX = 256;
/** The byte that says how colours are written, and what it says of those in a palette. */
const KIND_AT = 25;
const WITH_PALETTE = 3;

/** One that has a palette is small already. */
export function shrunk(png) {
  if (png[KIND_AT] === WITH_PALETTE) return png;
  const { width, height, samples, pixels } = decode(png);
  const colours = new Map();
  for (let at = 0; at < pixels.length; at += samples) {
    const place = bucket(pixels, at);
    const colour = colours.get(place) ?? { count: 0, sums: [0, 0, 0] };
    colour.count += 1;
    colour.sums.forEach((_, part) => { colour.sums[part] += pixels[at + part]; });
    colours.set(place, colour);
  }
  const means = [...colours].map(([place, { count, sums }]) => ({ place, count, mean: sums.map((it) => Math.round(it / count)) }));
  // A small mark in red means more than another grey at the edge of a letter.
  const weight = ({ count, mean }) => count * (1 + (Math.max(...mean) - Math.min(...mean)) / 4);
  means.sort((one, other) => weight(other) - weight(one));
  const palette = means.slice(0, COLOURS_MAX).map((it) => it.mean);
  const places = new Map(means.map((it, index) => [it.place, index < COLOURS_MAX ? index : nearest(palette, it.mean)]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      rows[y * (width + 1) + 1 + x] = places.get(bucket(pixels, (y * width + x) * samples));
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    png.subarray(0, 8),
    chunk("IHDR", head),
    chunk("PLTE", Buffer.from(palette.flat())),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Colours that nobody tells apart have the same. */
function bucket(pixels, at) {
  return ((pixels[at] >> 3) << 10) | ((pixels[at + 1] >> 3) << 5) | (pixels[at + 2] >> 3);
}

function nearest(palette, colour) {
  const apart = (other) => other.reduce((sum, part, index) => sum + (part - colour[index]) ** 2, 0);
  return palette.reduce((best, other, index) => (apart(other) < apart(palette[best]) ? index : best), 0);
}

function chunk(name, data) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const named = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32Of(named));
  return Buffer.concat([length, named, check]);
}

/** The checksum of each part of a PNG; `zlib.crc32` came with Node.js 20. */
function crc32Of(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function decode(png) {
  const parts = [];
  let [width, height, samples] = [0, 0, 0];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    const name = png.toString("latin1", at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (name === "IHDR") {
      width = data.readUInt32BE(0);
      height = data.readUInt32BE(4);
      samples = { 2: 3, 6: 4 }[data[9]];
      if (data[8] !== 8 || !samples || data[12] !== 0) throw new Error("a picture of another kind");
    }
    if (name === "IDAT") parts.push(data);
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(parts));
  const wide = width * samples;
  const pixels = Buffer.alloc(wide * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (wide + 1)];
    for (let x = 0; x < wide; x += 1) {
      const left = x >= samples ? pixels[y * wide + x - samples] : 0;
      const above = y > 0 ? pixels[(y - 1) * wide + x] : 0;
      const corner = x >= samples && y > 0 ? pixels[(y - 1) * wide + x - samples] : 0;
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
      pixels[y * wide + x] = raw[y * (wide + 1) + 1 + x] + guess;
    }
  }
  return { width, height, samples, pixels };
}

/** The filter of that name in the PNG specification. */
function paeth(left, above, corner) {
  const guess = left + above - corner;
  const [a, b, c] = [left, above, corner].map((it) => Math.abs(guess - it));
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}
