// The files that labclip_lib/book/live/export.py writes: safetensors, gzipped.

// Halves, of each its low byte and then of each its high one, as floats: sign, exponent and fraction move to a float's
// places, and the exponents' origin, which differs by 112, is mended by a multiplication, which also gets the smallest
// halves right.
function fromHalves(bytes) {
  const count = bytes.length / 2, bits = new Uint32Array(count), values = new Float32Array(bits.buffer);
  for (let i = 0; i < count; i++) {
    const high = bytes[count + i];
    bits[i] = (high & 0x80) << 24 | (high & 0x7f) << 21 | bytes[i] << 13;
    values[i] *= 2 ** 112;
  }
  return values;
}

// {about, tensors: {name: {shape, data}}} of a safetensors file: the header's length in 8 bytes, the header, the data.
function read(bytes) {
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const {__metadata__, ...entries} = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length)));
  const tensors = Object.entries(entries).map(([name, {dtype, shape, data_offsets: [from, to]}]) => {
    const part = bytes.slice(8 + length + from, 8 + length + to);
    return [name, dtype === "U8" ? {shape: shape.slice(1), data: fromHalves(new Uint8Array(part))}
      : {shape, data: new Float32Array(part)}];
  });
  return {about: JSON.parse(__metadata__.about), tensors: Object.fromEntries(tensors)};
}

// Fetches NAME.bin from a folder (a URL). Every error is a sentence for the reader.
export async function fetchFile(folder, name) {
  if (!globalThis.DecompressionStream) {
    throw new Error("This browser cannot unpack the model; a newer one can.");
  }
  // A host may let browsers keep a file unasked, and then it could be older than its neighbours. One that is damaged may
  // have been kept like that, so it is fetched once more, past whatever the browser has.
  for (const cache of ["no-cache", "reload"]) {
    const answer = await fetch(new URL(`${name}.bin`, folder), {cache}).catch(() => {
      throw new Error(`The model's file ${name}.bin cannot be reached; check the connection and reload the page.`);
    });
    if (!answer.ok) {
      throw new Error(`The model's file ${name}.bin cannot be had from the site (status ${answer.status}).`);
    }
    try {
      const unpacked = answer.body.pipeThrough(new DecompressionStream("gzip"));
      return read(await new Response(unpacked).arrayBuffer());
    } catch {
      // and again, or the sentence below
    }
  }
  throw new Error(`The model's file ${name}.bin came damaged or cut short; reload the page.`);
}
