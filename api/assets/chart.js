// <quanwang-chart rows='[{"label","value","tone"}]' scale="linear">: horizontal bars, logarithmic unless it says so. The table beside it is its text form.
import { init, use } from "echarts/core";
import { BarChart } from "echarts/charts";
import { GridComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, GridComponent, CanvasRenderer]);

const ROW_PX = 34;
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
    const width = this.clientWidth;
    if (!width || !rows.length || !this.#holder) return;
    const height = rows.length * ROW_PX + 8;
    this.#holder.style.height = `${height}px`;
    this.#chart ??= init(this.#holder, null, { renderer: "canvas" });
    this.#chart.resize({ width, height });
    this.#chart.setOption(this.#options(rows, width), { notMerge: true });
  }

  #options(rows, width) {
    const font = getComputedStyle(this).fontFamily;
    const text = colour("--color-base-content", "#222");
    const tones = {
      base: colour("--chart-base", "#9aa"),
      dimension: colour("--chart-dimension", "#7ab"),
      full: colour("--chart-full", "#0f5c66"),
      partial: colour("--chart-partial", "#b7791f"),
      told: colour("--chart-told", "#456"),
      accepted: colour("--chart-accepted", "#2f7d4f"),
    };
    const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    // A logarithmic axis keeps one acceptance visible beside fifty thousand users; 0 has no logarithm, so bars start at 0.5.
    const linear = this.getAttribute("scale") === "linear";
    const length = (value) => (value <= 0 ? 0 : linear ? value : Math.log10(value) - Math.log10(0.5));
    const longest = Math.max(...rows.map((row) => length(row.value)), 1);
    return {
      animation: !quiet,
      animationDuration: 350,
      textStyle: { fontFamily: font },
      grid: { left: 0, right: 24 + 7.5 * Math.max(...rows.map((row) => (row.text ?? String(row.value)).length)), top: 0, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      xAxis: { type: "value", show: false, min: 0, max: longest },
      yAxis: {
        type: "category",
        inverse: true,
        data: rows.map((row) => row.label),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: text, fontSize: 13, fontFamily: font, width: Math.min(linear ? 220 : 150, width * 0.36), overflow: "truncate", margin: 12 },
      },
      series: [
        {
          type: "bar",
          barWidth: 18,
          silent: true,
          data: rows.map((row) => ({
            value: length(row.value),
            itemStyle: { color: tones[row.tone] ?? tones.base, borderRadius: [3, 5, 5, 3] },
            label: { formatter: row.text ?? String(row.value) },
          })),
          label: { show: true, position: "right", color: text, fontSize: 13, fontFamily: font },
        },
      ],
    };
  }
}

customElements.define("quanwang-chart", QuanwangChart);
