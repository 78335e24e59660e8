/** The little of a 2-D canvas that plotly's heat maps use (filled rectangles, pixel data), and its picture as PNG. */
import { crc32, deflateSync } from "zlib";

function chunk(type: string, body: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), body]);
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  typed.copy(out, 4);
  out.writeUInt32BE(crc32(typed), body.length + 8);
  return out;
}

/** 8-bit RGBA pixels, row by row, as a PNG file. */
export function encodePng(width: number, height: number, rgba: Uint8ClampedArray): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6], 8); // 8 bits a channel, RGBA
  const rows = Buffer.alloc((4 * width + 1) * height); // each row starts with its filter: 0, none
  for (let y = 0; y < height; y++) rows.set(rgba.subarray(4 * width * y, 4 * width * (y + 1)), (4 * width + 1) * y + 1);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

/** Stands in for CanvasRenderingContext2D of a canvas of the given size. Overlapping colours replace, they do not blend. */
export class Raster {
  fillStyle = "rgba(0,0,0,1)";
  font = "10px sans-serif";
  private pixels = new Uint8ClampedArray(0);

  constructor(
    private readonly canvas: { width: number; height: number },
    private readonly textWidth: (text: string, px: number) => number,
  ) {}

  private get data(): Uint8ClampedArray {
    const size = 4 * this.canvas.width * this.canvas.height; // plotly sets the size after it asked for the context
    if (this.pixels.length !== size) this.pixels = new Uint8ClampedArray(size);
    return this.pixels;
  }

  createImageData(width: number, height: number) {
    return { width, height, data: new Uint8ClampedArray(4 * width * height) };
  }
  putImageData(image: { data: Uint8ClampedArray }) {
    this.data.set(image.data);
  }
  measureText(text: string) {
    return { width: this.textWidth(text, parseFloat(this.font) || 10) };
  }
  clearRect() {
    this.data.fill(0);
  }
  fillRect(x: number, y: number, width: number, height: number) {
    const [r = 0, g = 0, b = 0, alpha = 1] = (/\(([^)]+)\)/.exec(this.fillStyle)?.[1] ?? "").split(",").map(Number);
    const clamp = (v: number, end: number) => Math.max(0, Math.min(end, Math.round(v)));
    const [left, right] = [x, x + width].map((v) => clamp(v, this.canvas.width)).sort((p, q) => p - q);
    const [top, bottom] = [y, y + height].map((v) => clamp(v, this.canvas.height)).sort((p, q) => p - q);
    for (let j = top!; j < bottom!; j++) {
      for (let i = left!; i < right!; i++) this.data.set([r, g, b, 255 * alpha], 4 * (j * this.canvas.width + i));
    }
  }
  toPng(): Buffer {
    return encodePng(this.canvas.width, this.canvas.height, this.data);
  }
}
