// Charts by uPlot, in the colours of the theme.

import uPlot from "uplot";
import { must } from "./dom";
import { few, quantity } from "./format";
import type { Axis, ChartData, Mark, Series } from "./payload";
import { colour, onTheme } from "./theme";

const height = 272;
const palette = ["s1", "s2", "s3", "s4", "s5", "s6"];

/** drawCharts draws each chart in its place, and again when colours or widths change. */
export function drawCharts(charts: ChartData[]): void {
  for (const chart of charts) {
    const box = must<HTMLElement>(`[data-chart="${chart.id}"]`);
    let plot: uPlot | undefined;
    const draw = () => {
      plot?.destroy();
      const values = aligned(chart);
      plot = new uPlot(options(chart, box.clientWidth, values), (chart.stack ? stacked(values) : values) as uPlot.AlignedData, box);
    };
    draw();
    onTheme(draw);
    let width = box.clientWidth;
    new ResizeObserver(() => {
      if (box.clientWidth === width || box.clientWidth === 0) return;
      width = box.clientWidth;
      plot?.setSize({ width, height });
    }).observe(box);
  }
}

/** A line is a series as uPlot counts them: a band is two of them. */
interface Line {
  series: Series;
  y: (number | null)[];
  edge: boolean; // of a band
}

function lines(chart: ChartData): Line[] {
  const all = chart.series.flatMap((series): Line[] =>
    series.shape === "band"
      ? [
          { series, y: series.y, edge: true },
          { series, y: series.low ?? series.y, edge: true },
        ]
      : [{ series, y: series.y, edge: false }],
  );
  return chart.stack ? all.reverse() : all; // what is stacked is drawn from the top down
}

type Joined = (number | null | undefined)[][];

/** aligned is the data as uPlot wants it: one X for all series. */
function aligned(chart: ChartData): Joined {
  const tables = lines(chart).map(({ series, y }) => [series.x, y] as uPlot.AlignedData);
  return tables.length === 0 ? [[], []] : (uPlot.join(tables) as Joined);
}

/** stacked puts each series on top of those that are drawn after it. */
function stacked(joined: Joined): Joined {
  const sums = joined[0].map(() => 0);
  const columns = joined.slice(1).reverse();
  const on = columns.map((y) => y.map((v, i) => (v == null ? v : (sums[i] += v))));
  return [joined[0], ...on.reverse()];
}

function options(chart: ChartData, width: number, values: Joined): uPlot.Options {
  const colours = new Map<Series, string>();
  let next = 0;
  for (const s of chart.series) colours.set(s, colour(s.tone ? `${s.tone}-fill` : s.faint ? "soft" : palette[(s.colour ? s.colour - 1 : next++) % palette.length]));
  const all = lines(chart);
  const bands: uPlot.Band[] = [];
  const series = all.map(({ series: s, edge }, i): uPlot.Series => {
    const stroke = colours.get(s)!;
    if (edge && all[i + 1]?.series === s) bands.push({ series: [i + 1, i + 2], fill: faded(stroke) });
    const value: uPlot.Series.Value = (_u, _v, _i, at) => (at == null ? "–" : place(chart.y, values[i + 1][at]));
    return edge ? { label: s.name, stroke, width: 0, points: { show: false }, value } : { ...styled(s, stroke), value };
  });
  return {
    width: Math.max(width, 200),
    height,
    scales: { x: scale(chart.x, false), y: scale(chart.y, chart.stack ?? false) },
    axes: [axis(chart.x, 0), axis(chart.y, 1)],
    series: [{ label: "at", value: (_, v) => place(chart.x, v) }, ...series],
    bands,
    padding: rotated(chart.x) ? [null, 56, null, null] : undefined, // for the end of the last name
    cursor: { y: false, drag: { x: true, y: false }, points: { size: 6 } },
    hooks: { draw: [(u) => marks(u, chart.marks ?? [])] },
  };
}

