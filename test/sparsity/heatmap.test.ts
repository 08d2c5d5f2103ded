import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { UsageError } from "../../src/errors.ts";
import { heatmapSvg } from "../../src/sparsity/heatmap.ts";
import { escapeXml, tokenLabel } from "../../src/sparsity/xml.ts";

/** Cells that the rectangles of each panel cover: `[panel]["token,expert"]`, and how many rectangles there are. */
function lit(svg: string): { cells: Set<string>; rectangles: number }[] {
  return [...svg.matchAll(/<path class="on"[^>]* d="([^"]*)"/g)].map(([, path]) => {
    const cells = new Set<string>();
    const rectangles = [...path!.matchAll(/M(\d+) (\d+)h(\d+)v[\d.]+h-(\d+)z/g)];
    expect(rectangles.map(([whole]) => whole).join("")).toBe(path);
    for (const [, x, y, width, back] of rectangles) {
      expect(width).toBe(back);
      for (let i = 0; i < Number(width); i++) cells.add(`${Number(x) + i},${y}`);
    }
    return { cells, rectangles: rectangles.length };
  });
}

describe("heatmapSvg", () => {
  it("lights exactly the active cells, one rectangle a run", () => {
    const [layers, experts, count] = [3, 40, 50];
    const { uint32 } = createRandom(5);
    const active = Uint32Array.from({ length: layers * count * 2 }, (_, i) => (uint32() & uint32() & uint32()) >>> (i % 2 === 1 ? 24 : 0));
    const panels = lit(heatmapSvg({ layers, experts, tokens: Array.from({ length: count }, () => "x"), active, title: "t" }));
    expect(panels).toHaveLength(layers);
    panels.forEach(({ cells, rectangles }, layer) => {
      let [expected, runs] = [0, 0];
      for (let expert = 0; expert < experts; expert++) {
        let before = false;
        for (let token = 0; token < count; token++) {
          const on = ((active[(layer * count + token) * 2 + (expert >>> 5)]! >>> (expert & 31)) & 1) === 1;
          expect(cells.has(`${token},${expert}`)).toBe(on);
          if (on) expected++;
          if (on && !before) runs++;
          before = on;
        }
      }
      expect([cells.size, rectangles]).toEqual([expected, runs]);
    });
  });

  it("labels layers, sparsity and tokens, and escapes them", () => {
    const svg = heatmapSvg({
      layers: 2,
      experts: 4,
      tokens: ["<s>", " a&b", "\n", "\u0000\ud800"],
      active: Uint32Array.of(1, 1, 1, 1, 3, 12, 0, 15),
      title: 'x "<&>"',
    });
    expect(svg).toContain('<title id="t">x &quot;&lt;&amp;&gt;&quot;</title>');
    for (const label of ["&lt;s&gt;", "·a&amp;b", "⏎", "\ufffd\ufffd"]) expect(svg).toContain(`>${label}</text>`);
    expect(svg).toContain("Layer 0</text>");
    expect(svg).toContain("TLS 75.0 %");
    expect(svg).toContain("TLS 50.0 %");
    expect(svg).toContain("2 layers × 4 experts × 4 tokens");
    expect(svg).toContain("TLS 62.5 %");
    expect(svg).toContain("prefers-color-scheme:dark");
    expectWellFormed(svg);
  });

  it.each([
    [1, 1, 1],
    [36, 128, 200],
    [16, 48, 12],
    [2, 12, 1500],
  ])("fits %i layers, %i experts, %i tokens", (layers, experts, count) => {
    const active = new Uint32Array(layers * count * Math.ceil(experts / 32)).fill(0x10101);
    const svg = heatmapSvg({ layers, experts, tokens: Array.from({ length: count }, (_, i) => String(i)), active, title: "t" });
    expectWellFormed(svg);
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number) as [number, number, number];
    // Every panel, scaled and moved, lies inside.
    for (const [, x, y, w, h] of svg.matchAll(
      /<g transform="translate\((\d+) (\d+)\)">\n[^]*?<rect class="panel" width="(\d+)" height="(\d+)"/g,
    )) {
      expect(Number(x) + Number(w)).toBeLessThanOrEqual(width);
      expect(Number(y) + Number(h)).toBeLessThanOrEqual(height);
    }
    expect(svg.length).toBeLessThan(200_000);
  });

  it("refuses what it cannot draw", () => {
    const base = { layers: 1, experts: 2, tokens: ["a"], active: Uint32Array.of(1), title: "" };
    expect(() => heatmapSvg({ ...base, tokens: [] })).toThrow(UsageError);
    expect(() => heatmapSvg({ ...base, active: new Uint32Array(2) })).toThrow(UsageError);
    expect(() => heatmapSvg({ ...base, layers: 0 })).toThrow(UsageError);
    expect(() => heatmapSvg({ ...base, layers: 60_000, experts: 60_000 })).toThrow(
      expect.objectContaining({ name: "UsageError", field: "tokens" }) as Error,
    );
  });
});

/** Tags open and close in order, and no text holds a bare & or <. */
function expectWellFormed(xml: string): void {
  const open: string[] = [];
  const rest = xml.replace(
    /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/gi,
    (_, close: string, name: string, _attributes, single: string) => {
      if (close !== "") expect(open.pop()).toBe(name);
      else if (single === "") open.push(name);
      return "";
    },
  );
  expect(open).toEqual([]);
  expect(rest.replace(/&(amp|lt|gt|quot);/g, "")).not.toMatch(/[<&]/);
}

it("cuts long tokens", () => {
  expect(tokenLabel(" extraordinarily")).toBe("·extraordin…");
  expect(tokenLabel("😀".repeat(12))).toBe("😀".repeat(12));
  expect(tokenLabel("\t\r")).toBe("⇥␍");
});

it("escapes what XML cannot hold", () => expect(escapeXml("a\u0008\ufffe😀\udc00&")).toBe("a\ufffd\ufffd😀\ufffd&amp;"));
