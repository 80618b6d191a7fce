// <quanwang-chart rows='[...]'>: horizontal bars; <quanwang-chart kind="timeline" rows='{...}'>: waves over time.
// The table beside it is its text form.
import { init, use } from "echarts/core";
import { BarChart, ScatterChart } from "echarts/charts";
import { GridComponent, MarkLineComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, ScatterChart, GridComponent, MarkLineComponent, CanvasRenderer]);

const ROW_PX = 34;
const TIMELINE_PX = 210;
const dark = matchMedia("(prefers-color-scheme: dark)");

// Canvas wants rgb; the theme speaks oklch, and a canvas pixel translates between them.
function colour(name, fallback) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim() || fallback;
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  context.fillStyle = value;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}

function tones() {
  return {
    base: colour("--chart-base", "#9aa"),
    dimension: colour("--chart-dimension", "#7ab"),
    full: colour("--chart-full", "#0f5c66"),
    partial: colour("--chart-partial", "#b7791f"),
    told: colour("--chart-told", "#456"),
    accepted: colour("--chart-accepted", "#2f7d4f"),
    suppressed: colour("--chart-suppressed", "#a55"),
  };
}

// A logarithmic axis keeps one acceptance visible beside fifty thousand users; 0 has no logarithm, so bars start at 0.5.
const LENGTHS = {
  log: (value) => (value <= 0 ? 0 : Math.log10(value) - Math.log10(0.5)),
  linear: (value) => Math.max(0, value),
};

function bars(rows, width, font, scale) {
  const text = colour("--color-base-content", "#222");
  const palette = tones();
  const length = LENGTHS[scale] ?? LENGTHS.log;
  const longest = Math.max(...rows.map((row) => length(row.value)), 1);
  return {
    grid: { left: 0, right: 24 + 7.5 * Math.max(...rows.map((row) => (row.text ?? String(row.value)).length)), top: 0, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { type: "value", show: false, min: 0, max: longest },
    yAxis: {
      type: "category",
      inverse: true,
      data: rows.map((row) => row.label),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: text, fontSize: 13, fontFamily: font, width: Math.min(scale === "linear" ? 220 : 150, width * 0.38), overflow: "truncate", margin: 12 },
    },
    series: [
      {
        type: "bar",
        barWidth: 18,
        silent: true,
        data: rows.map((row) => ({
          value: length(row.value),
          itemStyle: { color: palette[row.tone] ?? palette.base, borderRadius: [3, 5, 5, 3] },
          label: { formatter: row.text ?? String(row.value) },
        })),
        label: { show: true, position: "right", color: text, fontSize: 13, fontFamily: font },
      },
    ],
  };
}

// Times are milliseconds since the submission; the server says which of them are written and how.
function timeline(rows, _width, font) {
  const text = colour("--color-base-content", "#222");
  const faint = colour("--color-base-300", "#ddd");
  const palette = tones();
  const ticks = new Map(rows.ticks);
  const margin = rows.until * 0.03 || 1;
  const label = { color: text, fontSize: 12, fontFamily: font };
  const tier = (name) => ({
    type: "bar",
    stack: "waves",
    silent: true,
    barWidth: rows.bar_px,
    itemStyle: { color: palette[name] },
    data: rows.waves.map((wave) => [wave.at, wave[name]]),
  });
  const marked = (mark) => ({ xAxis: mark.at, label: { formatter: mark.label } });
  return {
    grid: { left: 4, right: 12, top: 34, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: {
      type: "value",
      min: -margin,
      max: rows.until + margin,
      axisLine: { lineStyle: { color: faint } },
      splitLine: { show: false },
      axisTick: { customValues: [...ticks.keys()], lineStyle: { color: faint } },
      axisLabel: { ...label, customValues: [...ticks.keys()], formatter: (value) => ticks.get(value) ?? "", hideOverlap: true },
    },
    yAxis: [
      { type: "value", minInterval: 1, splitNumber: 3, splitLine: { lineStyle: { color: faint } }, axisLabel: label },
      { type: "value", show: false, min: 0, max: 1 },
    ],
    series: [
      { ...tier("full"), markLine: { silent: true, symbol: "none", lineStyle: { color: text, type: "dashed", opacity: 0.6 }, label: { ...label, position: "end" }, data: rows.marks.map(marked) } },
      tier("partial"),
      {
        type: "scatter",
        yAxisIndex: 1,
        silent: true,
        symbol: "triangle",
        symbolRotate: 180,
        symbolSize: 10,
        itemStyle: { color: palette.accepted },
        data: rows.acceptances.map((acceptance) => [acceptance.at, 0.96]),
      },
    ],
  };
}

class QuanwangChart extends HTMLElement {
  static observedAttributes = ["rows"];
  #chart = null;
  #holder = null;
  #resize = null;
  #redraw = () => this.#draw();

  connectedCallback() {
    this.#holder = document.createElement("div");
    this.replaceChildren(this.#holder);
    this.#resize = new ResizeObserver(() => this.#draw());
    this.#resize.observe(this);
    dark.addEventListener("change", this.#redraw);
    this.#draw();
  }

  disconnectedCallback() {
    this.#resize?.disconnect();
    dark.removeEventListener("change", this.#redraw);
    this.#chart?.dispose();
    this.#chart = null;
  }

  attributeChangedCallback() {
    if (this.#chart) this.#draw();
  }

  #draw() {
    const rows = JSON.parse(this.getAttribute("rows") ?? "[]");
    const isTimeline = this.getAttribute("kind") === "timeline";
    const width = this.clientWidth;
    if (!width || !this.#holder || (!isTimeline && !rows.length)) return;
    const height = isTimeline ? TIMELINE_PX : rows.length * ROW_PX + 8;
    this.#holder.style.height = `${height}px`;
    this.#chart ??= init(this.#holder, null, { renderer: "canvas" });
    this.#chart.resize({ width, height });
    const font = getComputedStyle(this).fontFamily;
    const options = isTimeline ? timeline(rows, width, font) : bars(rows, width, font, this.getAttribute("scale") ?? "log");
    const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#chart.setOption({ animation: !quiet, animationDuration: 350, textStyle: { fontFamily: font }, ...options }, { notMerge: true });
  }
}

customElements.define("quanwang-chart", QuanwangChart);
