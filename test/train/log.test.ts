// TensorBoard's event files, read without TensorBoard: record framing with checksums, and the numbers in it.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { backend, nativeBackend } from "tunelab/tensor";
import { train } from "tunelab/train";
import { randomExamples, smallLora, tinyModel } from "./support";

process.env.TUNELAB_JIT = "0";

const TABLE = Uint32Array.from({ length: 256 }, (_, i) => { for (let k = 0; k < 8; k++) i = i & 1 ? (i >>> 1) ^ 0x82f63b78 : i >>> 1; return i; });
/** TFRecord's masked CRC-32C. */
function masked(bytes: Uint8Array): number {
  let crc = ~0;
  for (const b of bytes) crc = TABLE[(crc ^ b) & 255] ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
function tfRecords(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    assert.equal(file.readUInt32LE(at + 8), masked(file.subarray(at, at + 8)), `length at byte ${at}`);
    const data = file.subarray(at + 12, at + 12 + length);
    assert.equal(file.readUInt32LE(at + 12 + length), masked(data), `record at byte ${at}`);
    found.push(data);
    at += 16 + length;
  }
  return found;
}
/** Fields of a protocol buffer message: number → values (integers as numbers, the rest as bytes). */
function fields(message: Buffer): Map<number, (number | Buffer)[]> {
  const found = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const varint = () => { let value = 0, scale = 1; for (;;) { const b = message[at++]; value += (b & 127) * scale; scale *= 128; if (b < 128) return value; } };
  while (at < message.length) {
    const tag = varint(), kind = tag & 7;
    let value: number | Buffer;
    if (kind === 0) value = varint();
    else { const size = kind === 1 ? 8 : kind === 5 ? 4 : varint(); value = message.subarray(at, at + size); at += size; }
    found.set(tag >>> 3, [...(found.get(tag >>> 3) ?? []), value]);
  }
  return found;
}
const float = (b: Buffer) => b.readFloatLE(0);
/** Event { step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 or tensor = 8 { tensor_content = 4 or float_val = 5 } } } } */
function scalars(record: Buffer): { step: number; tag: string; value: number }[] {
  const event = fields(record), step = (event.get(2)?.[0] as number) ?? 0;
  return (event.get(5) ?? []).flatMap((summary) => fields(summary as Buffer).get(1) ?? []).map((v) => {
    const value = fields(v as Buffer), tensor = value.has(8) ? fields(value.get(8)![0] as Buffer) : undefined;
    return { step, tag: String(value.get(1)![0]), value: float((value.get(2)?.[0] ?? tensor!.get(4)?.[0] ?? tensor!.get(5)![0]) as Buffer) };
  });
}

test("TensorBoard's files are complete when the run has ended, with the same numbers as the history", async (t) => {
  await backend();
  if (!nativeBackend()) return t.skip("native TensorFlow only");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tunelab-"));
  try {
    const data = randomExamples(6), run = await train({ model: await tinyModel(), method: smallLora(), data: { train: data, validation: data }, steps: 7, evaluateEvery: 3, batchSize: 3, folder, display: false });
    const where = path.join(folder, "tensorboard"), files = fs.readdirSync(where).filter((f) => f.includes("tfevents"));
    assert.equal(files.length, 1);
    const found = tfRecords(fs.readFileSync(path.join(where, files[0]))).flatMap(scalars), of = (tag: string) => found.filter((s) => s.tag === tag).map(({ step, value }) => [step, value]);
    const float32 = Math.fround;
    for (const name of ["loss", "learningRate", "gradientNorm", "tokensPerSecond"] as const)
      assert.deepEqual(of(`train/${name}`), run.history.steps.map((r) => [r.step, float32(r[name])]), name);
    assert.deepEqual(of("validation/loss"), run.history.evaluations.map((r) => [r.step, float32(r.loss)]));
    assert.equal(found.length, 4 * 7 + 4);
  } finally { fs.rmSync(folder, { recursive: true, force: true }); }
});
