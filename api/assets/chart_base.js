// What every chart shares: it redraws when its facts, its width or the colour scheme change. The table beside it is its text form.
import { init, use } from "echarts/core";
import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, LineChart, ScatterChart, GridComponent, LegendComponent, MarkLineComponent, CanvasRenderer]);

const dark = matchMedia("(prefers-color-scheme: dark)");

// Canvas wants rgb; the theme speaks oklch, and a canvas pixel translates between them.
export function colour(name, fallback) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim() || fallback;
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  context.fillStyle = value;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}

export function tones() {
  return {
    base: colour("--chart-base", "#9aa"),
    dimension: colour("--chart-dimension", "#7ab"),
    full: colour("--chart-full", "#0f5c66"),
    partial: colour("--chart-partial", "#b7791f"),
    told: colour("--chart-told", "#456"),
    accepted: colour("--chart-accepted", "#2f7d4f"),
  };
}

export class Chart extends HTMLElement {
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
    const rows = JSON.parse(this.getAttribute("rows") ?? "null");
    const width = this.clientWidth;
    const height = rows ? this.height(rows) : 0;
    if (!width || !height || !this.#holder) return;
    this.#holder.style.height = `${height}px`;
    this.#chart ??= init(this.#holder, null, { renderer: "canvas" });
    this.#chart.resize({ width, height });
    this.#chart.setOption(this.options(rows, width), { notMerge: true });
  }
}