function faded(c: string): string {
  return c.startsWith("#") ? `${c}33` : c;
}

function styled(s: Series, stroke: string): uPlot.Series {
  const common: uPlot.Series = { label: s.name, stroke, width: s.faint ? 1.25 : 2, dash: s.faint ? [5, 4] : undefined, spanGaps: s.shape === "steps" };
  switch (s.shape) {
    case "steps":
      return { ...common, paths: uPlot.paths.stepped!({ align: 1 }), points: { show: false } };
    case "points":
      return { ...common, paths: () => null, points: { show: true, size: 8, width: 2, fill: s.hollow ? colour("sheet") : stroke } };
    case "bars":
      return { ...common, width: 0, fill: stroke, paths: uPlot.paths.bars!({ size: [0.6, 64] }), points: { show: false } };
    default:
      return { ...common, points: { show: s.x.length < 40, size: 5 } };
  }
}

function scale(a: Axis, stack: boolean): uPlot.Scale {
  if (a.log) return { distr: 3, log: 10, time: false };
  if (a.names) return { time: false, range: [-0.6, a.names.length - 0.4] };
  const zero = a.zero || stack;
  return { time: a.unit === "time", range: zero ? (_, _min, max) => [0, Math.max(max ?? 0, a.most ?? 0) * 1.05 || 1] : undefined };
}

function place(a: Axis, v: number | null | undefined): string {
  if (v == null) return "–";
  if (a.names) return a.names[Math.round(v)] ?? "";
  if (a.unit === "time") return new Date(v * 1000).toISOString().slice(0, 16).replace("T", " ");
  return quantity(v, a.unit);
}

/** rotated says whether an axis has more names than there is room for side by side. */
function rotated(a: Axis): boolean {
  return (a.names?.length ?? 0) > 8;
}

function axis(a: Axis, side: 0 | 1): uPlot.Axis {
  const font = '12px system-ui, "Liberation Sans", sans-serif';
  const base: uPlot.Axis = {
    stroke: colour("soft"),
    grid: { stroke: colour("line"), width: 1, show: !(a.names && side === 0) },
    ticks: { stroke: colour("line"), width: 1 },
    font,
    labelFont: font,
    label: a.unit && a.unit !== "time" && a.unit !== "B" ? `${a.label} (${a.unit})` : a.label,
    labelSize: 20,
    size: side === 1 ? (a.unit === "B" ? 78 : 60) : 34,
  };
  if (a.names) {
    base.splits = () => a.names!.map((_, i) => i);
    base.values = () => a.names!;
    if (rotated(a)) {
      base.rotate = -35;
      base.size = 84;
    }
  } else if (a.unit === "B") {
    base.incrs = Array.from({ length: 41 }, (_, i) => 2 ** i);
    base.values = (_, splits) => splits.map((v) => quantity(v, "B"));
  } else if (a.log) {
    // Powers of ten, and what is between them where there are few.
    base.values = (_, splits) => splits.map((v) => (v != null && [1, 2, 5].includes(Number((v / 10 ** Math.floor(Math.log10(v))).toFixed(6))) ? few(v) : ""));
  }
  return base;
}

function marks(u: uPlot, all: Mark[]): void {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  all.forEach((mark, i) => {
    const x = Math.round(u.valToPos(mark.x, "x", true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
    ctx.strokeStyle = ctx.fillStyle = colour(mark.tone || "soft");
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, u.bbox.top);
    ctx.lineTo(x, u.bbox.top + u.bbox.height);
    ctx.stroke();
    const left = x + ctx.measureText(mark.text).width + 8 * ratio > u.bbox.left + u.bbox.width;
    ctx.textAlign = left ? "right" : "left";
    ctx.fillText(mark.text, x + (left ? -4 : 4) * ratio, u.bbox.top + (12 + 14 * (i % 3)) * ratio);
  });
  ctx.restore();
}
