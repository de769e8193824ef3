// The data of the page: the length of a JSON head, the head, and columns of numbers.

export type Tone = "" | "good" | "bad" | "warn" | "odd";

export interface Axis {
  label: string;
  unit?: string;
  log?: boolean;
  names?: string[];
  zero?: boolean;
  most?: number;
}

export interface Series {
  name: string;
  shape: "line" | "steps" | "points" | "bars" | "band";
  tone?: Tone;
  faint?: boolean;
  hollow?: boolean;
  colour?: number;
  x: number[];
  y: (number | null)[];
  low?: (number | null)[];
}

export interface Mark {
  x: number;
  text: string;
  tone?: Tone;
}

export interface ChartData {
  id: string;
  x: Axis;
  y: Axis;
  series: Series[];
  marks?: Mark[];
  stack?: boolean;
}

export interface ColumnHead {
  name: string;
  width: 1 | 2 | 4;
}

export interface StepHead {
  name: string;
  outcome: string;
  reason?: string;
  ack: number;
  ms: number;
  rounds: number;
  probes: number;
  cells: number;
}

export interface CaseHead {
  name: string;
  title?: string;
  spec?: string;
  features?: string[];
  outcome: string;
  reason?: string;
  seconds: number;
  steps?: StepHead[];
}

export interface CellsHead {
  n: number;
  hold: number;
  deadline: number;
  names: string[];
  kinds: [path: string, family: string, protocol: string, port: number, payload: number, form: string, flow: string][];
  fates: [want: string, seen: string, outcome: string, failure: string, changed: number, asked: number, observed: string][];
  texts: string[];
  cases: CaseHead[];
  columns: ColumnHead[];
}

export interface VersusSide {
  outcome: string;
  reason?: string;
  counts: [kind: number, cells: number, leaks: number, outages: number, inconclusive: number][];
  first?: string[];
}

export interface VersusCase {
  name: string;
  title?: string;
  features?: string[];
  sides: (VersusSide | null)[];
}

export interface VersusHead {
  engines: string[];
  kinds: [path: string, family: string, protocol: string][];
  cases: VersusCase[];
}

export interface Payload {
  charts: ChartData[];
  cells?: CellsHead;
  versus?: VersusHead;
  columns: Map<string, Column>;
}

export type Column = Uint8Array | Uint16Array | Uint32Array;

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflate(packed: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

const types = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/** unpack reads what Go has packed. */
export async function unpack(base64: string): Promise<Payload> {
  const buffer = await inflate(bytesOf(base64));
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const columns = new Map<string, Column>();
  let at = 4 + length;
  for (const { name, width } of (head.cells?.columns ?? []) as ColumnHead[]) {
    const end = at + head.cells.n * width;
    columns.set(name, new types[width](buffer.slice(at, end))); // a copy is aligned
    at = end;
  }
  return { charts: head.charts, cells: head.cells, versus: head.versus, columns };
}
