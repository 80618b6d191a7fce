// <quanwang-waves rows='{"from","until","full":[[ms,count]],"partial":[...],"accepted":[ms],"turns":[{"at","label"}],
// "words":{"full","partial","accepted"}}' zone="Asia/Shanghai">: who had been told at which time, and what came of it.
import { Chart, colour, tones } from "./chart_base.js";

const HEIGHT_PX = 280;
const DAY_MS = 86_400_000;

class QuanwangWaves extends Chart {
  height() {
    return HEIGHT_PX;
  }

  options(rows, width) {
    const font = getComputedStyle(this).fontFamily;
    const text = colour("--color-base-content", "#222");
    const line = colour("--color-base-300", "#ddd");
    const colours = tones();
    const long = rows.until - rows.from > DAY_MS;
    const clock = new Intl.DateTimeFormat("en-GB", {
      timeZone: this.getAttribute("zone") ?? undefined,
      ...(long ? { month: "2-digit", day: "2-digit" } : {}),
      hour: "2-digit",
      minute: "2-digit",
      ...(long ? {} : { second: "2-digit" }),
    });
    const label = { color: text, fontSize: 12, fontFamily: font };
    const steps = (name) => ({
      type: "line",
      name: rows.words[name],
      step: "end",
      stack: "told",
      silent: true,
      symbol: "circle",
      symbolSize: rows[name].length > 40 ? 0 : 5,
      showAllSymbol: true,
      data: rows[name],
      color: colours[name],
      lineStyle: { width: 2 },
      areaStyle: { opacity: 0.22 },
    });
    const series = ["full", "partial"].filter((name) => rows[name].length).map(steps);
    if (rows.accepted.length) {
      series.push({
        type: "scatter",
        name: rows.words.accepted,
        yAxisIndex: 1,
        silent: true,
        symbol: "diamond",
        symbolSize: 11,
        color: colours.accepted,
        data: rows.accepted.map((at) => [at, 0.04]),
      });
    }
    if (series.length && rows.turns.length) {
      series[0].markLine = {
        silent: true,
        symbol: "none",
        lineStyle: { color: text, type: "dashed", opacity: 0.55 },
        data: rows.turns.map((turn) => ({
          xAxis: turn.at,
          label: { ...label, formatter: turn.label, position: "insideEndBottom", width: 190, overflow: "truncate" },
        })),
      };
    }
    return {
      animation: false,
      textStyle: { fontFamily: font },
      legend: { top: 0, left: 0, itemGap: 14, textStyle: { ...label, fontSize: 13 }, selectedMode: false },
      grid: { left: 4, right: 14, top: 36, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      xAxis: {
        type: "value",
        min: rows.from,
        max: rows.until,
        splitNumber: width < 480 ? 2 : 4,
        // The two ends are the ones that matter; what lies between is marked where there is room.
        interval: (rows.until - rows.from) / (width < 480 ? 2 : 4),
        splitLine: { show: false },
        axisLine: { lineStyle: { color: line } },
        axisLabel: { ...label, formatter: (value) => clock.format(value), alignMinLabel: "left", alignMaxLabel: "right" },
      },
      yAxis: [
        { type: "value", minInterval: 1, splitNumber: 4, splitLine: { lineStyle: { color: line } }, axisLabel: label },
        { type: "value", show: false, min: 0, max: 1 },
      ],
      series,
    };
  }
}

customElements.define("quanwang-waves", QuanwangWaves);
