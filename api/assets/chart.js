// <quanwang-chart rows='[{"label","value","tone","text"}]'>: horizontal bars on a logarithmic scale, or scale="linear".
import { Chart, colour, tones } from "./chart_base.js";
import "./wave_chart.js";

const ROW_PX = 34;

class QuanwangChart extends Chart {
  height(rows) {
    return rows.length && rows.length * ROW_PX + 8;
  }

  options(rows, width) {
    const font = getComputedStyle(this).fontFamily;
    const text = colour("--color-base-content", "#222");
    const colours = tones();
    const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const linear = this.getAttribute("scale") === "linear";
    // A logarithmic axis keeps one acceptance visible beside fifty thousand users; 0 has no logarithm, so bars start at 0.5.
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
        axisLabel: { color: text, fontSize: 13, fontFamily: font, width: Math.min(linear ? 220 : 150, width * 0.38), overflow: "truncate", margin: 12 },
      },
      series: [
        {
          type: "bar",
          barWidth: 18,
          silent: true,
          data: rows.map((row) => ({
            value: length(row.value),
            itemStyle: { color: colours[row.tone] ?? colours.base, borderRadius: [3, 5, 5, 3] },
            label: { formatter: row.text ?? String(row.value) },
          })),
          label: { show: true, position: "right", color: text, fontSize: 13, fontFamily: font },
        },
      ],
    };
  }
}

customElements.define("quanwang-chart", QuanwangChart);
