/** A diagram of where a method sits in the model: the modules as nested boxes with their shapes, those with trained tensors marked. */
import { html, showHtml, type Html } from "./html";
import { t } from "./language";

export interface ShownSite { site: string; depth: number; input: number[]; output: number[]; trained: Record<string, number[]> }

/** A name without its layer, and without the module that it stands in. */
const short = (name: string, within?: string): string => (within && name.startsWith(`${within}.`) ? name.slice(within.length + 1) : name.replace(/^model\.layers\.\d+\./, ""));
const shape = (dims: readonly number[]): string => `[${dims.join(" × ")}]`;

/** Shows modules as `traceSites` found them: in what order rows pass through them, and what a method has trained where. */
export function showSites(sites: readonly ShownSite[], caption: string): void {
  const own = ({ site, trained }: ShownSite) => Object.entries(trained).map(([name, dims]) => `${short(name, site)} ${shape(dims)}`);
  const head = ({ site, input, output }: ShownSite) => `${short(site)}: ${shape(input)} → ${shape(output)}`;
  const box = (marked: boolean) => `border:${marked ? "2px solid #0072B2" : "1px solid #bbbbbb"};border-radius:4px;margin:3px;padding:2px 8px;background:${marked ? "#eef6ff" : "#ffffff"};color:#222222`;
  /** The boxes from `from` on that lie `depth` deep, and where they end. */
  const nested = (from: number, depth: number): { boxes: Html[]; end: number } => {
    const boxes: Html[] = [];
    let i = from;
    while (i < sites.length && sites[i]!.depth >= depth) {
      const one = sites[i]!, inner = nested(i + 1, depth + 1), names = own(one);
      const trained = names.map((name) => html`<div style="background:#cfe8ff;border-bottom:2px solid #0072B2;padding:0 4px;margin:2px;display:inline-block">${name}</div> `);
      boxes.push(html`<div style="${box(names.length > 0)}"><div>${head(one)}</div>${inner.boxes}${trained}</div>`);
      i = inner.end;
    }
    return { boxes, end: i };
  };
  const key = t({ zh: "蓝色：训练的张量；其余冻结", en: "blue: trained tensors; everything else is frozen" });
  const lines = sites.map((one) => `${"  ".repeat(one.depth)}${head(one)}${own(one).map((name) => `  [+ ${name}]`).join("")}`);
  showHtml(html`<div style="font-family:monospace;font-size:12px;line-height:1.5;max-width:640px"><p><b>${caption}</b> (${key})</p>${nested(0, 0).boxes}</div>`, `${caption} (${key})\n${lines.join("\n")}`);
}
